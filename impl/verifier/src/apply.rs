//! Apply: open a request, prove the password, say who applies.

use kaika_crypto::digest;
use kaika_crypto::password::{AuthMessage, session_key};
use kaika_spec::limit::REQUEST_TTL_MS;
use kaika_spec::{Refusal, Role, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Request, Write, read};
use kaika_wire::messages::verifier::{
    AccountRequest, ApplicantRequest, OpenRequest, Opened, PasswordRequest,
};
use kaika_wire::messages::{Applicant, issuer, parse};
use kaika_wire::value::Hex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answers::{self, Answer};
use crate::password::{Judged, applicant_digest};
use crate::rows::{ACCOUNTS, Account, CardRequest, Eligibility, REQUESTS, State, Waiting};
use crate::{Case, Decision, ask, call_id, next};

/// The key of the session that the password opened.
fn session_of(row: &CardRequest) -> Option<[u8; 32]> {
    let key = hex::decode(row.session_key.as_deref()?).ok()?;
    key.try_into().ok()
}

impl Case<'_> {
    pub(crate) fn enrol(self, body: &[u8]) -> Decision {
        let asked: AccountRequest = parse(body)?;
        if self.account(asked.account_id.as_str()).is_some() {
            return Err(Refusal::AlreadyEnrolled.into());
        }
        let row = Account {
            applicant: asked.applicant,
            salt: asked.salt.to_string(),
            stored_key: asked.stored_key.to_string(),
            wrong: 0,
            locked_until: 0,
        };
        let answer = json!({"account_id": asked.account_id});
        Ok(Change::reply(
            201,
            answer,
            vec![Write::put(ACCOUNTS, asked.account_id.as_str(), &row)],
        ))
    }

    pub(crate) fn open(mut self, body: &[u8]) -> Decision {
        let asked: OpenRequest = parse(body)?;
        let request_id = Hex(self.dice.bytes::<16>());
        let verifier_nonce = Hex(self.dice.bytes::<16>());
        let challenge = self.challenge(asked.account_id.as_str());
        let expires_at = self.now.saturating_add(REQUEST_TTL_MS);
        let row = CardRequest {
            state: State::AwaitPassword,
            account_id: asked.account_id.into(),
            device_id: asked.device_id.into(),
            se_id: asked.se_id.to_string(),
            product: asked.product.into(),
            tos_version: asked.tos_version.into(),
            terminal_nonce: asked.terminal_nonce.to_string(),
            verifier_nonce: verifier_nonce.to_string(),
            challenge: challenge.nonce.to_string(),
            expires_at,
            session_key: None,
            applicant: None,
            eligibility: None,
            otp: None,
            policy: None,
            evidence: None,
            consent: None,
            card: None,
        };
        let answer = Opened {
            request_id,
            verifier_nonce,
            challenge,
            expires_at,
        };
        Ok(Change::reply(
            201,
            json!(answer),
            vec![Write::put(REQUESTS, request_id.to_string(), &row)],
        ))
    }

    pub(crate) fn row(&self, request_id: &str) -> Result<CardRequest, Refused> {
        read(self.rows, REQUESTS, request_id).ok_or(Refusal::UnknownRequest.into())
    }

    /// A request that may still be worked on.
    fn live(&self, request_id: &str) -> Result<CardRequest, Refused> {
        let row = self.row(request_id)?;
        //= spec/20-apply.md#app-13-a-request-has-an-end
        //# The verifier MUST refuse every message but queries about a card request that is older than `REQUEST_TTL_MS` and has
        //# not been issued.
        if row.card.is_none() && row.state != State::Issuing && self.now >= row.expires_at {
            return Err(Refusal::RequestExpired.into());
        }
        Ok(row)
    }

    /// The body of a message from the terminal that proved the password. Before there is a proof anybody may speak.
    pub(crate) fn heard<T: DeserializeOwned>(
        &self,
        request_id: &str,
        request: &Request,
    ) -> Result<T, Refused> {
        let row: Option<CardRequest> = read(self.rows, REQUESTS, request_id);
        let key = row.as_ref().and_then(session_of);
        //= spec/20-apply.md#app-14-requests-stay-with-their-terminal
        //# The verifier MUST refuse a message about a card request after the password proof unless its MAC verifies under the
        //# session key of that proof.
        if key.is_some_and(|key| !request.verify(&key)) {
            return Err(Refusal::BadSignature.into());
        }
        parse(&request.body)
    }

    /// A live request with a session, in one of these states.
    pub(crate) fn at(&self, request_id: &str, states: &[State]) -> Result<CardRequest, Refused> {
        let row = self.live(request_id)?;
        if session_of(&row).is_some() && states.contains(&row.state) {
            Ok(row)
        } else {
            Err(Refusal::WrongOrder.into())
        }
    }

    pub(crate) fn password(self, request_id: &str, body: &[u8]) -> Decision {
        let asked: PasswordRequest = parse(body)?;
        let mut row = self.live(request_id)?;
        //= spec/20-apply.md#app-3-a-challenge-serves-once
        //# The verifier MUST accept at most one proof for each challenge it made.
        if row.state != State::AwaitPassword {
            return Err(Refusal::WrongOrder.into());
        }
        let digest = hex::encode(digest::open(&open_of(&row)));
        let statement = AuthMessage {
            purpose: "apply",
            subject_id: request_id,
            nonce: &row.challenge,
            digest: &digest,
        };
        match self.prove(&row.account_id, &statement, &asked.proof)? {
            Judged::Wrong(refusal, writes) => Ok(Change::counted(refusal, writes)),
            Judged::Holds(account, stored) => {
                let session = hex::encode(session_key(&stored, &statement).bytes());
                row.session_key = Some(session);
                row.state = State::AwaitApplicant;
                Ok(next(
                    "applicant",
                    vec![account, Write::put(REQUESTS, request_id, &row)],
                ))
            }
        }
    }

    pub(crate) fn applicant(self, request_id: &str, request: &Request) -> Decision {
        //= spec/20-apply.md#app-6-the-applicant-is-complete
        //# The verifier MUST refuse an applicant without name, kind of ID, ID number and end of validity.
        let asked: ApplicantRequest = self.heard(request_id, request)?;
        //= spec/20-apply.md#app-1-password-before-anything
        //# The verifier MUST NOT ask the issuer for eligibility before the account's password was proved for the purpose `apply`
        //# in the same request.
        let mut row = self.at(
            request_id,
            &[State::AwaitApplicant, State::AwaitEligibility],
        )?;
        let account = self
            .account(&row.account_id)
            .ok_or(Refusal::UnknownAccount)?;
        //= spec/20-apply.md#app-7-the-applicant-is-the-account-holder
        //# The verifier MUST NOT ask the issuer for eligibility unless the applicant's name, kind of ID and ID number equal those
        //# of the account.
        //= spec/20-apply.md#app-8-no-oracle-before-the-real-name
        //# The verifier MUST NOT show a branch, a phone mask or a reason of decline before APP-7 holds.
        let unchecked = lacks(Weakness::RealnameUnchecked) || lacks(Weakness::BranchShownEarly);
        if !is_same_person(&account.applicant, &asked.applicant) && !unchecked {
            return Err(Refusal::RealnameMismatch.into());
        }
        // Asked before and not answered: the same question only.
        if row.state == State::AwaitEligibility && row.applicant.as_ref() != Some(&asked.applicant)
        {
            return Err(Refusal::WrongOrder.into());
        }
        row.state = State::AwaitEligibility;
        row.applicant = Some(asked.applicant.clone());
        let body = json!({
            "request_id": request_id,
            "request_context": context(request_id, &row),
            "applicant": asked.applicant,
            "product": row.product,
        });
        let waiting = Waiting::Eligibility {
            request_id: request_id.into(),
        };
        let writes = vec![Write::put(REQUESTS, request_id, &row)];
        Ok(ask(
            Role::Issuer,
            &call_id("eligibility", request_id),
            "/v1/eligibility".into(),
            body,
            &waiting,
            writes,
        ))
    }

    /// The issuer decided which proof it wants.
    pub(crate) fn eligible(self, request_id: &str, status: u16, body: &Value) -> Decision {
        let mut row = self.row(request_id)?;
        //= spec/20-apply.md#app-15-a-late-answer-finds-nobody-waiting
        //# The verifier MUST refuse a message as `wrong-order` when the peer it waited for answers after a cancel
        if row.state != State::AwaitEligibility {
            return Err(Refusal::WrongOrder.into());
        }
        let decision = match answers::read(status, body) {
            Answer::Silent => return Err(Refusal::InProgress.into()),
            Answer::Refused(_) => {
                row.state = State::Refused;
                return Ok(Change::counted(
                    Refusal::Ineligible,
                    vec![Write::put(REQUESTS, request_id, &row)],
                ));
            }
            Answer::Good(body) => serde_json::from_value::<issuer::Eligibility>(body.clone()),
        };
        if lacks(Weakness::BranchShownEarly)
            && let (Some(account), Some(applicant)) =
                (self.account(&row.account_id), &row.applicant)
            && !is_same_person(&account.applicant, applicant)
        {
            return Err(Refused {
                refusal: Refusal::RealnameMismatch,
                detail: Some(body.to_string()),
            });
        }
        match decision {
            Ok(issuer::Eligibility::KnownCustomer {
                eligibility_id,
                phone,
                phone_version,
                ..
            }) => {
                let phone = Some((phone.into(), phone_version));
                row.eligibility = Some(Eligibility {
                    eligibility_id: eligibility_id.to_string(),
                    phone,
                });
                self.send_code(request_id, row)
            }
            Ok(issuer::Eligibility::FirstCard { eligibility_id, .. }) => {
                row.eligibility = Some(Eligibility {
                    eligibility_id: eligibility_id.to_string(),
                    phone: None,
                });
                Ok(self.ask_photos(request_id, row))
            }
            Err(_) => Err(Refusal::InProgress.into()),
        }
    }

    pub(crate) fn status(self, request_id: &str) -> Decision {
        let row = self.row(request_id)?;
        // What was refused or cancelled stays so, however old it gets.
        let over = matches!(row.state, State::Refused | State::Cancelled);
        let expired = !over && self.live(request_id).is_err();
        let (state, next) = if expired {
            ("expired", "none")
        } else {
            (row.state.name(), row.state.next())
        };
        Ok(Change::reply(
            200,
            json!({"request_id": request_id, "state": state, "next": next}),
            vec![],
        ))
    }
}

pub(crate) fn open_of(row: &CardRequest) -> digest::Open<'_> {
    digest::Open {
        account_id: &row.account_id,
        device_id: &row.device_id,
        se_id: &row.se_id,
        product: &row.product,
        tos_version: &row.tos_version,
        terminal_nonce: &row.terminal_nonce,
    }
}

/// The request's context, hex.
pub(crate) fn context(request_id: &str, row: &CardRequest) -> String {
    //= spec/20-apply.md#app-11-the-request-context-binds
    //# Every message between servers about a card request MUST carry the request context, the SHA-256 digest defined in 90-wire
    //# over request, account, device, chip, applicant, product, terms and both nonces.
    let applicant = row
        .applicant
        .as_ref()
        .map(applicant_digest)
        .unwrap_or_default();
    hex::encode(digest::request_context(&digest::RequestContext {
        request_id,
        account_id: &row.account_id,
        device_id: &row.device_id,
        se_id: &row.se_id,
        applicant_digest: &applicant,
        product: &row.product,
        tos_version: &row.tos_version,
        terminal_nonce: &row.terminal_nonce,
        verifier_nonce: &row.verifier_nonce,
    }))
}

fn is_same_person(a: &Applicant, b: &Applicant) -> bool {
    a.name == b.name && a.id_type == b.id_type && a.id_no == b.id_no
}
