//! What is judged before a body's meaning: headers, form, who may call; and enrolment by others than the operator.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{OURS, account};
use crate::script::{fresh, known, post};

/// The opening of a request, with headers that differ.
fn opening(headers: Value) -> Value {
    let mut step = OURS.open();
    step["headers"] = headers;
    step
}

fn header(name: &str, value: Value) -> Value {
    opening(json!({ name: value }))
}

/// The opening, with another body.
fn with_body(change: impl Fn(&mut Value)) -> Value {
    let mut step = OURS.open();
    change(&mut step["body"]);
    step
}

fn with_text(raw: Value) -> Value {
    let mut step = OURS.open();
    step["raw"] = raw;
    if let Some(step) = step.as_object_mut() {
        step.remove("body");
    }
    step
}

/// An enrolment of the account that there is, under another salt.
fn enrolment(from: &str) -> Value {
    let body = json!({
        "account_id": known("account_id"), "applicant": known("applicant"), "salt": fresh(16),
        "stored_key": fresh(32),
    });
    let accept = json!({"account_id": known("account_id")});
    post(from, "verifier", json!(["v1", "accounts"]), body, accept)
}

/// Somebody new, whose enrolment is not the operator's.
fn stranger_enrolled(from: &str, headers: Value) -> Vec<Value> {
    let mut steps = account("new_account", "applicant");
    steps.truncate(2);
    if let Some(sent) = steps.last_mut() {
        sent["from"] = json!(from);
        sent["headers"] = headers;
    }
    steps
}

pub(super) fn told(input: Input) -> Vec<Value> {
    match input {
        Input::EnrolUnsigned => stranger_enrolled("operator", json!({"Kaika-Mac": null})),
        Input::EnrolForged => stranger_enrolled("operator", json!({"Kaika-Mac": fresh(32)})),
        Input::EnrolTerminal => stranger_enrolled("terminal", json!({})),
        Input::EnrolAgain => vec![enrolment("operator")],
        _ => vec![first(input)],
    }
}

fn first(input: Input) -> Value {
    match input {
        Input::FrontRoute => elsewhere("nothing"),
        Input::FrontQuery => elsewhere("requests?all"),
        Input::FrontMethod => {
            let mut step = OURS.open();
            step["method"] = json!("PUT");
            step
        }
        Input::FrontMediaType => header("Content-Type", json!("text/plain")),
        Input::FrontTimeMissing => header("Kaika-Time", Value::Null),
        Input::FrontTimePast => header("Kaika-Time", json!("1000000000000")),
        Input::FrontTimeFuture => header("Kaika-Time", json!("9000000000000")),
        Input::FrontMacForm => header("Kaika-Mac", json!("zz")),
        Input::FrontCallerForm => header("Kaika-Caller", json!("nobody")),
        Input::FrontKeyMissing => header("Idempotency-Key", Value::Null),
        Input::FrontKeyShort => header("Idempotency-Key", fresh(15)),
        Input::FrontKeyForm => header("Idempotency-Key", json!("ABCDEFABCDEFABCDEFABCDEFABCDEFAB")),
        Input::FrontCallerOther => {
            let mut step = OURS.open();
            step["from"] = json!("operator");
            step
        }
        Input::FrontLong => with_text(json!({"$repeat": {"of": " ", "times": TOO_LONG}})),
        Input::FrontNoJson => with_text(json!("{")),
        Input::FrontFieldRepeated => with_text(json!(REPEATED)),
        Input::FrontFieldUnknown => with_body(|body| body["more"] = json!(1)),
        Input::FrontFieldMissing => with_body(|body| {
            body.as_object_mut().map(|body| body.remove("tos_version"));
        }),
        Input::FrontFieldType => with_body(|body| body["tos_version"] = json!(1)),
        _ => with_body(|body| body["account_id"] = json!("an account")),
    }
}

/// The opening, sent to another resource.
fn elsewhere(resource: &str) -> Value {
    let mut step = OURS.open();
    step["path"] = json!(["v1", resource]);
    step
}

const TOO_LONG: usize = kaika_spec::limit::BODY_MAX + 1;
const REPEATED: &str = r#"{"account_id":"a","account_id":"a","device_id":"d","se_id":"0000000000000001","product":"gold","tos_version":"1","terminal_nonce":"00000000000000000000000000000000"}"#;
