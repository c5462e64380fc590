//! The user's terminal: what it shows about one payment. What it does in a card request the machine does not have.

use kaika_model::role::terminal::{self, Input, Output, State};
use kaika_model::role::{Outcome, Weak};

use super::{Act, Part, Said, act};

/// The user's terminal.
pub(crate) struct Terminal;

impl Part for Terminal {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("pay show-order", "show-order", "order"),
        act("pay authorise", "authorise", "order"),
        act("pay told", "told", "order"),
        act("pay time-out", "time-out", "order"),
    ];
    const STATELESS: &'static [&'static str] = &[
        // A card request is the verifier's machine; the terminal says what it is asked to say.
        "apply",
        // An order is asked for before there is one.
        "pay order",
        // What the verifier refuses before the payment is shown ends it.
        "pay refused",
    ];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &[];
    const GROUPED: &'static [&'static str] = &["order"];
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
        terminal::step(state, input, &Weak::HARDENED)
    }

    fn said(output: Output, _: &State) -> Said {
        match output {
            Output::Pay => Said::Call("verifier", "POST /v1/orders/{id}/pay"),
            // The machine asks for the result, the reference sends the same payment again: both ask (PAY-6).
            Output::Ask => Said::Nothing,
        }
    }

    fn is_stored(state: &State, kind: &str, word: &str) -> bool {
        let name = match state {
            State::Idle => "idle",
            State::Confirming => "confirming",
            State::Waiting => "waiting",
            State::Unknown => "unknown",
            State::Paid => "paid",
            State::Failed => "failed",
        };
        kind != "order" || name == word
    }
}
