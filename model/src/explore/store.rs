//! What the explorer keeps: every state exactly, packed, with the edge that first led to it. Start at [`Store`].
//!
//! States are spread over shards by their fingerprint; each shard is filled by one thread at a time, in the order in
//! which the states were found, and says which of them were new, so that the result does not depend on the number of
//! threads.
//!
//! Most of the time is memory: a look-up misses the cache. So look-ups are made in batches whose loads do not wait for
//! one another ([`Store::keep_unknown`], [`Shard::add_all`]).

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use super::table::{KEYS_MAX, Table};
use crate::pack::Words;

/// How many shards: a power of two, more than threads.
pub(super) const SHARDS: usize = 64;
/// Look-ups whose loads are under way together.
const BATCH: usize = 32;

/// A state's number: `index * SHARDS + shard`.
pub(super) type Id = u32;

/// What led to a state: the state before it, and the place of the action among that state's actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: Id,
    pub(super) by: u8,
}

/// A state that may be new, and its edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<P> {
    pub(super) state: P,
    pub(super) edge: Edge,
    /// Its place among all that the same thread found.
    pub(super) place: u32,
}

/// The numbers of new states by the places of their candidates, [`OLD`] where a state was known.
pub(super) type Numbers = Vec<AtomicU32>;

/// No new state.
pub(super) const OLD: Id = Id::MAX;

/// One part of the store.
#[derive(Debug)]
pub(super) struct Shard<P> {
    states: Table<P>,
    from: Vec<Id>,
    by: Vec<u8>,
}

impl<P: Words> Shard<P> {
    fn new() -> Self {
        Self {
            states: Table::new(SHARDS.trailing_zeros()),
            from: Vec::new(),
            by: Vec::new(),
        }
    }

    /// Adds what is not there yet, in order.
    pub(super) fn add_all(&mut self, shard: usize, candidates: &[Candidate<P>], numbers: &Numbers) {
        for batch in candidates.chunks(BATCH) {
            let near = batch
                .iter()
                .map(|one| self.states.glance(one.state.mixed()));
            black_box(near.fold(0, |a, b| a ^ b));
            for one in batch {
                if self.add(one) {
                    let number = (self.states.len() - 1) * SHARDS + shard;
                    numbers[one.place as usize].store(number as Id, Ordering::Relaxed);
                }
            }
        }
    }

    /// Adds a state if it is not there yet; whether it was new.
    pub(super) fn add(&mut self, new: &Candidate<P>) -> bool {
        if !self.states.add(&new.state, new.state.mixed()) {
            return false;
        }
        self.widen();
        self.from.push(new.edge.from);
        self.by.push(new.edge.by);
        true
    }

    /// Room for the edges beside room for the states.
    fn widen(&mut self) {
        if self.from.len() == self.from.capacity() {
            let more = self.states.capacity() - self.from.len();
            self.from.reserve_exact(more);
            self.by.reserve_exact(more);
        }
    }

    fn bytes(&self) -> usize {
        self.states.bytes() + self.from.capacity() * size_of::<Id>() + self.by.capacity()
    }
}

/// Which shard a state belongs to.
#[inline(always)]
pub(super) const fn shard_of(mixed: u64) -> usize {
    mixed as usize % SHARDS
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Store<P> {
    pub(super) shards: Vec<Shard<P>>,
}

impl<P: Words> Store<P> {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::new()).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.states.len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(Shard::bytes).sum()
    }

    /// Whether a shard may not take so many more.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let fullest = self.shards.iter().map(|shard| shard.states.len()).max();
        fullest.unwrap_or(0) + more > KEYS_MAX
    }

    #[inline(always)]
    pub(super) fn state(&self, id: Id) -> &P {
        self.shards[id as usize % SHARDS]
            .states
            .key(id as usize / SHARDS)
    }

    pub(super) fn edge(&self, id: Id) -> Edge {
        let shard = &self.shards[id as usize % SHARDS];
        let index = id as usize / SHARDS;
        Edge {
            from: shard.from[index],
            by: shard.by[index],
        }
    }

    /// The number of a state that is there.
    pub(super) fn find(&self, state: &P) -> Option<Id> {
        let mixed = state.mixed();
        let shard = shard_of(mixed);
        let index = self.shards[shard].states.find(state, mixed)?;
        Some(index * SHARDS as u32 + shard as u32)
    }

    /// Moves the candidates that are not there yet to the parts of their shards; numbers them on from `place`.
    pub(super) fn keep_unknown(
        &self,
        pending: &mut Vec<(P, Edge)>,
        fresh: &mut [Vec<Candidate<P>>],
        place: &mut u32,
    ) {
        for batch in pending.chunks(BATCH) {
            let mut mixed = [0_u64; BATCH];
            let mut entries = [0_u32; BATCH];
            for ((mixed, entry), (state, _)) in mixed.iter_mut().zip(&mut entries).zip(batch) {
                *mixed = state.mixed();
                *entry = self.shards[shard_of(*mixed)].states.glance(*mixed);
            }
            let mut known = [false; BATCH];
            for (at, (state, _)) in batch.iter().enumerate() {
                let states = &self.shards[shard_of(mixed[at])].states;
                known[at] = states.is_at(entries[at], state, mixed[at]);
            }
            for (at, (state, edge)) in batch.iter().enumerate() {
                let shard = shard_of(mixed[at]);
                let states = &self.shards[shard].states;
                let new = entries[at] == 0 || states.find(state, mixed[at]).is_none();
                if !known[at] && new {
                    fresh[shard].push(Candidate {
                        state: *state,
                        edge: *edge,
                        place: *place,
                    });
                    *place += 1;
                }
            }
        }
        pending.clear();
    }
}
