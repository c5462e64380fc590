//! Packed keys in the order in which they came, each found in one or two reads. Start at [`Table`].
//!
//! A slot holds eight bits of a key's fingerprint and its place. The key itself is then compared word by word, so that
//! no two keys are ever taken for one.

use crate::pack::Words;

/// Keys at most: what 24 bits of a slot can name.
pub(super) const KEYS_MAX: usize = (1 << 24) - 2;

/// A set of keys with places.
#[derive(Debug)]
pub(super) struct Table<P> {
    keys: Vec<P>,
    /// Slots of `tag << 24 | place + 1`; 0 is free.
    slots: Vec<u32>,
    /// The lowest bits of the fingerprint, which all keys here share.
    shared: u32,
}

/// Eight bits that tell most keys apart without looking at them.
#[inline(always)]
const fn tag(mixed: u64) -> u32 {
    (mixed >> 56) as u32
}

/// Pushes, with room for an eighth more: doubling would leave a third of the memory unused.
#[inline(always)]
pub(super) fn push<T>(to: &mut Vec<T>, value: T) {
    if to.len() == to.capacity() {
        to.reserve_exact((to.len() / 8).max(64));
    }
    to.push(value);
}

impl<P: Words> Table<P> {
    pub(super) fn new(shared: u32) -> Self {
        Self {
            keys: Vec::new(),
            slots: vec![0; 16],
            shared,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<P>() + self.slots.capacity() * size_of::<u32>()
    }

    #[inline(always)]
    pub(super) fn key(&self, place: usize) -> &P {
        &self.keys[place]
    }

    #[inline(always)]
    fn slot(&self, mixed: u64) -> usize {
        (mixed >> self.shared) as usize & (self.slots.len() - 1)
    }

    /// What stands in a key's first slot: a read that need not wait.
    #[inline(always)]
    pub(super) fn glance(&self, mixed: u64) -> u32 {
        self.slots[self.slot(mixed)]
    }

    /// The place that an entry names, which is not free.
    #[inline(always)]
    pub(super) const fn place(entry: u32) -> usize {
        (entry & 0xFF_FFFF) as usize - 1
    }

    /// Whether a slot's entry is this key's.
    #[inline(always)]
    pub(super) fn is_at(&self, entry: u32, key: &P, mixed: u64) -> bool {
        entry != 0 && entry >> 24 == tag(mixed) && self.keys[Self::place(entry)] == *key
    }

    /// The slot of a key, or the free slot where it belongs.
    #[inline(always)]
    fn probe(&self, key: &P, mixed: u64) -> (usize, u32) {
        let mut slot = self.slot(mixed);
        loop {
            let entry = self.slots[slot];
            if entry == 0 || self.is_at(entry, key, mixed) {
                return (slot, entry);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    /// The place of a key.
    #[inline(always)]
    pub(super) fn find(&self, key: &P, mixed: u64) -> Option<u32> {
        let (_, entry) = self.probe(key, mixed);
        (entry & 0xFF_FFFF).checked_sub(1)
    }

    /// Adds a key if it is not there yet; whether it was new.
    pub(super) fn add(&mut self, key: &P, mixed: u64) -> bool {
        let (slot, entry) = self.probe(key, mixed);
        if entry != 0 {
            return false;
        }
        push(&mut self.keys, *key);
        self.slots[slot] = tag(mixed) << 24 | self.keys.len() as u32;
        if self.keys.len() * 4 > self.slots.len() * 3 {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for place in 0..self.keys.len() {
            let mixed = self.keys[place].mixed();
            let mut slot = self.slot(mixed);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = tag(mixed) << 24 | (place as u32 + 1);
        }
    }
}
