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
pub(super) const BOUND: &[Bound] = &[
    bound("PhoneChange/id_no", &["phone-change(unknown-customer)"]),
    bound("IssueAsk/request_context", &["issue(context-changed)"]),
    bound(
        "IssueAsk/eligibility_id",
        &["issue(eligibility-unknown)", "issue(eligibility-other)"],
    ),
    bound("IssueAsk/applicant", &["issue(applicant-changed)"]),
    bound("IssueAsk/product", &["issue(product-changed)"]),
    bound("IssueAsk/se_id", &["issue(another-chip-named)"]),
    bound("IssueAsk/evidence/phone_digest", &["issue(phone-other)"]),
    bound(
        "IssueAsk/evidence/phone_version",
        &["issue(phone-version-other)"],
    ),
    bound(
        "IssueAsk/consent",
        &[
            "issue(consent-of-another-chip)",
            "issue(consent-to-another-request)",
        ],
    ),
    bound(
        "IssueAsk of a first card/evidence/reference",
        &[
            "issue(reference-unknown)",
            "issue(reference-reused)",
            "issue(reference-other)",
        ],
    ),
    bound("TokenProvision/se_id", &["provision(other-chip)"]),
    bound(
        "TokenProvision/session",
        &["provision(answers,other-session)"],
    ),
    bound(
        "DebitAsk/card_code",
        &["debit(unknown-card)", "debit(token-as-code)"],
    ),
    bound(
        "DebitAsk/agreement",
        &["debit(wrong-agreement)", "debit(token-as-agreement)"],
    ),
    bound(
        "DebitAsk/order_digest",
        &["debit(digest-of-another-amount)"],
    ),
    bound(
        "DebitAsk/evidence",
        &[
            "debit(evidence-of-another-chip)",
            "debit(evidence-of-another-order)",
            "debit(evidence-for-another-card)",
            "debit(evidence-of-another-amount)",
        ],
    ),
    bound("ReverseAsk/amount_minor", &["reverse(wrong-amount)"]),
];

const fn bound(field: &'static str, letters: &'static [&'static str]) -> Bound {
    Bound { field, letters }
}
