//! Messages that a verifier sends on its own: what the chip signed is missing, another chip's, or over something else.

use kaika_model::role::issuer::Input;
use serde_json::{Value, json};

use super::debit::{authorised, ordered, sent_debit};
use super::{AMOUNT, spoilt};
use crate::script::{evidence, fresh, known, named};

/// What another chip of the issuer signs over the same.
fn another_chips(kind: &str, digest: Value) -> Value {
    let mut signed = evidence(kind, digest);
    signed["$calc"]["args"]["se_id"] = known("other_chip");
    signed
}

fn other_chip() -> Value {
    named("other_chip", fresh(8))
}

pub(super) fn said(input: Input, branch: &str) -> Vec<Value> {
    let context = || known("request_context");
    match input {
        Input::IssueConsentMissing => spoilt(branch, "consent", Value::Null),
        Input::IssueConsentWrong => {
            let mut steps = vec![other_chip()];
            let consent = another_chips("consent", context());
            steps.extend(spoilt(branch, "consent", consent));
            steps
        }
        Input::IssueConsentOther => spoilt(branch, "consent", evidence("consent", fresh(32))),
        Input::IssueConsentPayment => spoilt(branch, "consent", evidence("payment", context())),
        Input::IssueChipSwapped => spoilt(branch, "se_id", fresh(8)),
        _ => debited(input),
    }
}

/// A debit under an id of its own, with everything right but what was signed.
fn debited(input: Input) -> Vec<Value> {
    let mut shown = ordered("card_code", "agreement", AMOUNT);
    shown["debit_id"] = fresh(16);
    let (mut steps, mut body) = authorised("unsigned", shown);
    let digest = |card: Value| json!({"$calc": {"fn": "pay-digest", "args": {"order_digest": known("unsigned_digest"), "card_code": card}}});
    match input {
        Input::DebitEvidenceMissing => body["evidence"] = Value::Null,
        Input::DebitEvidenceWrong => {
            steps.push(other_chip());
            body["evidence"] = another_chips("payment", digest(known("card_code")));
        }
        Input::DebitEvidenceOtherCard => {
            let other = digest(json!("CBBBBBBBBBBBBBBBBBBBB"));
            body["evidence"] = evidence("payment", other);
        }
        Input::DebitEvidenceConsent => {
            body["evidence"] = evidence("consent", digest(known("card_code")));
        }
        Input::DebitEvidenceOtherOrder | Input::DebitEvidenceOtherAmount => {
            let mut other = body.clone();
            if input == Input::DebitEvidenceOtherAmount {
                other["amount_minor"] = json!(AMOUNT - 1);
            } else {
                other["debit_id"] = fresh(16);
            }
            let (more, other) = authorised("other", other);
            steps.extend(more);
            body["evidence"] = other["evidence"].clone();
        }
        _ => body["amount_minor"] = json!(AMOUNT - 1),
    }
    steps.extend(sent_debit(body, fresh(16), json!({})));
    steps
}
