//! The shop's terminal: one payment. Read [`step`] first.

use kaika_spec::{Refusal, Weakness};

use super::{Outcome, Weak, alphabet};

/// How far the payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waiting for a card.
    Idle,
    /// The issuer was asked.
    Asked,
    /// No answer: a reversal is due.
    Reversing,
    /// The shop was told yes.
    Approved,
    /// The shop was told no.
    Declined,
}

alphabet! {
    /// What may happen to the shop's terminal.
    Input {
        Card = "card(cryptogram)",
        Approved = "answer(approved)",
        Declined = "answer(declined)",
        TimeOut = "time-out",
        Reversed = "answer(reversed)",
    }
}

alphabet! {
    /// What the shop's terminal says.
    Output {
        Authorise = "issuer:0100",
        Reverse = "issuer:0400",
    }
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Outcome<State, Output> {
    match (*state, *input) {
        (State::Idle, Input::Card) if weak.has(Weakness::OfflineApprove) => {
            Outcome::accept(State::Approved, [Output::Authorise], &["TAP-10"])
        }
        (State::Idle, Input::Card) => {
            Outcome::accept(State::Asked, [Output::Authorise], &["TAP-10"])
        }
        (State::Asked, Input::Approved) => Outcome::accept(State::Approved, [], &["TAP-10"]),
        (State::Asked, Input::Declined) => Outcome::accept(State::Declined, [], &["TAP-10"]),
        (State::Asked | State::Reversing, Input::TimeOut) => {
            Outcome::accept(State::Reversing, [Output::Reverse], &["TAP-11"])
        }
        (State::Reversing, Input::Reversed) => Outcome::accept(State::Declined, [], &["TAP-11"]),
        (same, _) => Outcome::refuse(same, Refusal::WrongOrder, &["TAP-10"]),
    }
}
