//! What a part of a world's actions comes to, remembered by the bits that it depends on. Start at [`Memo`].
//!
//! The actions of a world fall into parts, and a part reads and writes only some fields of the state
//! ([`World::fields`]). Many states agree in those fields, so the steps of the roles are run once for each such
//! combination and looked up after that, for many states at once so that the look-ups do not wait for one another.
//! Nothing here knows what a step does: the memory is filled by [`World::apply`] itself. That a part writes nowhere
//! else is asserted whenever it is filled; that it reads nowhere else is what tests show, by holding every look-up
//! against the step.
//!
//! A combination is not written down: it is named by the first state that had it, which the store keeps anyway.

use std::collections::HashMap;

use super::store::{Found, Id, Store};
use crate::chart::Chart;
use crate::pack::Words;
use crate::scope::{Fields, World};

/// States that are expanded together.
pub(super) const LOT: usize = 32;

/// Concerns at most: what somebody wants to know of each state whether it changed.
pub(super) const CONCERNS: usize = 12;

/// Outcomes at most: what 24 bits of a slot can name.
const OUTCOMES_MAX: usize = (1 << 24) - 2;

/// Where one outcome stands: the changes of its successors.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin: u32,
    len: u32,
}

/// How a state was found: by which part, and what that touched.
///
/// Two actions that touch no field of each other's parts may come in either order and lead to the same state. So a state
/// need not be left by a part that stands before the one that led to it, unless one of the two actions touches the other's
/// part: the same two actions in the other order lead there too. That order is one of a state as near to the beginning,
/// and if it is left out there as well, then for a part that stands still later; so some order is taken, and every state
/// is found as early as it would be (Godefroid's sleep sets, for breadth first).
#[derive(Clone, Copy, Debug)]
pub(super) struct By(u32);

impl By {
    /// In a way that nothing is known of: every order is taken, everything is looked for.
    pub(super) const UNKNOWN: Self = Self::of(0, u16::MAX, u32::MAX);

    const fn of(part: usize, touched: u16, concerned: u32) -> Self {
        Self(concerned << 20 | (touched as u32) << 4 | part as u32)
    }

    /// The parts that it touched, a bit for each.
    #[inline(always)]
    const fn touched(self) -> u16 {
        (self.0 >> 4) as u16
    }

    /// The concerns that it touched, a bit for each.
    #[inline(always)]
    pub(super) const fn concerned(self) -> u32 {
        self.0 >> 20
    }

    /// The part that must be touched by an action of this one for it to be taken now; no bit when every action is.
    #[inline(always)]
    const fn asleep(self, part: usize) -> u16 {
        let by = (self.0 & 15) as usize;
        let is_free = part < by && self.touched() >> part & 1 == 0;
        (is_free as u16) << by
    }
}

/// What is remembered of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Its successors.
    Outcomes,
    /// It depends on everything: only whether it has any action.
    Wakes,
    /// Even that depends on everything.
    Nothing,
}

/// The memory of one part.
#[derive(Debug)]
struct Part<P> {
    mask: P,
    kept: Kept,
    /// Slots of `tag << 56 | outcome + 1 << 32 | state`; 0 is free.
    slots: Vec<u64>,
    /// How many are not free.
    known: usize,
    /// The outcomes; most combinations share theirs with others.
    outcomes: Vec<Span>,
    /// The bits that successors change.
    changes: Vec<P>,
    /// What each of them touches.
    touched: Vec<By>,
    /// Outcomes by a fingerprint of their changes.
    places: HashMap<u64, u32>,
    /// What was found for the states at hand.
    found: [Span; LOT],
}

/// The memories of all parts.
#[derive(Debug)]
pub(super) struct Memo<P> {
    parts: Vec<Part<P>>,
    masks: Masks<P>,
}

/// What an action may touch.
#[derive(Debug)]
struct Masks<P> {
    /// The fields of each part.
    parts: Vec<P>,
    /// The bits of each concern.
    concerns: Vec<P>,
}

impl<P: Words> Masks<P> {
    /// What the changes of an action of this part touch.
    fn by(&self, part: usize, changes: &P) -> By {
        let is_touched = |mask: &P| both(changes, mask) != P::default();
        let bits = |masks: &[P]| {
            let all = masks.iter().enumerate();
            all.fold(0, |bits, (at, mask)| {
                bits | u32::from(is_touched(mask)) << at
            })
        };
        By::of(part, bits(&self.parts) as u16, bits(&self.concerns))
    }
}

/// The bits of some fields.
pub(super) fn mask<W: World>(fields: Fields) -> W::Packed {
    let of = |paths: &[&str]| match W::Packed::mask::<W::State>(paths) {
        Some(mask) => mask,
        None => panic!("{fields:?}: no such fields"),
    };
    match fields {
        Fields::All => of(&[""]),
        Fields::Only(paths) => of(paths),
        Fields::AllBut(paths) => {
            let (all, but) = (of(&[""]), of(paths));
            each(&all, &but, |all, but| all & !but)
        }
    }
}

/// Word by word.
#[inline(always)]
fn each<P: Words>(a: &P, b: &P, of: impl Fn(u64, u64) -> u64) -> P {
    let mut out = *a;
    for (word, other) in out.as_mut().iter_mut().zip(b.as_ref()) {
        *word = of(*word, *other);
    }
    out
}

/// `a | b`.
pub(super) fn either<P: Words>(a: &P, b: &P) -> P {
    each(a, b, |a, b| a | b)
}

/// `a & b`.
#[inline(always)]
pub(super) fn both<P: Words>(a: &P, b: &P) -> P {
    each(a, b, |a, b| a & b)
}

/// Where `a` and `b` differ; or `a` with the bits of `b` changed.
#[inline(always)]
pub(super) fn changed<P: Words>(a: &P, b: &P) -> P {
    each(a, b, |a, b| a ^ b)
}

impl<P: Words> Memo<P> {
    pub(super) fn new<W: World<Packed = P>>(concerns: &[P]) -> Self {
        const { assert!(W::PARTS <= 16, "a bit for each part") };
        assert!(concerns.len() <= CONCERNS, "a bit for each concern");
        Self {
            parts: (0..W::PARTS).map(Part::new::<W>).collect(),
            masks: Masks {
                parts: (0..W::PARTS).map(|at| mask::<W>(W::fields(at))).collect(),
                concerns: concerns.to_vec(),
            },
        }
    }

    /// In a way of which only the concerns are known in which two states differ.
    pub(super) fn by(&self, a: &P, b: &P) -> By {
        let by = self.masks.by(0, &changed(a, b));
        By::of(0, u16::MAX, by.concerned())
    }

    pub(super) fn bytes(&self) -> usize {
        let one = |part: &Part<P>| {
            part.slots.capacity() * size_of::<u64>()
                + part.outcomes.capacity() * size_of::<Span>()
                + part.changes.capacity() * size_of::<P>()
                + part.touched.capacity() * size_of::<By>()
                + part.places.capacity() * size_of::<(u64, u32)>()
        };
        self.parts.iter().map(one).sum()
    }

    /// Says each successor of each state of a lot, by the state's place in the lot, but for those that another order of
    /// the same actions leads to. Gives the number of transitions of each state, with those.
    #[inline(always)]
    pub(super) fn successors<W: World<Packed = P>>(
        &mut self,
        world: &W,
        store: &Store<P>,
        lot: &[Found],
        states: &[P],
        mut say: impl FnMut(usize, P, By),
    ) -> [u32; LOT] {
        let Self { parts, masks } = self;
        for (at, part) in parts.iter_mut().enumerate() {
            part.find(world, at, masks, store, lot, states);
        }
        let mut transitions = [0; LOT];
        for (of, (packed, found)) in states.iter().zip(lot).enumerate() {
            let count = &mut transitions[of];
            for (at, part) in parts.iter().enumerate() {
                let span = part.found[of];
                if span.len == AWAKE {
                    plainly(world, at, packed, |next| {
                        *count += 1;
                        say(of, next, By::UNKNOWN);
                    });
                    continue;
                }
                *count += span.len;
                let asleep = found.by.asleep(at);
                let span = span.begin as usize..(span.begin + span.len) as usize;
                let changes = part.changes[span.clone()].iter();
                for (changes, by) in changes.zip(&part.touched[span]) {
                    if asleep & !by.touched() == 0 {
                        say(of, changed(packed, changes), *by);
                    }
                }
            }
        }
        transitions
    }
}

/// The length of an outcome that is not remembered.
const AWAKE: u32 = u32::MAX;

/// Runs the steps of a part.
fn plainly<W: World>(world: &W, at: usize, packed: &W::Packed, mut say: impl FnMut(W::Packed)) {
    let state: W::State = packed.to();
    let mut actions = Vec::new();
    world.actions_of(at, &state, &mut actions);
    for action in &actions {
        if let Some(next) = world.apply(&state, action, &mut Chart::off()) {
            say(W::Packed::of(&next));
        }
    }
}

impl<P: Words> Part<P> {
    fn new<W: World<Packed = P>>(at: usize) -> Self {
        let is_whole = |fields| matches!(fields, Fields::All);
        let (fields, wakes) = (W::fields(at), W::wakes(at));
        let (kept, fields) = match (is_whole(fields), is_whole(wakes)) {
            (false, _) => (Kept::Outcomes, fields),
            (true, false) => (Kept::Wakes, wakes),
            (true, true) => (Kept::Nothing, fields),
        };
        let len = if kept == Kept::Nothing { AWAKE } else { 0 };
        Self {
            mask: mask::<W>(fields),
            kept,
            slots: vec![0; 16],
            known: 0,
            outcomes: Vec::new(),
            changes: Vec::new(),
            touched: Vec::new(),
            places: HashMap::new(),
            found: [Span { begin: 0, len }; LOT],
        }
    }

    /// Looks up a lot of states; learns what is not known.
    #[inline(always)]
    fn find<W: World<Packed = P>>(
        &mut self,
        world: &W,
        at: usize,
        masks: &Masks<P>,
        store: &Store<P>,
        lot: &[Found],
        states: &[P],
    ) {
        if self.kept == Kept::Nothing {
            return;
        }
        let mut keys = [P::default(); LOT];
        let mut marks = [0_u64; LOT];
        let mut entries = [0_u64; LOT];
        for (of, packed) in states.iter().enumerate() {
            keys[of] = both(packed, &self.mask);
            marks[of] = keys[of].mixed();
            entries[of] = self.slots[self.slot(marks[of])];
        }
        for (of, packed) in states.iter().enumerate() {
            let mut entry = entries[of];
            if !self.is_of(entry, &keys[of], marks[of], store) {
                let slot = self.probe(&keys[of], marks[of], store);
                entry = self.slots[slot];
                if entry == 0 {
                    entry = self.learn(world, at, masks, packed);
                    self.keep(slot, marks[of], entry | u64::from(lot[of].id), store);
                }
            }
            self.found[of] = self.outcomes[(entry >> 32 & 0xFF_FFFF) as usize - 1];
        }
    }

    #[inline(always)]
    const fn slot(&self, mark: u64) -> usize {
        mark as usize & (self.slots.len() - 1)
    }

    /// Whether an entry is a combination's.
    #[inline(always)]
    fn is_of(&self, entry: u64, key: &P, mark: u64, store: &Store<P>) -> bool {
        entry != 0
            && entry >> 56 == mark >> 56
            && both(store.state(entry as Id), &self.mask) == *key
    }

    /// The slot of a combination, or the free slot where it belongs.
    #[inline(always)]
    fn probe(&self, key: &P, mark: u64, store: &Store<P>) -> usize {
        let mut slot = self.slot(mark);
        while self.slots[slot] != 0 && !self.is_of(self.slots[slot], key, mark, store) {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    /// Fills a slot, and makes room for more.
    fn keep(&mut self, slot: usize, mark: u64, entry: u64, store: &Store<P>) {
        self.slots[slot] = mark >> 56 << 56 | entry;
        self.known += 1;
        if self.known * 4 <= self.slots.len() * 3 {
            return;
        }
        let twice = vec![0; self.slots.len() * 2];
        for entry in std::mem::replace(&mut self.slots, twice) {
            if entry != 0 {
                let mut slot = self.slot(both(store.state(entry as Id), &self.mask).mixed());
                while self.slots[slot] != 0 {
                    slot = (slot + 1) & (self.slots.len() - 1);
                }
                self.slots[slot] = entry;
            }
        }
    }

    /// Runs the steps; what was learnt, as a slot names it.
    #[cold]
    fn learn<W: World<Packed = P>>(
        &mut self,
        world: &W,
        at: usize,
        masks: &Masks<P>,
        packed: &P,
    ) -> u64 {
        let begin = self.changes.len();
        let mut fingerprint = 0;
        let mut len = 0;
        if self.kept == Kept::Wakes {
            let mut actions = Vec::new();
            world.actions_of(at, &packed.to(), &mut actions);
            len = if actions.is_empty() { 0 } else { AWAKE };
            fingerprint = u64::from(len);
        } else {
            plainly(world, at, packed, |next| {
                let changes = changed(packed, &next);
                assert!(
                    both(&changes, &self.mask) == changes,
                    "part {at} writes more than its fields: {:?}",
                    next.to::<W::State>()
                );
                self.changes.push(changes);
                fingerprint = (fingerprint ^ changes.mixed()).rotate_left(7);
                len += 1;
            });
        }
        let span = Span {
            begin: begin as u32,
            len,
        };
        u64::from(self.place_of(at, span, fingerprint, masks) + 1) << 32
    }

    /// The place of an outcome whose changes stand last: that of an equal one, if there is one.
    fn place_of(&mut self, at: usize, span: Span, fingerprint: u64, masks: &Masks<P>) -> u32 {
        let begin = span.begin as usize;
        if let Some(place) = self.places.get(&fingerprint) {
            let known = self.outcomes[*place as usize];
            let from = known.begin as usize;
            let is_equal = known.len == span.len
                && (span.len == AWAKE
                    || self.changes[from..from + span.len as usize] == self.changes[begin..]);
            if is_equal {
                self.changes.truncate(begin);
                return *place;
            }
        }
        let new = self.changes[begin..].iter();
        self.touched
            .extend(new.map(|changes| masks.by(at, changes)));
        assert!(self.outcomes.len() < OUTCOMES_MAX, "too many outcomes");
        let place = self.outcomes.len() as u32;
        self.outcomes.push(span);
        self.places.insert(fingerprint, place);
        place
    }
}
