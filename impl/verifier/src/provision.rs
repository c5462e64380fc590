//! Provision: relays the issuer's rounds to the terminal and back, and reads none of them.

use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Change, Request, Write};
use kaika_wire::messages::issuer::Provisioned;
use kaika_wire::messages::verifier::{Next, ProvisionRequest};
use serde_json::{Value, json};

use crate::answers::{self, Answer};
use crate::rows::{Card, CardRequest, REQUESTS, State, Waiting};
use crate::{Case, Decision, ask};

impl Case<'_> {
    pub(crate) fn provision(self, request_id: &str, request: &Request) -> Decision {
        let asked: ProvisionRequest = self.heard(request_id, request)?;
        //= spec/50-bind.md#bnd-3-bound-before-provisioned
        //# The verifier MUST NOT start provisioning before the card is bound.
        let row = self.at(request_id, &[State::AwaitProvision, State::Done])?;
        let card = row.card.as_ref().ok_or(Refusal::NotBound)?;
        //= spec/50-bind.md#bnd-4-the-binding-is-named
        //# Every provisioning message from the verifier to the issuer MUST carry the binding id.
        let body = json!({
            "binding_id": card.binding_id,
            "se_id": row.se_id,
            "session": asked.session,
            "responses": asked.responses,
        });
        let path = format!("/v1/tokens/{}/provision", card.token_ref);
        let waiting = Waiting::Provision {
            request_id: request_id.into(),
        };
        // Each round is a question of its own.
        let id = self.dice.id();
        Ok(ask(Role::Issuer, &id, path, body, &waiting, vec![]))
    }

    pub(crate) fn provisioned(self, request_id: &str, status: u16, body: &Value) -> Decision {
        let mut row = self.row(request_id)?;
        //= spec/20-apply.md#app-15-a-late-answer-finds-nobody-waiting
        //# The verifier MUST refuse a message as `wrong-order` when the peer it waited for answers after a cancel
        if !matches!(row.state, State::AwaitProvision | State::Done) {
            return Err(Refusal::WrongOrder.into());
        }
        let answer = match answers::read(status, body) {
            Answer::Silent => return Err(Refusal::InProgress.into()),
            Answer::Refused(refusal) => return Ok(Change::counted(refusal, vec![])),
            Answer::Good(body) => serde_json::from_value::<Provisioned>(body.clone())
                .map_err(|_| Refusal::InProgress)?,
        };
        match answer {
            Provisioned::More { session, commands } => Ok(Change::reply(
                200,
                json!(Next::Relay { session, commands }),
                vec![],
            )),
            Provisioned::Done => {
                let done = done(&row).ok_or(Refusal::NotBound)?;
                row.state = State::Done;
                Ok(Change::reply(
                    200,
                    json!(done),
                    vec![Write::put(REQUESTS, request_id, &row)],
                ))
            }
        }
    }
}

fn done(row: &CardRequest) -> Option<Next> {
    let Card {
        card_code,
        token_ref,
        ..
    } = row.card.clone()?;
    Some(Next::Done {
        card_code: card_code.try_into().ok()?,
        token_ref: token_ref.try_into().ok()?,
    })
}
