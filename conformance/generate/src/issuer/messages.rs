//! Where each message of the issuer is right, and which letters give its fields another's or an older value.

use kaika_model::role::issuer::Input;

use super::vault;
use crate::fields::{Bound, Message, Shown};

const MADE: &[Input] = &[Input::EligibilityKnown, Input::IssueOtp];

const SUSPENDED: &[Input] = &[
    Input::EligibilityKnown,
    Input::IssueOtp,
    Input::ProvisionStart,
    Input::ProvisionAnswers,
    Input::ProvisionReceipt,
    Input::SuspendUser,
];
const VAULT: Option<&str> = Some("feature:vault");

/// Every message with a body.
pub(super) fn all() -> Vec<Message<Input>> {
    let known = [Input::EligibilityKnown];
    let message = |schema, way: &[Input], said: Input, shown| Message {
        name: schema,
        schema,
        below: "",
        way: way.to_vec(),
        part: said.to_string(),
        shown,
        feature: None,
    };
    let debited = [MADE, &[Input::Debit]].concat();
    let customer = Message {
        name: "CustomerEnrol",
        schema: "CustomerEnrol",
        below: "",
        way: Vec::new(),
        part: "customer".to_owned(),
        shown: Shown::Itself,
        feature: None,
    };
    let first = Message {
        name: "IssueAsk of a first card",
        schema: "IssueAsk",
        below: "evidence",
        way: vec![Input::EligibilityFirst],
        part: format!("{}/{}", Input::IssueIdentity, super::FIRST),
        shown: Shown::Itself,
        feature: None,
    };
    // What has an empty body, and what no letter says.
    let empty = |name, said: &str, shown| Message {
        name,
        schema: "Empty",
        below: "",
        way: MADE.to_vec(),
        part: said.to_owned(),
        shown,
        feature: None,
    };
    let resume = Message {
        name: "TokenBy of a resume",
        schema: "TokenBy",
        below: "",
        way: SUSPENDED.to_vec(),
        part: Input::ResumeUser.to_string(),
        shown: Shown::By(Input::ResumeUser),
        feature: None,
    };
    let tokens = Message {
        name: "TokensAsk",
        schema: "TokensAsk",
        below: "",
        way: MADE.to_vec(),
        part: vault::TOKENS.to_owned(),
        shown: Shown::Itself,
        feature: VAULT,
    };
    let at_vault = |name, said: &str, shown| Message {
        feature: VAULT,
        ..empty(name, said, shown)
    };
    let by = |input: Input| input.to_string();
    vec![
        customer,
        tokens,
        resume,
        at_vault("PanReplace", vault::REPLACE, Shown::Itself),
        // No test changes the vault's key, so that every PAN is under the newest: a change is seen.
        at_vault("VaultRotate", vault::ROTATE, Shown::Part(vault::RESEAL)),
        at_vault("VaultReseal", vault::RESEAL, Shown::Itself),
        empty(
            "Compensate",
            &by(Input::Compensate),
            Shown::By(Input::Query),
        ),
        empty(
            "TokenDelete",
            &by(Input::Delete),
            Shown::By(Input::TokenQuery),
        ),
        empty("Terminate", &by(Input::Terminate), Shown::By(Input::Debit)),
        message(
            "PhoneChange",
            &known,
            Input::PhoneChange,
            Shown::By(Input::IssueOtp),
        ),
        message(
            "Block",
            &known,
            Input::BlockPerson,
            Shown::By(Input::IssueOtp),
        ),
        message(
            "EligibilityAsk",
            &[],
            Input::EligibilityKnown,
            Shown::By(Input::EligibilityKnown),
        ),
        message("IssueAsk", &known, Input::IssueOtp, Shown::Itself),
        first,
        message("TokenProvision", MADE, Input::ProvisionStart, Shown::Itself),
        message(
            "TokenBy",
            MADE,
            Input::SuspendUser,
            Shown::By(Input::TokenQuery),
        ),
        message("DebitAsk", MADE, Input::Debit, Shown::Itself),
        message(
            "ReverseAsk",
            &debited,
            Input::Reverse,
            Shown::By(Input::DebitQuery),
        ),
        message(
            "CardStatus",
            MADE,
            Input::CardBlocked,
            Shown::By(Input::CardQuery),
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
