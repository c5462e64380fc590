//! Answers of peers that come after something else was said.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{APPLIED, CARD, FIRST, START, bad, parts, say, state};
use crate::script::{Act, Scene, known};
use crate::verifier::{issue, known_customer, ours, pay, prove, refusal};

pub(super) fn scenes() -> Vec<Scene> {
    let unheard = json!({
        "op": "asked", "at": "sms", "path": "/v1/messages", "having": known("phone"), "times": 0,
    });
    let scene = |name: &str, before: &[&[Input]], late: Vec<Value>, more: Vec<Act>| {
        let post = [vec![state("cancelled", "cancelled")], more].concat();
        let acts = [parts(before), say(late)];
        bad(&format!("late/{name}"), "APP-15", &acts, post)
    };
    let mut frames = prove::shown(prove::scored(), &prove::VIDEO, prove::ALL);
    let shown = frames.pop().unwrap_or_default();
    frames.push(cancelled(
        shown,
        "identity",
        json!(["v1", "matches"]),
        "request_id",
    ));
    vec![
        scene(
            "eligibility",
            &[APPLIED],
            applicant("issuer", json!(["v1", "eligibility"]), "applicant.id_no"),
            say(vec![unheard]),
        ),
        scene(
            "code",
            &[APPLIED],
            applicant("sms", json!(["v1", "messages"]), "phone"),
            Vec::new(),
        ),
        scene("match", &[FIRST], frames, Vec::new()),
        scene(
            "issued",
            &[START, &[Input::Otp]],
            input(Input::Issue, json!(["v1", "issue"]), "request_id"),
            Vec::new(),
        ),
        scene(
            "provisioned",
            &[START, CARD],
            input(
                Input::ProvisionDone,
                json!(["v1", "tokens", known("token_ref"), "provision"]),
                "token_ref",
            ),
            Vec::new(),
        ),
        debit(),
    ]
}

/// A first try is answered "declined", after a second one was answered "posted".
fn debit() -> Scene {
    let mut declined = pay::told(Input::PayDeclined);
    let bound = declined.split_off(declined.len() - 2);
    let sent = declined.pop().unwrap_or_default();
    let path = json!(["v1", "debits"]);
    let again = pay::told(Input::PayAgain);
    declined.push(meanwhile(
        sent,
        "wrong-order",
        "issuer",
        path,
        "order_id",
        again,
    ));
    declined.extend(bound);
    bad(
        "late/debit",
        "WIR-12",
        &[parts(&[START, CARD, &[Input::Order]]), say(declined)],
        vec![Act::Say(vec![pay::shown("paid")])],
    )
}

/// The applicant is given, and some peer that is asked because of it is late.
fn applicant(at: &str, path: Value, having: &str) -> Vec<Value> {
    let body = json!({"applicant": known("applicant")});
    let sent = ours(&["applicant"], body, json!({}));
    vec![
        known_customer("applicant", "phone"),
        cancelled(sent, at, path, having),
    ]
}

/// The steps of an input, whose message waits for the issuer.
fn input(input: Input, path: Value, having: &str) -> Vec<Value> {
    let mut steps = issue::told(input);
    let sent = steps.pop().unwrap_or_default();
    steps.push(cancelled(sent, "issuer", path, having));
    steps
}

/// The message is refused, since its request is cancelled before the peer answers.
fn cancelled(sent: Value, at: &str, path: Value, having: &str) -> Value {
    let cancel = issue::told(Input::Cancel);
    meanwhile(sent, "wrong-order", at, path, having, cancel)
}

fn meanwhile(
    mut sent: Value,
    refused: &str,
    at: &str,
    path: Value,
    having: &str,
    steps: Vec<Value>,
) -> Value {
    if let Some(sent) = sent.as_object_mut() {
        sent.remove("op");
        sent.insert("expect".to_owned(), refusal(refused));
    }
    json!({"op": "meanwhile", "send": sent, "at": at, "path": path, "having": known(having), "steps": steps})
}
