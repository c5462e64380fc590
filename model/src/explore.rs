//! A breadth-first explorer of our own: exact states, shortest traces for every property in one run.
//!
//! Stateright gives the verdict; this gives the trace, and a second count that tests compare with Stateright's.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};

use kaika_spec::PropertyId;

use crate::chart::{Chart, Hop};
use crate::scope::World;

/// A run of the world, from an initial state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What is so at the beginning.
    pub opening: String,
    /// What happened, by name.
    pub actions: Vec<String>,
    /// The same as hops of a chart.
    pub hops: Vec<Hop>,
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Unique states.
    pub states: usize,
    /// Transitions that change something.
    pub transitions: usize,
    /// Length of the longest shortest trace.
    pub depth: usize,
    /// Bytes that one state takes here.
    pub bytes_per_state: usize,
    /// Violated properties, each with its shortest trace.
    pub violated: BTreeMap<PropertyId, Trace>,
    /// Witnesses and scenarios that were reached, each with the length of its shortest trace.
    pub reached: BTreeMap<&'static str, usize>,
    /// Witnesses and scenarios that were not.
    pub unreached: Vec<&'static str>,
}

/// A state, its predecessor (an initial state is its own), the action that led to it, and its depth.
type Found<W> = (
    <W as stateright::Model>::State,
    usize,
    Option<<W as stateright::Model>::Action>,
    usize,
);

struct Search<W: World> {
    world: W,
    states: Vec<Found<W>>,
    index: HashMap<W::State, usize>,
}

/// Explores until nothing is new, or until `enough` properties are violated.
pub fn explore<W: World>(world: W, enough: usize) -> Explored
where
    W::Action: Clone + std::fmt::Debug,
{
    let mut found = Explored {
        bytes_per_state: 2 * size_of::<W::State>() + size_of::<W::Action>() + 40,
        ..Explored::default()
    };
    let mut search = Search {
        world,
        states: Vec::new(),
        index: HashMap::new(),
    };
    for state in search.world.init_states() {
        search.add(state, usize::MAX, None, 0);
    }
    let mut at = 0;
    while at < search.states.len() && found.violated.len() < enough {
        search.judge(at, &mut found);
        found.transitions += search.expand(at);
        at += 1;
    }
    found.states = search.states.len();
    found.depth = search.states.last().map_or(0, |(.., depth)| *depth);
    found.unreached = search.unreached(&found);
    found
}

impl<W: World> Search<W>
where
    W::Action: Clone + std::fmt::Debug,
{
    fn add(&mut self, state: W::State, from: usize, action: Option<W::Action>, depth: usize) {
        if let Entry::Vacant(free) = self.index.entry(state) {
            let at = self.states.len();
            let state = free.key().clone();
            free.insert(at);
            let from = if from == usize::MAX { at } else { from };
            self.states.push((state, from, action, depth));
        }
    }

    fn expand(&mut self, at: usize) -> usize {
        let (state, _, _, depth) = &self.states[at];
        let (state, depth) = (state.clone(), *depth);
        let mut actions = Vec::new();
        self.world.actions(&state, &mut actions);
        let mut count = 0;
        for action in actions {
            if let Some(next) = self.world.apply(&state, &action, &mut Chart::off()) {
                count += 1;
                self.add(next, at, Some(action), depth + 1);
            }
        }
        count
    }

    fn judge(&self, at: usize, found: &mut Explored) {
        let (state, .., depth) = &self.states[at];
        let tier = self.world.config().tier;
        for check in W::checks() {
            if !check.tiers.contains(&tier) {
                continue;
            }
            if !found.violated.contains_key(&check.id) && !(check.holds)(&self.world, state) {
                found.violated.insert(check.id, self.trace(at));
            }
            if !found.reached.contains_key(check.reached) && (check.witness)(&self.world, state) {
                found.reached.insert(check.reached, *depth);
            }
        }
        for scenario in W::scenarios() {
            if !found.reached.contains_key(scenario.name) && (scenario.seen)(&self.world, state) {
                found.reached.insert(scenario.name, *depth);
            }
        }
    }

    fn unreached(&self, found: &Explored) -> Vec<&'static str> {
        crate::scope::properties::<W>(self.world.config())
            .into_iter()
            .filter(|property| property.expectation == stateright::Expectation::Sometimes)
            .map(|property| property.name)
            .filter(|name| !found.reached.contains_key(name))
            .collect()
    }

    fn trace(&self, mut at: usize) -> Trace {
        let mut actions = Vec::new();
        while let (_, from, Some(action), _) = &self.states[at] {
            actions.push(action.clone());
            at = *from;
        }
        actions.reverse();
        let mut state = self.states[at].0.clone();
        let opening = self.world.opening(&state);
        let mut chart = Chart::on();
        for action in &actions {
            if let Some(next) = self.world.apply(&state, action, &mut chart) {
                state = next;
            }
        }
        Trace {
            opening,
            actions: actions.iter().map(|action| format!("{action:?}")).collect(),
            hops: chart.hops().to_vec(),
        }
    }
}
