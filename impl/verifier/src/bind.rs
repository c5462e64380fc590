//! Bind: card on file. The agreement number stays here.

use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Write};
use kaika_wire::messages::issuer::Issued;
use kaika_wire::messages::verifier::Next;
use serde_json::json;

use crate::rows::{BINDINGS, Binding, Card, CardRequest, REQUESTS, State};
use crate::{Case, Decision};

impl Case<'_> {
    pub(crate) fn bind(self, request_id: &str, mut row: CardRequest, issued: &Issued) -> Decision {
        //= spec/50-bind.md#bnd-1-bound-once
        //# The verifier MUST bind a card code and agreement to the account of the request that issued them, once.
        let card_code = issued.card_code.to_string();
        if self.rows.get(BINDINGS, &card_code).is_some() {
            return Err(Refusal::WrongOrder.into());
        }
        let binding_id = self.dice.id();
        let binding = Binding {
            binding_id: binding_id.clone(),
            account_id: row.account_id.clone(),
            agreement: issued.agreement.to_string(),
            request_id: request_id.into(),
        };
        row.card = Some(Card {
            card_code: card_code.clone(),
            token_ref: issued.token_ref.to_string(),
            binding_id,
        });
        row.state = State::AwaitProvision;
        //= spec/50-bind.md#bnd-2-the-agreement-stays
        //# The verifier MUST NOT put an agreement number into any message to a terminal.
        let answer = Next::Provision {
            card_code: issued.card_code.clone(),
            token_ref: issued.token_ref,
        };
        let mut answer = json!(answer);
        if lacks(Weakness::AgreementForwarded) {
            answer["agreement"] = json!(issued.agreement);
        }
        let writes = vec![
            Write::put(BINDINGS, card_code, &binding),
            Write::put(REQUESTS, request_id, &row),
        ];
        Ok(Change::reply(200, answer, writes))
    }
}
