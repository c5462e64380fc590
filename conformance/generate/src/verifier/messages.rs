//! Where each message of the verifier is right, and which letters give its fields another's or an older value.

use kaika_model::role::verifier::Input;

use super::scenes::{APPLIED, CARD, FIRST, START};
use crate::fields::{Bound, Message, Shown};

/// Every message of terminal and operator with a body.
pub(super) fn all() -> Vec<Message<Input>> {
    let message = |schema, way: &[&[Input]], said: Input| Message {
        name: schema,
        schema,
        below: "",
        way: way.concat(),
        part: said.to_string(),
        shown: Shown::Itself,
        feature: None,
    };
    let account = Message {
        name: "AccountEnrol",
        schema: "AccountEnrol",
        below: "",
        way: Vec::new(),
        part: super::NEW_ACCOUNT.to_owned(),
        shown: Shown::Itself,
        feature: None,
    };
    let empty = |name, way: &[Input], said: Input| Message {
        name,
        schema: "Empty",
        below: "",
        way: way.to_vec(),
        part: said.to_string(),
        shown: Shown::Itself,
        feature: None,
    };
    let waited = [START, &[Input::AdvanceResend]].concat();
    let photos = [Input::Open, Input::Password, Input::ApplicantFirst];
    let proven = [Input::Otp];
    vec![
        account,
        message("RequestOpen", &[], Input::Open),
        message("PasswordProve", &[&[Input::Open]], Input::Password),
        message("ApplicantGive", &[APPLIED], Input::ApplicantKnown),
        message("OtpProve", &[START], Input::Otp),
        message("IdPhotosGive", &[&photos], Input::Photos),
        message("FramesGive", &[FIRST], Input::Frames),
        message("ConsentGive", &[START, &proven], Input::Issue),
        message("ProvisionStep", &[START, CARD], Input::ProvisionDone),
        message("OrderMake", &[], Input::Order),
        message("OrderPay", &[START, CARD, &[Input::Order]], Input::Pay),
        empty("OtpResend", &waited, Input::OtpResend),
        empty("Cancel", START, Input::Cancel),
    ]
}

/// Fields that name something.
pub(super) const BOUND: &[Bound] = &[
    bound(
        "PasswordProve/proof",
        &["password(wrong)", "password(replayed)"],
    ),
    bound("ApplicantGive/applicant", &["applicant(other-person)"]),
    bound("ApplicantGive/applicant/name", &["applicant(other-name)"]),
    bound(
        "ApplicantGive/applicant/id_type",
        &["applicant(other-kind-of-id)"],
    ),
    bound("OtpProve/otp_id", &["otp(other-request)", "otp(other-id)"]),
    bound("OtpProve/code", &["otp(wrong)", "otp(superseded)"]),
    bound("IdPhotosGive/policy_id", &["id-photos(wrong-policy)"]),
    bound("FramesGive/policy_id", &["frames(wrong-policy)"]),
    bound("FramesGive/nonce", &["frames(wrong-nonce)"]),
    bound(
        "FramesGive/frames",
        &["frames(wrong-actions)", "frames(replayed)"],
    ),
    bound("OrderPay/account_id", &["pay(other-account)"]),
    bound("OrderPay/order_digest", &["pay(wrong-digest)"]),
    bound(
        "OrderPay/proof",
        &["pay(proof-of-other-order)", "pay(wrong-password)"],
    ),
];

const fn bound(field: &'static str, letters: &'static [&'static str]) -> Bound {
    Bound { field, letters }
}
