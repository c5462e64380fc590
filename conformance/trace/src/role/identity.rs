//! The identity system: one reference, matched once and looked up once.

use kaika_model::role::identity::{self, Input, Output, State};
use kaika_model::role::{Outcome, Weak};
use kaika_spec::limit::REFERENCE_TTL_MS;

use super::{Act, End, Marks, Part, Said, act};
use crate::event::{Event, Verdict};

/// The identity system.
pub(crate) struct Identity;

impl Part for Identity {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("POST /v1/matches", "match", "reference"),
        act("POST /v1/scores", "score", "reference"),
    ];
    // Enrolment is before the machine's time.
    const STATELESS: &'static [&'static str] = &["POST /v1/persons"];
    const SCENES: &'static [&'static str] = &[];
    const RIGHT: &'static [&'static str] = &["match(good)", "match(low)", "score(ok)"];
    const GROUPED: &'static [&'static str] = &["reference"];
    const FRONT: &'static str = "front";

    fn init() -> State {
        State::None
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        identity::step(state, input, &Weak::HARDENED)
    }

    fn said(output: Output, _: &State) -> Said {
        match output {
            Output::Reference => Said::Word("scored"),
            // A score is not said in a log.
            Output::ScoreGood | Output::ScoreLow => Said::Word("done"),
        }
    }

    fn ends(own: &Marks, _: &Marks) -> Vec<End> {
        vec![End {
            letter: "advance(reference-ttl)",
            since: own.made,
            ttl: REFERENCE_TTL_MS,
            sharp: false,
            shared: false,
        }]
    }

    fn mark(event: &Event, own: &mut Marks, _: &mut Marks) {
        if event.act == "POST /v1/matches" && event.verdict == Verdict::Accepted {
            own.made = Some(event.at);
        }
    }
}
