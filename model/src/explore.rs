//! A breadth-first explorer of our own: exact states, shortest traces for every property in one run.
//!
//! It asks the same [`World`] as Stateright and shares none of its code: tests hold their counts and verdicts against
//! each other. Start at [`explore`]. A level of the search is worked through in blocks: threads look at a block's states, and one
//! adds what they find to the store. What is found does not depend on the number of threads.

mod codec;
mod lately;
mod look;
mod memo;
mod outcomes;
mod store;
mod table;

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use kaika_spec::PropertyId;

use self::codec::{Codec, reading};
use self::look::{Asked, Hand};
use self::memo::{By, LOT};
use self::store::{Candidate, Found, Id, Store};
use crate::chart::{Chart, Hop};
use crate::pack::{Wide, Words};
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

/// When to stop before the end, and how many threads to use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Threads.
    pub threads: usize,
    /// Stop when this many properties are violated.
    pub enough: usize,
    /// Stop when the store is larger, bytes.
    pub memory: usize,
    /// Look at one state for all that differ only in the names of what is interchangeable.
    pub symmetry: bool,
}

impl Default for Limits {
    /// One thread, to the end.
    fn default() -> Self {
        Self {
            threads: 1,
            enough: usize::MAX,
            memory: usize::MAX,
            symmetry: false,
        }
    }
}

/// How far an exploration is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Unique states.
    pub states: usize,
    /// Transitions.
    pub transitions: u64,
    /// Depth of the states at hand.
    pub depth: usize,
    /// Bytes of the store.
    pub bytes: usize,
    /// States found and not yet expanded.
    pub waiting: usize,
    /// Witnesses and scenarios that were not reached yet, where the engine can say.
    pub left: Option<usize>,
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Unique states.
    pub states: usize,
    /// Initial states among them.
    pub initial: usize,
    /// Transitions that change something.
    pub transitions: u64,
    /// Length of the longest shortest trace.
    pub depth: usize,
    /// Bytes that the store took.
    pub bytes: usize,
    /// Wall-clock time.
    pub took: Duration,
    /// Nothing was left to expand.
    pub exhausted: bool,
    /// Violated properties, each with its shortest trace.
    pub violated: BTreeMap<PropertyId, Trace>,
    /// Witnesses and scenarios that were reached, each with the length of its shortest trace.
    pub reached: BTreeMap<&'static str, usize>,
    /// Witnesses and scenarios that were not.
    pub unreached: Vec<&'static str>,
}

/// States in one block: enough to keep threads busy, few enough for what they put aside to stay small.
const BLOCK: usize = 1 << 16;
/// Blocks that are smaller are not worth a thread.
const ALONE: usize = 1 << 10;

struct Search<'a, W: World, C> {
    asked: Asked<'a, W, C>,
    /// One for each thread that looks at states.
    hands: Vec<Hand<W::Packed, C>>,
    /// Where each wanted thing was seen first, and how deep.
    seen: BTreeMap<usize, (Id, usize)>,
    store: Store<C>,
    transitions: u64,
    depth: usize,
    limits: Limits,
}

/// States that one thread looks at before another adds what it found.
const BATCH: usize = 1 << 10;
/// Batches that may wait to be added.
const WAITING: usize = 16;

/// Explores until nothing is new, or until a limit is met.
pub fn explore<W: World>(world: &W, limits: Limits, watch: &mut dyn FnMut(&Progress)) -> Explored {
    const {
        assert!(
            <W::State as Wide>::BITS <= W::Packed::BITS,
            "the state's words are too few"
        )
    };
    let began = Instant::now();
    let mut found = search::<W, W::Code>(world, limits, watch)
        .or_else(|| search::<W, W::Packed>(world, limits, watch))
        .unwrap_or_default();
    found.took = began.elapsed();
    found
}

/// Explores with states kept as these codes; nothing when they are too narrow.
fn search<W: World, C: Words>(
    world: &W,
    limits: Limits,
    watch: &mut dyn FnMut(&Progress),
) -> Option<Explored> {
    let mut search = Search::<W, C>::new(world, limits, Codec::new::<W>()?);
    let level = search.begin();
    let initial = level.len();
    let exhausted = search.run(level, watch);
    if reading(&search.asked.codec).is_over() {
        return None;
    }
    let mut found = search.report();
    found.initial = initial;
    found.exhausted = exhausted;
    Some(found)
}

impl<'a, W: World, C: Words> Search<'a, W, C> {
    fn new(world: &'a W, limits: Limits, codec: Codec<W::Packed, C>) -> Self {
        let (asked, concerns) = Asked::new(world, codec, limits.symmetry);
        // One adds what the others find.
        let looking = 0..limits.threads.saturating_sub(1).max(1);
        Self {
            hands: looking.map(|_| asked.hand(&concerns)).collect(),
            asked,
            seen: BTreeMap::new(),
            store: Store::new(),
            transitions: 0,
            depth: 0,
            limits,
        }
    }

    /// The initial states: the first level.
    fn begin(&mut self) -> Vec<Found> {
        let states = self.asked.world.init_states();
        let one = |state: &W::State| {
            let state = self
                .asked
                .write(&self.asked.canonical(W::Packed::of(state)));
            Candidate {
                state,
                mixed: state.mixed(),
                from: Id::MAX,
                by: By::UNKNOWN,
            }
        };
        let mut pending = states.iter().map(one).collect();
        let mut level = Vec::new();
        self.store.add_unknown(&mut pending, &mut level);
        level
    }

    /// Level by level; whether it came to the end.
    fn run(&mut self, mut level: Vec<Found>, watch: &mut dyn FnMut(&Progress)) -> bool {
        let mut next = Vec::new();
        while !level.is_empty() {
            next.clear();
            let mut waiting = level.len();
            for block in level.chunks(BLOCK) {
                self.expand(block, &mut next);
                waiting -= block.len();
                watch(&self.progress(waiting + next.len()));
                if self.is_enough() {
                    return false;
                }
            }
            std::mem::swap(&mut level, &mut next);
            self.depth += 1;
        }
        true
    }

    fn progress(&self, waiting: usize) -> Progress {
        Progress {
            states: self.store.len(),
            transitions: self.transitions,
            depth: self.depth,
            bytes: self.bytes(),
            waiting,
            left: Some(self.left()),
        }
    }

    fn left(&self) -> usize {
        let wanted = self.asked.wanted.iter().enumerate();
        wanted
            .filter(|(at, wanted)| !wanted.property && !self.seen.contains_key(at))
            .count()
    }

    fn bytes(&self) -> usize {
        self.store.bytes()
            + reading(&self.asked.codec).bytes()
            + self.hands.iter().map(Hand::bytes).sum::<usize>()
    }

    fn is_enough(&self) -> bool {
        let violated = self
            .seen
            .keys()
            .filter(|at| self.asked.wanted[**at].property);
        violated.count() >= self.limits.enough
            || self.bytes() > self.limits.memory
            || self.store.is_full(BLOCK)
            || reading(&self.asked.codec).is_over()
    }

    /// Expands a block and adds what is new to `next`, in the order in which it was found.
    fn expand(&mut self, block: &[Found], next: &mut Vec<Found>) {
        let open: Vec<usize> = (0..self.asked.wanted.len())
            .filter(|at| !self.seen.contains_key(at))
            .collect();
        for hand in &mut self.hands {
            hand.begin(&open, self.asked.concerned(&open));
        }
        if self.limits.threads <= 1 || block.len() < ALONE {
            self.alone(block, next);
        } else {
            self.together(block, next);
        }
        let mut seen = BTreeMap::new();
        for hand in &mut self.hands {
            self.transitions += std::mem::take(&mut hand.transitions);
            for (at, sight) in std::mem::take(&mut hand.seen) {
                let first = seen.entry(at).or_insert(sight);
                *first = sight.min(*first);
            }
        }
        let depth = self.depth;
        self.seen
            .extend(seen.into_iter().map(|(at, (_, id))| (at, (id, depth))));
    }

    /// One thread adds what it finds at once.
    fn alone(&mut self, block: &[Found], next: &mut Vec<Found>) {
        let hand = &mut self.hands[0];
        for (at, lot) in block.chunks(LOT).enumerate() {
            let mut codes = [C::default(); LOT];
            for (code, found) in codes.iter_mut().zip(lot) {
                *code = *self.store.state(found.id);
            }
            self.asked.look(at * LOT, lot, &codes[..lot.len()], hand);
            self.store.add_unknown(&mut hand.pending, next);
        }
    }

    /// Threads look at batches of states in turn, and this one adds what they find in the order of the batches.
    fn together(&mut self, block: &[Found], next: &mut Vec<Found>) {
        let code = |found: &Found| *self.store.state(found.id);
        let codes: Vec<C> = block.iter().map(code).collect();
        let (asked, codes, turns) = (&self.asked, &codes, self.hands.len());
        let (hands, store) = (&mut self.hands, &mut self.store);
        thread::scope(|scope| {
            let mut found = Vec::new();
            for (turn, hand) in hands.iter_mut().enumerate() {
                let (send, receive) = sync_channel(WAITING);
                scope.spawn(move || asked.look_in_turn(block, codes, turn, turns, hand, &send));
                found.push(receive);
            }
            for batch in 0..block.len().div_ceil(BATCH) {
                // A thread that is gone has panicked; the scope says so.
                let Ok(mut found) = found[batch % turns].recv() else {
                    return;
                };
                store.add_unknown(&mut found, next);
            }
        });
    }

    fn report(&self) -> Explored {
        let mut found = Explored {
            states: self.store.len(),
            transitions: self.transitions,
            depth: self.depth.saturating_sub(1),
            bytes: self.bytes(),
            ..Explored::default()
        };
        for (at, wanted) in self.asked.wanted.iter().enumerate() {
            match (self.seen.get(&at), wanted.property) {
                (Some((id, _)), true) => {
                    if let Some(property) = PropertyId::from_name(wanted.name) {
                        found.violated.insert(property, self.trace(*id));
                    }
                }
                (Some((_, depth)), false) => {
                    found.reached.insert(wanted.name, *depth);
                }
                (None, false) => found.unreached.push(wanted.name),
                (None, true) => {}
            }
        }
        found
    }

    /// The run that leads to a state: each step is the first whose outcome is the next state of the way. With symmetry it
    /// is represented by it, and the run leads to a state that has the same representative.
    fn trace(&self, id: Id) -> Trace {
        let mut way = vec![id];
        let mut at = id;
        while self.store.from(at) != Id::MAX {
            at = self.store.from(at);
            way.push(at);
        }
        let mut state: W::State = self.asked.read(self.store.state(at)).to();
        let opening = self.asked.world.opening(&state);
        let mut chart = Chart::on();
        let mut names = Vec::new();
        for id in way.into_iter().rev().skip(1) {
            let Some(action) = self.action_to(id, &state) else {
                break;
            };
            names.push(format!("{action:?}"));
            if let Some(next) = self.asked.world.apply(&state, &action, &mut chart) {
                state = next;
            }
        }
        Trace {
            opening,
            actions: names,
            hops: chart.hops().to_vec(),
        }
    }

    /// Which action leads to a state: there is one, since the state was found by it.
    fn action_to(&self, id: Id, state: &W::State) -> Option<W::Action> {
        let mut actions = Vec::new();
        self.asked.world.actions(state, &mut actions);
        actions.into_iter().find(|action| {
            let next = self.asked.world.apply(state, action, &mut Chart::off());
            let next = next.map(|next| self.asked.canonical(W::Packed::of(&next)));
            next == Some(self.asked.read(self.store.state(id)))
        })
    }
}
