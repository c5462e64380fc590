//! What the verifier must have asked its peers, and in which words.

use kaika_model::role::verifier::Output;
use serde_json::{Value, json};

use crate::script::{Question, Questions, known};

/// The digest over all that the request binds.
fn context() -> Value {
    let applicant = json!({"$calc": {"fn": "applicant-digest", "args": known("applied")}});
    json!({"$calc": {"fn": "request-context", "args": {
        "request_id": known("request_id"), "account_id": known("account_id"), "device_id": "device-1",
        "se_id": known("se_id"), "applicant_digest": applicant, "product": "gold", "tos_version": "1",
        "terminal_nonce": known("terminal_nonce"), "verifier_nonce": known("verifier_nonce"),
    }}})
}

fn eligibility() -> Value {
    json!({
        "request_id": known("request_id"), "request_context": context(), "applicant": known("applied"), "product": "gold",
    })
}

fn matching() -> Value {
    let image = json!({"$any": null});
    json!({
        "request_id": known("request_id"), "request_context": context(), "applicant": known("applied"),
        "relying_party": "issuer", "front": known("front"), "back": known("back"), "frames": [image, image, image],
    })
}

fn issue(is_matched: bool) -> Value {
    let phone = json!({"$calc": {"fn": "phone-digest", "args": {"phone": known("phone")}}});
    let evidence = if is_matched {
        json!({"kind": "identity", "reference": known("reference")})
    } else {
        json!({
            "kind": "otp", "otp_id": known("otp_id"), "phone_digest": phone, "phone_version": 1,
            "verified_at": {"$any": null},
        })
    };
    json!({
        "request_id": known("request_id"), "request_context": context(), "eligibility_id": known("eligibility_id"),
        "applicant": known("applied"), "product": "gold", "account_id": known("account_id"), "device_id": "device-1",
        "se_id": known("se_id"), "evidence": evidence, "consent": known("consent"),
    })
}

fn provision() -> Value {
    json!({"binding_id": {"$hex": {"len": 16}}, "se_id": known("se_id"), "session": null, "responses": []})
}

pub(super) fn debit() -> Value {
    json!({
        "debit_id": known("order_id"), "card_code": known("card_code"), "agreement": known("agreement"),
        "account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1250, "currency": "156",
        "expires_at": known("order_ends"), "nonce": known("order_nonce"), "order_digest": known("order_digest"),
        "evidence": known("evidence"),
    })
}

/// Every question that some output stands for, asked or not.
pub(super) fn all(heard: &[Output]) -> Questions {
    let count = |wanted: Output| heard.iter().filter(|out| **out == wanted).count();
    let asked = |at, path, having, out, with: Value| Question {
        at,
        path,
        having,
        times: count(out),
        with: (count(out) > 0).then_some(with),
    };
    let is_matched = count(Output::AskMatch) > 0;
    vec![
        asked(
            "issuer",
            "/v1/eligibility",
            "request_id",
            Output::AskEligibility,
            eligibility(),
        ),
        asked(
            "identity",
            "/v1/matches",
            "request_id",
            Output::AskMatch,
            matching(),
        ),
        asked(
            "issuer",
            "/v1/issue",
            "eligibility_id",
            Output::AskIssue,
            issue(is_matched),
        ),
        asked(
            "issuer",
            "/v1/tokens",
            "token_ref",
            Output::AskProvision,
            provision(),
        ),
        asked(
            "issuer",
            "/v1/debits",
            "order_id",
            Output::AskDebit,
            debit(),
        ),
    ]
}
