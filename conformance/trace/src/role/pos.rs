//! The shop's terminal: one payment, by the name of its transaction.

use kaika_model::role::pos::{self, Input, Output, State};
use kaika_model::role::{Outcome, Weak};

use super::{Act, Part, Said, act};

/// The shop's terminal.
pub(crate) struct Pos;

impl Part for Pos {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("card", "card", "tap"),
        act("answer", "answer", "tap"),
        act("time-out", "time-out", "tap"),
    ];
    const STATELESS: &'static [&'static str] = &[
        // A card that cannot pay here is no payment of the machine.
        "card-unusable",
    ];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &[];
    const GROUPED: &'static [&'static str] = &["tap"];
    const FRONT: &'static str = "";
    const REFUSES: bool = false;
    const WHOLE: bool = false;

    fn init() -> State {
        State::Idle
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        pos::step(state, input, &Weak::HARDENED)
    }

    fn said(output: Output, _: &State) -> Said {
        match output {
            Output::Authorise | Output::Pay => Said::Call("issuer", "request"),
            Output::Reverse => Said::Call("issuer", "reversal"),
            // To the card and on the display.
            Output::Prove
            | Output::ShowApproved
            | Output::ShowDeclined
            | Output::ShowReversed
            | Output::ShowUnusable => Said::Nothing,
        }
    }

    fn is_stored(state: &State, kind: &str, word: &str) -> bool {
        let name = match state {
            State::Idle => "idle",
            State::Asked | State::AskedPlain => "asked",
            State::Reversing => "reversing",
            State::Approved => "approved",
            State::Declined => "declined",
            // The issuer was not asked, and nothing is stored.
            State::Unusable => return false,
        };
        kind != "tap" || name == word
    }
}
