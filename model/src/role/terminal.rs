//! The user's terminal: what it shows about one payment. Read [`step`] first.

use kaika_spec::Weakness;

use super::{Outcome, Weak, alphabet};

/// What the screen says about the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing was ordered.
    Idle,
    /// The order is on the screen.
    Confirming,
    /// The payment was authorised; no answer yet.
    Waiting,
    /// No answer came: ask again.
    Unknown,
    /// Paid.
    Paid,
    /// Failed.
    Failed,
}

alphabet! {
    /// What may happen to the terminal.
    Input {
        Show = "show-order",
        Authorise = "authorise",
        ToldPaid = "told(paid)",
        ToldDeclined = "told(declined)",
        TimeOut = "time-out",
    }
}

alphabet! {
    /// What the terminal says.
    Output {
        Pay = "verifier:pay",
        Ask = "verifier:order-query",
    }
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Outcome<State, Output> {
    match (*state, *input) {
        (State::Idle, Input::Show) => Outcome::accept(State::Confirming, [], &["PAY-4"]),
        (State::Confirming, Input::Authorise) => {
            Outcome::accept(State::Waiting, [Output::Pay], &["PAY-3"])
        }
        (State::Waiting | State::Unknown, Input::ToldPaid) => {
            Outcome::accept(State::Paid, [], &["PAY-13"])
        }
        (State::Waiting | State::Unknown, Input::ToldDeclined) => {
            Outcome::accept(State::Failed, [], &["PAY-13"])
        }
        (State::Waiting, Input::TimeOut) if weak.has(Weakness::TimeoutIsFailure) => {
            Outcome::accept(State::Failed, [], &["PAY-14"])
        }
        (State::Waiting | State::Unknown, Input::TimeOut) => {
            Outcome::accept(State::Unknown, [Output::Ask], &["PAY-14"])
        }
        (State::Unknown, Input::Authorise) => {
            Outcome::accept(State::Waiting, [Output::Pay], &["PAY-6"])
        }
        (same, _) => Outcome::refuse(same, kaika_spec::Refusal::WrongOrder, &["PAY-13"]),
    }
}
