//! Breadth first: the states of a role, which of them can be told apart, and pairs of states of the right role and a
//! wrong one.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use kaika_model::{Machine as _, Outcome, Weak};

use crate::roles::{Input, Output, State, Subject};
use crate::seen::Eyes;

type Step<S> = Outcome<State<S>, Output<S>>;

/// Pairs after which a search gives up.
const PAIRS_MAX: usize = 200_000;

/// Every state that the letters reach, in the order of discovery.
pub(crate) fn reached<S: Subject>(letters: &[Input<S>]) -> Vec<State<S>> {
    let mut seen = HashSet::from([S::M::init()]);
    let mut found = vec![S::M::init()];
    let mut next = 0;
    while let Some(state) = found.get(next).copied() {
        next += 1;
        for letter in letters
            .iter()
            .filter(|letter| S::M::sayable(&state, letter))
        {
            let after = S::M::step(&state, letter, &Weak::HARDENED).next;
            if seen.insert(after) {
                found.push(after);
            }
        }
    }
    found
}

/// What each letter is answered in one state, by number, and the state after it; nothing where it cannot be said.
type Row<S> = Vec<Option<(usize, State<S>)>>;

/// A state of the right role and one of the wrong role.
type Pair<S> = (State<S>, State<S>);

/// Where each pair came from, and by which letter.
type From<S> = HashMap<Pair<S>, Option<(Pair<S>, Input<S>)>>;

/// For each state a number, the same for states that no experiment of so many letters tells apart; without a limit, none
/// at all.
pub(crate) fn classes<S: Subject>(
    eyes: &Eyes<S>,
    states: &[State<S>],
    letters: &[Input<S>],
    length: Option<usize>,
) -> HashMap<State<S>, usize> {
    let mut texts = BTreeMap::new();
    let rows: Vec<Row<S>> = states
        .iter()
        .map(|state| {
            letters
                .iter()
                .map(|letter| answer(eyes, state, letter, &mut texts))
                .collect()
        })
        .collect();
    let mut class: HashMap<State<S>, usize> = states.iter().map(|state| (*state, 0)).collect();
    let (mut count, mut round) = (1, 0);
    while length.is_none_or(|length| round < length) {
        let mut numbers = BTreeMap::new();
        let refined: HashMap<State<S>, usize> = states
            .iter()
            .zip(&rows)
            .map(|(state, row)| {
                let seen = |answer: &Option<(usize, State<S>)>| {
                    answer.map(|(text, next)| (text, class.get(&next).copied()))
                };
                let row: Vec<_> = row.iter().map(seen).collect();
                let new = numbers.len();
                (
                    *state,
                    *numbers
                        .entry((class.get(state).copied(), row))
                        .or_insert(new),
                )
            })
            .collect();
        class = refined;
        round += 1;
        if numbers.len() == count {
            break;
        }
        count = numbers.len();
    }
    class
}

fn answer<S: Subject>(
    eyes: &Eyes<S>,
    state: &State<S>,
    letter: &Input<S>,
    texts: &mut BTreeMap<String, usize>,
) -> Option<(usize, State<S>)> {
    if !S::M::sayable(state, letter) {
        return None;
    }
    let step = S::M::step(state, letter, &Weak::HARDENED);
    let new = texts.len();
    let text = *texts.entry(eyes.text(letter, state, &step)).or_insert(new);
    Some((text, step.next))
}

/// What a search comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<L> {
    /// The shortest way that a tester can say and that is answered otherwise.
    Way(Vec<L>),
    /// There is none.
    Nothing,
    /// There were too many pairs.
    TooMany,
}

/// Every step that a tester can see of the right role.
pub(crate) struct Steps<S: Subject> {
    rows: Vec<(State<S>, Input<S>, Step<S>)>,
}

impl<S: Subject> Steps<S> {
    pub(crate) fn new(states: &[State<S>]) -> Self {
        let letters = S::M::inputs();
        let mut rows = Vec::new();
        for state in states {
            for letter in letters.iter().filter(|letter| S::M::sayable(state, letter)) {
                rows.push((*state, *letter, S::M::step(state, letter, &Weak::HARDENED)));
            }
        }
        Self { rows }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Whether a wrong role differs anywhere: when it does not, the two never part.
    pub(crate) fn differ(&self, step: impl Fn(&State<S>, &Input<S>) -> Step<S>) -> bool {
        self.rows.iter().any(|(state, letter, right)| {
            let wrong = step(state, letter);
            (wrong.next, &wrong.out, wrong.verdict) != (right.next, &right.out, right.verdict)
        })
    }
}

/// The shortest way on which a wrong role is answered otherwise, over every pair of states that both reach together.
pub(crate) fn product<S: Subject>(
    eyes: &Eyes<S>,
    step: impl Fn(&State<S>, &Input<S>) -> Step<S>,
) -> Found<Input<S>> {
    let letters = S::M::inputs();
    let init = (S::M::init(), S::M::init());
    let mut from = From::<S>::from([(init, None)]);
    let mut todo = VecDeque::from([init]);
    while let Some(pair) = todo.pop_front() {
        for letter in letters
            .iter()
            .filter(|letter| S::M::sayable(&pair.0, letter))
        {
            let right = S::M::step(&pair.0, letter, &Weak::HARDENED);
            let wrong = step(&pair.1, letter);
            if !eyes.alike(letter, (&pair.0, &right), (&pair.1, &wrong)) {
                return Found::Way(way::<S>(&from, pair, *letter));
            }
            let next = (right.next, wrong.next);
            if !from.contains_key(&next) {
                if from.len() >= PAIRS_MAX {
                    return Found::TooMany;
                }
                from.insert(next, Some((pair, *letter)));
                todo.push_back(next);
            }
        }
    }
    Found::Nothing
}

fn way<S: Subject>(
    from: &From<S>,
    mut pair: (State<S>, State<S>),
    last: Input<S>,
) -> Vec<Input<S>> {
    let mut way = vec![last];
    while let Some(Some((before, letter))) = from.get(&pair) {
        way.push(*letter);
        pair = *before;
    }
    way.reverse();
    way
}
