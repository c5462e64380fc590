//! What goes wrong with a shop's terminal on its way: it dies, the issuer answers twice, and always another sale follows.
//!
//! The alphabet knows of one sale. A terminal that owes nothing is as one that begins; one that was not answered owes a reversal
//! first. What the issuer's line does meanwhile is letters: it ends, is silent, answers late or to another request.

use kaika_model::role::pos::{Input, Pos, State};
use kaika_model::{Machine, Weak};
use serde_json::{Value, json};

use super::{Templates, asked, card, reply, reversal_answer, reversed_fields, tap};
use crate::faults::{Flow, Upset};
use crate::script::{Script, named};

/// What begins a payment is a scene of its own where it is killed: an authorisation, and the first reversal of one.
pub(super) fn flows() -> Vec<Flow<Input>> {
    vec![
        Flow::new("a sale", vec![Input::Card, Input::Approved]).after(1),
        Flow::new("a sale declined", vec![Input::Card, Input::Declined]).after(1),
        Flow::new(
            "a sale paid at once",
            vec![Input::CardFinancial, Input::Approved],
        ),
        Flow::new(
            "a card that checks nothing",
            vec![Input::CardPlain, Input::Approved],
        ),
        Flow::new(
            "a sale reversed",
            vec![
                Input::CardFinancial,
                Input::TimeOut,
                Input::ReversalRefused,
                Input::Reversed,
            ],
        )
        .after(1),
        Flow::new(
            "a sale reversed that was not known",
            vec![Input::Card, Input::LineEnds, Input::ReversedOther],
        )
        .after(2),
    ]
}

pub(super) fn upsets(flow: &Flow<Input>, at: usize) -> Vec<Upset<Input, State>> {
    let before = flow.path[..at]
        .iter()
        .fold(Pos::init(), |state, input| next(&state, input));
    let after = next(&before, &flow.path[at]);
    let follows = |what, said, done: Vec<Value>, needs| Upset {
        what,
        said,
        done,
        letter: None,
        state: next(&Pos::init(), &Input::Card),
        then: vec![Input::Approved],
        shown: Vec::new(),
        needs,
        requirements: &["TAP-20", "TAP-21"],
    };
    match after {
        State::Asked | State::AskedPlain | State::Reversing => {
            let done = [vec![json!({"op": "crash"})], begun(), owed(), first()].concat();
            vec![follows("killed after", None, done, Some("hook:crash"))]
        }
        State::Approved | State::Declined => {
            let done = || [begun(), first()].concat();
            let twice = Upset {
                requirements: &["TAP-22"],
                ..follows(
                    "the answer twice",
                    said_twice(&before, &flow.path[at]),
                    done(),
                    None,
                )
            };
            vec![twice, follows("another sale after", None, done(), None)]
        }
        State::Idle | State::Unusable => Vec::new(),
    }
}

fn next(state: &State, input: &Input) -> State {
    Pos::step(state, input, &Weak::HARDENED).next
}

/// The steps of a letter whose answer comes twice, in one go.
fn said_twice(state: &State, input: &Input) -> Option<Vec<Value>> {
    let mut steps = Templates::steps(&Templates::part(state, input));
    let answer = steps.iter_mut().find(|step| step["op"] == "reply")?;
    answer["twice"] = json!(true);
    Some(steps)
}

/// Another card comes to the same terminal.
fn begun() -> Vec<Value> {
    vec![card(json!({})), tap(false)]
}

/// First what the last sale left is reversed: for the first time or again, as much as the terminal knows of it.
fn owed() -> Vec<Value> {
    vec![
        json!({"op": "hear", "mti": "0400", "fields": reversed_fields(), "as": "reversal", "again": true}),
        reply("0410", &reversal_answer("00")),
    ]
}

/// The issuer is asked about the new card, and of nothing before that.
fn first() -> Vec<Value> {
    vec![
        named("asked_mti", json!("0100")),
        named("answer_mti", json!("0110")),
        asked("0100"),
    ]
}
