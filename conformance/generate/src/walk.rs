//! Walks a role's step function: its distinguishable states, the shortest way to each, and every input there.
//!
//! Two states are told apart when some experiment of at most [`LENGTH`] inputs is answered differently. What takes
//! longer to tell (a counter far from its limit) is one state here, and its shortest way stands for all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kaika_model::{Machine, Outcome, Weak};

/// The longest experiment.
pub const LENGTH: usize = 2;

/// One transition to be tested: the way to a state, and the input there.
#[derive(Clone, Debug)]
pub struct Transition<M: Machine> {
    /// Inputs that lead to the state.
    pub way: Vec<M::Input>,
    /// The state.
    pub state: M::State,
    /// The input.
    pub input: M::Input,
    /// What it comes to.
    pub outcome: Outcome<M::State, M::Output>,
}

/// The shortest way to every reachable state, in the order of discovery.
pub fn ways<M: Machine>(alphabet: &[M::Input], weak: &Weak) -> Vec<(M::State, Vec<M::Input>)> {
    let mut seen = BTreeSet::from([M::init()]);
    let mut found = vec![(M::init(), Vec::new())];
    let mut todo = VecDeque::from([(M::init(), Vec::new())]);
    while let Some((state, way)) = todo.pop_front() {
        for input in alphabet.iter().filter(|input| M::sayable(&state, input)) {
            let next = M::step(&state, input, weak).next;
            if seen.insert(next) {
                let way: Vec<M::Input> = way.iter().copied().chain([*input]).collect();
                found.push((next, way.clone()));
                todo.push_back((next, way));
            }
        }
    }
    found
}

/// The answers to every experiment of at most [`LENGTH`] inputs, as a number for each state.
fn classes<M: Machine>(states: &[M::State], alphabet: &[M::Input]) -> BTreeMap<M::State, usize> {
    let mut class: BTreeMap<M::State, usize> = states.iter().map(|state| (*state, 0)).collect();
    for _ in 0..LENGTH {
        let mut numbers = BTreeMap::new();
        let refined: BTreeMap<M::State, usize> = states
            .iter()
            .map(|state| {
                let row: Vec<String> = alphabet
                    .iter()
                    .map(|input| seen_from::<M>(state, input, &class))
                    .collect();
                let next = numbers.len();
                (*state, *numbers.entry(row).or_insert(next))
            })
            .collect();
        class = refined;
    }
    class
}

fn seen_from<M: Machine>(
    state: &M::State,
    input: &M::Input,
    class: &BTreeMap<M::State, usize>,
) -> String {
    if !M::sayable(state, input) {
        return String::new();
    }
    let outcome = M::step(state, input, &Weak::HARDENED);
    format!(
        "{:?} {:?} {:?}",
        outcome.verdict,
        outcome.out,
        class.get(&outcome.next)
    )
}

/// Every distinguishable state of a chapter × every input that a tester can say there.
pub fn transitions<M: Machine>(alphabet: &[M::Input]) -> Vec<Transition<M>> {
    let all = ways::<M>(alphabet, &Weak::HARDENED);
    let states: Vec<M::State> = all.iter().map(|(state, _)| *state).collect();
    let class = classes::<M>(&states, alphabet);
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for (state, way) in all {
        if !taken.insert(class[&state]) {
            continue;
        }
        for input in alphabet.iter().filter(|input| M::sayable(&state, input)) {
            found.push(Transition {
                way: way.clone(),
                state,
                input: *input,
                outcome: M::step(&state, input, &Weak::HARDENED),
            });
        }
    }
    found
}

/// The last step of a path as a transition; nothing when some input cannot be said there.
pub fn walked<M: Machine>(path: &[M::Input]) -> Option<Transition<M>> {
    let (input, way) = path.split_last()?;
    let mut state = M::init();
    for step in way {
        if !M::sayable(&state, step) {
            return None;
        }
        state = M::step(&state, step, &Weak::HARDENED).next;
    }
    M::sayable(&state, input).then(|| Transition {
        way: way.to_vec(),
        state,
        input: *input,
        outcome: M::step(&state, input, &Weak::HARDENED),
    })
}
