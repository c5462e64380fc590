//! Where each message of the issuer is right, and which letters give its fields another's or an older value.

use kaika_model::role::issuer::Input;

use crate::fields::{Bound, Message};

const MADE: &[Input] = &[Input::EligibilityKnown, Input::IssueOtp];

/// Every message with a body but those of the operator at the vault, which no letter says.
pub(super) fn all() -> Vec<Message<Input>> {
    let known = [Input::EligibilityKnown];
    let message = |schema, way: &[Input], said: Input, shown| Message {
        name: schema,
        schema,
        below: "",
        way: way.to_vec(),
        part: said.to_string(),
        shown,
    };
    let debited = [MADE, &[Input::Debit]].concat();
    let customer = Message {
        name: "CustomerEnrol",
        schema: "CustomerEnrol",
        below: "",
        way: Vec::new(),
        part: "customer".to_owned(),
        shown: None,
    };
    let first = Message {
        name: "IssueAsk of a first card",
        schema: "IssueAsk",
        below: "evidence",
        way: vec![Input::EligibilityFirst],
        part: format!("{}/{}", Input::IssueIdentity, super::FIRST),
        shown: None,
    };
    vec![
        customer,
        message(
            "PhoneChange",
            &known,
            Input::PhoneChange,
            Some(Input::IssueOtp),
        ),
        message("Block", &known, Input::BlockPerson, Some(Input::IssueOtp)),
        message(
            "EligibilityAsk",
            &[],
            Input::EligibilityKnown,
            Some(Input::EligibilityKnown),
        ),
        message("IssueAsk", &known, Input::IssueOtp, None),
        first,
        message("TokenProvision", MADE, Input::ProvisionStart, None),
        message("TokenBy", MADE, Input::SuspendUser, Some(Input::TokenQuery)),
        message("DebitAsk", MADE, Input::Debit, None),
        message(
            "ReverseAsk",
            &debited,
            Input::Reverse,
            Some(Input::DebitQuery),
        ),
        message(
            "CardStatus",
            MADE,
            Input::CardBlocked,
            Some(Input::CardQuery),
        ),
    ]
}

/// Fields that name something.
pub(super) const BOUND: &[Bound] = &[];
