//! The SMS gateway: it takes every text. Whose phone it is for is not said in a log.

use kaika_model::role::sms::{self, Input, Output, State};
use kaika_model::role::{Outcome, Weak};

use super::{Act, Part, Said, act};

/// The gateway.
pub(crate) struct Sms;

impl Part for Sms {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[act("POST /v1/messages", "code", "message")];
    const STATELESS: &'static [&'static str] = &[];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &[];
    const GROUPED: &'static [&'static str] = &["message"];
    const FRONT: &'static str = "";

    fn init() -> State {
        State::default()
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        sms::step(state, input, &Weak::HARDENED)
    }

    fn said(_: Output, _: &State) -> Said {
        Said::Word("done")
    }
}
