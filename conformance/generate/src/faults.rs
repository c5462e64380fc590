//! A flow with something going wrong at each of its steps, and letters that are said at the same time. Start at `add`.
//!
//! Faults: the answer is lost and the message said again, byte by byte; it is said twice at once; it comes only after time has
//! passed; the subject is killed after it. What must be answered then is the model's. Races: two letters at once in the same
//! state; what is answered is what one order of the two is answered.

use std::collections::BTreeSet;

use kaika_conformance::format::{Criterion, Kind, Origin, Test, Tier};
use kaika_model::{Machine, Weak};
use serde_json::{Value, json};

use crate::script::{Act, Expected, Input, Script, State};
use crate::suite::{Made, Shelf, Writing, names};

/// A happy path with a name.
pub type Flow<I> = (&'static str, Vec<I>);

/// Two letters that are said at once after a way; then a letter that shows what became of it.
#[derive(Clone, Debug)]
pub struct Race<I> {
    /// What it is called.
    pub name: &'static str,
    /// The way.
    pub way: Vec<I>,
    /// What is said at once.
    pub both: [I; 2],
    /// What shows the state.
    pub shown: I,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    Both,
    Restart,
}

const FAULTS: [(Fault, &str); 3] = [
    (Fault::Lost, "an answer lost"),
    (Fault::Both, "twice at once"),
    (Fault::Restart, "killed after"),
];

/// Adds the fault and race tiers of a role.
///
/// # Errors
/// Which template is no step.
pub(crate) fn add<S: Script>(shelf: &mut Shelf) -> Result<(), String> {
    for (flow, path) in S::flows() {
        for at in 0..path.len() {
            for (fault, what) in FAULTS {
                let source = format!("{what}, at step {} of {flow}", at + 1);
                if let Some(made) = faulted::<S>(&path, at, fault, source)? {
                    shelf.put(made);
                }
            }
            for late in delayed::<S>(&path, at) {
                let source = format!("late, at step {} of {flow}", at + 1);
                let mut writing = Writing::<S>::new(&late);
                let mut state = S::M::init();
                for input in &late {
                    state = writing.say(&state, input);
                }
                let steps = writing.taken();
                writing.ask()?;
                let id = format!("{flow}/{} late: {}", at + 1, names::<S>(&late).join(" "));
                let post = writing.taken();
                let mut test = test::<S>(id, &late, source, Criterion::Fault);
                (test.steps, test.post) = (steps, post);
                shelf.put(writing.made(test));
            }
        }
    }
    for race in S::races() {
        shelf.put(raced::<S>(&race)?);
    }
    Ok(())
}

fn test<S: Script>(id: String, path: &[Input<S>], source: String, criterion: Criterion) -> Test {
    let needs: BTreeSet<&str> = path.iter().filter_map(S::needs).collect();
    let (tier, place) = match criterion {
        Criterion::Race => (Tier::Race, "race"),
        _ => (Tier::Fault, "fault"),
    };
    let outcome = path
        .iter()
        .fold((S::M::init(), &[][..]), |(state, _), input| {
            let outcome = S::M::step(&state, input, &Weak::HARDENED);
            (outcome.next, outcome.reqs)
        });
    let named = if outcome.1.is_empty() {
        S::REQUIREMENTS
    } else {
        outcome.1
    };
    Test {
        id: format!("{}/{place}/{id}", S::ROLE),
        tier,
        title: source.clone(),
        sut: vec![S::ROLE.to_owned()],
        needs: needs.into_iter().map(str::to_owned).collect(),
        result: Kind::Valid,
        flags: Vec::new(),
        requirements: named.iter().map(|id| (*id).to_owned()).collect(),
        origin: Origin {
            criterion,
            model_path: names::<S>(path),
            kills: Vec::new(),
            source: Some(source),
        },
        steps: Vec::new(),
        post: Vec::new(),
    }
}

/// The flow with a fault at a step; nothing when the step is no message that changes something over HTTP.
fn faulted<S: Script>(
    path: &[Input<S>],
    at: usize,
    fault: Fault,
    source: String,
) -> Result<Option<Made>, String> {
    let mut writing = Writing::<S>::new(path);
    let mut state = S::M::init();
    for (number, input) in path.iter().enumerate() {
        if number == at && fault != Fault::Restart {
            let Some(steps) = twice::<S>(&state, input, fault) else {
                return Ok(None);
            };
            writing.heard(&state, input);
            state = S::M::step(&state, input, &Weak::HARDENED).next;
            writing.play(Act::Say(steps))?;
        } else {
            state = writing.say(&state, input);
        }
        if number == at && fault == Fault::Restart {
            writing.play(Act::Say(vec![json!({"op": "restart"})]))?;
        }
    }
    let steps = writing.taken();
    writing.ask()?;
    let id = source.replacen(", at step ", "/", 1);
    let mut test = test::<S>(id, path, source, Criterion::Fault);
    if fault == Fault::Restart {
        test.needs.push("hook:restart".to_owned());
    }
    (test.steps, test.post) = (steps, writing.taken());
    Ok(Some(writing.made(test)))
}

/// What a letter says, its last message with the answer that the state asks for.
fn said<S: Script>(state: &State<S>, input: &Input<S>) -> Option<(Vec<Value>, Value, Vec<Value>)> {
    let mut steps = S::steps(&S::part(state, input));
    let last = steps.iter().rposition(|step| step["op"] == "send")?;
    let after = steps.split_off(last + 1);
    let mut sent = steps.pop()?;
    let outcome = S::M::step(state, input, &Weak::HARDENED);
    if let Some(expect) = expect(S::expected(state, input, &outcome)) {
        sent["expect"] = expect;
    }
    Some((steps, sent, after))
}

fn expect(expected: Expected) -> Option<Value> {
    match (expected.refuse, expected.accept) {
        (Some(name), _) => Some(json!({ "refuse": name })),
        (None, Some(fields)) => Some(json!({ "accept": fields })),
        (None, None) => None,
    }
}

fn twice<S: Script>(state: &State<S>, input: &Input<S>, fault: Fault) -> Option<Vec<Value>> {
    let (mut steps, sent, after) = said::<S>(state, input)?;
    if sent["method"] != "POST" {
        return None;
    }
    let how = if fault == Fault::Lost { "lost" } else { "both" };
    steps.push(json!({"op": "again", "send": bare(sent), "how": how}));
    steps.extend(after);
    Some(steps)
}

/// A message without its `op`: as it stands inside another step.
fn bare(mut sent: Value) -> Value {
    if let Some(sent) = sent.as_object_mut() {
        sent.remove("op");
    }
    sent
}

/// The flow up to a step that comes so late that it is answered otherwise.
fn delayed<S: Script>(path: &[Input<S>], at: usize) -> Vec<Vec<Input<S>>> {
    let state = path[..at].iter().fold(S::M::init(), |state, input| {
        S::M::step(&state, input, &Weak::HARDENED).next
    });
    let letters = S::M::inputs();
    let waits = letters
        .iter()
        .filter(|letter| S::needs(letter) == Some("hook:clock"));
    let verdict = |state: &State<S>| S::M::step(state, &path[at], &Weak::HARDENED).verdict;
    waits
        .filter(|wait| S::M::sayable(&state, wait))
        .filter(|wait| {
            let later = S::M::step(&state, wait, &Weak::HARDENED).next;
            S::M::sayable(&later, &path[at]) && verdict(&later) != verdict(&state)
        })
        .map(|wait| [&path[..at], &[*wait, path[at]]].concat())
        .collect()
}

fn raced<S: Script>(race: &Race<Input<S>>) -> Result<Made, String> {
    let [one, other] = &race.both;
    let all: Vec<Input<S>> = [&race.way[..], &race.both, &[race.shown]].concat();
    let mut writing = Writing::<S>::new(&all);
    let state = race
        .way
        .iter()
        .fold(S::M::init(), |state, input| writing.say(&state, input));
    let next = |state: &State<S>, input: &Input<S>| S::M::step(state, input, &Weak::HARDENED).next;
    let missing = || format!("race {}: a letter that is no message", race.name);
    let answer = |state: &State<S>, input: &Input<S>| {
        said::<S>(state, input)
            .map(|(_, sent, _)| sent["expect"].clone())
            .ok_or_else(missing)
    };
    let (first, then) = (next(&state, one), next(&state, other));
    let mut outcomes = vec![
        json!([answer(&state, one)?, answer(&first, other)?]),
        json!([answer(&then, one)?, answer(&state, other)?]),
    ];
    outcomes.dedup();
    let mut steps = Vec::new();
    let mut branches = Vec::new();
    for (at, input) in race.both.iter().enumerate() {
        let (before, sent, _) = said::<S>(&state, input).ok_or_else(missing)?;
        // What the second branch needs is named after it: two of a kind do not share a key.
        let (before, sent) = apart(before, sent, at);
        steps.extend(before);
        branches.push(bare(sent));
    }
    steps.push(json!({"op": "parallel", "branches": branches, "outcomes": outcomes}));
    writing.play(Act::Say(steps))?;
    let steps = writing.taken();
    let (end, other_end) = (next(&first, other), next(&then, one));
    let (_, sent, _) = said::<S>(&end, &race.shown).ok_or_else(missing)?;
    let (_, other_sent, _) = said::<S>(&other_end, &race.shown).ok_or_else(missing)?;
    let mut ends = vec![sent["expect"].clone(), other_sent["expect"].clone()];
    ends.dedup();
    let post = match &ends[..] {
        [_] => json!(sent),
        // Said twice at once, so that either end may be seen: both times the same.
        _ => {
            let outcomes: Vec<Value> = ends.iter().map(|end| json!([end, end])).collect();
            let shown = bare(sent);
            json!({"op": "parallel", "branches": [shown, shown], "outcomes": outcomes})
        }
    };
    writing.play(Act::Say(vec![post]))?;
    let path: Vec<Input<S>> = [&race.way[..], &race.both].concat();
    let mut test = test::<S>(
        race.name.to_owned(),
        &path,
        race.name.to_owned(),
        Criterion::Race,
    );
    (test.steps, test.post) = (steps, writing.taken());
    Ok(writing.made(test))
}

/// Names that a branch gives are its own.
fn apart(before: Vec<Value>, sent: Value, at: usize) -> (Vec<Value>, Value) {
    if at == 0 {
        return (before, sent);
    }
    let given: Vec<String> = before
        .iter()
        .filter(|step| step["op"] == "let")
        .filter_map(|step| step["as"].as_str().map(str::to_owned))
        .collect();
    let own = |name: &str| format!("{name}_{at}");
    let rename = |value: &Value| renamed(value, &given, &own);
    let before = before.iter().map(|step| {
        let mut step = rename(step);
        if let Some(name) = step["as"].as_str().filter(|_| step["op"] == "let") {
            step["as"] = json!(own(name));
        }
        step
    });
    (before.collect(), rename(&sent))
}

fn renamed(value: &Value, given: &[String], own: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let name = value.as_str().filter(|_| key == "$ref");
                let root = name.map(|name| name.split('.').next().unwrap_or_default());
                let value = match (name, root) {
                    (Some(name), Some(root)) if given.iter().any(|one| one == root) => {
                        json!(name.replacen(root, &own(root), 1))
                    }
                    _ => renamed(value, given, own),
                };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| renamed(item, given, own)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
