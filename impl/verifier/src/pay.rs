//! Pay: an order, the proof over exactly that order, one debit.

use kaika_crypto::digest;
use kaika_crypto::password::AuthMessage;
use kaika_spec::limit::ORDER_TTL_MS;
use kaika_spec::{Refusal, Role, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Write, read};
use kaika_wire::messages::issuer::Debited;
use kaika_wire::messages::parse;
use kaika_wire::messages::verifier::{OrderRequest, Ordered, PayRequest};
use kaika_wire::value::Hex;
use serde_json::{Value, json};

use crate::password::Judged;
use crate::rows::{BINDINGS, Binding, ORDERS, Order, Settled, Waiting};
use crate::{Case, Decision, ask, call_id};

impl Case<'_> {
    pub(crate) fn order(mut self, body: &[u8]) -> Decision {
        let asked: OrderRequest = parse(body)?;
        let order_id = Hex(self.dice.bytes::<16>());
        let nonce = Hex(self.dice.bytes::<16>());
        let expires_at = self.now.saturating_add(ORDER_TTL_MS);
        let order_digest = Hex(digest::order(&digest::Order {
            order_id: &order_id.to_string(),
            account_id: asked.account_id.as_str(),
            payee: asked.payee.as_str(),
            amount_minor: &asked.amount_minor.minor().to_string(),
            currency: asked.currency.as_str(),
            expires_at: &expires_at.to_string(),
            nonce: &nonce.to_string(),
        }));
        let challenge = self.challenge(asked.account_id.as_str());
        //= spec/70-pay.md#pay-1-an-order-does-not-change
        //# The verifier MUST NOT change payee, amount, currency or account of an order after it was made.
        let row = Order {
            account_id: asked.account_id.to_string(),
            payee: asked.payee.to_string(),
            amount_minor: asked.amount_minor.minor(),
            currency: asked.currency.to_string(),
            nonce: nonce.to_string(),
            order_digest: order_digest.to_string(),
            challenge: challenge.nonce.to_string(),
            expires_at,
            settled: Settled::Open,
            debit: None,
            auth_code: None,
        };
        let answer = Ordered {
            order_id,
            account_id: asked.account_id,
            payee: asked.payee,
            amount_minor: asked.amount_minor,
            currency: asked.currency,
            nonce,
            expires_at,
            order_digest,
            challenge,
        };
        Ok(Change::reply(
            201,
            json!(answer),
            vec![Write::put(ORDERS, order_id.to_string(), &row)],
        ))
    }

    fn order_row(&self, order_id: &str) -> Result<Order, Refused> {
        read(self.rows, ORDERS, order_id).ok_or(Refusal::UnknownOrder.into())
    }

    pub(crate) fn pay(self, order_id: &str, body: &[u8]) -> Decision {
        let asked: PayRequest = parse(body)?;
        let order = self.order_row(order_id)?;
        //= spec/70-pay.md#pay-2-the-orders-owner-pays
        //# The verifier MUST refuse to pay an order for any account but the one it is addressed to.
        let others = lacks(Weakness::OrderOwnerUnchecked);
        if order.account_id != asked.account_id.as_str() && !others {
            return Err(Refusal::OrderNotOwned.into());
        }
        let digest = hex::encode(digest::pay(
            &asked.order_digest.to_string(),
            asked.card_code.as_str(),
        ));
        //= spec/70-pay.md#pay-3-the-proof-covers-the-order
        //# The verifier MUST refuse a payment whose password proof does not cover the order digest and the card code.
        let statement = AuthMessage {
            purpose: "pay",
            subject_id: order_id,
            nonce: &order.challenge,
            digest: &digest,
        };
        let account = match self.prove(asked.account_id.as_str(), &statement, &asked.proof)? {
            Judged::Wrong(refusal, writes) => return Ok(Change::counted(refusal, writes)),
            Judged::Holds(account, _) => account,
        };
        let binding = self.payable(&order, &asked)?;
        self.debit(order_id, order, &asked, &binding, account)
    }

    /// By rank; the binding of the card that pays.
    fn payable(&self, order: &Order, asked: &PayRequest) -> Result<Binding, Refused> {
        //= spec/70-pay.md#pay-16-the-card-is-the-payers
        //# The verifier MUST refuse a card code that is not bound to the account of the order.
        let binding: Option<Binding> = read(self.rows, BINDINGS, asked.card_code.as_str());
        let binding = binding
            .filter(|binding| {
                binding.account_id == order.account_id || lacks(Weakness::OrderOwnerUnchecked)
            })
            .ok_or(Refusal::NotBound)?;
        //= spec/70-pay.md#pay-5-orders-expire
        //# The verifier MUST refuse to pay an order older than `ORDER_TTL_MS`.
        if order.settled == Settled::Open && self.now >= order.expires_at {
            return Err(Refusal::OrderExpired.into());
        }
        //= spec/70-pay.md#pay-4-what-was-shown-is-what-is-paid
        //# The verifier MUST refuse a payment whose order digest differs from the order's.
        let differs = order.order_digest != asked.order_digest.to_string();
        if differs && !lacks(Weakness::OrderNotBound) {
            return Err(Refusal::OrderDigestMismatch.into());
        }
        match order.settled {
            Settled::Open | Settled::Pending => Ok(binding),
            Settled::Paid | Settled::Declined => Err(Refusal::OrderSettled.into()),
        }
    }

    fn debit(
        self,
        order_id: &str,
        mut order: Order,
        asked: &PayRequest,
        binding: &Binding,
        account: Write,
    ) -> Decision {
        //= spec/70-pay.md#pay-6-one-order-one-debit
        //# The verifier MUST use the order id as the debit id of every try.
        let again = lacks(Weakness::DebitIdPerTry).then(|| self.dice.id());
        let debit_id = again.clone().unwrap_or_else(|| order_id.to_owned());
        let first = json!({
            "debit_id": debit_id,
            "card_code": asked.card_code,
            "agreement": binding.agreement,
            "account_id": order.account_id,
            "payee": order.payee,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
            "expires_at": order.expires_at,
            "nonce": order.nonce,
            "order_digest": order.order_digest,
            //= spec/70-pay.md#pay-20-evidence-passes-through
            //# The verifier MUST pass the terminal's payment evidence on to the issuer as it received it.
            "evidence": asked.evidence,
        });
        // A try that was not answered is repeated as it was, whatever card is named now.
        order.debit = order.debit.filter(|_| again.is_none());
        let body = order.debit.get_or_insert(first).clone();
        order.settled = Settled::Pending;
        let waiting = Waiting::Debit {
            order_id: order_id.into(),
        };
        let writes = vec![account, Write::put(ORDERS, order_id, &order)];
        Ok(ask(
            Role::Issuer,
            &call_id("debit", &debit_id),
            "/v1/debits".into(),
            body,
            &waiting,
            writes,
        ))
    }

    /// The issuer answered: only now an order is paid or declined.
    pub(crate) fn debited(self, order_id: &str, status: u16, body: &Value) -> Decision {
        let mut order = self.order_row(order_id)?;
        if order.settled != Settled::Pending {
            return Err(Refusal::OrderSettled.into());
        }
        //= spec/70-pay.md#pay-13-the-result-is-the-issuers
        //# The verifier MUST NOT report an order as paid or declined except by the issuer's answer.
        let answer = match settled(status, body) {
            None => return Err(Refusal::InProgress.into()),
            Some(None) => {
                order.settled = Settled::Declined;
                json!({"order_id": order_id, "result": "declined"})
            }
            Some(Some(auth_code)) => {
                order.settled = Settled::Paid;
                order.auth_code = Some(auth_code.clone());
                json!({"order_id": order_id, "result": "paid", "auth_code": auth_code})
            }
        };
        Ok(Change::reply(
            200,
            answer,
            vec![Write::put(ORDERS, order_id, &order)],
        ))
    }

    pub(crate) fn order_status(self, order_id: &str) -> Decision {
        let order = self.order_row(order_id)?;
        let result = match order.settled {
            Settled::Open if self.now >= order.expires_at => "expired",
            Settled::Open => "open",
            Settled::Pending => "pending",
            Settled::Paid => "paid",
            Settled::Declined => "declined",
        };
        Ok(Change::reply(
            200,
            json!({"order_id": order_id, "result": result}),
            vec![],
        ))
    }
}

/// What the issuer says about a debit: its authorisation code, that it declines, or nothing that settles it. A refusal
/// that is not about the debit (a stale time, a wrong MAC) settles nothing.
fn settled(status: u16, body: &Value) -> Option<Option<String>> {
    match status {
        200..=299 => serde_json::from_value::<Debited>(body.clone())
            .ok()
            .map(|debited| Some(debited.auth_code.into())),
        400..=499 => {
            let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
            matches!(code, "declined" | "unknown-card").then_some(None)
        }
        _ => None,
    }
}
