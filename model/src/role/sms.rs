//! The SMS channel: who reads the code. Read [`step`] first.

use super::{Outcome, Weak, alphabet};

/// Whose phones have received the current code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The customer's reserved phone.
    pub reserved: bool,
    /// Another number.
    pub other: bool,
}

alphabet! {
    /// What may come to the channel.
    Input {
        ToReserved = "code(to-reserved-phone)",
        ToOther = "code(to-other-phone)",
    }
}

alphabet! {
    /// Who reads.
    Output {
        HolderReads = "holder:code",
        OtherReads = "other:code",
    }
}

/// Takes one input. The channel has no countermeasure, and so no weakness.
pub fn step(state: &State, input: &Input, _: &Weak) -> Outcome<State, Output> {
    match input {
        Input::ToReserved => Outcome::accept(
            State {
                reserved: true,
                ..*state
            },
            [Output::HolderReads],
            &["PRV-1"],
        ),
        Input::ToOther => Outcome::accept(
            State {
                other: true,
                ..*state
            },
            [Output::OtherReads],
            &["PRV-1"],
        ),
    }
}
