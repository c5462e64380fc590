//! A key that was refused for a passing reason, one key in two places, a second try with another card.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{APPLIED, CARD, START, another_typed, good, parts, refused, say, state};
use crate::script::{Scene, concat, fresh, known, named};
use crate::verifier::{
    OTHER, arrange, body, code_sent, decided, known_customer, letters, ours, pay, refusal, under,
    wish,
};

pub(super) fn scenes() -> Vec<Scene> {
    let malformed = |mut sent: Value| {
        sent["body"] = json!({"applicant": {"name": "Wang Xiaoming"}});
        sent
    };
    let stale = |mut sent: Value| {
        sent["headers"]["Kaika-Time"] = json!("1000000000000");
        sent
    };
    let unsigned = |mut sent: Value| {
        sent["session"] = known("no_session");
        sent
    };
    vec![
        passing("malformed", malformed),
        passing("stale-time", stale),
        passing("bad-signature", unsigned),
        silent(),
        two_places(),
        second_card(),
        unreadable(),
        good(
            "again/closed at the issuer",
            "APP-13",
            &[
                parts(&[START, &[Input::Otp]]),
                say(declined("request-tombstoned", "request-tombstoned")),
                vec![state("refused", "none")],
            ],
        ),
        good(
            "again/ineligible at the issuer",
            "ISS-1",
            &[
                parts(&[START, &[Input::Otp]]),
                say(declined("ineligible", "ineligible")),
                vec![state("refused", "none")],
            ],
        ),
    ]
}

/// The issuer refuses to issue with one name; the terminal is told another.
fn declined(by_issuer: &str, told: &str) -> Vec<Value> {
    let path = json!(["v1", "issue"]);
    let answer = refusal(by_issuer);
    let mut sent = ours(&["issue"], wish(), json!({}));
    sent["expect"] = refusal(told);
    vec![arrange("issuer", path, known("request_id"), answer), sent]
}

fn applicant() -> Value {
    let body = json!({"applicant": known("applicant")});
    let sent = ours(&["applicant"], body, code_sent("otp", json!(2)));
    under(sent, "one_key")
}

fn keyed(refused: &str, change: impl Fn(Value) -> Value) -> Vec<Value> {
    let mut first = change(applicant());
    first["expect"] = refusal(refused);
    vec![
        named("one_key", fresh(16)),
        named("no_session", fresh(32)),
        known_customer("applicant", "phone"),
        first,
        applicant(),
    ]
}

/// What is refused in passing is not remembered: the right message passes under the same key.
fn passing(refused: &str, change: impl Fn(Value) -> Value) -> Scene {
    good(
        &format!("again/after {refused}"),
        "WIR-6",
        &[parts(&[APPLIED]), say(keyed(refused, change))],
    )
}

fn silent() -> Scene {
    let mut steps = keyed("in-progress", |sent| sent);
    let first = steps.iter().position(|step| step["op"] == "arrange");
    let first = first.unwrap_or_default();
    let good = std::mem::replace(
        &mut steps[first],
        decided("applicant", refusal("range-exhausted")),
    );
    steps.insert(steps.len() - 1, good);
    super::good(
        "again/after in-progress",
        "WIR-6",
        &[parts(&[APPLIED]), say(steps)],
    )
}

/// Two requests are cancelled under one key.
fn two_places() -> Scene {
    let cancelled = json!({"next": "cancelled"});
    let arranged = |request: &str| {
        let path = json!(["v1", "issue", known(request), "compensate"]);
        arrange(
            "issuer",
            path,
            known(request),
            body(json!({"outcome": "tombstoned"})),
        )
    };
    let mut steps = another_typed();
    let shown =
        json!({"request_id": known("other_request"), "state": "cancelled", "next": "cancelled"});
    let path = json!(["v1", "requests", known("other_request")]);
    steps.extend([
        named("one_key", fresh(16)),
        arranged("request_id"),
        under(ours(&["cancel"], json!({}), cancelled.clone()), "one_key"),
        arranged("other_request"),
        under(OTHER.signed(&["cancel"], json!({}), cancelled), "one_key"),
        crate::script::get("terminal", "verifier", path, shown),
    ]);
    good(
        "again/one key in two places",
        "WIR-6",
        &[parts(&[START]), say(steps)],
    )
}

/// An answer that cannot be read settles nothing; the next one does.
fn unreadable() -> Scene {
    let mut steps = pay::told(Input::PayUnheard);
    if let Some(answer) = steps.iter_mut().find(|step| step["op"] == "arrange") {
        *answer = pay::debited(body(
            json!({"debit_id": known("order_id"), "result": "posted"}),
        ));
    }
    let sent = steps.iter().rposition(|step| step["op"] == "send");
    if let Some(sent) = sent.and_then(|at| steps.get_mut(at)) {
        sent["expect"] = refusal("in-progress");
    }
    steps.push(pay::shown("pending"));
    let acts = [
        parts(&[START, CARD, &[Input::Order]]),
        say(steps),
        parts(&[&[Input::Pay]]),
    ];
    good("again/an answer nobody can read", "PAY-13", &acts)
}

/// A debit that was not answered is asked again as it was, though the payer names another card now.
fn second_card() -> Scene {
    let issued = json!({
        "request_id": known("other_request"), "card_code": known("second_card"),
        "agreement": concat(json!(["A", letters(20)])), "token_ref": fresh(16), "token_state": "inactive",
    });
    let mut steps = another_typed();
    steps.extend([
        named("second_card", concat(json!(["C", letters(20)]))),
        arrange(
            "issuer",
            json!(["v1", "issue"]),
            known("other_request"),
            body(issued),
        ),
        OTHER.signed(
            &["issue"],
            wish(),
            json!({"next": "provision", "card_code": known("second_card")}),
        ),
    ]);
    steps.extend(pay::with_card("second_card"));
    steps.push(json!({
        "op": "asked", "at": "issuer", "path": "/v1/debits", "having": known("order_id"), "times": 2,
        "with": super::super::questions::debit(),
    }));
    let ordered = [
        parts(&[START, CARD, &[Input::Order]]),
        vec![refused(Input::PaySilent, "in-progress")],
        say(steps),
    ];
    good("again/a second card", "PAY-6", &ordered)
}
