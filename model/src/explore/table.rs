//! Packed keys in the order in which they came, each found in one or two reads. Start at [`Table`].
//!
//! A slot holds eight bits of a key's fingerprint and its place. The key itself is then compared word by word, so that
//! no two keys are ever taken for one.

use crate::pack::Words;

/// Keys at most: what 24 bits of a slot can name.
pub(super) const KEYS_MAX: usize = (1 << 24) - 2;

/// How many values stand together.
const CHUNK: usize = 1 << 10;

/// Values in the order in which they came. What is there is never moved, and the room that is not used is one chunk's.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
}

impl<T: Copy> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        let room: usize = self.chunks.iter().map(Vec::capacity).sum();
        room * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }

    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> &T {
        &self.chunks[place / CHUNK][place % CHUNK]
    }

    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            // The first grows as it is filled: there are many small tables.
            last => {
                let mut chunk = Vec::with_capacity(if last.is_some() { CHUNK } else { 0 });
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
    }
}

/// A set of keys with places.
#[derive(Debug)]
pub(super) struct Table<P> {
    keys: Chunks<P>,
    len: usize,
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

impl<P: Words> Table<P> {
    pub(super) fn new(shared: u32) -> Self {
        Self {
            keys: Chunks::new(),
            len: 0,
            slots: vec![0; 16],
            shared,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes() + self.slots.capacity() * size_of::<u32>()
    }

    #[inline(always)]
    pub(super) fn key(&self, place: usize) -> &P {
        self.keys.at(place)
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

    /// Whether a slot's entry is this key's.
    #[inline(always)]
    pub(super) fn is_at(&self, entry: u32, key: &P, mixed: u64) -> bool {
        let place = (entry & 0xFF_FFFF) as usize;
        entry != 0 && entry >> 24 == tag(mixed) && self.key(place - 1) == key
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

    /// The place of a key, which is added if it is not there yet.
    pub(super) fn number(&mut self, key: &P, mixed: u64) -> usize {
        let entry = self.probe(key, mixed).1;
        if entry != 0 {
            return (entry & 0xFF_FFFF) as usize - 1;
        }
        self.add(key, mixed);
        self.len - 1
    }

    /// Adds a key if it is not there yet; whether it was new.
    pub(super) fn add(&mut self, key: &P, mixed: u64) -> bool {
        let (slot, entry) = self.probe(key, mixed);
        if entry != 0 {
            return false;
        }
        self.keys.push(*key);
        self.len += 1;
        self.slots[slot] = tag(mixed) << 24 | self.len as u32;
        if self.len * 5 > self.slots.len() * 4 {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        let len = self.slots.len() * 2;
        // What is made anew need not be kept until then.
        self.slots = Vec::new();
        self.slots = vec![0; len];
        for place in 0..self.len {
            let mixed = self.key(place).mixed();
            let mut slot = self.slot(mixed);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = tag(mixed) << 24 | (place as u32 + 1);
        }
    }
}
