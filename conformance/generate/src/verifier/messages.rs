//! Where each message of the verifier is right, and which letters give its fields another's or an older value.

use kaika_model::role::verifier::Input;

use super::scenes::{APPLIED, CARD, FIRST, START};
use crate::fields::{Bound, Message};

/// Every message of terminal and operator that has a body.
pub(super) fn all() -> Vec<Message<Input>> {
    let message = |schema, way: &[&[Input]], said: Input| Message {
        name: schema,
        schema,
        below: "",
        way: way.concat(),
        part: said.to_string(),
        shown: None,
    };
    let account = Message {
        name: "AccountEnrol",
        schema: "AccountEnrol",
        below: "",
        way: Vec::new(),
        part: super::NEW_ACCOUNT.to_owned(),
        shown: None,
    };
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
    ]
}

/// Fields that name something.
pub(super) const BOUND: &[Bound] = &[];
