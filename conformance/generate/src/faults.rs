//! A flow with something going wrong at each of its steps, and letters that are said at the same time. Start at `add`.
//!
//! Faults of servers: the answer is lost and the message said again, byte by byte; it is said twice at once; it comes only after
//! time has passed; the subject is killed after it. What is wrong in a role's own way is an [`Upset`]. What must be answered
//! then is the model's. Races: two letters at once in the same state; what is answered is what one order of the two is answered.

use std::collections::BTreeSet;

use kaika_conformance::format::{Criterion, Kind, Origin, Test, Tier};
use kaika_model::{Machine, Weak};
use serde_json::{Value, json};

use crate::script::{Act, Expected, Input, Script, State};
use crate::suite::{Made, Shelf, Writing, names};

/// A path on which faults are put.
#[derive(Clone, Debug)]
pub struct Flow<I> {
    /// What it is called.
    pub name: &'static str,
    /// The path.
    pub path: Vec<I>,
    /// How many of its steps go well.
    pub good: usize,
}

impl<I> Flow<I> {
    /// A path that may go wrong at each of its steps.
    pub const fn new(name: &'static str, path: Vec<I>) -> Self {
        Self {
            name,
            path,
            good: 0,
        }
    }

    /// The same, after so many steps that go well.
    #[must_use]
    pub fn after(self, good: usize) -> Self {
        Self { good, ..self }
    }
}

/// What goes wrong at a step of a flow in a role's own way.
#[derive(Clone, Debug)]
pub struct Upset<I, S> {
    /// What it is called.
    pub what: &'static str,
    /// How the step is said; as always when nothing is here.
    pub said: Option<Vec<Value>>,
    /// What is done then.
    pub done: Vec<Value>,
    /// What the machine calls that; nothing when it has no word for it.
    pub letter: Option<I>,
    /// Where the machine is after all that.
    pub state: S,
    /// What is said then.
    pub then: Vec<I>,
    /// What shows the state in the end.
    pub shown: Vec<I>,
    /// The hook that it needs beside those of its letters.
    pub needs: Option<&'static str>,
    /// Which requirements are about it, where its letters say none.
    pub requirements: &'static [&'static str],
}

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

/// An upset of a machine.
pub type UpsetOf<M> = Upset<<M as Machine>::Input, <M as Machine>::State>;

/// What goes wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer is lost, and the message said again.
    Lost,
    /// The message is said twice at once.
    Both,
    /// An ISO 8583 message is said twice on one line, in one go.
    Line,
    /// The server is killed after its answer, and started.
    Restart,
    /// The message comes too late.
    Late,
}

impl Fault {
    const fn what(self) -> &'static str {
        match self {
            Self::Lost => "an answer lost",
            Self::Both => "twice at once",
            Self::Line => "twice on one line",
            Self::Restart => "killed after",
            Self::Late => "late",
        }
    }
}

/// Adds the fault and race tiers of a role.
///
/// # Errors
/// Which template is no step.
pub(crate) fn add<S: Script>(shelf: &mut Shelf) -> Result<(), String> {
    for flow in S::flows() {
        for at in flow.good..flow.path.len() {
            for fault in S::faults() {
                for made in faulted::<S>(&flow, at, *fault)? {
                    shelf.put(made);
                }
            }
            for upset in S::upsets(&flow, at) {
                shelf.put(gone_wrong::<S>(&flow, at, upset)?);
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

/// The tests of a flow with a fault at a step; none when the step is no message that the fault is for.
fn faulted<S: Script>(flow: &Flow<Input<S>>, at: usize, fault: Fault) -> Result<Vec<Made>, String> {
    if fault == Fault::Late {
        let all = delayed::<S>(&flow.path, at);
        return all.iter().map(|path| late::<S>(flow, path, at)).collect();
    }
    let path = &flow.path;
    let mut writing = Writing::<S>::new(path);
    let mut state = S::M::init();
    for (number, input) in path.iter().enumerate() {
        if number == at && fault != Fault::Restart {
            let Some(steps) = twice::<S>(&state, input, fault) else {
                return Ok(Vec::new());
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
    let post = writing.taken();
    if fault == Fault::Restart && at + 1 == path.len() && post.is_empty() {
        // Nothing is said that shows what is left.
        return Ok(Vec::new());
    }
    let source = at_step(fault.what(), at, flow.name);
    let id = source.replacen(", at step ", "/", 1);
    let mut test = test::<S>(id, path, source, Criterion::Fault);
    if fault == Fault::Restart {
        test.needs.push("hook:restart".to_owned());
    }
    (test.steps, test.post) = (steps, post);
    Ok(vec![writing.made(test)])
}

fn at_step(what: &str, at: usize, flow: &str) -> String {
    format!("{what}, at step {} of {flow}", at + 1)
}

/// The test of a step that comes late.
fn late<S: Script>(flow: &Flow<Input<S>>, path: &[Input<S>], at: usize) -> Result<Made, String> {
    let mut writing = Writing::<S>::new(path);
    path.iter()
        .fold(S::M::init(), |state, input| writing.say(&state, input));
    let steps = writing.taken();
    writing.ask()?;
    let id = format!(
        "{}/{} late: {}",
        flow.name,
        at + 1,
        names::<S>(path).join(" ")
    );
    let source = at_step(Fault::Late.what(), at, flow.name);
    let mut test = test::<S>(id, path, source, Criterion::Fault);
    (test.steps, test.post) = (steps, writing.taken());
    Ok(writing.made(test))
}

/// The test of a flow that goes wrong at a step in the role's own way.
fn gone_wrong<S: Script>(
    flow: &Flow<Input<S>>,
    at: usize,
    upset: UpsetOf<S::M>,
) -> Result<Made, String> {
    let way = &flow.path[..=at];
    let mut writing = Writing::<S>::new(&[way, &upset.then, &upset.shown].concat());
    let mut state = S::M::init();
    for input in &flow.path[..at] {
        state = writing.say(&state, input);
    }
    match upset.said {
        Some(steps) => writing.play(Act::Say(steps))?,
        None => drop(writing.say(&state, &flow.path[at])),
    }
    writing.play(Act::Say(upset.done))?;
    state = upset.state;
    for input in &upset.then {
        state = writing.say(&state, input);
    }
    let steps = writing.taken();
    for input in &upset.shown {
        state = writing.say(&state, input);
    }
    let source = at_step(upset.what, at, flow.name);
    let id = source.replacen(", at step ", "/", 1);
    // Where the machine has no word for what went wrong, its path ends there.
    let path = match upset.letter {
        Some(letter) => [way, &[letter], &upset.then].concat(),
        None => way.to_vec(),
    };
    let mut test = test::<S>(id, &path, source, Criterion::Fault);
    test.needs.extend(upset.needs.map(str::to_owned));
    let named = upset.requirements.iter().map(|id| (*id).to_owned());
    let named: BTreeSet<String> = named.chain(test.requirements).collect();
    test.requirements = named.into_iter().collect();
    (test.steps, test.post) = (steps, writing.taken());
    Ok(writing.made(test))
}

/// What a letter says, its last message with the answer that the state asks for.
fn said<S: Script>(state: &State<S>, input: &Input<S>) -> Option<(Vec<Value>, Value, Vec<Value>)> {
    let mut steps = S::steps(&S::part(state, input));
    let is_message = |step: &Value| step["op"] == "send" || step["op"] == "iso";
    let last = steps.iter().rposition(is_message)?;
    let after = steps.split_off(last + 1);
    let mut sent = steps.pop()?;
    let outcome = S::M::step(state, input, &Weak::HARDENED);
    let expected = S::expected(state, input, &outcome);
    if sent["op"] == "iso" {
        // A refusal is an answer like another there.
        if let Some(fields) = expected.accept {
            sent["expect"] = json!(fields);
        }
    } else if let Some(expect) = expect(expected) {
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
    let (mut steps, mut sent, after) = said::<S>(state, input)?;
    let how = match fault {
        Fault::Lost => "lost",
        Fault::Line => "line",
        _ => "both",
    };
    if sent["op"] == "iso" {
        sent["how"] = json!(how);
        steps.push(sent);
    } else if sent["method"] == "POST" && fault != Fault::Line {
        steps.push(json!({"op": "again", "send": bare(sent), "how": how}));
    } else {
        return None;
    }
    steps.extend(after);
    Some(steps)
}

/// A message without its `op`: as it stands inside another step.
pub(crate) fn bare(mut sent: Value) -> Value {
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
