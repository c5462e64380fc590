//! Issue: one transaction that judges everything and makes card, card code, agreement, token and outcome, or nothing.

use kaika_crypto::digest;
use kaika_spec::limit::{CARD_CURRENCY, CARD_LIMIT_MINOR, CARDS_PER_PRODUCT};
use kaika_spec::{Refusal, TokenState, Weakness};
use kaika_tokenization::lifecycle::Event;
use kaika_tokenization::{Assurance, Minted, Pan};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Write, read};
use kaika_wire::messages::issuer::{
    CardStatus, Compensated, Evidence, IssueOutcome, IssueRequest, Undone,
};
use kaika_wire::messages::{Empty, issuer, parse};
use kaika_wire::value::Hex;
use serde_json::json;

use crate::apply::{applicant_digest, person_of};
use crate::manage::{is_final, wire_state};
use crate::rows::{
    AGREEMENTS, Agreement, CARDS, Card, DECISIONS, Decision as Decided, HOLDINGS, OUTCOMES,
    Outcome, REFERENCES, TOKENS, Token,
};
use crate::vault::Terms;
use crate::{Case, Decision};

/// That the evidence of a branch was verified: only [`Case::verified`] and a fitting score make one.
pub(crate) struct Proven {
    pub(crate) person: String,
    /// The identity reference that was used.
    pub(crate) reference: Option<String>,
}

impl Case<'_> {
    pub(crate) fn issue(self, body: &[u8]) -> Decision {
        if lacks(Weakness::ScoreFromVerifier)
            && let Some(asked) = with_score(body)
        {
            self.quoted(&asked)?;
            let person = person_of(&asked.applicant);
            let reference = None;
            return self.make(&asked, &Proven { person, reference });
        }
        let asked: IssueRequest = parse(body)?;
        let decided = self.quoted(&asked)?;
        match &asked.evidence {
            Evidence::Otp {
                phone_digest,
                phone_version,
                ..
            } => {
                let proven = self.phone_proven(&asked, phone_digest, *phone_version)?;
                self.make(&asked, &proven)
            }
            Evidence::Identity { reference } => {
                let reference = reference.to_string();
                self.ask_score(asked, &decided, &reference)
            }
        }
    }

    /// The live decision that a message quotes, for the same request, context and applicant, with the chip's consent.
    pub(crate) fn quoted(&self, asked: &IssueRequest) -> Result<Decided, Refused> {
        let request_id = asked.request_id.to_string();
        match read::<Outcome>(self.rows, OUTCOMES, &request_id) {
            //= spec/40-issue.md#iss-18-undone-stays-undone
            //# The issuer MUST refuse to issue for a request that was compensated before.
            Some(Outcome { undone: true, .. }) => return Err(Refusal::RequestTombstoned.into()),
            //= spec/40-issue.md#iss-10-one-card-for-one-request
            //# The issuer MUST NOT create more than one card for one request.
            Some(_) if !lacks(Weakness::KeyIgnored) => return Err(Refusal::WrongOrder.into()),
            Some(_) | None => {}
        }
        //= spec/40-issue.md#iss-2-the-decision-is-quoted
        //# The issuer MUST refuse to issue without the id of a live eligibility decision of its own for the same request.
        let decided: Option<Decided> =
            read(self.rows, DECISIONS, &asked.eligibility_id.to_string());
        let decided = decided
            .filter(|decided| decided.request_id == request_id)
            .ok_or(Refusal::EligibilityUnknown)?;
        self.still_live(&decided)?;
        //= spec/40-issue.md#iss-3-the-context-is-the-same
        //# The issuer MUST refuse to issue when the request context differs from the one of the eligibility decision.
        if decided.request_context != asked.request_context.to_string()
            || decided.product != asked.product.as_str()
        {
            return Err(Refusal::ContextMismatch.into());
        }
        //= spec/20-apply.md#app-12-the-applicant-does-not-change
        //# The issuer MUST refuse to issue for an applicant whose digest differs from the one of the eligibility decision.
        let other = decided.applicant_digest != applicant_digest(&asked.applicant);
        if other && !lacks(Weakness::ApplicantResent) {
            return Err(Refusal::ApplicantMismatch.into());
        }
        self.kind_fits(&decided, asked)?;
        self.consented(asked)?;
        Ok(decided)
    }

    /// Whether the ground of the decision still stands: that of the person it was made for, whoever is named now.
    fn still_live(&self, decided: &Decided) -> Result<(), Refused> {
        //= spec/80-manage.md#mng-10-a-new-phone-voids-pending-proofs
        //# A change of the reserved phone MUST void every pending eligibility decision of that customer.
        let customer = self.customer(&decided.person);
        let version = customer
            .as_ref()
            .map_or(0, |customer| customer.phone_version);
        let moved = customer.is_some() != decided.known || version != decided.phone_version;
        let moved = moved && !lacks(Weakness::PhoneVersionUnchecked);
        if moved || self.now >= decided.expires_at {
            Err(Refusal::EligibilityStale.into())
        } else {
            Ok(())
        }
    }

    fn kind_fits(&self, decided: &Decided, asked: &IssueRequest) -> Result<(), Refused> {
        //= spec/40-issue.md#iss-1-the-evidence-fits-the-issuers-own-decision
        //# The issuer MUST refuse evidence of another kind than its own eligibility decision asked for.
        match (&asked.evidence, decided.known) {
            (Evidence::Otp { .. }, true) | (Evidence::Identity { .. }, false) => Ok(()),
            _ if lacks(Weakness::BranchTrusted) => Ok(()),
            (Evidence::Otp { .. }, false) | (Evidence::Identity { .. }, true) => {
                Err(Refusal::EvidenceKindMismatch.into())
            }
        }
    }

    fn phone_proven(
        &self,
        asked: &IssueRequest,
        given: &Hex<32>,
        version: u64,
    ) -> Result<Proven, Refused> {
        //= spec/40-issue.md#iss-4-the-phone-is-still-the-same
        //# The issuer MUST refuse one-time-code evidence whose phone digest or phone version differs from the customer's present one.
        let person = person_of(&asked.applicant);
        let customer = self.customer(&person).ok_or(Refusal::EvidenceMismatch)?;
        let same = digest::phone(&customer.phone) == given.0 && version == customer.phone_version;
        if same || lacks(Weakness::PhoneVersionUnchecked) {
            Ok(Proven {
                person,
                reference: None,
            })
        } else {
            Err(Refusal::EvidenceMismatch.into())
        }
    }

    /// Makes everything, or refuses. The proof comes in as a value, so that nothing is made without one.
    pub(crate) fn make(self, asked: &IssueRequest, proven: &Proven) -> Decision {
        //= spec/40-issue.md#iss-9-proof-before-card
        //# The issuer MUST NOT create a card before the evidence of its branch was verified.
        if let Some(reference) = &proven.reference {
            self.reference_unused(reference)?;
        }
        //= spec/40-issue.md#iss-8-pre-verification-at-commit
        //# The issuer MUST evaluate pre-verification inside the transaction that creates the card.
        let early = lacks(Weakness::PreverifyAfterIssue) || lacks(Weakness::PreverifyCached);
        if self.is_blocked(&proven.person) && !early {
            return Err(Refusal::PreverifyFailed.into());
        }
        let holding = format!("{}/{}", proven.person, asked.product);
        let mut held: Vec<String> = read(self.rows, HOLDINGS, &holding).unwrap_or_default();
        //= spec/40-issue.md#iss-11-the-quota-is-inside
        //# The issuer MUST refuse, inside the transaction that creates the card, a card beyond `CARDS_PER_PRODUCT` live
        //# cards of one product for one person.
        held.retain(|code| {
            self.card_row(code)
                .is_some_and(|card| !is_final(card.status))
        });
        if held.len() >= CARDS_PER_PRODUCT && !lacks(Weakness::QuotaOutsideTransaction) {
            return Err(Refusal::DuplicateCard.into());
        }
        let made = self.minted(asked, &proven.person)?;
        held.push(made.card_code.clone());
        let mut change = made.change(asked, &holding, &held, proven.reference.as_deref());
        if lacks(Weakness::IssueInTwoSteps) {
            // The second step is never taken.
            change
                .writes
                .retain(|write| write.table != TOKENS && write.table != OUTCOMES);
        }
        Ok(change)
    }

    fn minted(mut self, asked: &IssueRequest, person: &str) -> Result<Made, Refused> {
        let issuer = self.issuer;
        let ((link, minted, echoed), vault) = self.vaulted(|draft| {
            let par = draft.open_account()?;
            let link = issuer.config.vault.link(par, asked.se_id.0);
            let minted = draft.mint(&link, &|_| false)?;
            let echoed = lacks(Weakness::PanEchoed).then(|| draft.pan(&link.par));
            Ok((link, minted, echoed.transpose()?))
        })?;
        let Minted::New { reference, token } = minted else {
            return Err(Refusal::RangeExhausted.into());
        };
        let (card_code, agreement) = (
            self.surrogate_in('C', CARDS),
            self.surrogate_in('A', AGREEMENTS),
        );
        let terms = Terms {
            link: &link,
            card_code: &card_code,
            request_context: asked.request_context.to_string(),
            assurance: assurance(&asked.evidence),
        };
        let token = Token::born(&token, &terms, self.now);
        let card = Card {
            par: link.par.as_str().into(),
            request_id: asked.request_id.to_string(),
            person: person.into(),
            product: asked.product.to_string(),
            status: CardStatus::Active,
            agreement: agreement.clone(),
            token_ref: reference.clone(),
            more_tokens: vec![],
            available_minor: CARD_LIMIT_MINOR,
            currency: CARD_CURRENCY.into(),
        };
        Ok(Made {
            card_code,
            agreement,
            token_ref: reference,
            card,
            token,
            vault,
            echoed,
        })
    }

    /// A surrogate that no row of `table` has.
    pub(crate) fn surrogate(mut self, first: char, table: &str) -> String {
        self.surrogate_in(first, table)
    }

    fn surrogate_in(&mut self, first: char, table: &str) -> String {
        loop {
            let text: String = core::iter::once(first)
                .chain((0..20).map(|_| base32(self.dice.below(32))))
                .collect();
            if self.rows.get(table, &text).is_none() {
                return text;
            }
        }
    }

    pub(crate) fn outcome(self, request_id: &str) -> Decision {
        //= spec/40-issue.md#iss-20-the-outcome-can-be-asked-for
        //# The issuer MUST answer a query for the outcome of a request from its recorded outcome.
        let id = Hex::<16>::try_from(request_id.to_owned()).map_err(|_| Refusal::UnknownRequest)?;
        let outcome: Option<Outcome> = read(self.rows, OUTCOMES, request_id);
        let word = match &outcome {
            None => issuer::Outcome::None,
            Some(Outcome { undone: true, .. }) => issuer::Outcome::Tombstoned,
            Some(_) => issuer::Outcome::Issued,
        };
        let card_code = outcome.and_then(|outcome| outcome.card_code);
        let card = card_code.as_deref().and_then(|code| self.card_row(code));
        let token = card
            .as_ref()
            .map(|card| self.token_row(&card.token_ref))
            .transpose()?;
        let answer = IssueOutcome {
            request_id: id,
            outcome: word,
            card_code: card_code.and_then(|code| code.try_into().ok()),
            agreement: card
                .as_ref()
                .and_then(|card| card.agreement.clone().try_into().ok()),
            token_ref: card
                .as_ref()
                .and_then(|card| card.token_ref.clone().try_into().ok()),
            token_state: token.map(|token| wire_state(token.life().state())),
        };
        Ok(Change::reply(200, json!(answer), vec![]))
    }

    pub(crate) fn compensate(self, request_id: &str, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        if Hex::<16>::try_from(request_id.to_owned()).is_err() {
            return Err(Refusal::UnknownRequest.into());
        }
        if lacks(Weakness::NoCompensation) {
            let outcome = Undone::Tombstoned;
            return Ok(Change::reply(200, json!(Compensated { outcome }), vec![]));
        }
        //= spec/40-issue.md#iss-19-compensation-undoes
        //# Compensation of a request MUST delete its token, terminate its agreement and close its card, or leave a tombstone
        //# when there is none.
        let outcome: Option<Outcome> = read(self.rows, OUTCOMES, request_id);
        let consent = outcome.as_ref().and_then(|known| known.consent.clone());
        let card_code = outcome.and_then(|outcome| outcome.card_code);
        let mut writes = card_code
            .as_deref()
            .map_or(Ok(vec![]), |code| self.undo(code))?;
        let word = if card_code.is_some() {
            Undone::Deleted
        } else {
            Undone::Tombstoned
        };
        writes.push(Write::put(
            OUTCOMES,
            request_id,
            &Outcome {
                card_code,
                undone: true,
                consent,
            },
        ));
        Ok(Change::reply(
            200,
            json!(Compensated { outcome: word }),
            writes,
        ))
    }

    fn undo(&self, card_code: &str) -> Result<Vec<Write>, Refused> {
        let mut card = self.card_row(card_code).ok_or(Refusal::UnknownCard)?;
        if !is_final(card.status) {
            card.status = CardStatus::Closed;
        }
        let agreement = Agreement {
            card_code: card_code.into(),
            terminated: true,
        };
        let mut writes = vec![Write::put(AGREEMENTS, card.agreement.clone(), &agreement)];
        for token_ref in card.tokens() {
            let mut token = self.token_row(token_ref)?;
            if let Ok(dead) = token.life().after(Event::Delete) {
                token.set_life(dead);
            }
            writes.push(Write::put(TOKENS, token_ref.clone(), &token));
        }
        writes.push(Write::put(CARDS, card_code, &card));
        Ok(writes)
    }
}

/// Everything that one issuance makes.
struct Made {
    card_code: String,
    agreement: String,
    token_ref: String,
    card: Card,
    token: Token,
    /// What the vault stores of it.
    vault: Vec<Write>,
    /// Only a weak issuer has it here.
    echoed: Option<Pan>,
}

impl Made {
    fn change(
        self,
        asked: &IssueRequest,
        holding: &str,
        held: &[String],
        reference: Option<&str>,
    ) -> Change {
        //= spec/40-issue.md#iss-16-the-pan-stays
        //# The issuer MUST NOT put a PAN into any message.
        let mut answer = json!({
            "request_id": asked.request_id,
            "card_code": self.card_code,
            "agreement": self.agreement,
            "token_ref": self.token_ref,
            "token_state": TokenState::Inactive.name(),
        });
        if let Some(pan) = &self.echoed {
            answer["pan"] = json!(pan.expose());
        }
        let request_id = asked.request_id.to_string();
        let agreement = Agreement {
            card_code: self.card_code.clone(),
            terminated: false,
        };
        //= spec/40-issue.md#iss-22-a-card-names-its-consent
        //# The issuer MUST store the consent with the outcome of the request that it made a card for.
        let outcome = Outcome {
            card_code: Some(self.card_code.clone()),
            undone: false,
            consent: Some(asked.consent.to_string()),
        };
        //= spec/40-issue.md#iss-12-all-or-none
        //# Card, card code, agreement, token and recorded outcome MUST be stored in one transaction.
        let mut writes = self.vault;
        writes.extend([
            Write::put(AGREEMENTS, self.agreement, &agreement),
            Write::put(TOKENS, self.token_ref, &self.token),
            Write::put(CARDS, self.card_code, &self.card),
            Write::put(HOLDINGS, holding, &held),
            Write::put(OUTCOMES, request_id.clone(), &outcome),
        ]);
        //= spec/40-issue.md#iss-17-one-reference-for-one-card
        //# The issuer MUST NOT create two cards from one identity reference.
        writes.extend(reference.map(|reference| Write::put(REFERENCES, reference, &request_id)));
        Change::reply(201, answer, writes)
    }
}

/// A message with a score of its own in the evidence; only a weak issuer reads it.
fn with_score(body: &[u8]) -> Option<IssueRequest> {
    let mut asked: serde_json::Value = serde_json::from_slice(body).ok()?;
    asked
        .get_mut("evidence")?
        .as_object_mut()?
        .remove("live_record")?;
    serde_json::from_value(asked).ok()
}

/// How the holder of a token is verified by evidence of this kind.
const fn assurance(evidence: &Evidence) -> Assurance {
    match evidence {
        Evidence::Otp { .. } => Assurance::OneFactor,
        Evidence::Identity { .. } => Assurance::Issuer,
    }
}

fn base32(number: u64) -> char {
    u8::try_from(number)
        .ok()
        .and_then(|n| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(usize::from(n)))
        .map_or('A', |b| char::from(*b))
}
