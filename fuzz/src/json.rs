//! JSON messages against three laws: what is read is written and read again alike, and neither an unknown field nor a
//! repeated one is taken.

use kaika_wire::messages::{Applicant, identity, issuer, verifier};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A reader of one kind of message: its JSON written again, when it is one.
pub type Reader = fn(&[u8]) -> Option<Value>;

fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<Value> {
    let message: T = serde_json::from_slice(bytes).ok()?;
    serde_json::to_value(&message).ok()
}

/// Every message that a server reads, by what it is called here.
pub const READERS: &[(&str, Reader)] = &[
    ("applicant", read::<Applicant>),
    ("open", read::<verifier::OpenRequest>),
    ("password", read::<verifier::PasswordRequest>),
    ("applicant request", read::<verifier::ApplicantRequest>),
    ("otp", read::<verifier::OtpRequest>),
    ("photos", read::<verifier::PhotosRequest>),
    ("frames", read::<verifier::FramesRequest>),
    ("order", read::<verifier::OrderRequest>),
    ("consent", read::<verifier::IssueRequest>),
    ("pay", read::<verifier::PayRequest>),
    ("customer", read::<issuer::CustomerRequest>),
    ("eligibility", read::<issuer::EligibilityRequest>),
    ("issue", read::<issuer::IssueRequest>),
    ("provision", read::<issuer::ProvisionRequest>),
    ("debit", read::<issuer::DebitRequest>),
    ("reverse", read::<issuer::ReverseRequest>),
    ("card status", read::<issuer::CardStatusRequest>),
    ("match", read::<identity::MatchRequest>),
    ("score", read::<identity::ScoreRequest>),
];

/// Fuzz body: the bytes as every kind of message.
pub fn wire_json(data: &[u8]) {
    for (name, reader) in READERS {
        laws(name, *reader, data);
    }
}

/// The laws for one reader.
///
/// # Panics
/// When it breaks one: that is the finding.
pub fn laws(name: &str, reader: Reader, data: &[u8]) {
    let Some(first) = reader(data) else {
        return;
    };
    let again = reader(first.to_string().as_bytes());
    assert_eq!(again.as_ref(), Some(&first), "{name}: not read again alike");
    let Some((key, value)) = first.as_object().and_then(|map| map.iter().next()) else {
        return;
    };
    let inside = first.to_string();
    let inside = inside.trim_start_matches('{');
    let unknown = format!("{{\"no_such_field\":1,{inside}");
    assert!(
        reader(unknown.as_bytes()).is_none(),
        "{name}: takes an unknown field"
    );
    let twice = format!("{{\"{key}\":{value},{inside}");
    assert!(
        reader(twice.as_bytes()).is_none(),
        "{name}: takes {key} twice"
    );
}
