//! Walks a role's step function: its distinguishable states, the shortest way to each, and every input there.
//!
//! Start at [`Graph::of`]. Two states are one when every experiment on them is the same: the same inputs can be said, and
//! the same is seen (partition refinement over the alphabet of a chapter), however long it goes on, or up to a length.
//! The first way to one of them stands for all.

use std::collections::{BTreeMap, VecDeque};

use kaika_model::{Machine, Outcome, Weak};

/// However long an experiment is.
pub const ANY: usize = usize::MAX;

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

impl<M: Machine> Transition<M> {
    /// The way and the input.
    pub fn path(&self) -> Vec<M::Input> {
        let way = self.way.iter().copied();
        way.chain([self.input]).collect()
    }
}

/// The shortest way to every reachable state, in the order of discovery.
pub fn ways<M: Machine>(alphabet: &[M::Input], weak: &Weak) -> Vec<(M::State, Vec<M::Input>)> {
    let mut seen = std::collections::BTreeSet::from([M::init()]);
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

/// What a letter does in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// The number of what is seen.
    pub(crate) seen: usize,
    /// The class of the next state.
    pub(crate) next: usize,
}

/// A chapter as a table: classes of states × letters.
#[derive(Debug)]
pub struct Graph<M: Machine> {
    /// Its letters.
    pub alphabet: Vec<M::Input>,
    /// How many states a tester can lead to.
    pub reachable: usize,
    /// The first state of each class, and the shortest way to it.
    pub classes: Vec<(M::State, Vec<M::Input>)>,
    /// By class and letter; nothing where a letter cannot be said.
    pub(crate) cells: Vec<Vec<Option<Cell>>>,
    of: BTreeMap<M::State, usize>,
}

impl<M: Machine> Graph<M> {
    /// The graph of a chapter by experiments of at most `depth` inputs; `seen` says what a tester sees of a step.
    pub fn of(
        alphabet: &[M::Input],
        depth: usize,
        seen: impl Fn(&M::State, &M::Input, &Outcome<M::State, M::Output>) -> String,
    ) -> Self {
        let all = ways::<M>(alphabet, &Weak::HARDENED);
        let place: BTreeMap<M::State, usize> = all
            .iter()
            .enumerate()
            .map(|(at, one)| (one.0, at))
            .collect();
        let mut numbers = BTreeMap::new();
        let rows: Vec<Vec<Option<Cell>>> = all
            .iter()
            .map(|(state, _)| {
                let mut cell = |input: &M::Input| {
                    if !M::sayable(state, input) {
                        return None;
                    }
                    let outcome = M::step(state, input, &Weak::HARDENED);
                    let fresh = numbers.len();
                    let text = seen(state, input, &outcome);
                    let seen = *numbers.entry(text).or_insert(fresh);
                    let next = place[&outcome.next];
                    Some(Cell { seen, next })
                };
                alphabet.iter().map(&mut cell).collect()
            })
            .collect();
        let class = refined(&rows, depth);
        let mut classes = Vec::new();
        let mut cells = Vec::new();
        for ((one, row), class_of_one) in all.iter().zip(&rows).zip(&class) {
            if *class_of_one == classes.len() {
                classes.push(one.clone());
                let of_class = |cell: Cell| Cell {
                    next: class[cell.next],
                    ..cell
                };
                cells.push(row.iter().map(|cell| cell.map(of_class)).collect());
            }
        }
        Self {
            alphabet: alphabet.to_vec(),
            reachable: all.len(),
            classes,
            cells,
            of: place
                .into_iter()
                .map(|(state, at)| (state, class[at]))
                .collect(),
        }
    }

    /// The class of a state of this chapter.
    pub fn class(&self, state: &M::State) -> Option<usize> {
        self.of.get(state).copied()
    }

    /// Every distinguishable state × every input that a tester can say there.
    pub fn transitions(&self) -> Vec<Transition<M>> {
        let mut found = Vec::new();
        for (state, way) in &self.classes {
            let said = self
                .alphabet
                .iter()
                .filter(|input| M::sayable(state, input));
            found.extend(said.map(|input| Transition {
                way: way.clone(),
                state: *state,
                input: *input,
                outcome: M::step(state, input, &Weak::HARDENED),
            }));
        }
        found
    }
}

/// Numbers the classes in the order in which their first states were found.
fn refined(rows: &[Vec<Option<Cell>>], depth: usize) -> Vec<usize> {
    let mut class = vec![0; rows.len()];
    let mut count = 0;
    for _ in 0..depth {
        let mut numbers = BTreeMap::new();
        let next: Vec<usize> = rows
            .iter()
            .map(|row| {
                let seen = row
                    .iter()
                    .map(|cell| cell.map(|cell| (cell.seen, class[cell.next])));
                let fresh = numbers.len();
                *numbers.entry(seen.collect::<Vec<_>>()).or_insert(fresh)
            })
            .collect();
        class = next;
        if numbers.len() == count {
            break;
        }
        count = numbers.len();
    }
    class
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
