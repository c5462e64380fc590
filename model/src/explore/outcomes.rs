//! What the combinations of some bits come to. Start at [`Outcomes`].

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::memo::By;
use crate::pack::Words;

/// Where one outcome stands among the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begin: u32,
    pub(super) len: u32,
}

/// The length of an outcome that is not remembered.
pub(super) const AWAKE: u32 = u32::MAX;

/// The outcome that stands where none does.
const FREE: Span = Span {
    begin: u32::MAX,
    len: 0,
};

/// One successor: the bits of a code that change, and how it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step<C> {
    pub(super) changes: C,
    pub(super) by: By,
}

/// A combination and its outcome, or [`FREE`].
#[derive(Clone, Copy, Debug)]
struct Slot<C> {
    key: C,
    span: Span,
}

/// Outcomes by the bits of a code that decide them.
#[derive(Debug)]
pub(super) struct Outcomes<C> {
    mask: C,
    slots: Vec<Slot<C>>,
    /// How many are not free.
    known: usize,
    steps: Vec<Step<C>>,
    /// Outcomes by a fingerprint of their steps: most combinations share theirs with others.
    spans: HashMap<u64, Span, BuildHasherDefault<Spread>>,
}

/// What is a fingerprint already need not be spread again.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        let one = |all: u64, byte: &u8| all.rotate_left(8) ^ u64::from(*byte);
        self.0 = bytes.iter().fold(self.0, one);
    }

    fn write_u64(&mut self, print: u64) {
        self.0 = print;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn free<C: Words>() -> Slot<C> {
    Slot {
        key: C::default(),
        span: FREE,
    }
}

impl<C: Words> Outcomes<C> {
    pub(super) fn new(mask: C) -> Self {
        Self {
            mask,
            slots: vec![free(); 16],
            known: 0,
            steps: Vec::new(),
            spans: HashMap::default(),
        }
    }

    pub(super) const fn mask(&self) -> &C {
        &self.mask
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<C>>()
            + self.steps.capacity() * size_of::<Step<C>>()
            + self.spans.capacity() * size_of::<(u64, Span)>()
    }

    /// The steps of an outcome.
    #[inline(always)]
    pub(super) fn steps(&self, span: Span) -> &[Step<C>] {
        &self.steps[span.begin as usize..(span.begin + span.len) as usize]
    }

    #[inline(always)]
    const fn first(&self, mark: u64) -> usize {
        mark as usize & (self.slots.len() - 1)
    }

    /// Whether a look-up is likely to wait for memory.
    #[inline(always)]
    pub(super) const fn is_large(&self) -> bool {
        self.slots.len() > 1 << 12
    }

    /// What stands in a combination's first slot: a read that need not wait.
    #[inline(always)]
    pub(super) fn glance(&self, mark: u64) -> u32 {
        self.slots[self.first(mark)].span.begin
    }

    /// The outcome of a combination.
    #[inline(always)]
    pub(super) fn get(&self, key: &C, mark: u64) -> Option<Span> {
        let span = self.slots[self.probe(key, mark)].span;
        (span != FREE).then_some(span)
    }

    /// The slot of a combination, or the free slot where it belongs.
    #[inline(always)]
    fn probe(&self, key: &C, mark: u64) -> usize {
        let mut slot = self.first(mark);
        while self.slots[slot].key != *key && self.slots[slot].span != FREE {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    /// Keeps the outcome of a combination that is not known.
    pub(super) fn keep(&mut self, key: &C, span: Span) -> Span {
        self.put(Slot { key: *key, span });
        self.known += 1;
        if self.known * 8 > self.slots.len() * 7 {
            let twice = vec![free(); self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, twice) {
                if slot.span != FREE {
                    self.put(slot);
                }
            }
        }
        span
    }

    fn put(&mut self, slot: Slot<C>) {
        let at = self.probe(&slot.key, slot.key.mixed());
        self.slots[at] = slot;
    }

    /// How many steps there are.
    pub(super) const fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn push(&mut self, step: Step<C>) {
        self.steps.push(step);
    }

    /// The outcome of the last steps, from one on; an equal one, when there is one.
    pub(super) fn last(&mut self, begin: usize) -> Span {
        assert!(self.steps.len() < FREE.begin as usize, "too many outcomes");
        let span = Span {
            begin: begin as u32,
            len: (self.steps.len() - begin) as u32,
        };
        let known = *self.spans.entry(print(self.steps(span))).or_insert(span);
        if known != span && self.steps(known) == self.steps(span) {
            self.steps.truncate(begin);
            return known;
        }
        span
    }
}

/// A fingerprint of some steps.
fn print<C: Words>(steps: &[Step<C>]) -> u64 {
    let one = |print: u64, step: &Step<C>| {
        (print ^ step.changes.mixed() ^ u64::from(step.by.bits())).rotate_left(7)
    };
    steps.iter().fold(0, one)
}
