//! Tests of paths and scenes, and the suite that they make. Start at [`suite`].

use std::collections::{BTreeMap, BTreeSet};

use kaika_conformance::format::{Criterion, Do, File, Kind, Origin, Step, Test, Tier};
use kaika_model::{Machine, Outcome, Verdict, Weak};
use kaika_spec::Weakness;
use serde_json::json;

use crate::script::{Act, Expected, Input, Output, Scene, Script, State, file, read_steps};
use crate::tiers::{Happy, smoke};
use crate::walk::{Graph, Transition, walked};
use crate::{faults, fields, mutants};

/// One test while it is written.
pub(crate) struct Writing<S: Script> {
    parts: BTreeSet<String>,
    own: BTreeMap<String, Vec<Step>>,
    steps: Vec<Step>,
    heard: Vec<Output<S>>,
}

/// A test, the parts that it uses, and those that are its own.
pub(crate) struct Made {
    pub(crate) test: Test,
    parts: BTreeSet<String>,
    own: BTreeMap<String, Vec<Step>>,
}

/// The tests of a suite so far, and their parts.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) tests: Vec<Test>,
    parts: BTreeSet<String>,
    own: BTreeMap<String, Vec<Step>>,
}

/// What follows a path.
pub(crate) enum Ending<'a, S: Script> {
    /// What shows best, of these letters, in which state the subject is.
    Continuation(&'a [Input<S>]),
    /// These inputs.
    Identifier(&'a [Input<S>]),
}

impl Shelf {
    pub(crate) fn put(&mut self, made: Made) {
        self.parts.extend(made.parts);
        self.own.extend(made.own);
        self.tests.push(made.test);
    }

    /// The file of a suite.
    ///
    /// # Errors
    /// Which part's template is no step.
    pub(crate) fn bound<S: Script>(self, name: &str, digest: &str) -> Result<File, String> {
        let mut parts = self.own;
        for name in self.parts {
            let steps = read_steps(&S::steps(&name)).map_err(|what| format!("{name}: {what}"))?;
            parts.insert(name, steps);
        }
        Ok(file(name, digest, parts, self.tests))
    }
}

impl<S: Script> Writing<S> {
    pub(crate) fn new(inputs: &[Input<S>]) -> Self {
        let mut writing = Self {
            parts: BTreeSet::new(),
            own: BTreeMap::new(),
            steps: Vec::new(),
            heard: Vec::new(),
        };
        for part in S::setup(inputs) {
            writing.act(part, Expected::default());
        }
        writing
    }

    pub(crate) fn act(&mut self, part: String, expected: Expected) {
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

    pub(crate) fn play(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::Part(name, expected) => self.act(name, expected),
            Act::Say(steps) => self.steps.extend(read_steps(&steps)?),
        }
        Ok(())
    }

    pub(crate) fn say(&mut self, state: &State<S>, input: &Input<S>) -> State<S> {
        let outcome = S::M::step(state, input, &Weak::HARDENED);
        self.act(S::part(state, input), S::expected(state, input, &outcome));
        self.heard.extend(outcome.out.iter().copied());
        outcome.next
    }

    /// Remembers what is said in a step whose message is played in another way.
    pub(crate) fn heard(&mut self, state: &State<S>, input: &Input<S>) {
        let outcome = S::M::step(state, input, &Weak::HARDENED);
        self.heard.extend(outcome.out);
    }

    /// What the subject must have asked by now, as a part that many tests share.
    pub(crate) fn ask(&mut self) -> Result<(), String> {
        let all = S::questions(&self.heard);
        if all.is_empty() {
            return Ok(());
        }
        let topic = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let counts: Vec<String> = all
            .iter()
            .map(|one| format!("{} {}", topic(one.path), one.times))
            .collect();
        let part = format!("asked/{}", counts.join(", "));
        let templates: Vec<_> = all
            .into_iter()
            .map(|question| {
                let mut step = json!({
                    "op": "asked", "at": question.at, "path": question.path, "having": {"$ref": question.having},
                    "times": question.times,
                });
                if let Some(with) = question.with {
                    step["with"] = with;
                }
                step
            })
            .collect();
        self.own.insert(part.clone(), read_steps(&templates)?);
        self.steps.push(Step::Do(Do {
            part,
            refuse: None,
            sw: None,
            accept: None,
        }));
        Ok(())
    }

    /// The steps since the last time.
    pub(crate) fn taken(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    pub(crate) fn made(self, test: Test) -> Made {
        Made {
            test,
            parts: self.parts,
            own: self.own,
        }
    }
}

/// What a tester sees of a step: the message, the answer as it is expected, and what peers are asked.
pub(crate) fn seen<S: Script>(
    state: &State<S>,
    input: &Input<S>,
    outcome: &Outcome<State<S>, Output<S>>,
) -> String {
    let expected = S::expected(state, input, outcome);
    let asked: Vec<_> = S::questions(&outcome.out)
        .into_iter()
        .map(|one| (one.path, one.times))
        .collect();
    let (part, verdict) = (S::part(state, input), outcome.verdict);
    format!("{part} {verdict:?} {expected:?} {asked:?}")
}

/// The graph of a chapter of a role, by experiments of at most `depth` inputs.
pub(crate) fn graph<S: Script>(alphabet: &[Input<S>], depth: usize) -> Graph<S::M> {
    Graph::of(alphabet, depth, seen::<S>)
}

/// The input that shows best what state the subject is in: one that is done there, and changes something if it can be.
fn continuation<S: Script>(alphabet: &[Input<S>], state: &State<S>) -> Option<Input<S>> {
    let good = |input: &&Input<S>| {
        let step = S::M::step(state, input, &Weak::HARDENED);
        S::M::sayable(state, input)
            && step.verdict.is_good()
            && !step.out.is_empty()
            && S::needs(input) != Some("hook:clock")
    };
    let changes = |input: &&Input<S>| S::M::step(state, input, &Weak::HARDENED).next != *state;
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

pub(crate) fn names<S: Script>(path: &[Input<S>]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

/// The test of a transition; nothing when no message says the input, or nothing shows that a refusal changed nothing.
///
/// # Errors
/// Which question is no step.
pub(crate) fn test<S: Script>(
    chapter: &str,
    transition: &Transition<S::M>,
    ending: &Ending<'_, S>,
    origin: Origin,
) -> Result<Option<Made>, String> {
    let after: Vec<Input<S>> = match ending {
        Ending::Continuation(alphabet) => continuation::<S>(alphabet, &transition.outcome.next)
            .into_iter()
            .collect(),
        Ending::Identifier(inputs) => inputs.to_vec(),
    };
    let path = transition.path();
    let all: Vec<Input<S>> = path.iter().copied().chain(after.iter().copied()).collect();
    let mut writing = Writing::<S>::new(&all);
    let mut state = path
        .iter()
        .fold(S::M::init(), |state, input| writing.say(&state, input));
    let steps = writing.taken();
    if let Ending::Continuation(alphabet) = ending {
        writing.ask()?;
        for input in S::shown().iter().filter(|input| alphabet.contains(input)) {
            writing.say(&state, input);
        }
    }
    for input in &after {
        state = writing.say(&state, input);
    }
    if matches!(ending, Ending::Identifier(_)) {
        writing.ask()?;
    }
    let post = writing.taken();
    let result = kind(transition.outcome.verdict);
    if steps.is_empty() || result == Kind::Invalid && post.is_empty() {
        return Ok(None);
    }
    let tier = match origin.criterion {
        Criterion::Identification => Tier::Identification,
        _ => Tier::Standard,
    };
    let needs: BTreeSet<&str> = all.iter().filter_map(S::needs).collect();
    let test = Test {
        id: format!("{}/{chapter}/{}", S::ROLE, origin.model_path.join(" ")),
        tier,
        title: origin.model_path.join(", then "),
        sut: vec![S::ROLE.to_owned()],
        needs: needs.into_iter().map(str::to_owned).collect(),
        result,
        flags: Vec::new(),
        requirements: requirements::<S>(transition.outcome.reqs),
        origin,
        steps,
        post,
    };
    Ok(Some(writing.made(test)))
}

/// The hook that a piece of a scene needs when it is a letter.
fn hook_of<S: Script>(act: &Act) -> Option<&'static str> {
    let Act::Part(name, _) = act else {
        return None;
    };
    let letters = S::M::inputs();
    let letter = letters.iter().find(|letter| letter.to_string() == *name);
    letter.and_then(S::needs)
}

/// The test of a scene.
fn staged<S: Script>(scene: Scene) -> Result<Made, String> {
    let acts = scene.acts.iter().chain(&scene.post);
    let needs: BTreeSet<&str> = acts.filter_map(hook_of::<S>).chain(scene.needs).collect();
    let mut writing = Writing::<S>::new(&[]);
    scene
        .acts
        .into_iter()
        .try_for_each(|act| writing.play(act))?;
    let steps = writing.taken();
    scene
        .post
        .into_iter()
        .try_for_each(|act| writing.play(act))?;
    let test = Test {
        title: scene.id.replacen('/', ": ", 1),
        id: format!("{}/{}", S::ROLE, scene.id),
        tier: scene.tier,
        sut: vec![S::ROLE.to_owned()],
        needs: needs.into_iter().map(str::to_owned).collect(),
        result: scene.result,
        flags: Vec::new(),
        requirements: vec![scene.requirement.to_owned()],
        origin: Origin {
            criterion: scene.criterion,
            model_path: Vec::new(),
            kills: Vec::new(),
            source: scene.source,
        },
        steps,
        post: writing.taken(),
    };
    Ok(writing.made(test))
}

/// The weaknesses that this test is the first to tell: some answer on its way is another.
fn fresh_kills<S: Script>(
    alphabet: &[Input<S>],
    transition: &Transition<S::M>,
    killed: &mut BTreeSet<Weakness>,
) -> Vec<String> {
    let after = continuation::<S>(alphabet, &transition.outcome.next);
    let path: Vec<Input<S>> = transition.path().into_iter().chain(after).collect();
    let mut kills = Vec::new();
    for weakness in Weakness::ALL {
        if !killed.contains(weakness) && mutants::is_told::<S>(&path, *weakness) {
            killed.insert(*weakness);
            kills.push(weakness.name().to_owned());
        }
    }
    kills
}

/// The suite of a role: every distinguishable state × every input, what the alphabet cannot say, and what more the
/// tiers hold that are checked in.
///
/// # Errors
/// Which part's template is no step, or which listed path is none.
pub(crate) fn suite<S: Script>(digest: &str) -> Result<File, String> {
    let mut shelf = Shelf::default();
    let mut killed = BTreeSet::new();
    let mut happy = Vec::new();
    for (chapter, alphabet) in S::M::chapters() {
        for transition in walks::<S>(chapter, &alphabet) {
            let kills = fresh_kills::<S>(&alphabet, &transition, &mut killed);
            let criterion = if kills.is_empty() {
                Criterion::Transition
            } else {
                Criterion::Mutant
            };
            let origin = Origin {
                criterion,
                model_path: names::<S>(&transition.path()),
                kills,
                source: None,
            };
            let ending = Ending::Continuation(&alphabet);
            if let Some(made) = test::<S>(chapter, &transition, &ending, origin)? {
                happy.extend(is_happy::<S>(chapter, shelf.tests.len(), &transition));
                shelf.put(made);
            }
        }
    }
    for scene in S::scenes() {
        shelf.put(staged::<S>(scene)?);
    }
    fields::add::<S>(&mut shelf)?;
    smoke(&mut shelf.tests, &happy);
    mutants::add::<S>(&mut shelf, &killed)?;
    faults::add::<S>(&mut shelf)?;
    shelf.bound::<S>(S::ROLE, digest)
}

/// The transitions of a chapter, and its detours that are none of them.
fn walks<S: Script>(chapter: &str, alphabet: &[Input<S>]) -> Vec<Transition<S::M>> {
    let mut walks = graph::<S>(alphabet, S::depth(chapter)).transitions();
    let detours = S::detours();
    let detours = detours.iter().filter(|(at, _)| *at == chapter);
    for detour in detours.filter_map(|(_, path)| walked::<S::M>(path)) {
        let is_same =
            |other: &Transition<S::M>| (&other.way, other.input) == (&detour.way, detour.input);
        if !walks.iter().any(is_same) {
            walks.push(detour);
        }
    }
    walks
}

/// A walk on which everything is accepted, and nothing waits.
fn is_happy<S: Script>(
    chapter: &'static str,
    at: usize,
    transition: &Transition<S::M>,
) -> Option<Happy> {
    let mut state = S::M::init();
    let mut requirements = BTreeSet::new();
    for input in &transition.path() {
        let outcome = S::M::step(&state, input, &Weak::HARDENED);
        if !outcome.verdict.is_good() || S::needs(input) == Some("hook:clock") {
            return None;
        }
        requirements.extend(outcome.reqs);
        state = outcome.next;
    }
    Some(Happy {
        at,
        chapter,
        requirements,
        length: transition.way.len() + 1,
    })
}
