//! Debits and reversals, each debit with what its chip signs.

use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::AMOUNT;
use crate::script::{bind, evidence, fresh, get, known, named, post};

/// A debit with the digest and the evidence of what it says; its parts get names that begin with `name`.
pub(super) fn authorised(name: &str, mut body: Value) -> (Vec<Value>, Value) {
    let named_as = |what: &str| format!("{name}_{what}");
    let [id, digest, signed] = ["no", "digest", "evidence"].map(named_as);
    let mut steps = vec![named(&id, body["debit_id"].clone())];
    body["debit_id"] = known(&id);
    let order = json!({"$calc": {"fn": "order-digest", "args": {
        "order_id": known(&id), "account_id": body["account_id"], "payee": body["payee"],
        "amount_minor": body["amount_minor"].to_string(), "currency": body["currency"],
        "expires_at": body["expires_at"].to_string(), "nonce": body["nonce"],
    }}});
    let shown = json!({"$calc": {"fn": "pay-digest", "args": {
        "order_digest": known(&digest), "card_code": body["card_code"],
    }}});
    steps.extend([
        named(&digest, order),
        named(&signed, evidence("payment", shown)),
    ]);
    body["order_digest"] = known(&digest);
    body["evidence"] = known(&signed);
    (steps, body)
}

/// When an order of the payer ends: the issuer asks nobody what time it was.
const ENDS: i64 = 4_102_444_800_000;

pub(super) fn ordered(card: &str, agreement: &str, amount: u64) -> Value {
    json!({
        "debit_id": known("debit_id"), "card_code": known(card), "agreement": known(agreement), "account_id": "account-1",
        "payee": "book-shop", "amount_minor": amount, "currency": "156", "expires_at": ENDS, "nonce": known("order_nonce"),
    })
}

fn debit(changes: &[(&str, Value)], key: Value, accept: Value) -> Vec<Value> {
    let mut body = ordered("card_code", "agreement", AMOUNT);
    for (field, value) in changes {
        body[*field] = value.clone();
    }
    let (mut steps, body) = authorised("debit", body);
    steps.extend(sent_debit(body, key, accept));
    steps
}

/// A debit as it is.
pub(super) fn sent_debit(body: Value, key: Value, accept: Value) -> [Value; 4] {
    let mut sent = post(
        "verifier",
        "issuer",
        json!(["v1", "debits"]),
        known("debit_body"),
        accept,
    );
    sent["headers"] = json!({"Idempotency-Key": known("debit_try")});
    [
        named("debit_try", key),
        named("debit_body", body),
        sent,
        named("debit_key", known("debit_try")),
    ]
}

pub(super) fn debited(input: Input) -> Vec<Value> {
    let posted =
        json!({"debit_id": known("debit_id"), "result": "posted", "auth_code": bind("auth_code")});
    let as_before =
        json!({"debit_id": known("debit_id"), "result": "posted", "auth_code": known("auth_code")});
    let other = |field: &'static str, value: Value| {
        debit(
            &[("debit_id", fresh(16)), (field, value)],
            fresh(16),
            json!({}),
        )
    };
    let path = |rest: &[Value]| {
        let head = [json!("v1"), json!("debits"), known("debit_id")];
        Value::Array(head.into_iter().chain(rest.iter().cloned()).collect())
    };
    let reverse = |amount: u64| {
        vec![post(
            "verifier",
            "issuer",
            path(&[json!("reverse")]),
            json!({"amount_minor": amount}),
            json!({}),
        )]
    };
    match input {
        Input::Debit => debit(&[], fresh(16), posted),
        Input::DebitUnderIssueKey => debit(&[], known("issue_key"), posted),
        Input::DebitAgain => debit(&[], fresh(16), as_before),
        Input::DebitRepeat => debit(&[], known("debit_key"), as_before),
        Input::DebitConflict => debit(&[("amount_minor", json!(1251))], fresh(16), posted),
        Input::DebitAgreementWrong => other("agreement", json!("ABBBBBBBBBBBBBBBBBBBB")),
        Input::DebitTokenAsCode => other("card_code", json!("6299000000000009")),
        Input::DebitTokenAsAgreement => other("agreement", json!("6299000000000009")),
        Input::DebitUnknownCard => other("card_code", json!("CBBBBBBBBBBBBBBBBBBBB")),
        Input::DebitOverBalance => other("amount_minor", json!(limit::CARD_LIMIT_MINOR + 1)),
        Input::DebitOtherCurrency => other("currency", json!("840")),
        Input::DebitQuery => vec![get("verifier", "issuer", path(&[]), json!({}))],
        Input::Reverse => reverse(AMOUNT),
        Input::ReverseMore => reverse(AMOUNT + 1),
        _ => reverse(AMOUNT - 1),
    }
}
