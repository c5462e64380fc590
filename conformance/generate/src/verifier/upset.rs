//! Flows of the verifier on which faults are put, and letters that are said at the same time.

use kaika_model::role::verifier::Input;

use super::scenes::{CARD, FIRST, START};
use crate::faults::{Flow, Race};

pub(super) fn flows() -> Vec<Flow<Input>> {
    let provisioned = [Input::ProvisionDone, Input::Query];
    let matched = [Input::Frames, Input::Issue, Input::Query];
    let paid = [Input::Order, Input::Pay, Input::OrderQuery];
    vec![
        Flow::new("a card by code", [START, CARD, &provisioned].concat()),
        Flow::new("a first card", [FIRST, &matched].concat()),
        Flow::new("a payment", [START, CARD, &paid].concat()),
        Flow::new(
            "a request withdrawn",
            [START, &[Input::Cancel, Input::Query]].concat(),
        ),
    ]
}

pub(super) fn races() -> Vec<Race<Input>> {
    let race = |name, way: &[&[Input]], one: Input, other: Input, shown: Input| Race {
        name,
        way: way.concat(),
        both: [one, other],
        shown,
    };
    let opened: &[Input] = &[Input::Open];
    let ordered: &[Input] = &[Input::Order];
    vec![
        race(
            "code and cancel",
            &[START],
            Input::Otp,
            Input::Cancel,
            Input::Query,
        ),
        race(
            "the code twice",
            &[START],
            Input::Otp,
            Input::Otp,
            Input::Query,
        ),
        race(
            "right code and wrong code",
            &[START],
            Input::Otp,
            Input::OtpWrong,
            Input::Query,
        ),
        race(
            "two wrong codes",
            &[START],
            Input::OtpWrong,
            Input::OtpWrong,
            Input::Query,
        ),
        race(
            "two passwords",
            &[opened],
            Input::Password,
            Input::Password,
            Input::Query,
        ),
        race(
            "right password and wrong password",
            &[opened],
            Input::Password,
            Input::PasswordWrong,
            Input::Query,
        ),
        race(
            "two cancels",
            &[START],
            Input::Cancel,
            Input::Cancel,
            Input::Query,
        ),
        race(
            "two wrong payments",
            &[START, CARD, ordered],
            Input::PayPasswordWrong,
            Input::PayPasswordWrong,
            Input::OrderQuery,
        ),
    ]
}
