//! What goes wrong with a chip on its way: its power goes and comes back, and a secured command comes a second time.
//!
//! Whoever works with it begins again then, and must come to the end.

use kaika_model::role::chip::{Chip, Input, State};
use kaika_model::{Machine, Verdict, Weak};
use serde_json::{Value, json};

use super::Templates;
use crate::faults::{Flow, Upset};
use crate::script::{Script, known};

const OPENED: &[Input] = &[Input::SelectDomain, Input::InitUpdate, Input::ExtAuth];
const WRITTEN: &[Input] = &[
    Input::SelectDomain,
    Input::InitUpdate,
    Input::ExtAuth,
    Input::StoreMore,
    Input::StoreLast,
    Input::Commit,
];

pub(super) fn flows() -> Vec<Flow<Input>> {
    let bought = [
        Input::SelectSlot,
        Input::Gpo,
        Input::ReadRecord,
        Input::GenerateArqc,
        Input::GenerateTc,
    ];
    let managed = [Input::Suspend, Input::Resume, Input::Suspend, Input::Delete];
    let written = |then: &[Input]| [WRITTEN, then].concat();
    vec![
        Flow::new("a token written", written(&[Input::GetReceipt])),
        Flow::new("a purchase", written(&bought)).after(WRITTEN.len()),
        Flow::new("a token managed", written(&managed)).after(WRITTEN.len()),
    ]
}

pub(super) fn upsets(flow: &Flow<Input>, at: usize) -> Vec<Upset<Input, State>> {
    let before = flow.path[..at]
        .iter()
        .fold(Chip::init(), |state, input| next(&state, input));
    let after = next(&before, &flow.path[at]);
    // What would have come next, or came last, is not answered as if power had stayed.
    let goes_on = flow.path.get(at + 1).unwrap_or(&flow.path[at]);
    let mut all = vec![Upset {
        what: "power lost",
        said: None,
        done: ["off", "on"]
            .map(|kind| json!({"op": "power", "kind": kind}))
            .to_vec(),
        letter: Some(Input::Reset),
        state: next(&after, &Input::Reset),
        then: [&[*goes_on], &again(flow)[..]].concat(),
        shown: [OPENED, &[Input::GetStatus]].concat(),
        needs: None,
        requirements: &["APD-4"],
    }];
    all.extend(said_again(flow, at, &before, &after));
    all
}

fn next(state: &State, input: &Input) -> State {
    Chip::step(state, input, &Weak::HARDENED).next
}

/// The whole way from where one can begin.
fn again(flow: &Flow<Input>) -> Vec<Input> {
    let from = &flow.path[flow.good..];
    if OPENED.contains(&from[0]) || from[0] == Input::SelectSlot {
        from.to_vec()
    } else {
        [OPENED, from].concat()
    }
}

/// The bytes of a secured command come again; what is not secured is a letter, said twice.
fn said_again(
    flow: &Flow<Input>,
    at: usize,
    before: &State,
    after: &State,
) -> Option<Upset<Input, State>> {
    let mut steps = Templates::steps(&Templates::part(before, &flow.path[at]));
    let secured = steps.iter_mut().find(|step| is_secured(step))?;
    let letter = match secured["op"].as_str() {
        Some("authenticate") => Input::ExtAuthReplayed,
        _ => Input::StoreReplayed,
    };
    let name = secured["as"].as_str().unwrap_or("said").to_owned();
    secured["as"] = json!(name);
    let Verdict::Sw(word) = Chip::step(after, &letter, &Weak::HARDENED).verdict else {
        return None;
    };
    let heard = json!({"op": "apdu", "command": known(&name), "sw": format!("{word:04X}")});
    Some(Upset {
        what: "the same bytes again",
        said: Some(steps),
        done: vec![heard],
        letter: Some(letter),
        state: next(after, &letter),
        // What the channel is worth is seen first.
        then: [&[Input::GetStatus], &again(flow)[..]].concat(),
        shown: [OPENED, &[Input::GetStatus]].concat(),
        needs: None,
        requirements: &["PRO-2"],
    })
}

fn is_secured(step: &Value) -> bool {
    step["op"] == "secure" || step["op"] == "authenticate"
}
