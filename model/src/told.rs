//! A step of a world in words: what its chart says, on one line. Start at [`Step`].

use crate::chart::{Chart, Hop, spoken};
use crate::scope::World;

/// What one action says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The action's name in the model.
    pub action: String,
    /// The hops of its chart on one line; the name where there are none.
    pub says: String,
}

impl Step {
    /// Takes the step and says what happened; `None` when nothing changes.
    pub fn of<W: World>(
        world: &W,
        state: &W::State,
        action: &W::Action,
    ) -> (Self, Option<W::State>) {
        let mut chart = Chart::on();
        let next = world.apply(state, action, &mut chart);
        let action = format!("{action:?}");
        let said: Vec<String> = chart.hops().iter().map(hop).collect();
        let says = match said.is_empty() {
            true => action.clone(),
            false => said.join("; "),
        };
        (Self { action, says }, next)
    }
}

/// One hop on one line.
pub fn hop(hop: &Hop) -> String {
    match hop {
        Hop::Says(from, to, what) => format!("{} -> {}: {what}", party(from), party(to)),
        Hop::Answers(from, to, what) => format!("{} answers {}: {what}", party(from), party(to)),
        Hop::Judges(from, to, judged) => {
            format!(
                "{} answers {}: {}",
                party(from),
                party(to),
                spoken(judged.verdict)
            )
        }
        Hop::Notes(at, what) => format!("{}: {what}", party(at)),
    }
}

/// Whom a lane of a chart stands for.
pub fn party(lane: &'static str) -> &'static str {
    match lane {
        "alice" => "Alice's phone",
        "mallory" => "Mallory",
        "chip" => "Alice's chip",
        "chip2" => "another chip",
        other => other,
    }
}
