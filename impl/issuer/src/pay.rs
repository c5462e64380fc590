//! Pay: a debit by card code and agreement, at most once for one id; a reversal, at most once and in full.

use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Write, read};
use kaika_wire::messages::issuer::{
    CardStatus, DebitRequest, DebitState, DebitStatus, ReverseRequest,
};
use kaika_wire::messages::parse;
use kaika_wire::value::Hex;
use serde_json::json;

use crate::ledger::Movement;
use crate::rows::{Card, DEBITS, Debit, NUMBERS};
use crate::{Case, Decision};

impl Case<'_> {
    fn debit_row(&self, debit_id: &str) -> Option<Debit> {
        read(self.rows, DEBITS, debit_id)
    }

    pub(crate) fn debit(self, body: &[u8]) -> Decision {
        //= spec/70-pay.md#pay-10-identifiers-keep-their-kind
        //# The issuer MUST refuse a PAN or a token where a card code or an agreement number is asked for.
        let by_token = lacks(Weakness::IdentifierConfused).then(|| self.by_token(body));
        let asked: DebitRequest = parse(by_token.flatten().as_deref().unwrap_or(body))?;
        let known = self.debit_row(&asked.debit_id.to_string());
        if let Some(known) = known.filter(|_| !lacks(Weakness::KeyIgnored)) {
            return repeated(&asked, &known);
        }
        let card = self
            .card_row(asked.card_code.as_str())
            .ok_or(Refusal::UnknownCard)?;
        match self.post(&asked, card) {
            Ok(change) => Ok(change),
            // A decline is an outcome: the id stays declined.
            Err(refusal) => Ok(declined(&asked, refusal)),
        }
    }

    /// The message with the card's code in the place of its token; only a weak issuer looks.
    fn by_token(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut asked: serde_json::Value = serde_json::from_slice(body).ok()?;
        let token_ref: Option<String> = read(self.rows, NUMBERS, asked.get("card_code")?.as_str()?);
        let card_code = match token_ref {
            Some(token_ref) => self.token_row(&token_ref).ok()?.card_code,
            None => format!("C{}", "A".repeat(20)),
        };
        asked["card_code"] = json!(card_code);
        Some(asked.to_string().into_bytes())
    }

    fn post(self, asked: &DebitRequest, card: Card) -> Result<Change, Refusal> {
        //= spec/70-pay.md#pay-9-both-surrogates
        //# The issuer MUST refuse a debit unless card code and agreement number are current and belong to each other.
        if card.agreement != asked.agreement.as_str() {
            return Err(Refusal::AgreementMismatch);
        }
        //= spec/70-pay.md#pay-8-live-at-commit
        //# The issuer MUST judge card, agreement and balance inside the transaction that posts the debit.
        let early = lacks(Weakness::LivenessBeforeDebit);
        is_usable(&card).or_else(|refusal| if early { Ok(()) } else { Err(refusal) })?;
        //= spec/80-manage.md#mng-7-terminated-is-for-ever
        //# The issuer MUST NOT accept a terminated agreement again.
        if self
            .agreement_row(&card.agreement)
            .is_none_or(|agreement| agreement.terminated)
            && !early
        {
            return Err(Refusal::AgreementTerminated);
        }
        //= spec/70-pay.md#pay-21-the-currency-is-the-cards
        //# The issuer MUST refuse a debit in another currency than that of the card.
        if card.currency != asked.currency.as_str() {
            return Err(Refusal::DomainViolation);
        }
        self.authorised(asked, &card)?;
        let debit_id = asked.debit_id.to_string();
        let movement = Movement {
            cause: format!("debit {debit_id}"),
            card_code: asked.card_code.as_str(),
            other: asked.payee.as_str(),
            amount_minor: asked.amount_minor.minor(),
            currency: asked.currency.as_str(),
        };
        let mut writes = self.take(card, &movement)?;
        let auth_code = format!("{:06}", self.dice.below(1_000_000));
        let row = Debit {
            state: "posted".into(),
            auth_code: Some(auth_code.clone()),
            ..row(asked)
        };
        writes.push(Write::put(DEBITS, debit_id, &row));
        Ok(Change::reply(
            201,
            posted(asked.debit_id, auth_code),
            writes,
        ))
    }

    pub(crate) fn debit_status(self, debit_id: &str) -> Decision {
        let id = Hex::<16>::try_from(debit_id.to_owned()).map_err(|_| Refusal::UnknownDebit)?;
        let row = self.debit_row(debit_id);
        let state = row
            .as_ref()
            .and_then(|row| DebitState::try_from(row.state.clone()).ok())
            .unwrap_or(DebitState::None);
        let auth_code = row
            .and_then(|row| row.auth_code)
            .and_then(|code| code.try_into().ok());
        Ok(Change::reply(
            200,
            json!(DebitStatus {
                debit_id: id,
                state,
                auth_code
            }),
            vec![],
        ))
    }

    pub(crate) fn reverse(self, debit_id: &str, body: &[u8]) -> Decision {
        let asked: ReverseRequest = parse(body)?;
        if Hex::<16>::try_from(debit_id.to_owned()).is_err() {
            return Err(Refusal::UnknownDebit.into());
        }
        let amount_minor = asked.amount_minor.minor();
        match self.debit_row(debit_id) {
            Some(row) if row.state == "reversed" && lacks(Weakness::ReversalRepeats) => {
                Ok(self.give(debit_id, row))
            }
            Some(row) if row.state == "reversed" => Err(Refusal::AlreadyReversed.into()),
            //= spec/70-pay.md#pay-11-reversal-is-exactly-once
            //# The issuer MUST reverse a debit at most once and by exactly its amount.
            Some(row) if row.state == "posted" && row.amount_minor != amount_minor => {
                Err(Refusal::ReversalMismatch.into())
            }
            Some(row) if row.state == "posted" => Ok(self.give(debit_id, row)),
            //= spec/70-pay.md#pay-12-a-reversal-that-overtakes
            //# The issuer MUST refuse a debit whose reversal came before it.
            _ => Ok(tombstone(debit_id, amount_minor)),
        }
    }

    fn give(self, debit_id: &str, row: Debit) -> Change {
        let movement = Movement {
            cause: format!("reversal {debit_id}"),
            card_code: &row.card_code,
            other: "reversals",
            amount_minor: row.amount_minor,
            currency: &row.currency,
        };
        let mut writes = self.give_back(&movement);
        let reversed = Debit {
            state: "reversed".into(),
            ..row.clone()
        };
        writes.push(Write::put(DEBITS, debit_id, &reversed));
        Change::reply(
            200,
            json!({"debit_id": debit_id, "state": "reversed"}),
            writes,
        )
    }
}

/// Whether a card may pay now.
pub(crate) fn is_usable(card: &Card) -> Result<(), Refusal> {
    //= spec/80-manage.md#mng-5-lost-stops-everything
    //# The issuer MUST refuse every debit and tap of a card from the moment it is blocked, lost, stolen or closed.
    match card.status {
        CardStatus::Active => Ok(()),
        CardStatus::Blocked | CardStatus::Lost | CardStatus::Stolen | CardStatus::Closed => {
            Err(Refusal::CardNotActive)
        }
    }
}

/// A debit id that was seen before: the same message has the same outcome, another one is a conflict.
fn repeated(asked: &DebitRequest, known: &Debit) -> Decision {
    if known.state == "tombstoned" {
        return Err(Refusal::DebitTombstoned.into());
    }
    if known.message != message(asked) {
        return Err(Refusal::IdempotencyConflict.into());
    }
    //= spec/70-pay.md#pay-7-debits-are-exactly-once
    //# The issuer MUST post at most one debit for one debit id.
    match &known.auth_code {
        Some(auth_code) => Ok(Change::reply(
            201,
            posted(asked.debit_id, auth_code.clone()),
            vec![],
        )),
        None => Err(known.refusal().into()),
    }
}

fn declined(asked: &DebitRequest, refusal: Refusal) -> Change {
    let row = Debit {
        state: "declined".into(),
        refusal: Some(refusal.name().into()),
        ..row(asked)
    };
    Change::counted(
        refusal,
        vec![Write::put(DEBITS, asked.debit_id.to_string(), &row)],
    )
}

fn row(asked: &DebitRequest) -> Debit {
    //= spec/70-pay.md#pay-18-a-debit-names-its-evidence
    //# The issuer MUST store the evidence with every debit that it posts or declines.
    Debit {
        evidence: Some(asked.evidence.to_string()),
        state: String::new(),
        message: message(asked),
        card_code: asked.card_code.to_string(),
        amount_minor: asked.amount_minor.minor(),
        currency: asked.currency.to_string(),
        auth_code: None,
        refusal: None,
    }
}

fn tombstone(debit_id: &str, amount_minor: u64) -> Change {
    let row = Debit {
        state: "tombstoned".into(),
        message: String::new(),
        card_code: String::new(),
        amount_minor,
        currency: String::new(),
        auth_code: None,
        refusal: None,
        evidence: None,
    };
    Change::reply(
        200,
        json!({"debit_id": debit_id, "state": "tombstoned"}),
        vec![Write::put(DEBITS, debit_id, &row)],
    )
}

fn message(asked: &DebitRequest) -> String {
    json!(asked).to_string()
}

fn posted(debit_id: Hex<16>, auth_code: String) -> serde_json::Value {
    json!({"debit_id": debit_id, "result": "posted", "auth_code": auth_code})
}
