//! Orders and payments, as the terminal sends them and the issuer answers.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{
    PASSWORD, SALT, THEIRS, account, arrange, body, capture, challenge, code_sent, known_customer,
    letters, phone, refusal, under, wish,
};
use crate::script::{bind, concat, fresh, get, known, named, post, stranger};

/// An order, and the digest that follows from what the terminal is shown.
fn order_made(names: [&str; 3], key: Option<&str>) -> Vec<Value> {
    let [order, digest, order_challenge] = names;
    let [nonce, ends] = if order == "order_id" {
        ["order_nonce", "order_ends"]
    } else {
        ["other_order_nonce", "other_order_ends"]
    };
    let sent = json!({"account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1250, "currency": "156"});
    let made = json!({"$bind": {"as": order_challenge, "match": challenge(json!(SALT))}});
    let accept = json!({
        "order_id": bind(order), "account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1250,
        "currency": "156", "nonce": bind(nonce), "expires_at": bind(ends),
        "order_digest": {"$hex": {"len": 32}}, "challenge": made,
    });
    let path = json!(["v1", "orders"]);
    let step = post("terminal", "verifier", path, sent, accept);
    let ends = concat(json!([known(ends)]));
    let shown = json!({"$calc": {"fn": "order-digest", "args": {
        "order_id": known(order), "account_id": known("account_id"), "payee": "book-shop", "amount_minor": "1250",
        "currency": "156", "expires_at": ends, "nonce": known(nonce),
    }}});
    let step = match key {
        Some(key) => under(step, key),
        None => step,
    };
    vec![step, named(digest, shown)]
}

/// The same key for another order.
fn order_conflict() -> Value {
    let sent = json!({"account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1251, "currency": "156"});
    let step = post(
        "terminal",
        "verifier",
        json!(["v1", "orders"]),
        sent,
        json!({}),
    );
    under(step, "order_key")
}

/// Another person gets a card.
fn their_card() -> Vec<Value> {
    let mut steps = vec![
        named("other_person", stranger()),
        named("other_phone", phone()),
        named("foreign_card", concat(json!(["C", letters(20)]))),
    ];
    steps.extend(account("other_account", "other_person"));
    steps.push(known_customer("other_person", "other_phone"));
    steps.extend(THEIRS.applied("other_person", code_sent("other_otp", json!(2))));
    let typed = json!({"otp_id": known("other_otp.otp_id"), "code": known("other_code")});
    let issued = json!({
        "request_id": known("other_request"), "card_code": known("foreign_card"),
        "agreement": concat(json!(["A", letters(20)])), "token_ref": fresh(16), "token_state": "inactive",
    });
    let path = json!(["v1", "issue"]);
    let card = json!({"next": "provision", "card_code": known("foreign_card")});
    steps.extend([
        capture("other_phone", "other_code"),
        THEIRS.signed(&["otp"], typed, json!({"next": "issue"})),
        arrange("issuer", path, known("other_request"), body(issued)),
        THEIRS.signed(&["issue"], wish(), card),
    ]);
    steps
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
        "proof": known("pay_made.proof"), "evidence": known("evidence"),
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
    under(post("terminal", "verifier", path, known(body), accept), key)
}

pub(super) fn debited(answer: Value) -> Value {
    arrange("issuer", json!(["v1", "debits"]), known("order_id"), answer)
}

/// The order is paid with the card of this name.
pub(super) fn with_card(card: &'static str) -> Vec<Value> {
    let posted = json!({"debit_id": known("order_id"), "result": "posted", "auth_code": "A1B2C3"});
    let mut steps = vec![debited(body(posted))];
    let done = json!({"order_id": known("order_id"), "result": "paid", "auth_code": "A1B2C3"});
    let payment = Payment {
        card,
        ..Payment::default()
    };
    steps.extend(pay(&payment, done));
    steps
}

/// What the order shows.
pub(super) fn shown(result: &str) -> Value {
    let path = json!(["v1", "orders", known("order_id")]);
    let accept = json!({"order_id": known("order_id"), "result": result});
    get("terminal", "verifier", path, accept)
}

pub(super) fn told(input: Input) -> Vec<Value> {
    let posted = || {
        debited(body(
            json!({"debit_id": known("order_id"), "result": "posted", "auth_code": "A1B2C3"}),
        ))
    };
    let done = json!({"order_id": known("order_id"), "result": "paid", "auth_code": "A1B2C3"});
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
        Input::Order => order_made(
            ["order_id", "order_digest", "order_challenge"],
            Some("order_key"),
        ),
        Input::OrderConflict => vec![order_conflict()],
        Input::Pay | Input::PayAgain => after(vec![], Payment::default()),
        Input::PayDeclined => answered(
            refusal("insufficient"),
            json!({"order_id": known("order_id"), "result": "declined"}),
        ),
        Input::PayUnknownCard => answered(
            refusal("unknown-card"),
            json!({"order_id": known("order_id"), "result": "declined"}),
        ),
        Input::PaySilent => answered(refusal("range-exhausted"), json!({})),
        Input::PayUnheard => answered(refusal("bad-signature"), json!({})),
        Input::PayWrongDigest => after(
            vec![named("wrong_digest", fresh(32))],
            Payment {
                digest: "wrong_digest",
                shown: known("wrong_digest"),
                ..Payment::default()
            },
        ),
        Input::PayProofOtherOrder => after(
            order_made(
                ["other_order", "other_digest", "other_order_challenge"],
                None,
            ),
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
            their_card(),
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
        Input::PayConflict => vec![
            named(
                "pay_other",
                json!({
                    "account_id": known("account_id"), "card_code": known("card_code"),
                    "order_digest": known("order_digest"), "proof": fresh(32), "evidence": known("evidence"),
                }),
            ),
            paying("pay_key", "pay_other", done),
        ],
        _ => vec![get(
            "terminal",
            "verifier",
            json!(["v1", "orders", known("order_id")]),
            json!({}),
        )],
    }
}
