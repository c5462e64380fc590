//! Opening a request, proving the password, naming the applicant.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{
    OTHER, OURS, PASSWORD, capture, challenge, code_sent, decided, first_card, known_customer,
    ours, refusal, under, unsigned,
};
use crate::script::{bind, concat, digits, fresh, known, named, post, stranger};

fn password(password: &str, purpose: &str) -> Vec<Value> {
    vec![
        OURS.proof(password, purpose),
        OURS.prove("made"),
        named("session", known("made.session")),
    ]
}

/// An account that nobody enrolled: asked twice, it has one salt, and no proof holds.
fn unknown_account() -> Vec<Value> {
    let open = |salt: Value, name: &str| {
        let mut body = OURS.open_body();
        body["account_id"] = known("nobody");
        let challenge = json!({"$bind": {"as": name, "match": challenge(salt)}});
        let accept = json!({"request_id": bind("other_request"), "challenge": challenge});
        post(
            "terminal",
            "verifier",
            json!(["v1", "requests"]),
            body,
            accept,
        )
    };
    vec![
        named("nobody", concat(json!(["nobody-", digits(12)]))),
        open(json!({"$hex": {"len": 16}}), "first_challenge"),
        open(known("first_challenge.salt"), "other_challenge"),
        named("other_nonce", known("terminal_nonce")),
        OTHER.proof(PASSWORD, "apply"),
        OTHER.prove("other_made"),
    ]
}

/// The applicant with every field in its place.
pub(super) fn spelt() -> Value {
    json!({
        "name": known("applicant.name"), "id_type": known("applicant.id_type"), "id_no": known("applicant.id_no"),
        "id_valid_to": known("applicant.id_valid_to"),
    })
}

/// Another person's details in one field.
fn differs(field: &str, value: Value) -> Value {
    let mut who = spelt();
    who[field] = value;
    who
}

fn applicant(who: Value, accept: Value) -> Value {
    ours(&["applicant"], json!({ "applicant": who }), accept)
}

/// An applicant whose message can be repeated.
fn kept(who: Value, accept: Value) -> Vec<Value> {
    vec![
        named("applicant_try", fresh(16)),
        named("applying", who),
        under(applicant(known("applying"), accept), "applicant_try"),
        named("applicant_key", known("applicant_try")),
        named("applied", known("applying")),
    ]
}

/// As [`kept`], for a person whom the issuer knows.
fn with_code(who: Value) -> Vec<Value> {
    let mut steps = vec![known_customer("applicant", "phone")];
    steps.extend(kept(who, code_sent("otp", json!(2))));
    steps.extend([
        named("first_otp", known("otp")),
        named("otp_id", known("otp.otp_id")),
        capture("phone", "code"),
    ]);
    steps
}

pub(super) fn told(input: Input) -> Vec<Value> {
    match input {
        Input::Open => vec![under(OURS.open(), "open_key")],
        Input::OpenConflict => {
            let mut sent = OURS.open();
            sent["body"]["product"] = json!("silver");
            vec![under(sent, "open_key")]
        }
        Input::Password => password(PASSWORD, "apply"),
        Input::PasswordWrong => password("another password", "apply"),
        Input::PasswordPay => password(PASSWORD, "pay"),
        Input::PasswordUnknown => unknown_account(),
        Input::PasswordReplayed => vec![
            named("other_nonce", fresh(16)),
            OTHER.open(),
            OTHER.proof(PASSWORD, "apply"),
            OURS.prove("other_made"),
        ],
        Input::Unsigned => unsigned(&["applicant"], json!({"applicant": known("applicant")})),
        _ => applied(input),
    }
}

fn applied(input: Input) -> Vec<Value> {
    let again = |who: Value| {
        let accept = json!({"next": "otp", "otp": known("first_otp")});
        under(applicant(who, accept), "applicant_key")
    };
    match input {
        Input::ApplicantKnown => with_code(known("applicant")),
        Input::ApplicantRenewed => with_code(differs("id_valid_to", json!("2041-01-01"))),
        Input::ApplicantFirst => {
            let mut steps = vec![first_card()];
            let accept = json!({"next": "id-photos", "policy_id": bind("policy_id")});
            steps.extend(kept(known("applicant"), accept));
            steps
        }
        Input::ApplicantIneligible => vec![
            decided("applicant", refusal("ineligible")),
            applicant(known("applicant"), json!({})),
        ],
        Input::ApplicantSilent => vec![
            decided("applicant", refusal("range-exhausted")),
            applicant(known("applicant"), json!({})),
        ],
        Input::ApplicantOther => vec![applicant(stranger(), json!({}))],
        Input::ApplicantOtherName => vec![
            known_customer("applicant", "phone"),
            applicant(differs("name", json!("Wang Daming")), json!({})),
        ],
        Input::ApplicantOtherKind => vec![
            known_customer("applicant", "phone"),
            applicant(differs("id_type", json!("passport")), json!({})),
        ],
        Input::ApplicantRepeat => vec![again(known("applied"))],
        Input::ApplicantConflict => vec![again(stranger())],
        Input::ApplicantRepeatUnsigned => {
            let mut sent = again(known("applied"));
            sent["session"] = known("no_session");
            vec![named("no_session", fresh(32)), sent]
        }
        _ => vec![applicant(json!({"name": "Wang Xiaoming"}), json!({}))],
    }
}
