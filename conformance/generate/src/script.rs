//! From transitions to tests: what every role's templates have in common. Start at [`suite`].

use std::collections::{BTreeMap, BTreeSet};

use kaika_conformance::format::{
    Criterion, Do, FORMAT, File, Generator, Kind, Origin, SpecDigest, Step, Test, Tier,
};
use kaika_model::{Machine, Outcome, Verdict};
use kaika_spec::Weakness;
use serde_json::{Value, json};

use crate::tiers::{Happy, smoke};
use crate::walk::{LENGTH, Transition, transitions, walked};

/// How an outcome differs from what a part expects by itself.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Refused.
    pub refuse: Option<String>,
    /// Status word.
    pub sw: Option<String>,
    /// Fields of a good answer.
    pub accept: Option<BTreeMap<String, Value>>,
}

/// What the subject is to have asked a peer when the test is over.
#[derive(Clone, Debug)]
pub struct Question {
    /// The peer.
    pub at: &'static str,
    /// The beginning of the path.
    pub path: &'static str,
    /// Name of a text that path or body contains.
    pub having: &'static str,
    /// How often.
    pub times: usize,
    /// A pattern of the body.
    pub with: Option<Value>,
}

/// What the subject is to have asked its peers.
pub type Questions = Vec<Question>;

/// A test that no path of the model is: parts in order, each with what is expected of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The rest of its id.
    pub id: String,
    /// Requirement.
    pub requirement: &'static str,
    /// The hook that it needs.
    pub needs: Option<&'static str>,
    /// Whether it ends in a refusal.
    pub result: Kind,
    /// What is played.
    pub acts: Vec<Act>,
    /// What shows that nothing changed.
    pub post: Vec<Act>,
}

/// A piece of a scene.
#[derive(Clone, Debug)]
pub enum Act {
    /// A part, and what is expected of it.
    Part(String, Expected),
    /// Steps of the scene's own.
    Say(Vec<Value>),
}

impl Act {
    /// A part that says by itself what is expected.
    pub fn part(name: &str) -> Self {
        Self::Part(name.to_owned(), Expected::default())
    }
}

/// The messages of one role: templates for the letters of its alphabet.
pub trait Script {
    /// Its machine.
    type M: Machine;
    /// Its name.
    const ROLE: &'static str;

    /// The parts that a test with these inputs begins with.
    fn setup(inputs: &[<Self::M as Machine>::Input]) -> Vec<String>;

    /// The part that says an input in a state; an empty name says nothing.
    fn part(state: &<Self::M as Machine>::State, input: &<Self::M as Machine>::Input) -> String;

    /// The steps of a part.
    fn steps(part: &str) -> Vec<Value>;

    /// What is expected beyond the part's own expectation.
    fn expected(
        state: &<Self::M as Machine>::State,
        input: &<Self::M as Machine>::Input,
        outcome: &Outcome<<Self::M as Machine>::State, <Self::M as Machine>::Output>,
    ) -> Expected;

    /// The hook that an input needs.
    fn needs(input: &<Self::M as Machine>::Input) -> Option<&'static str>;

    /// What the subject must have asked its peers, given every output so far.
    fn questions(_: &[<Self::M as Machine>::Output]) -> Questions {
        Vec::new()
    }

    /// Ways that are worth walking although a shorter one leads to a state that looks the same.
    fn detours() -> Vec<(&'static str, Vec<<Self::M as Machine>::Input>)> {
        Vec::new()
    }

    /// Tests about what the alphabet cannot say.
    fn scenes() -> Vec<Scene> {
        Vec::new()
    }

    /// Inputs that change nothing and show the state: said at the end of every test in whose chapter they are.
    fn shown() -> &'static [<Self::M as Machine>::Input] {
        &[]
    }

    /// Requirement ids where the model names none.
    const REQUIREMENTS: &'static [&'static str];
}

type State<S> = <<S as Script>::M as Machine>::State;
type Input<S> = <<S as Script>::M as Machine>::Input;
type Output<S> = <<S as Script>::M as Machine>::Output;

/// One test while it is written.
struct Writing<S: Script> {
    parts: BTreeSet<String>,
    steps: Vec<Step>,
    heard: Vec<Output<S>>,
}

impl<S: Script> Writing<S> {
    fn new(inputs: &[Input<S>]) -> Self {
        let mut writing = Self {
            parts: BTreeSet::new(),
            steps: Vec::new(),
            heard: Vec::new(),
        };
        for part in S::setup(inputs) {
            writing.act(part, Expected::default());
        }
        writing
    }

    fn act(&mut self, part: String, expected: Expected) {
        if part.is_empty() {
            return;
        }
        self.parts.insert(part.clone());
        self.steps.push(Step::Do(Do {
            part,
            refuse: expected.refuse,
            sw: expected.sw,
            accept: expected.accept,
        }));
    }

    fn play(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Part(name, expected) => self.act(name, expected),
            Act::Say(steps) => self.steps.extend(read_steps(&steps)?),
        }
        Ok(())
    }

    fn say(&mut self, state: &State<S>, input: &Input<S>) -> State<S> {
        let outcome = S::M::step(state, input, &kaika_model::Weak::HARDENED);
        self.act(S::part(state, input), S::expected(state, input, &outcome));
        self.heard.extend(outcome.out.iter().copied());
        outcome.next
    }
}

/// The input that shows best what state the subject is in: one that is done there, and changes something if it can be.
fn continuation<S: Script>(alphabet: &[Input<S>], state: &State<S>) -> Option<Input<S>> {
    let good = |input: &&Input<S>| {
        let step = S::M::step(state, input, &kaika_model::Weak::HARDENED);
        S::M::sayable(state, input)
            && step.verdict.is_good()
            && !step.out.is_empty()
            && S::needs(input) != Some("hook:clock")
    };
    let changes =
        |input: &&Input<S>| S::M::step(state, input, &kaika_model::Weak::HARDENED).next != *state;
    let first = alphabet.iter().filter(good).find(changes);
    first.or_else(|| alphabet.iter().find(good)).copied()
}

fn kind(verdict: Verdict) -> Kind {
    if verdict.is_good() || verdict == Verdict::Silent {
        Kind::Valid
    } else {
        Kind::Invalid
    }
}

/// The requirements of a test: the model's, or the role's.
fn requirements<S: Script>(reqs: &[&'static str]) -> Vec<String> {
    let named = if reqs.is_empty() {
        S::REQUIREMENTS
    } else {
        reqs
    };
    named.iter().map(|id| (*id).to_owned()).collect()
}

fn test<S: Script>(
    chapter: &str,
    alphabet: &[Input<S>],
    transition: &Transition<S::M>,
    kills: Vec<String>,
) -> Option<(Test, BTreeSet<String>)> {
    let after = continuation::<S>(alphabet, &transition.outcome.next);
    let path: Vec<Input<S>> = transition
        .way
        .iter()
        .copied()
        .chain([transition.input])
        .collect();
    let all: Vec<Input<S>> = path.iter().copied().chain(after).collect();
    let mut writing = Writing::<S>::new(&all);
    let state = path
        .iter()
        .fold(S::M::init(), |state, input| writing.say(&state, input));
    let steps = std::mem::take(&mut writing.steps);
    let mut post: Vec<Step> = questions::<S>(&writing.heard)?;
    for input in S::shown().iter().filter(|input| alphabet.contains(input)) {
        writing.say(&state, input);
    }
    post.append(&mut writing.steps);
    if let Some(after) = after {
        writing.say(&state, &after);
        post.append(&mut writing.steps);
    }
    let result = kind(transition.outcome.verdict);
    if steps.is_empty() || result == Kind::Invalid && post.is_empty() {
        return None;
    }
    let names: Vec<String> = path.iter().map(ToString::to_string).collect();
    let needs: BTreeSet<&str> = all.iter().filter_map(S::needs).collect();
    let criterion = if kills.is_empty() {
        Criterion::Transition
    } else {
        Criterion::Mutant
    };
    let test = Test {
        id: format!("{}/{chapter}/{}", S::ROLE, names.join(" ")),
        tier: Tier::Standard,
        title: names.join(", then "),
        sut: vec![S::ROLE.to_owned()],
        needs: needs.into_iter().map(str::to_owned).collect(),
        result,
        flags: Vec::new(),
        requirements: requirements::<S>(transition.outcome.reqs),
        origin: Origin {
            criterion,
            model_path: names,
            kills,
            source: None,
        },
        steps,
        post,
    };
    Some((test, writing.parts))
}

/// The test of a scene, and the parts that it uses.
fn staged<S: Script>(scene: Scene) -> Result<(Test, BTreeSet<String>), String> {
    let mut writing = Writing::<S>::new(&[]);
    scene
        .acts
        .into_iter()
        .try_for_each(|act| writing.play(act))?;
    let steps = std::mem::take(&mut writing.steps);
    scene
        .post
        .into_iter()
        .try_for_each(|act| writing.play(act))?;
    let test = Test {
        title: scene.id.replacen('/', ": ", 1),
        id: format!("{}/{}", S::ROLE, scene.id),
        tier: Tier::Standard,
        sut: vec![S::ROLE.to_owned()],
        needs: scene.needs.map(str::to_owned).into_iter().collect(),
        result: scene.result,
        flags: Vec::new(),
        requirements: vec![scene.requirement.to_owned()],
        origin: Origin {
            criterion: Criterion::Hand,
            model_path: Vec::new(),
            kills: Vec::new(),
            source: None,
        },
        steps,
        post: writing.steps,
    };
    Ok((test, writing.parts))
}

/// The weaknesses that this test is the first to tell: some answer on its way is another.
fn fresh_kills<S: Script>(
    alphabet: &[Input<S>],
    transition: &Transition<S::M>,
    killed: &mut BTreeSet<Weakness>,
) -> Vec<String> {
    let after = continuation::<S>(alphabet, &transition.outcome.next);
    let path = transition.way.iter().copied().chain([transition.input]);
    let path: Vec<Input<S>> = path.chain(after).collect();
    let mut kills = Vec::new();
    for weakness in Weakness::ALL {
        if !killed.contains(weakness) && is_told::<S>(&path, *weakness) {
            killed.insert(*weakness);
            kills.push(weakness.name().to_owned());
        }
    }
    kills
}

/// Whether a subject with this weakness answers something on the path otherwise.
fn is_told<S: Script>(path: &[Input<S>], weakness: Weakness) -> bool {
    let (mut right, mut wrong) = (S::M::init(), S::M::init());
    path.iter().any(|input| {
        let expected = S::M::step(&right, input, &kaika_model::Weak::HARDENED);
        let seen = S::M::step(&wrong, input, &kaika_model::Weak::only(weakness));
        let differs = expected.verdict != seen.verdict || expected.out != seen.out;
        (right, wrong) = (expected.next, seen.next);
        differs
    })
}

fn questions<S: Script>(heard: &[Output<S>]) -> Option<Vec<Step>> {
    S::questions(heard)
        .into_iter()
        .map(|question| {
            let mut step = json!({
                "op": "asked", "at": question.at, "path": question.path, "having": {"$ref": question.having},
                "times": question.times,
            });
            if let Some(with) = question.with {
                step["with"] = with;
            }
            serde_json::from_value(step).ok()
        })
        .collect()
}

/// The suite of a role: every distinguishable state × every input.
///
/// # Errors
/// Which part's template is no step.
pub fn suite<S: Script>(digest: &str) -> Result<File, String> {
    let mut tests = Vec::new();
    let mut used = BTreeSet::new();
    let mut killed = BTreeSet::new();
    let mut happy = Vec::new();
    for (chapter, alphabet) in S::M::chapters() {
        let detours = S::detours();
        let detours = detours.iter().filter(|(at, _)| *at == chapter);
        let detours = detours.filter_map(|(_, path)| walked::<S::M>(path));
        let mut walks = transitions::<S::M>(&alphabet);
        for detour in detours {
            let is_same =
                |other: &Transition<S::M>| (&other.way, other.input) == (&detour.way, detour.input);
            if !walks.iter().any(is_same) {
                walks.push(detour);
            }
        }
        for transition in walks {
            let kills = fresh_kills::<S>(&alphabet, &transition, &mut killed);
            if let Some((test, parts)) = test::<S>(chapter, &alphabet, &transition, kills) {
                used.extend(parts);
                happy.extend(is_happy::<S>(chapter, tests.len(), &transition));
                tests.push(test);
            }
        }
    }
    for scene in S::scenes() {
        let (test, parts) = staged::<S>(scene)?;
        used.extend(parts);
        tests.push(test);
    }
    smoke(&mut tests, &happy);
    let parts = used
        .into_iter()
        .map(|name| {
            let steps = read_steps(&S::steps(&name)).map_err(|what| format!("{name}: {what}"))?;
            Ok((name, steps))
        })
        .collect::<Result<_, String>>()?;
    Ok(file(S::ROLE, digest, parts, tests))
}

/// A walk on which everything is accepted, and nothing waits.
fn is_happy<S: Script>(
    chapter: &'static str,
    at: usize,
    transition: &Transition<S::M>,
) -> Option<Happy> {
    let mut state = S::M::init();
    let mut requirements = BTreeSet::new();
    for input in transition.way.iter().chain([&transition.input]) {
        let outcome = S::M::step(&state, input, &kaika_model::Weak::HARDENED);
        if !outcome.verdict.is_good() || S::needs(input) == Some("hook:clock") {
            return None;
        }
        requirements.extend(outcome.reqs);
        state = outcome.next;
    }
    let length = transition.way.len() + 1;
    Some(Happy {
        at,
        chapter,
        requirements,
        length,
    })
}

/// Steps from their templates.
///
/// # Errors
/// What is no step.
pub fn read_steps(templates: &[Value]) -> Result<Vec<Step>, String> {
    templates
        .iter()
        .map(|step| {
            serde_json::from_value(step.clone()).map_err(|error| format!("{error} in {step}"))
        })
        .collect()
}

/// A suite file around tests.
pub fn file(
    name: &str,
    digest: &str,
    parts: BTreeMap<String, Vec<Step>>,
    tests: Vec<Test>,
) -> File {
    File {
        format: FORMAT,
        suite: name.to_owned(),
        spec: SpecDigest {
            catalogue_digest: digest.to_owned(),
        },
        generator: Generator {
            name: "kaika vectors".to_owned(),
            criteria: vec![format!(
                "every state that an experiment of {LENGTH} inputs tells apart, by its shortest way, with every input there"
            )],
        },
        notes: BTreeMap::new(),
        fixtures: BTreeMap::new(),
        parts,
        number_of_tests: tests.len(),
        tests,
    }
}

/// A POST: who to whom, where, with what, and what must come back.
pub fn post(from: &str, to: &str, path: Value, body: Value, accept: Value) -> Value {
    json!({"op": "send", "from": from, "to": to, "method": "POST", "path": path, "body": body, "expect": {"accept": accept}})
}

/// A GET.
pub fn get(from: &str, to: &str, path: Value, accept: Value) -> Value {
    json!({"op": "send", "from": from, "to": to, "method": "GET", "path": path, "expect": {"accept": accept}})
}

/// Time passes.
pub fn advance(ms: i64) -> Value {
    json!({"op": "advance", "ms": ms})
}

/// A name for a value.
pub fn named(name: &str, value: Value) -> Value {
    json!({"op": "let", "as": name, "value": value})
}

/// Fresh bytes.
pub fn fresh(len: usize) -> Value {
    json!({"$fresh": {"type": "bytes", "len": len}})
}

/// Fresh digits.
pub fn digits(len: usize) -> Value {
    json!({"$fresh": {"type": "digits", "len": len}})
}

/// What a name stands for.
pub fn known(name: &str) -> Value {
    json!({"$ref": name})
}

/// A pattern that gives what is seen a name.
pub fn bind(name: &str) -> Value {
    json!({"$bind": {"as": name}})
}

/// Texts one after the other.
pub fn concat(parts: Value) -> Value {
    json!({"$calc": {"fn": "concat", "args": {"parts": parts}}})
}

/// What the chip `se_id` signs over a digest.
pub fn evidence(kind: &str, digest: Value) -> Value {
    json!({"$calc": {"fn": "evidence", "args": {"kind": kind, "se_id": known("se_id"), "digest": digest}}})
}

/// A person nobody has heard of.
pub fn stranger() -> Value {
    json!({"name": "Wang Xiaoming", "id_type": "resident-id", "id_no": digits(18), "id_valid_to": "2040-01-01"})
}

/// Fields of a good answer.
pub fn fields(value: &Value) -> Option<BTreeMap<String, Value>> {
    let map = value.as_object()?;
    Some(
        map.iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
