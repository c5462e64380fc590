//! What a part of a world's actions comes to, remembered by the bits that it depends on. Start at [`Memo`].
//!
//! The actions of a world fall into parts, and a part reads and writes only some fields of the state
//! ([`World::fields`]). Many states agree in those fields, so the steps of the roles are run once for each such
//! combination and looked up after that. Nothing here knows what a step does: the memory is filled by
//! [`World::apply`] itself. That a part writes nowhere else is asserted whenever it is filled; that it reads nowhere
//! else is what tests show, by holding every look-up against the step.

use super::table::{KEYS_MAX, Table};
use crate::chart::Chart;
use crate::pack::Words;
use crate::scope::{Fields, World};

/// One successor: the place of its action, and the fields of the part after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next<P> {
    pub(super) by: u8,
    pub(super) bits: P,
}

/// Where the successors of one combination stand.
#[derive(Clone, Copy, Debug)]
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
    next: Vec<Next<P>>,
}

/// The memories of all parts.
#[derive(Debug)]
pub(super) struct Memo<P> {
    parts: Vec<Part<P>>,
}

/// The bits of some fields.
fn mask<W: World>(fields: Fields) -> W::Packed {
    let of = |paths: &[&str]| match W::Packed::mask::<W::State>(paths) {
        Some(mask) => mask,
        None => panic!("{fields:?}: no such fields"),
    };
    match fields {
        Fields::All => of(&[""]),
        Fields::Only(paths) => of(paths),
        Fields::AllBut(paths) => blend(&of(&[""]), &W::Packed::default(), &of(paths)),
    }
}

/// The place of an action as an edge keeps it; one that does not fit would make a wrong trace.
#[inline(always)]
fn place_of(at: usize) -> u8 {
    assert!(at <= 255, "a state has more than 255 actions");
    at as u8
}

/// `a & b`, word by word.
#[inline(always)]
fn both<P: Words>(a: &P, b: &P) -> P {
    let mut out = *a;
    for (word, other) in out.as_mut().iter_mut().zip(b.as_ref()) {
        *word &= other;
    }
    out
}

/// `bits` where `mask` is set, `state` elsewhere.
#[inline(always)]
fn blend<P: Words>(state: &P, bits: &P, mask: &P) -> P {
    let mut out = *state;
    for ((word, bits), mask) in out
        .as_mut()
        .iter_mut()
        .zip(bits.as_ref())
        .zip(mask.as_ref())
    {
        *word = *word & !mask | bits;
    }
    out
}

impl<P: Words> Memo<P> {
    pub(super) fn new<W: World<Packed = P>>() -> Self {
        let part = |at| Part {
            whole: matches!(W::fields(at), Fields::All),
            mask: mask::<W>(W::fields(at)),
            known: Table::new(0),
            spans: Vec::new(),
            next: Vec::new(),
        };
        Self {
            parts: (0..W::PARTS).map(part).collect(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let one = |part: &Part<P>| {
            part.known.bytes()
                + part.spans.capacity() * size_of::<Span>()
                + part.next.capacity() * size_of::<Next<P>>()
        };
        self.parts.iter().map(one).sum()
    }

    /// Says each successor of a state, with the place of its action.
    #[inline(always)]
    pub(super) fn successors<W: World<Packed = P>>(
        &mut self,
        world: &W,
        packed: &P,
        mut say: impl FnMut(u8, P),
    ) {
        let mut before = 0_usize;
        for (at, part) in self.parts.iter_mut().enumerate() {
            if part.whole {
                before += plainly(world, at, packed, before, &mut say);
                continue;
            }
            let key = both(packed, &part.mask);
            let mixed = key.mixed();
            let place = match part.known.find(&key, mixed) {
                Some(place) => place as usize,
                None => part.learn(world, at, packed, &key, mixed),
            };
            let span = part.spans[place];
            let begin = span.begin as usize;
            for next in &part.next[begin..begin + usize::from(span.len)] {
                say(
                    place_of(before + usize::from(next.by)),
                    blend(packed, &next.bits, &part.mask),
                );
            }
            before += usize::from(span.actions);
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
        if self.known.len() == KEYS_MAX {
            // Forgetting costs time and nothing else.
            (self.known, self.spans, self.next) = (Table::new(0), Vec::new(), Vec::new());
        }
        let state: W::State = packed.to();
        let mut actions = Vec::new();
        world.actions_of(at, &state, &mut actions);
        let begin = self.next.len();
        for (by, action) in actions.iter().enumerate() {
            let Some(next) = world.apply(&state, action, &mut Chart::off()) else {
                continue;
            };
            let next = P::of(&next);
            let bits = both(&next, &self.mask);
            assert!(
                blend(packed, &bits, &self.mask) == next,
                "{action:?} writes more than its part"
            );
            let by = place_of(by);
            self.next.push(Next { by, bits });
        }
        self.spans.push(Span {
            begin: begin as u32,
            len: place_of(self.next.len() - begin),
            actions: place_of(actions.len()),
        });
        self.known.add(key, mixed);
        self.spans.len() - 1
    }
}
