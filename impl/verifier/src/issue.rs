//! Issue: the proof goes to the issuer, once; its answer is bound in the same transaction.

use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Change, Request, Write};
use kaika_wire::messages::issuer::Issued;
use kaika_wire::messages::verifier::IssueRequest;
use serde_json::{Value, json};

use crate::answers::{self, Answer};
use crate::apply::context;
use crate::rows::{CardRequest, REQUESTS, State, Waiting};
use crate::{Case, Decision, ask, call_id};

impl Case<'_> {
    /// Asks for the card. A request that is being issued asks again under the same key: the issuer answers alike.
    pub(crate) fn issue(self, request_id: &str, request: &Request) -> Decision {
        let asked: IssueRequest = self.heard(request_id, request)?;
        let mut row = self.at(request_id, &[State::AwaitIssue, State::Issuing])?;
        // A try that was not answered is repeated as it was, whatever consent comes now.
        row.consent.get_or_insert(asked.consent.to_string());
        let body = message(request_id, &row).ok_or(Refusal::WrongOrder)?;
        row.state = State::Issuing;
        let waiting = Waiting::Issue {
            request_id: request_id.into(),
        };
        let writes = vec![Write::put(REQUESTS, request_id, &row)];
        Ok(ask(
            Role::Issuer,
            &call_id("issue", request_id),
            "/v1/issue".into(),
            body,
            &waiting,
            writes,
        ))
    }

    pub(crate) fn issued(self, request_id: &str, status: u16, body: &Value) -> Decision {
        let mut row = self.row(request_id)?;
        //= spec/20-apply.md#app-15-a-late-answer-finds-nobody-waiting
        //# The verifier MUST refuse a message as `wrong-order` when the peer it waited for answers after a cancel
        if row.state != State::Issuing {
            return Err(Refusal::WrongOrder.into());
        }
        match answers::read(status, body) {
            Answer::Silent => Err(Refusal::InProgress.into()),
            Answer::Refused(refusal) => {
                row.state = State::Refused;
                Ok(Change::counted(
                    refusal,
                    vec![Write::put(REQUESTS, request_id, &row)],
                ))
            }
            Answer::Good(body) => match serde_json::from_value::<Issued>(body.clone()) {
                Ok(issued) => self.bind(request_id, row, &issued),
                Err(_) => Err(Refusal::InProgress.into()),
            },
        }
    }
}

fn message(request_id: &str, row: &CardRequest) -> Option<Value> {
    Some(json!({
        "request_id": request_id,
        "request_context": context(request_id, row),
        "eligibility_id": row.eligibility.as_ref()?.eligibility_id,
        "applicant": row.applicant.as_ref()?,
        "product": row.product,
        "account_id": row.account_id,
        "device_id": row.device_id,
        "se_id": row.se_id,
        "evidence": row.evidence.as_ref()?,
        //= spec/40-issue.md#iss-23-consent-passes-through
        //# The verifier MUST pass the terminal's consent on to the issuer as it received it.
        "consent": row.consent.as_ref()?,
    }))
}
