//! What the explorer keeps: every state exactly, packed, with the state that first led to it. Start at [`Store`].
//!
//! States are spread over shards by their fingerprint. One thread adds them, in the order in which they were found, so that the result
//! does not depend on the number of threads.
//!
//! Most of the time is memory: a look-up misses the cache. So look-ups are made in batches whose loads do not wait for
//! one another ([`Store::add_unknown`]).

use super::memo::By;
use super::table::{Chunks, KEYS_MAX, Table};
use crate::pack::Words;

/// How many shards, a power of two: each has as many states as the slots of its table can name.
pub(super) const SHARDS: usize = 16;
/// Look-ups whose loads are under way together.
const BATCH: usize = 64;

/// A state's number: `index * SHARDS + shard`.
pub(super) type Id = u32;

/// A state to be expanded, and how it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) id: Id,
    pub(super) by: By,
}

/// A state that may be new with its fingerprint, the one that led to it, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<P> {
    pub(super) state: P,
    pub(super) mixed: u64,
    pub(super) from: Id,
    pub(super) by: By,
}

/// One part of the store.
#[derive(Debug)]
struct Shard<P> {
    states: Table<P>,
    from: Chunks<Id>,
}

impl<P: Words> Shard<P> {
    fn new() -> Self {
        Self {
            states: Table::new(SHARDS.trailing_zeros()),
            from: Chunks::new(),
        }
    }

    /// Adds a state if it is not there yet; whether it was new.
    #[inline(always)]
    fn add(&mut self, state: &P, mixed: u64, from: Id) -> bool {
        let is_new = self.states.add(state, mixed);
        if is_new {
            self.from.push(from);
        }
        is_new
    }

    fn bytes(&self) -> usize {
        self.states.bytes() + self.from.bytes()
    }
}

/// Which shard a state belongs to.
#[inline(always)]
const fn shard_of(mixed: u64) -> usize {
    mixed as usize % SHARDS
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Store<P> {
    shards: Vec<Shard<P>>,
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

    /// What led to a state; [`Id::MAX`] to an initial one.
    #[inline(always)]
    pub(super) fn from(&self, id: Id) -> Id {
        *self.shards[id as usize % SHARDS]
            .from
            .at(id as usize / SHARDS)
    }

    /// Whether each of a batch is there, as far as its first slot says.
    #[inline(always)]
    fn known(&self, batch: &[Candidate<P>]) -> [bool; BATCH] {
        let mut entries = [0_u32; BATCH];
        for (entry, one) in entries.iter_mut().zip(batch) {
            *entry = self.shards[shard_of(one.mixed)].states.glance(one.mixed);
        }
        let mut known = [false; BATCH];
        for ((known, entry), one) in known.iter_mut().zip(entries).zip(batch) {
            let states = &self.shards[shard_of(one.mixed)].states;
            *known = states.is_at(entry, &one.state, one.mixed);
        }
        known
    }

    /// Adds what is not there yet, in order, to the store and to `next`: what one thread does alone.
    pub(super) fn add_unknown(&mut self, pending: &mut Vec<Candidate<P>>, next: &mut Vec<Found>) {
        for batch in pending.chunks(BATCH) {
            let known = self.known(batch);
            for (one, known) in batch.iter().zip(known) {
                let place = shard_of(one.mixed);
                let shard = &mut self.shards[place];
                if !known && shard.add(&one.state, one.mixed, one.from) {
                    let id = ((shard.states.len() - 1) * SHARDS + place) as Id;
                    next.push(Found { id, by: one.by });
                }
            }
        }
        pending.clear();
    }
}
