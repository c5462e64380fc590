//! The user's terminal: what it shows about one payment. What it does in a card request the machine does not have.

use kaika_model::role::terminal::{Says, Screen, Seen, screen};
use kaika_model::role::{Outcome, Weak};

use super::{Act, Part, Said, act};

/// The user's terminal.
pub(crate) struct Terminal;

impl Part for Terminal {
    type State = Screen;
    type Input = Seen;
    type Output = Says;

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
        // What verifier or chip refuses before the payment is sent ends it.
        "pay refused",
    ];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &[];
    const GROUPED: &'static [&'static str] = &["order"];
    const FRONT: &'static str = "";
    const REFUSES: bool = false;
    const WHOLE: bool = false;

    fn init() -> Screen {
        Screen::Idle
    }

    fn inputs() -> Vec<Seen> {
        Seen::ALL.to_vec()
    }

    fn step(state: &Screen, input: &Seen) -> Outcome<Screen, Says> {
        screen(state, input, &Weak::HARDENED)
    }

    fn said(output: Says, _: &Screen) -> Said {
        match output {
            Says::Pay => Said::Call("verifier", "POST /v1/orders/{id}/pay"),
            // The machine asks for the result, the reference sends the same payment again: both ask (PAY-6).
            Says::Ask => Said::Nothing,
        }
    }

    fn is_stored(state: &Screen, kind: &str, word: &str) -> bool {
        let name = match state {
            Screen::Idle => "idle",
            Screen::Confirming => "confirming",
            Screen::Waiting => "waiting",
            Screen::Unknown => "unknown",
            Screen::Paid => "paid",
            Screen::Failed => "failed",
        };
        kind != "order" || name == word
    }
}
