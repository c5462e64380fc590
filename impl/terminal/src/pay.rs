//! An order, from what is shown to what the issuer said. Read [`Pay::handle`] first.

use kaika_crypto::digest;
use kaika_spec::Weakness;
use kaika_weakness::lacks;
use kaika_wire::messages::verifier::Ordered;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::evidence::{self, Kind};
use crate::password::prove;
use crate::{Effect, Failure, Http, Input, is_refusal, is_retry, refused};

/// What the person wants to pay, and with which card.
#[derive(Clone)]
pub struct Wanted {
    /// Account.
    pub account_id: String,
    /// Its password.
    pub password: String,
    /// The card.
    pub card_code: String,
    /// Who is paid.
    pub payee: String,
    /// How much, minor units.
    pub amount_minor: u64,
    /// ISO 4217 numeric.
    pub currency: String,
}

/// A payment that was sent: what survives a restart of the phone until it is answered. It holds no password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The order.
    pub order_id: String,
    /// Its message, with proof and evidence.
    pub body: Value,
    /// The message's idempotency key, 32 hex digits.
    pub key: String,
    /// Who is paid.
    pub payee: String,
    /// How much, minor units.
    pub amount_minor: u64,
    /// ISO 4217 numeric.
    pub currency: String,
}

/// The message could pay.
impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Kept")
    }
}

impl Kept {
    fn message(&self) -> Http {
        Http {
            method: "POST",
            path: format!("/v1/orders/{}/pay", self.order_id),
            body: self.body.clone(),
            key: None,
            again: Some(self.key.clone()),
        }
    }
}

/// The idempotency key of a payment, which nobody guesses who does not know the password.
fn pay_key(order_id: &str, proof: &str) -> String {
    let digest = digest::labelled("kaika/pay-key/1", &[order_id, proof]);
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// A payment under way.
pub struct Pay {
    wanted: Wanted,
    kept: Option<Kept>,
    stage: Stage,
}

enum Stage {
    Idle,
    Ordering,
    /// The chip is asked to sign; this is then sent there.
    Signing {
        order_id: String,
        body: Value,
    },
    Paying {
        order_id: String,
    },
    Over,
}

impl Pay {
    /// A new payment.
    pub const fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            kept: None,
            stage: Stage::Idle,
        }
    }

    /// A payment that was sent before a restart: it is asked about, whatever is wanted now.
    pub const fn resume(wanted: Wanted, kept: Kept) -> Self {
        Self {
            wanted,
            kept: Some(kept),
            stage: Stage::Idle,
        }
    }

    /// What to keep for [`Pay::resume`], from before the payment is sent until it is answered.
    pub const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Takes one input and says what must be done next.
    pub fn handle(&mut self, input: Input) -> Effect {
        match (&self.stage, input) {
            (Stage::Idle, Input::Start) => self.start(),
            (Stage::Ordering, Input::Answer { status: 201, body }) => self.authorise(&body),
            (Stage::Signing { .. }, Input::Chip(responses)) => self.signed(&responses),
            (Stage::Paying { .. }, Input::Answer { status: 200, body }) => self.shown(&body),
            // Not the verifier's word on this payment, which may be on its way all the same.
            (Stage::Paying { .. }, Input::Answer { status, body })
                if !is_refusal(status, &body) =>
            {
                Effect::Unknown
            }
            //= spec/70-pay.md#pay-14-unknown-is-not-failed
            //# The terminal MUST show a payment without an answer as unknown and ask again.
            (Stage::Paying { .. }, Input::Silence) if lacks(Weakness::TimeoutIsFailure) => {
                self.fail(Failure::Unexpected)
            }
            (Stage::Paying { .. }, Input::Silence) => Effect::Unknown,
            (Stage::Paying { .. }, Input::Answer { body, .. }) if is_retry(&body) => {
                Effect::Unknown
            }
            (Stage::Ordering, Input::Silence) => Effect::SendAgain,
            (Stage::Ordering, Input::Answer { status, body })
                if is_retry(&body) || !is_refusal(status, &body) =>
            {
                Effect::SendAgain
            }
            (Stage::Ordering | Stage::Paying { .. }, Input::Answer { body, .. }) => {
                self.fail(refused(&body))
            }
            _ => self.fail(Failure::Unexpected),
        }
    }

    fn start(&mut self) -> Effect {
        //= spec/70-pay.md#pay-22-a-restart-asks-first
        //# A terminal that is started again MUST ask what became of a payment that it sent and that was not answered, before it
        //# places another order.
        match self.kept.clone() {
            Some(kept) => self.pay(kept),
            None => self.order(),
        }
    }

    /// Sends a payment, for the first time or after a restart.
    fn pay(&mut self, kept: Kept) -> Effect {
        let message = kept.message();
        self.stage = Stage::Paying {
            order_id: kept.order_id.clone(),
        };
        self.kept = Some(kept);
        Effect::Send(message)
    }

    fn order(&mut self) -> Effect {
        self.stage = Stage::Ordering;
        let body = json!({
            "account_id": self.wanted.account_id,
            "payee": self.wanted.payee,
            "amount_minor": self.wanted.amount_minor,
            "currency": self.wanted.currency,
        });
        Effect::Send(Http {
            method: "POST",
            path: "/v1/orders".into(),
            body,
            key: None,
            again: None,
        })
    }

    /// Proves the password over the order and has the chip sign it, once it is the one that the person wants.
    fn authorise(&mut self, body: &Value) -> Effect {
        let Ok(order) = serde_json::from_value::<Ordered>(body.clone()) else {
            return Effect::SendAgain;
        };
        let Some(order_digest) = self.digest_of(&order) else {
            return self.fail(Failure::OrderDiffers);
        };
        let order_id = order.order_id.to_string();
        let digest = digest::pay(&order_digest, &self.wanted.card_code);
        let Some(proved) = prove(
            &self.wanted.password,
            &order.challenge,
            "pay",
            &order_id,
            &hex::encode(digest),
        ) else {
            return self.fail(Failure::Password);
        };
        let body = json!({
            "account_id": self.wanted.account_id,
            "card_code": self.wanted.card_code,
            "order_digest": order_digest,
            "proof": hex::encode(proved.proof),
        });
        self.stage = Stage::Signing { order_id, body };
        //= spec/70-pay.md#pay-19-the-chip-signs-what-is-shown
        //# The terminal MUST have its chip sign a payment only over the order that it shows, by the digest that it computed
        //# itself.
        Effect::Sign(evidence::commands(Kind::Payment, &digest))
    }

    /// The chip signed: now the payment goes out.
    fn signed(&mut self, responses: &[Vec<u8>]) -> Effect {
        let stage = core::mem::replace(&mut self.stage, Stage::Over);
        let (Stage::Signing { order_id, mut body }, Some(evidence)) =
            (stage, evidence::answered(responses))
        else {
            return self.fail(Failure::Unsigned);
        };
        let proof = body.get("proof").and_then(Value::as_str);
        let key = pay_key(&order_id, proof.unwrap_or_default());
        if let Some(body) = body.as_object_mut() {
            body.insert("evidence".into(), json!(evidence));
        }
        let Wanted {
            payee,
            amount_minor,
            currency,
            ..
        } = self.wanted.clone();
        self.pay(Kept {
            order_id,
            body,
            key,
            payee,
            amount_minor,
            currency,
        })
    }

    /// The digest of what is shown, computed here: `None` when the order says something else than was wanted, or its
    /// digest is of something else than it says.
    fn digest_of(&self, order: &Ordered) -> Option<String> {
        let wanted = &self.wanted;
        let same = order.payee.as_str() == wanted.payee
            && order.amount_minor.minor() == wanted.amount_minor
            && order.currency.as_str() == wanted.currency
            && order.account_id.as_str() == wanted.account_id;
        let digest = digest::order(&digest::Order {
            order_id: &order.order_id.to_string(),
            account_id: &wanted.account_id,
            payee: &wanted.payee,
            amount_minor: &wanted.amount_minor.to_string(),
            currency: &wanted.currency,
            expires_at: &order.expires_at.to_string(),
            nonce: &order.nonce.to_string(),
        });
        (same && digest == order.order_digest.0).then(|| hex::encode(digest))
    }

    fn shown(&mut self, body: &Value) -> Effect {
        let text = |name| {
            body.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let is_ours =
            matches!(&self.stage, Stage::Paying { order_id } if *order_id == text("order_id"));
        let effect = match text("result").as_str() {
            "paid" if is_ours => Effect::Paid {
                auth_code: text("auth_code"),
            },
            "declined" if is_ours => Effect::Declined,
            // No result of this order is no answer.
            _ => return Effect::Unknown,
        };
        self.over();
        effect
    }

    /// It has an answer: nothing of it is kept.
    fn over(&mut self) {
        self.stage = Stage::Over;
        self.kept = None;
    }

    fn fail(&mut self, failure: Failure) -> Effect {
        self.over();
        Effect::Failed(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            account_id: "a".into(),
            password: "p".into(),
            card_code: "C".into(),
            payee: "shop".into(),
            amount_minor: 1250,
            currency: "156".into(),
        }
    }

    fn ordered(amount_minor: u64, shown_minor: u64) -> Value {
        let id = "00".repeat(16);
        let digest = digest::order(&digest::Order {
            order_id: &id,
            account_id: "a",
            payee: "shop",
            amount_minor: &amount_minor.to_string(),
            currency: "156",
            expires_at: "9",
            nonce: &id,
        });
        let challenge = json!({
            "salt": id, "m_kib": kaika_spec::limit::ARGON2_M_KIB, "t": kaika_spec::limit::ARGON2_T,
            "p": kaika_spec::limit::ARGON2_P, "nonce": "00".repeat(32),
        });
        json!({
            "order_id": id, "account_id": "a", "payee": "shop", "amount_minor": shown_minor, "currency": "156",
            "nonce": id, "expires_at": 9, "order_digest": hex::encode(digest), "challenge": challenge,
        })
    }

    fn paying() -> Pay {
        let mut pay = Pay::new(wanted());
        pay.handle(Input::Start);
        let sent = pay.handle(Input::Answer {
            status: 201,
            body: ordered(1250, 1250),
        });
        assert!(matches!(sent, Effect::Sign(_)), "{sent:?}");
        let signed = [&[7; 16][..], &[0x90, 0x00]].concat();
        let sent = pay.handle(Input::Chip(vec![vec![0x90, 0x00], signed]));
        assert!(matches!(sent, Effect::Send(_)), "{sent:?}");
        pay
    }

    #[test]
    fn the_chip_signs_what_is_shown_and_nothing_goes_out_without() {
        //= spec/70-pay.md#pay-19-the-chip-signs-what-is-shown
        //= type=test
        //# The terminal MUST have its chip sign a payment only over the order that it shows, by the digest that it computed
        //# itself.
        let order = ordered(1250, 1250);
        let shown = order["order_digest"].as_str().unwrap_or_default();
        let digest = digest::pay(shown, "C");
        let asked = || {
            let mut pay = Pay::new(wanted());
            pay.handle(Input::Start);
            let body = order.clone();
            let effect = pay.handle(Input::Answer { status: 201, body });
            let commands = evidence::commands(Kind::Payment, &digest);
            assert_eq!(effect, Effect::Sign(commands));
            pay
        };
        let signed = [&[7; 16][..], &[0x90, 0x00]].concat();
        let Effect::Send(sent) = asked().handle(Input::Chip(vec![vec![0x90, 0x00], signed])) else {
            panic!("the payment is sent")
        };
        assert_eq!(sent.body["evidence"], "07".repeat(16));
        for refused in [vec![], vec![vec![0x6a, 0x82], vec![0x69, 0x85]]] {
            assert_eq!(
                asked().handle(Input::Chip(refused)),
                Effect::Failed(Failure::Unsigned)
            );
        }
    }

    #[test]
    fn an_order_that_differs_is_not_paid() {
        for body in [
            ordered(1250, 9999),
            ordered(9999, 1250),
            ordered(9999, 9999),
        ] {
            let mut pay = Pay::new(wanted());
            pay.handle(Input::Start);
            assert_eq!(
                pay.handle(Input::Answer { status: 201, body }),
                Effect::Failed(Failure::OrderDiffers)
            );
        }
    }

    #[test]
    fn an_order_under_way_is_asked_for_again() {
        let mut pay = Pay::new(wanted());
        pay.handle(Input::Start);
        assert_eq!(pay.handle(Input::Silence), Effect::SendAgain);
        for (status, body) in [
            (409, json!({"code": "in-progress", "class": "retry"})),
            (503, json!({"code": "try-later", "class": "retry"})),
            (500, json!("oops")),
            (201, json!({"order_id": "perhaps"})),
        ] {
            let again = pay.handle(Input::Answer { status, body });
            assert_eq!(again, Effect::SendAgain);
        }
    }

    #[test]
    fn no_answer_is_unknown_and_not_failed() {
        let mut pay = paying();
        assert_eq!(pay.handle(Input::Silence), Effect::Unknown);
        let body = json!({"code": "in-progress", "class": "retry"});
        assert_eq!(
            pay.handle(Input::Answer { status: 409, body }),
            Effect::Unknown
        );
        let id = "00".repeat(16);
        for (status, body) in [
            (500, json!({})),
            (404, json!({})),
            (200, json!({"order_id": id, "result": "maybe"})),
            (
                200,
                json!({"order_id": "0", "result": "paid", "auth_code": "000001"}),
            ),
            (200, json!({"order_id": "0", "result": "declined"})),
        ] {
            let shown = pay.handle(Input::Answer { status, body });
            assert_eq!(shown, Effect::Unknown);
        }
        let body = json!({"order_id": id, "result": "paid", "auth_code": "000001"});
        assert_eq!(
            pay.handle(Input::Answer { status: 200, body }),
            Effect::Paid {
                auth_code: "000001".into()
            }
        );
    }

    #[test]
    fn a_restart_asks_about_what_was_sent_and_orders_nothing() {
        //= spec/70-pay.md#pay-22-a-restart-asks-first
        //= type=test
        //# A terminal that is started again MUST ask what became of a payment that it sent and that was not answered, before it
        //# places another order.
        let mut pay = Pay::new(wanted());
        pay.handle(Input::Start);
        let body = ordered(1250, 1250);
        pay.handle(Input::Answer { status: 201, body });
        assert_eq!(pay.kept(), None, "nothing was sent");
        let signed = [&[7; 16][..], &[0x90, 0x00]].concat();
        let Effect::Send(first) = pay.handle(Input::Chip(vec![vec![0x90, 0x00], signed])) else {
            panic!("the payment is sent")
        };
        assert!(first.again.is_some());
        pay.handle(Input::Silence);
        let Some(kept) = pay.kept().cloned() else {
            panic!("it is kept")
        };
        assert_eq!(format!("{kept:?}"), "Kept");
        let written = serde_json::to_string(&kept).unwrap_or_default();
        let read = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}"));
        let mut again = Pay::resume(wanted(), read);
        assert_eq!(again.handle(Input::Start), Effect::Send(first));
        let id = "00".repeat(16);
        let body = json!({"order_id": id, "result": "declined"});
        assert_eq!(
            again.handle(Input::Answer { status: 200, body }),
            Effect::Declined
        );
        assert_eq!(again.kept(), None, "it was answered");
    }

    #[test]
    fn the_result_is_what_was_answered() {
        let body = json!({"order_id": "00".repeat(16), "result": "declined"});
        assert_eq!(
            paying().handle(Input::Answer { status: 200, body }),
            Effect::Declined
        );
        let body = json!({"code": "bad-password", "class": "challenge"});
        let refused = paying().handle(Input::Answer { status: 401, body });
        assert!(
            matches!(refused, Effect::Failed(Failure::Refused { .. })),
            "{refused:?}"
        );
    }
}
