//! What a thread does with states at hand: it says what follows, and looks for what is wanted. Start at [`Asked::look`].

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::mpsc::SyncSender;

use stateright::Expectation;

use super::BATCH;
use super::codec::{Codec, reading, writing};
use super::lately::Lately;
use super::memo::{CONCERNS, LOT, Memo, both, either, mask, ones};
use super::store::{Candidate, Found, Id};
use crate::pack::Words;
use crate::scope::{Fields, Reads, TO_THE_END, World};

/// How many of the states that were found are remembered as found lately: most that are found more than once are found
/// again soon.
const LATELY: usize = 1 << 13;
/// How many combinations are remembered as judged, of each concern.
const JUDGED: usize = 1 << 10;

/// One thing that is looked for in every state.
pub(super) struct Wanted<W: World> {
    pub(super) name: &'static str,
    /// A property: what is looked for is a state where it does not hold.
    pub(super) property: bool,
    seen: fn(&W, &W::State) -> bool,
    /// Which concerns of the search it depends on, as bits; none when it is only where nothing can happen any more.
    concern: u32,
}

impl<W: World> Wanted<W> {
    #[inline(always)]
    fn is_in(&self, world: &W, state: &W::State) -> bool {
        (self.seen)(world, state) != self.property
    }

    /// Whether it can be in a state that differs in these concerns from those where it is not, and is a new end or not.
    #[inline(always)]
    const fn may_be(&self, concerned: u32, is_end: bool) -> bool {
        self.concern & concerned != 0 || self.concern == 0 && is_end
    }
}

/// On which bits of a state depends what is looked for.
pub(super) struct Concerns<P> {
    /// The bits of each concern.
    pub(super) masks: Vec<P>,
    /// The bits on which everything depends that is only there where nothing can happen any more.
    ends: P,
}

/// What Stateright is asked, as something to look for, and what that depends on.
fn wanted<W: World>(world: &W) -> (Vec<Wanted<W>>, Concerns<W::Packed>) {
    // What depends on everything has a place of its own: most of it is seen soon, and what stays is not judged with it.
    let mut masks = vec![mask::<W>(Fields::All)];
    let mut ends = W::Packed::default();
    let mut bit = |fields| 1 << concern_of(mask::<W>(fields), &mut masks);
    let mut concern = |name| match W::reads(name) {
        Reads::AtEnd(fields) => {
            ends = either(&ends, &mask::<W>(fields));
            0
        }
        Reads::Fields(fields) => bit(fields),
        Reads::OneOf(parts) => parts.iter().fold(0, |bits, part| bits | bit(*part)),
    };
    let all = world.properties().into_iter();
    let all = all.filter(|one| one.name != TO_THE_END);
    let wanted = all.map(|property| Wanted {
        name: property.name,
        property: property.expectation == Expectation::Always,
        seen: property.condition,
        concern: concern(property.name),
    });
    let wanted = wanted.collect();
    (wanted, Concerns { masks, ends })
}

/// The place of what depends on these bits among the concerns. When there are as many as may be, it shares the place where
/// the fewest bits come together.
fn concern_of<P: Words>(mask: P, concerns: &mut Vec<P>) -> usize {
    if let Some(known) = concerns.iter().position(|one| *one == mask) {
        return known;
    }
    if concerns.len() < CONCERNS {
        concerns.push(mask);
        return concerns.len() - 1;
    }
    let together = (1..CONCERNS).min_by_key(|at| ones(&either(&concerns[*at], &mask)));
    let at = together.unwrap_or(0);
    concerns[at] = either(&concerns[at], &mask);
    at
}

/// What a thread works with, and what it found in its part of a block.
pub(super) struct Hand<P, C> {
    memo: Memo<P, C>,
    lately: Lately<C, LATELY>,
    /// The bits of a code that each concern depends on, and which combinations of them were judged lately.
    judged: Vec<(C, Lately<C, JUDGED>)>,
    /// The same for states where nothing can happen any more.
    ended: (C, Lately<C, JUDGED>),
    /// What was found.
    pub(super) pending: Vec<Candidate<C>>,
    pub(super) transitions: u64,
    /// Wanted things seen, by their place, each in the first state that shows it: its place in the block, and its number.
    pub(super) seen: BTreeMap<usize, (usize, Id)>,
    /// Wanted things not seen yet.
    open: Vec<usize>,
    /// Their concerns.
    concerned: u32,
}

impl<P: Words, C: Words> Hand<P, C> {
    fn new<W: World<Packed = P>>(concerns: &Concerns<P>, codec: &Codec<P, C>) -> Self {
        let judged = |mask| (codec.mask(mask), Lately::new());
        Self {
            memo: Memo::new::<W>(&concerns.masks, codec),
            lately: Lately::new(),
            judged: concerns.masks.iter().map(judged).collect(),
            ended: judged(&concerns.ends),
            pending: Vec::new(),
            transitions: 0,
            seen: BTreeMap::new(),
            open: Vec::new(),
            concerned: 0,
        }
    }

    /// Before a block: what is still looked for, and its concerns.
    pub(super) fn begin(&mut self, open: &[usize], concerned: u32) {
        self.open.clear();
        self.open.extend(open);
        self.concerned = concerned;
    }

    pub(super) fn bytes(&self) -> usize {
        let lately = LATELY + (self.judged.len() + 1) * JUDGED;
        self.memo.bytes() + lately * size_of::<C>()
    }

    /// The concerns that must be judged again in a state that was found in a way that touched these.
    #[inline(always)]
    fn due(&mut self, touched: u32, code: &C) -> u32 {
        let (mut left, mut due) = (touched & self.concerned, 0);
        while left != 0 {
            let concern = left.trailing_zeros();
            left &= left - 1;
            due |= u32::from(is_new(&mut self.judged[concern as usize], code)) << concern;
        }
        due
    }

    /// Whether what is only there where nothing can happen any more must be judged in such a state.
    #[inline(always)]
    fn is_due(&mut self, code: &C) -> bool {
        is_new(&mut self.ended, code)
    }
}

/// Whether these bits of a code were not judged lately. They are now.
#[inline(always)]
fn is_new<C: Words>((mask, judged): &mut (C, Lately<C, JUDGED>), code: &C) -> bool {
    let key = both(code, mask);
    judged.is_new(&key, key.mixed())
}

/// What threads share that look at states: the world, how its states are written, and what is looked for.
pub(super) struct Asked<'a, W: World, C> {
    pub(super) world: &'a W,
    pub(super) codec: RwLock<Codec<W::Packed, C>>,
    pub(super) wanted: Vec<Wanted<W>>,
    symmetry: bool,
}

impl<'a, W: World, C: Words> Asked<'a, W, C> {
    /// With what that depends on.
    pub(super) fn new(
        world: &'a W,
        codec: Codec<W::Packed, C>,
        symmetry: bool,
    ) -> (Self, Concerns<W::Packed>) {
        let (wanted, concerns) = wanted(world);
        let asked = Self {
            world,
            codec: RwLock::new(codec),
            wanted,
            symmetry,
        };
        (asked, concerns)
    }

    pub(super) fn hand(&self, concerns: &Concerns<W::Packed>) -> Hand<W::Packed, C> {
        Hand::new::<W>(concerns, &reading(&self.codec))
    }

    pub(super) fn read(&self, code: &C) -> W::Packed {
        reading(&self.codec).read(code)
    }

    pub(super) fn write(&self, packed: &W::Packed) -> C {
        writing(&self.codec).write(packed)
    }

    /// The state that stands for this one.
    #[inline(always)]
    pub(super) fn canonical(&self, packed: W::Packed) -> W::Packed {
        if self.symmetry {
            W::Packed::of(&self.world.canonical(&packed.to()))
        } else {
            packed
        }
    }

    /// Looks at every batch of a block whose turn it is, and sends what it finds; until nobody listens.
    pub(super) fn look_in_turn(
        &self,
        block: &[Found],
        codes: &[C],
        turn: usize,
        turns: usize,
        hand: &mut Hand<W::Packed, C>,
        send: &SyncSender<Vec<Candidate<C>>>,
    ) {
        let batches = block.chunks(BATCH).zip(codes.chunks(BATCH)).enumerate();
        for (at, (batch, codes)) in batches.skip(turn).step_by(turns) {
            let lots = batch.chunks(LOT).zip(codes.chunks(LOT)).enumerate();
            for (lot, (states, codes)) in lots {
                self.look(at * BATCH + lot * LOT, states, codes, hand);
            }
            if send.send(std::mem::take(&mut hand.pending)).is_err() {
                return;
            }
        }
    }

    /// Expands a lot of states, of which the first has this place in the block, and judges them.
    #[inline(always)]
    pub(super) fn look(
        &self,
        first: usize,
        lot: &[Found],
        codes: &[C],
        hand: &mut Hand<W::Packed, C>,
    ) {
        let pending = &mut hand.pending;
        let begin = pending.len();
        let memo = &mut hand.memo;
        let lately = &mut hand.lately;
        let symmetry = self.symmetry;
        let say = |of: usize, state: C, by| {
            let mixed = state.mixed();
            let from = if symmetry { of as Id } else { lot[of].id };
            pending.push(Candidate {
                state,
                mixed,
                from,
                by,
            });
            // Taken back when it was found lately: which of both it is cannot be foreseen, so nothing branches on it.
            let is_old = !lately.is_new(&state, mixed);
            pending.truncate(pending.len() - usize::from(is_old));
        };
        let transitions = memo.successors(self.world, &self.codec, lot, codes, say);
        if symmetry {
            self.represent(lot, codes, &mut pending[begin..], memo);
        }
        let codec = reading(&self.codec);
        for (at, found) in lot.iter().enumerate() {
            hand.transitions += u64::from(transitions[at]);
            let is_end = transitions[at] == 0 && hand.is_due(&codes[at]);
            let due = hand.due(found.by.concerned(), &codes[at]);
            if is_end || due != 0 {
                let sight = (first + at, found.id);
                self.judge(sight, &codec.read(&codes[at]), due, is_end, hand);
            }
        }
    }

    /// Puts what stands for them in the place of states that follow from those of a lot.
    fn represent(
        &self,
        lot: &[Found],
        codes: &[C],
        pending: &mut [Candidate<C>],
        memo: &Memo<W::Packed, C>,
    ) {
        for one in pending {
            let of = one.from as usize;
            let state = self.canonical(self.read(&one.state));
            one.state = self.write(&state);
            one.mixed = one.state.mixed();
            one.from = lot[of].id;
            // What stands for a state was not found by what found the state.
            one.by = memo.by(&state, &self.read(&codes[of]));
        }
    }

    pub(super) fn concerned(&self, open: &[usize]) -> u32 {
        let concerns = open.iter().map(|at| self.wanted[*at].concern);
        concerns.fold(0, |all, one| all | one)
    }

    /// Looks for what is wanted and not seen yet, where it may be: what the state before did not show is not here
    /// either unless something has changed that it depends on, and that is not as it was in a state that was judged.
    fn judge(
        &self,
        sight: (usize, Id),
        packed: &W::Packed,
        due: u32,
        is_end: bool,
        hand: &mut Hand<W::Packed, C>,
    ) {
        let state: W::State = packed.to();
        let seen = &mut hand.seen;
        let before = hand.open.len();
        hand.open.retain(|at| {
            let wanted = &self.wanted[*at];
            let may_be = wanted.may_be(due, is_end);
            let is_in = may_be && wanted.is_in(self.world, &state);
            if is_in {
                seen.insert(*at, sight);
            }
            !is_in
        });
        if hand.open.len() < before {
            hand.concerned = self.concerned(&hand.open);
        }
    }
}
