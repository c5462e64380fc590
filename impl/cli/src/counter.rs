//! Counterexamples as JSON: every hop with who, to whom, what, the verdict, and the requirements that decide it.

use kaika_model::Bounds;
use kaika_model::chart::{Hop, Tone, spoken, tone};
use kaika_model::explore::Trace;
use kaika_spec::PropertyId;
use serde_json::{Map, Value, json};

/// One counterexample.
pub(crate) fn example(property: PropertyId, trace: &Trace) -> Value {
    let hops: Vec<Value> = trace.hops.iter().map(hop).collect();
    json!({
        "property": property.name(),
        "opening": trace.opening,
        "actions": trace.actions,
        "hops": hops,
    })
}

fn hop(hop: &Hop) -> Value {
    match hop {
        Hop::Says(from, to, what) => {
            json!({ "kind": "message", "from": from, "to": to, "message": what })
        }
        Hop::Answers(from, to, what) => {
            json!({ "kind": "answer", "from": from, "to": to, "message": what })
        }
        Hop::Judges(from, to, judged) => json!({
            "kind": "verdict",
            "from": from,
            "to": to,
            "verdict": spoken(judged.verdict),
            "good": tone(hop) == Tone::Good,
            "requirements": judged.reqs,
        }),
        Hop::Notes(at, what) => json!({ "kind": "event", "at": at, "message": what }),
    }
}

/// Budgets by name.
pub(crate) fn bounds(bounds: Bounds) -> Value {
    let all = bounds.list().into_iter();
    let fields: Map<String, Value> = all
        .map(|(name, budget)| (name.to_owned(), budget.into()))
        .collect();
    Value::Object(fields)
}
