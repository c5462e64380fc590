//! What a part of a world's actions comes to, remembered by the bits that it depends on. Start at [`Memo`].
//!
//! The actions of a world fall into parts, and a part reads and writes only some fields of the state
//! ([`World::fields`]). Many states agree in those fields, so the steps of the roles are run once for each such
//! combination and looked up after that, for many states at once so that the look-ups do not wait for one another.
//! Nothing here knows what a step does: the memory is filled by [`World::apply`] itself. That a part writes nowhere
//! else is asserted whenever it is filled; that it reads nowhere else is what tests show, by holding every look-up
//! against the step.

use super::table::{KEYS_MAX, Table, push};
use crate::chart::Chart;
use crate::pack::Words;
use crate::scope::{Fields, World};

/// States that are expanded together.
pub(super) const LOT: usize = 32;

/// Where the successors of one combination stand.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin: u32,
    len: u8,
    /// Actions, those that change nothing included.
    actions: u8,
}

/// The memory of one part.
#[derive(Debug)]
struct Part<P> {
    mask: P,
    /// It depends on everything: there is nothing to remember.
    whole: bool,
    known: Table<P>,
    spans: Vec<Span>,
    /// The successors: the places of their actions, and the bits that they change.
    by: Vec<u8>,
    changes: Vec<P>,
    /// What was found for the states at hand.
    found: [Span; LOT],
}

/// The memories of all parts.
#[derive(Debug)]
pub(super) struct Memo<P> {
    parts: Vec<Part<P>>,
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

/// The place of an action as an edge keeps it; one that does not fit would make a wrong trace.
#[inline(always)]
fn place_of(at: usize) -> u8 {
    assert!(at <= 255, "a state has more than 255 actions");
    at as u8
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

/// Every bit.
pub(super) fn ones<P: Words>() -> P {
    let mut all = P::default();
    all.as_mut().fill(u64::MAX);
    all
}

impl<P: Words> Memo<P> {
    pub(super) fn new<W: World<Packed = P>>() -> Self {
        let part = |at| Part {
            whole: matches!(W::fields(at), Fields::All),
            mask: mask::<W>(W::fields(at)),
            known: Table::new(0),
            spans: Vec::new(),
            by: Vec::new(),
            changes: Vec::new(),
            found: [Span::default(); LOT],
        };
        Self {
            parts: (0..W::PARTS).map(part).collect(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let one = |part: &Part<P>| {
            part.known.bytes()
                + part.spans.capacity() * size_of::<Span>()
                + part.by.capacity()
                + part.changes.capacity() * size_of::<P>()
        };
        self.parts.iter().map(one).sum()
    }

    /// Says each successor of each state of a lot, by the state's place in the lot, with the place of its action.
    #[inline(always)]
    pub(super) fn successors<W: World<Packed = P>>(
        &mut self,
        world: &W,
        lot: &[P],
        mut say: impl FnMut(usize, u8, P),
    ) {
        for (at, part) in self.parts.iter_mut().enumerate() {
            if !part.whole {
                part.find(world, at, lot);
            }
        }
        for (of, packed) in lot.iter().enumerate() {
            let mut before = 0_usize;
            for (at, part) in self.parts.iter().enumerate() {
                if part.whole {
                    before += plainly(world, at, packed, before, &mut |by, next| say(of, by, next));
                    continue;
                }
                let span = part.found[of];
                let begin = span.begin as usize;
                let all = begin..begin + usize::from(span.len);
                for (by, changes) in part.by[all.clone()].iter().zip(&part.changes[all]) {
                    let by = place_of(before + usize::from(*by));
                    say(of, by, changed(packed, changes));
                }
                before += usize::from(span.actions);
            }
        }
    }
}

/// Runs the steps of a part without remembering them; how many actions there were.
fn plainly<W: World>(
    world: &W,
    at: usize,
    packed: &W::Packed,
    before: usize,
    say: &mut impl FnMut(u8, W::Packed),
) -> usize {
    let state: W::State = packed.to();
    let mut actions = Vec::new();
    world.actions_of(at, &state, &mut actions);
    for (by, action) in actions.iter().enumerate() {
        if let Some(next) = world.apply(&state, action, &mut Chart::off()) {
            say(place_of(before + by), W::Packed::of(&next));
        }
    }
    actions.len()
}

impl<P: Words> Part<P> {
    /// Looks up a lot of states; learns what is not known.
    #[inline(always)]
    fn find<W: World<Packed = P>>(&mut self, world: &W, at: usize, lot: &[P]) {
        if self.known.len() + LOT > KEYS_MAX {
            // Forgetting costs time and nothing else.
            (self.known, self.spans) = (Table::new(0), Vec::new());
            (self.by, self.changes) = (Vec::new(), Vec::new());
        }
        let mut keys = [P::default(); LOT];
        let mut mixed = [0_u64; LOT];
        let mut entries = [0_u32; LOT];
        for (of, packed) in lot.iter().enumerate() {
            keys[of] = both(packed, &self.mask);
            mixed[of] = keys[of].mixed();
            entries[of] = self.known.glance(mixed[of]);
        }
        for (of, packed) in lot.iter().enumerate() {
            let place = if self.known.is_at(entries[of], &keys[of], mixed[of]) {
                Table::<P>::place(entries[of])
            } else {
                match self.known.find(&keys[of], mixed[of]) {
                    Some(place) => place as usize,
                    None => self.learn(world, at, packed, &keys[of], mixed[of]),
                }
            };
            self.found[of] = self.spans[place];
        }
    }

    /// Runs the steps; the place of what was learnt.
    #[cold]
    fn learn<W: World<Packed = P>>(
        &mut self,
        world: &W,
        at: usize,
        packed: &P,
        key: &P,
        mixed: u64,
    ) -> usize {
        let state: W::State = packed.to();
        let mut actions = Vec::new();
        world.actions_of(at, &state, &mut actions);
        let begin = self.by.len();
        for (by, action) in actions.iter().enumerate() {
            let Some(next) = world.apply(&state, action, &mut Chart::off()) else {
                continue;
            };
            let changes = changed(packed, &P::of(&next));
            assert!(
                both(&changes, &self.mask) == changes,
                "{action:?} writes more than its part"
            );
            push(&mut self.by, place_of(by));
            push(&mut self.changes, changes);
        }
        let span = Span {
            begin: begin as u32,
            len: place_of(self.by.len() - begin),
            actions: place_of(actions.len()),
        };
        push(&mut self.spans, span);
        self.known.add(key, mixed);
        self.spans.len() - 1
    }
}
