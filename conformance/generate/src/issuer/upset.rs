//! Flows of the issuer on which faults are put, and letters that are said at the same time.

use kaika_model::role::issuer::Input;

use crate::faults::{Flow, Race};

const MADE: &[Input] = &[Input::EligibilityKnown, Input::IssueOtp];
const HELD: &[Input] = &[
    Input::EligibilityKnown,
    Input::IssueOtp,
    Input::ProvisionStart,
    Input::ProvisionAnswers,
    Input::ProvisionReceipt,
];

pub(super) fn flows() -> Vec<Flow<Input>> {
    let paid = [
        Input::Debit,
        Input::DebitQuery,
        Input::Reverse,
        Input::CardQuery,
    ];
    let held = [
        Input::SuspendUser,
        Input::ResumeUser,
        Input::Tap,
        Input::CardQuery,
    ];
    let tapped = [Input::Tap, Input::TapReverse, Input::CardQuery];
    let refused = [Input::TapBadCryptogram, Input::Tap, Input::CardQuery];
    vec![
        Flow::new("a card by code", [HELD, &held].concat()),
        Flow::new(
            "a first card",
            vec![Input::EligibilityFirst, Input::IssueIdentity, Input::Query],
        ),
        Flow::new("a payment", [MADE, &paid].concat()),
        Flow::new(
            "a request undone",
            [MADE, &[Input::Compensate, Input::Query]].concat(),
        ),
        // Until then it is a card by code.
        Flow::new("a tap taken back", [HELD, &tapped].concat()).after(HELD.len()),
        Flow::new("a tap that is refused", [HELD, &refused].concat()).after(HELD.len()),
    ]
}

pub(super) fn races() -> Vec<Race<Input>> {
    let race = |name, way: &[Input], one: Input, other: Input, shown: Input| Race {
        name,
        way: way.to_vec(),
        both: [one, other],
        shown,
    };
    let known = [Input::EligibilityKnown];
    let debited = [MADE, &[Input::Debit]].concat();
    let suspended = [HELD, &[Input::SuspendUser]].concat();
    vec![
        race(
            "two issues under two keys",
            &known,
            Input::IssueOtp,
            Input::IssueOtp,
            Input::Query,
        ),
        race(
            "issue and undo",
            &known,
            Input::IssueOtp,
            Input::Compensate,
            Input::Query,
        ),
        race(
            "issue and a changed phone",
            &known,
            Input::IssueOtp,
            Input::PhoneChange,
            Input::Query,
        ),
        race(
            "issue and a blocked person",
            &known,
            Input::IssueOtp,
            Input::BlockPerson,
            Input::Query,
        ),
        race(
            "two debits of one id",
            MADE,
            Input::Debit,
            Input::Debit,
            Input::CardQuery,
        ),
        race(
            "debit and reversal",
            MADE,
            Input::Debit,
            Input::Reverse,
            Input::CardQuery,
        ),
        race(
            "debit and a lost card",
            MADE,
            Input::Debit,
            Input::CardLost,
            Input::CardQuery,
        ),
        race(
            "debit and the agreement's end",
            MADE,
            Input::Debit,
            Input::Terminate,
            Input::CardQuery,
        ),
        race(
            "two reversals",
            &debited,
            Input::Reverse,
            Input::Reverse,
            Input::CardQuery,
        ),
        race(
            "two undoings",
            MADE,
            Input::Compensate,
            Input::Compensate,
            Input::Query,
        ),
        race(
            "suspend and delete",
            HELD,
            Input::SuspendUser,
            Input::Delete,
            Input::TokenQuery,
        ),
        race(
            "two suspensions",
            HELD,
            Input::SuspendUser,
            Input::SuspendIssuer,
            Input::TokenQuery,
        ),
        race(
            "resume and delete",
            &suspended,
            Input::ResumeUser,
            Input::Delete,
            Input::TokenQuery,
        ),
        race(
            "two beginnings of provisioning",
            MADE,
            Input::ProvisionStart,
            Input::ProvisionStart,
            Input::TokenQuery,
        ),
    ]
}
