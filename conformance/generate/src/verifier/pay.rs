//! Orders and payments, as the terminal sends them and the issuer answers.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{PASSWORD, account, arrange, body, letters, refusal};
use crate::script::{bind, concat, fresh, get, known, named, post, stranger};

fn order_made(names: [&str; 3], key: Option<&str>) -> Value {
    let [order, digest, challenge] = names;
    let sent = json!({"account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1250, "currency": "156"});
    let accept = json!({
        "order_id": bind(order), "order_digest": bind(digest), "challenge": bind(challenge), "payee": "book-shop",
        "amount_minor": 1250, "currency": "156",
    });
    let mut step = post(
        "terminal",
        "verifier",
        json!(["v1", "orders"]),
        sent,
        accept,
    );
    if let Some(key) = key {
        step["headers"] = json!({"Idempotency-Key": known(key)});
    }
    step
}

/// What differs in a payment.
struct Payment {
    account: &'static str,
    card: &'static str,
    password: &'static str,
    subject: &'static str,
    digest: &'static str,
    challenge: &'static str,
    shown: Value,
}

impl Default for Payment {
    fn default() -> Self {
        Self {
            account: "account_id",
            card: "card_code",
            password: PASSWORD,
            subject: "order_id",
            digest: "order_digest",
            challenge: "order_challenge",
            shown: known("order_digest"),
        }
    }
}

fn pay(payment: &Payment, accept: Value) -> Vec<Value> {
    let digest = json!({"$calc": {"fn": "pay-digest", "args": {
        "order_digest": known(payment.digest), "card_code": known(payment.card),
    }}});
    let proof = json!({"$calc": {"fn": "proof", "args": {
        "password": payment.password, "challenge": known(payment.challenge), "purpose": "pay",
        "subject": known(payment.subject), "digest": digest,
    }}});
    let sent = json!({
        "account_id": known(payment.account), "card_code": known(payment.card), "order_digest": payment.shown,
        "proof": known("pay_made.proof"),
    });
    vec![
        named("pay_made", proof),
        named("pay_try", fresh(16)),
        named("pay_sent", sent),
        paying("pay_try", "pay_sent", accept),
        named("pay_key", known("pay_try")),
        named("pay_body", known("pay_sent")),
    ]
}

fn paying(key: &str, body: &str, accept: Value) -> Value {
    let path = json!(["v1", "orders", known("order_id"), "pay"]);
    let mut step = post("terminal", "verifier", path, known(body), accept);
    step["headers"] = json!({"Idempotency-Key": known(key)});
    step
}

fn debited(answer: Value) -> Value {
    arrange("issuer", json!(["v1", "debits"]), known("order_id"), answer)
}

pub(super) fn paid(input: Input) -> Vec<Value> {
    let posted = || {
        debited(body(
            json!({"debit_id": known("order_id"), "result": "posted", "auth_code": "A1B2C3"}),
        ))
    };
    let done = json!({"order_id": known("order_id"), "result": "paid"});
    let after = |first: Vec<Value>, payment: Payment| {
        let mut steps = first;
        steps.push(posted());
        steps.extend(pay(&payment, done.clone()));
        steps
    };
    let answered = |answer: Value, accept: Value| {
        let mut steps = vec![debited(answer)];
        steps.extend(pay(&Payment::default(), accept));
        steps
    };
    match input {
        Input::Order => vec![order_made(
            ["order_id", "order_digest", "order_challenge"],
            Some("order_key"),
        )],
        Input::Pay | Input::PayAgain => after(vec![], Payment::default()),
        Input::PayDeclined => answered(
            refusal("insufficient"),
            json!({"order_id": known("order_id"), "result": "declined"}),
        ),
        Input::PaySilent => answered(refusal("in-progress"), json!({})),
        Input::PayWrongDigest => after(
            vec![named("wrong_digest", fresh(32))],
            Payment {
                digest: "wrong_digest",
                shown: known("wrong_digest"),
                ..Payment::default()
            },
        ),
        Input::PayProofOtherOrder => after(
            vec![order_made(
                ["other_order", "other_digest", "other_order_challenge"],
                None,
            )],
            Payment {
                subject: "other_order",
                digest: "other_digest",
                challenge: "other_order_challenge",
                ..Payment::default()
            },
        ),
        Input::PayOtherAccount => {
            let mut first = vec![named("other_person", stranger())];
            first.extend(account("other_account", "other_person"));
            after(
                first,
                Payment {
                    account: "other_account",
                    ..Payment::default()
                },
            )
        }
        Input::PayForeignCard => after(
            vec![named("foreign_card", concat(json!(["C", letters(20)])))],
            Payment {
                card: "foreign_card",
                ..Payment::default()
            },
        ),
        Input::PayPasswordWrong => after(
            vec![],
            Payment {
                password: "another password",
                ..Payment::default()
            },
        ),
        Input::PayRepeat => vec![paying("pay_key", "pay_body", done)],
        _ => vec![get(
            "terminal",
            "verifier",
            json!(["v1", "orders", known("order_id")]),
            json!({}),
        )],
    }
}
