//! Manage: a request is cancelled, and the issuer undoes what there was.

use kaika_spec::{Refusal, Role, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Request, Write};
use kaika_wire::messages::Empty;
use serde_json::{Value, json};

use crate::answers::{self, Answer};
use crate::rows::{BINDINGS, REQUESTS, State, Waiting};
use crate::{Case, Decision, ask, call_id, next};

/// Every state from which a request can be cancelled.
const CANCELLABLE: &[State] = &[
    State::AwaitApplicant,
    State::AwaitEligibility,
    State::AwaitOtp,
    State::AwaitPhotos,
    State::AwaitFrames,
    State::AwaitMatch,
    State::AwaitIssue,
    State::Issuing,
    State::AwaitProvision,
];

impl Case<'_> {
    pub(crate) fn cancel(self, request_id: &str, request: &Request) -> Decision {
        let Empty {} = self.heard(request_id, request)?;
        self.at(request_id, CANCELLABLE)?;
        let waiting = Waiting::Compensate {
            request_id: request_id.into(),
        };
        let path = format!("/v1/issue/{request_id}/compensate");
        Ok(ask(
            Role::Issuer,
            &call_id("compensate", request_id),
            path,
            json!({}),
            &waiting,
            vec![],
        ))
    }

    pub(crate) fn compensated(self, request_id: &str, status: u16, body: &Value) -> Decision {
        let mut row = self.row(request_id)?;
        match answers::read(status, body) {
            Answer::Silent if !lacks(Weakness::CompensationOnce) => Err(Refusal::InProgress.into()),
            Answer::Refused(refusal) => Ok(Change::counted(refusal, vec![])),
            Answer::Silent | Answer::Good(_) => {
                row.state = State::Cancelled;
                let binding = row
                    .card
                    .as_ref()
                    .map(|card| Write::delete(BINDINGS, card.card_code.clone()));
                let writes = binding
                    .into_iter()
                    .chain([Write::put(REQUESTS, request_id, &row)])
                    .collect();
                Ok(next("cancelled", writes))
            }
        }
    }
}
