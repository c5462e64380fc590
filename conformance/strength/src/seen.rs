//! What a tester sees of a step: the answer as the peer is told it, what was said to others, and what the vectors
//! compare in the answer's fields.
//!
//! Accepting and repeating look alike, and so do refusals that the peer is told by one name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use kaika_model::{Machine as _, Outcome, Verdict, Weak};
use serde_json::Value;

use crate::roles::{Input, Output, State, Subject};

type Step<S> = Outcome<State<S>, Output<S>>;

/// By state and letter, the step and the fields of its answer.
type Known<S> = HashMap<(State<S>, Input<S>), (Step<S>, String)>;

/// What to compare for a role.
pub(crate) struct Eyes<S: Subject> {
    /// Letters whose good answers differ by more than outputs.
    telling: BTreeSet<Input<S>>,
    /// Letters that are said in the same words everywhere, and whose expected answer hangs on the state.
    shown: BTreeSet<Input<S>>,
    /// The fields of the right role's good answers to the telling letters.
    known: Known<S>,
}

impl<S: Subject> Eyes<S> {
    /// Looks at every answer in these states.
    pub(crate) fn new(states: &[State<S>]) -> Self {
        let mut eyes = Self {
            telling: BTreeSet::new(),
            shown: BTreeSet::new(),
            known: HashMap::new(),
        };
        for letter in S::M::inputs() {
            let mut told = BTreeSet::new();
            let mut parts = BTreeSet::new();
            for state in states.iter().filter(|state| S::M::sayable(state, &letter)) {
                let step = S::M::step(state, &letter, &Weak::HARDENED);
                parts.insert(S::part(state, &letter));
                if step.verdict.is_good() {
                    told.insert(fields::<S>(state, &letter, &step));
                }
            }
            if told.len() > 1 {
                eyes.telling.insert(letter);
            }
            if parts.len() > 1 && commands::<S>(&parts).len() == 1 {
                eyes.shown.insert(letter);
            }
        }
        for letter in &eyes.telling {
            for state in states {
                let step = S::M::step(state, letter, &Weak::HARDENED);
                let fields = fields::<S>(state, letter, &step);
                eyes.known.insert((*state, *letter), (step, fields));
            }
        }
        eyes
    }

    fn fields(&self, from: &State<S>, letter: &Input<S>, step: &Step<S>) -> Cow<'_, str> {
        match self.known.get(&(*from, *letter)) {
            Some((right, fields)) if right == step => Cow::Borrowed(fields),
            _ => Cow::Owned(fields::<S>(from, letter, step)),
        }
    }

    /// Whether two steps on one letter look alike.
    pub(crate) fn alike(
        &self,
        letter: &Input<S>,
        one: (&State<S>, &Step<S>),
        other: (&State<S>, &Step<S>),
    ) -> bool {
        let ((from, step), (from_other, step_other)) = (one, other);
        if step.out != step_other.out {
            return false;
        }
        match (step.verdict, step_other.verdict) {
            (Verdict::Refuse(refusal), Verdict::Refuse(refusal_other)) => {
                refusal == refusal_other
                    || refused::<S>(from, letter, step)
                        == refused::<S>(from_other, letter, step_other)
            }
            (verdict, verdict_other) if verdict.is_good() && verdict_other.is_good() => {
                word(verdict) == word(verdict_other) && self.told_alike(letter, one, other)
            }
            (verdict, verdict_other) => verdict == verdict_other,
        }
    }

    fn told_alike(
        &self,
        letter: &Input<S>,
        one: (&State<S>, &Step<S>),
        other: (&State<S>, &Step<S>),
    ) -> bool {
        let ((from, step), (from_other, step_other)) = (one, other);
        if self.shown.contains(letter) && S::part(from, letter) != S::part(from_other, letter) {
            return false;
        }
        !self.telling.contains(letter)
            || self.fields(from, letter, step) == self.fields(from_other, letter, step_other)
    }

    /// All that is seen, as a text: equal texts look alike.
    pub(crate) fn text(&self, letter: &Input<S>, from: &State<S>, step: &Step<S>) -> String {
        let said: Vec<String> = step.out.iter().map(ToString::to_string).collect();
        let told = match step.verdict {
            Verdict::Refuse(_) => refused::<S>(from, letter, step),
            verdict if verdict.is_good() => {
                let part = if self.shown.contains(letter) {
                    S::part(from, letter)
                } else {
                    String::new()
                };
                let fields = if self.telling.contains(letter) {
                    self.fields(from, letter, step)
                } else {
                    Cow::default()
                };
                format!("{:?} {part} {fields}", word(verdict))
            }
            verdict => format!("{verdict:?}"),
        };
        format!("{told} {}", said.join(" "))
    }
}

/// The status word of a good answer; other good answers look alike.
const fn word(verdict: Verdict) -> Option<u16> {
    match verdict {
        Verdict::Sw(word) => Some(word),
        Verdict::Accept | Verdict::Repeat | Verdict::Refuse(_) | Verdict::Silent => None,
    }
}

/// What the vectors compare in an answer, as text.
fn fields<S: Subject>(from: &State<S>, letter: &Input<S>, step: &Step<S>) -> String {
    let accept: Option<BTreeMap<String, Value>> = S::expected(from, letter, step).accept;
    accept.map_or_else(String::new, |fields| format!("{fields:?}"))
}

/// The refusal as the peer is told it: by name, or by the code of its answer.
fn refused<S: Subject>(from: &State<S>, letter: &Input<S>, step: &Step<S>) -> String {
    let by_name = S::expected(from, letter, step).refuse.is_some();
    match step.verdict {
        Verdict::Refuse(refusal) if by_name => refusal.seen().to_owned(),
        _ => fields::<S>(from, letter, step),
    }
}

/// What the parts say, expectations apart.
fn commands<S: Subject>(parts: &BTreeSet<String>) -> BTreeSet<String> {
    let said = |part: &String| {
        let mut steps = S::steps(part);
        for step in &mut steps {
            let expected: &[&str] = match step["op"].as_str() {
                Some("apdu") => &["sw", "data"],
                Some("secure") => &["sw", "out"],
                _ => &["sw", "expect"],
            };
            if let Some(step) = step.as_object_mut() {
                expected.iter().for_each(|field| drop(step.remove(*field)));
            }
        }
        Value::Array(steps).to_string()
    };
    parts.iter().map(said).collect()
}
