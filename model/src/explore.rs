//! A breadth-first explorer of our own: exact states, shortest traces for every property in one run.
//!
//! It asks the same [`World`] as Stateright and shares none of its code: tests hold their counts and verdicts against
//! each other. Start at [`explore`]. A level of the search is worked through in blocks: threads expand a block's states
//! and put aside what the store does not know, then each fills its own shards. What is found does not depend on the
//! number of threads.

mod memo;
mod store;
mod table;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::{Duration, Instant};

use kaika_spec::PropertyId;
use stateright::Expectation;

use self::memo::Memo;
use self::store::{Candidate, Edge, Id, Numbers, OLD, SHARDS, Shard, Store, shard_of};
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
}

impl Default for Limits {
    /// One thread, to the end.
    fn default() -> Self {
        Self {
            threads: 1,
            enough: usize::MAX,
            memory: usize::MAX,
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
/// How far ahead a state is read for, so that it is there when its turn comes.
const AHEAD: usize = 8;
/// Successors that are looked up together.
const PENDING: usize = 256;
/// Blocks that are smaller are not worth a thread.
const ALONE: usize = 1 << 10;

/// One thing that is looked for in every state.
struct Wanted<W: World> {
    name: &'static str,
    /// A property: what is looked for is a state where it does not hold.
    property: bool,
    seen: fn(&W, &W::State) -> bool,
}

impl<W: World> Wanted<W> {
    #[inline(always)]
    fn is_in(&self, world: &W, state: &W::State) -> bool {
        (self.seen)(world, state) != self.property
    }
}

/// What Stateright is asked, as something to look for.
fn wanted<W: World>(world: &W) -> Vec<Wanted<W>> {
    let one = |property: stateright::Property<W>| Wanted {
        name: property.name,
        property: property.expectation == Expectation::Always,
        seen: property.condition,
    };
    world.properties().into_iter().map(one).collect()
}

/// What one thread found in its part of a block.
struct Part<P> {
    fresh: Vec<Vec<Candidate<P>>>,
    /// How many there are in `fresh`.
    count: u32,
    transitions: u64,
    /// Wanted things seen, by their place, each in the first state that shows it.
    seen: BTreeMap<usize, Id>,
}

struct Search<'a, W: World> {
    world: &'a W,
    /// One memory for each thread.
    memos: Vec<Memo<W::Packed>>,
    wanted: Vec<Wanted<W>>,
    /// Where each wanted thing was seen first, and how deep.
    seen: BTreeMap<usize, (Id, usize)>,
    store: Store<W::Packed>,
    transitions: u64,
    depth: usize,
    limits: Limits,
}

/// Explores until nothing is new, or until a limit is met.
pub fn explore<W: World>(world: &W, limits: Limits, watch: &mut dyn FnMut(&Progress)) -> Explored {
    const {
        assert!(
            <W::State as Wide>::BITS <= W::Packed::BITS,
            "the state's words are too few"
        )
    };
    let began = Instant::now();
    let mut search = Search {
        world,
        memos: (0..limits.threads.clamp(1, SHARDS))
            .map(|_| Memo::new::<W>())
            .collect(),
        wanted: wanted(world),
        seen: BTreeMap::new(),
        store: Store::new(),
        transitions: 0,
        depth: 0,
        limits,
    };
    let level = search.begin();
    let initial = level.len();
    let exhausted = search.run(level, watch);
    let mut found = search.report();
    found.initial = initial;
    found.exhausted = exhausted;
    found.took = began.elapsed();
    found
}

impl<W: World> Search<'_, W> {
    /// The initial states: the first level.
    fn begin(&mut self) -> Vec<Id> {
        let mut level = Vec::new();
        for state in self.world.init_states() {
            let state = W::Packed::of(&state);
            let edge = Edge {
                from: Id::MAX,
                by: 0,
            };
            let shard = &mut self.store.shards[shard_of(state.mixed())];
            if shard.add(&Candidate {
                state,
                edge,
                place: 0,
            }) {
                level.extend(self.store.find(&state));
            }
        }
        level
    }

    /// Level by level; whether it came to the end.
    fn run(&mut self, mut level: Vec<Id>, watch: &mut dyn FnMut(&Progress)) -> bool {
        while !level.is_empty() {
            let mut next = Vec::new();
            let mut waiting = level.len();
            for block in level.chunks(BLOCK) {
                self.expand(block, &mut next);
                waiting -= block.len();
                watch(&self.progress(waiting + next.len()));
                if self.is_enough() {
                    return false;
                }
            }
            level = next;
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
        }
    }

    fn bytes(&self) -> usize {
        self.store.bytes() + self.memos.iter().map(Memo::bytes).sum::<usize>()
    }

    fn is_enough(&self) -> bool {
        let violated = self.seen.keys().filter(|at| self.wanted[**at].property);
        violated.count() >= self.limits.enough
            || self.bytes() > self.limits.memory
            || self.store.is_full(BLOCK)
    }

    /// Expands a block and adds what is new to `next`, in the order in which it was found.
    fn expand(&mut self, block: &[Id], next: &mut Vec<Id>) {
        let threads = if block.len() < ALONE {
            1
        } else {
            self.memos.len()
        };
        let mut memos = std::mem::take(&mut self.memos);
        let this = &*self;
        let chunks = block.chunks(block.len().div_ceil(threads)).zip(&mut memos);
        let parts: Vec<Part<W::Packed>> = if threads == 1 {
            chunks.map(|(chunk, memo)| this.look(chunk, memo)).collect()
        } else {
            thread::scope(|scope| {
                let hands: Vec<_> = chunks
                    .map(|(chunk, memo)| scope.spawn(move || this.look(chunk, memo)))
                    .collect();
                hands
                    .into_iter()
                    .map(|hand| {
                        hand.join()
                            .unwrap_or_else(|broken| std::panic::resume_unwind(broken))
                    })
                    .collect()
            })
        };
        self.memos = memos;
        for part in &parts {
            self.transitions += part.transitions;
            for (at, id) in &part.seen {
                self.seen.entry(*at).or_insert((*id, self.depth));
            }
        }
        self.fill(&parts, threads, next);
    }

    /// Each shard takes what is new to it, in the order in which it was found.
    fn fill(&mut self, parts: &[Part<W::Packed>], threads: usize, next: &mut Vec<Id>) {
        let blank = |part: &Part<W::Packed>| (0..part.count).map(|_| AtomicU32::new(OLD)).collect();
        let numbers: Vec<Numbers> = parts.iter().map(blank).collect();
        let take = |at: usize, shard: &mut Shard<W::Packed>| {
            for (part, numbers) in parts.iter().zip(&numbers) {
                shard.add_all(at, &part.fresh[at], numbers);
            }
        };
        if threads == 1 {
            for (at, shard) in self.store.shards.iter_mut().enumerate() {
                take(at, shard);
            }
        } else {
            let each = SHARDS.div_ceil(threads);
            thread::scope(|scope| {
                for (hand, shards) in self.store.shards.chunks_mut(each).enumerate() {
                    scope.spawn(move || {
                        for (at, shard) in shards.iter_mut().enumerate() {
                            take(hand * each + at, shard);
                        }
                    });
                }
            });
        }
        let all = numbers.into_iter().flatten().map(AtomicU32::into_inner);
        next.extend(all.filter(|number| *number != OLD));
    }

    /// Judges and expands states.
    fn look(&self, chunk: &[Id], memo: &mut Memo<W::Packed>) -> Part<W::Packed> {
        let mut part = Part {
            fresh: vec![Vec::new(); SHARDS],
            count: 0,
            transitions: 0,
            seen: BTreeMap::new(),
        };
        let mut open: Vec<usize> = (0..self.wanted.len())
            .filter(|at| !self.seen.contains_key(at))
            .collect();
        let mut pending = Vec::with_capacity(PENDING + 64);
        for (at, id) in chunk.iter().enumerate() {
            if let Some(soon) = chunk.get(at + AHEAD) {
                black_box(self.store.state(*soon).as_ref().first().copied());
            }
            let packed = self.store.state(*id);
            let state: W::State = packed.to();
            open.retain(|at| {
                let seen = self.wanted[*at].is_in(self.world, &state);
                if seen {
                    part.seen.insert(*at, *id);
                }
                !seen
            });
            memo.successors(self.world, packed, |by, state| {
                part.transitions += 1;
                pending.push((state, Edge { from: *id, by }));
            });
            if pending.len() >= PENDING {
                let store = &self.store;
                store.keep_unknown(&mut pending, &mut part.fresh, &mut part.count);
            }
        }
        let store = &self.store;
        store.keep_unknown(&mut pending, &mut part.fresh, &mut part.count);
        part
    }

    fn report(&self) -> Explored {
        let mut found = Explored {
            states: self.store.len(),
            transitions: self.transitions,
            depth: self.depth.saturating_sub(1),
            bytes: self.bytes(),
            ..Explored::default()
        };
        for (at, wanted) in self.wanted.iter().enumerate() {
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

    fn trace(&self, id: Id) -> Trace {
        let mut edges = vec![];
        let mut at = id;
        while self.store.edge(at).from != Id::MAX {
            let edge = self.store.edge(at);
            edges.push(edge.by);
            at = edge.from;
        }
        let mut state: W::State = self.store.state(at).to();
        let opening = self.world.opening(&state);
        let mut chart = Chart::on();
        let mut names = Vec::new();
        for by in edges.into_iter().rev() {
            let mut actions = Vec::new();
            self.world.actions(&state, &mut actions);
            let action = &actions[usize::from(by)];
            names.push(format!("{action:?}"));
            if let Some(next) = self.world.apply(&state, action, &mut chart) {
                state = next;
            }
        }
        Trace {
            opening,
            actions: names,
            hops: chart.hops().to_vec(),
        }
    }
}
