//! What the answers of peers mean: a good one, a refusal of theirs as one of ours, or silence.

use kaika_spec::Refusal;
use serde_json::Value;

/// The answer to a call.
pub(crate) enum Answer<'a> {
    /// A good one.
    Good(&'a Value),
    /// The peer refuses, and that is final.
    Refused(Refusal),
    /// Nobody knows yet: to be asked again.
    Silent,
}

/// Reads an answer. Which refusal of ours a peer's code becomes stands in `spec/90-wire.md`.
pub(crate) fn read(status: u16, body: &Value) -> Answer<'_> {
    match status {
        200..=299 => Answer::Good(body),
        400..=499 => refused(body.get("code").and_then(Value::as_str).unwrap_or_default()),
        _ => Answer::Silent,
    }
}

fn refused(code: &str) -> Answer<'static> {
    match code {
        "in-progress" | "try-later" | "stale-time" => Answer::Silent,
        "ineligible" => Answer::Refused(Refusal::Ineligible),
        "evidence-refused" => Answer::Refused(Refusal::EvidenceMismatch),
        "personalisation-failed" => Answer::Refused(Refusal::PersonalisationFailed),
        "receipt-invalid" => Answer::Refused(Refusal::ReceiptInvalid),
        "request-closed" => Answer::Refused(Refusal::RequestTombstoned),
        _ => Answer::Refused(Refusal::PreverifyFailed),
    }
}
