//! States as the explorer keeps them: fewer bits than the fields have. Start at [`Codec`].
//!
//! Of the values that a wide piece of a state could take few occur. They are numbered as they come, and the number stands for the
//! piece ([`World::NUMBERED`]; Holzmann's collapse compression). Every value is kept, so that a code gives back exactly the state
//! it was made of. When more values come than there are numbers, the search begins again with states as they are.

use std::marker::PhantomData;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::memo::{both, changed, either, mask, ones};
use super::table::Table;
use crate::pack::Words;
use crate::scope::{Fields, World};

/// Bits that stand side by side in a packed state: the first, and how many.
type Run = (u32, u32);

/// What of a packed state is written together.
#[derive(Debug)]
struct Piece<P> {
    mask: P,
    /// Where it stands in a code, and how many bits it takes.
    at: u32,
    bits: u32,
    how: How<P>,
}

#[derive(Debug)]
enum How<P> {
    /// As its bits are, from this one on.
    Plain(u32),
    /// As the number of a value.
    Numbered(Table<P>),
}

/// Writes packed states `P` as codes `C`.
#[derive(Debug)]
pub(super) struct Codec<P, C> {
    /// None where a code is wide enough for all bits of a state.
    pieces: Vec<Piece<P>>,
    /// More values came than there are numbers: codes that were made since stand for nothing.
    over: bool,
    code: PhantomData<C>,
}

/// To read with others. A thread that panics ends the search, so what it leaves behind is not looked at.
#[inline(always)]
pub(super) fn reading<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

/// To write alone.
pub(super) fn writing<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

fn is_set<P: Words>(mask: &P, bit: u32) -> bool {
    mask.as_ref()[(bit / 64) as usize] >> (bit % 64) & 1 == 1
}

/// The bits of a mask, as runs within words.
fn runs<P: Words>(mask: &P) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for bit in (0..P::BITS).filter(|bit| is_set(mask, *bit)) {
        match runs.last_mut() {
            Some((at, len)) if *at + *len == bit && bit % 64 != 0 => *len += 1,
            _ => runs.push((bit, 1)),
        }
    }
    runs
}

impl<P: Words, C: Words> Codec<P, C> {
    /// For the states of a world; nothing when a code is too narrow for them.
    pub(super) fn new<W: World<Packed = P>>() -> Option<Self> {
        let whole = mask::<W>(Fields::All);
        if C::BITS == P::BITS {
            return Some(Self::of(Vec::new()));
        }
        let mut pieces = Vec::new();
        let mut left = whole;
        for (fields, bits) in W::NUMBERED {
            let piece = both(&left, &mask::<W>(Fields::Only(fields)));
            left = changed(&left, &piece);
            pieces.push(Piece::numbered(piece, *bits));
        }
        pieces.extend(runs(&left).into_iter().map(Piece::plain));
        let bits: u32 = pieces.iter().map(|piece| piece.bits).sum();
        (bits <= C::BITS).then(|| Self::of(pieces))
    }

    /// One piece after the other.
    fn of(mut pieces: Vec<Piece<P>>) -> Self {
        let mut at = 0;
        for piece in &mut pieces {
            piece.at = at;
            at += piece.bits;
        }
        Self {
            pieces,
            over: false,
            code: PhantomData,
        }
    }

    /// Whether codes stand for nothing any more.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The bits of a code in which all pieces stand that have to do with these bits of a state.
    pub(super) fn mask(&self, of: &P) -> C {
        if self.pieces.is_empty() {
            return moved(of);
        }
        let mut to = C::default();
        let is_in = |piece: &&Piece<P>| both(&piece.mask, of) != P::default();
        for piece in self.pieces.iter().filter(is_in) {
            put(&mut to, piece.at, low(u64::MAX, piece.bits));
        }
        to
    }

    /// The code of a state.
    pub(super) fn write(&mut self, state: &P) -> C {
        self.change(&C::default(), state, &mask_of_all())
    }

    /// What of a code changes where these bits of its state do, which then is `next`.
    pub(super) fn change(&mut self, code: &C, next: &P, changes: &P) -> C {
        if self.pieces.is_empty() {
            return changed(code, &moved(next));
        }
        let mut to = C::default();
        for piece in &mut self.pieces {
            if both(&piece.mask, changes) != P::default() {
                let number = piece.write(next);
                self.over |= number >> piece.bits != 0;
                put(
                    &mut to,
                    piece.at,
                    take(code, piece.at, piece.bits) ^ low(number, piece.bits),
                );
            }
        }
        to
    }

    /// The state of a code.
    pub(super) fn read(&self, code: &C) -> P {
        if self.pieces.is_empty() {
            return moved(code);
        }
        let mut state = P::default();
        for piece in &self.pieces {
            piece.read(take(code, piece.at, piece.bits), &mut state);
        }
        state
    }

    pub(super) fn bytes(&self) -> usize {
        let one = |piece: &Piece<P>| match &piece.how {
            How::Plain(_) => 0,
            How::Numbered(values) => values.bytes(),
        };
        self.pieces.iter().map(one).sum()
    }
}

/// Every bit.
fn mask_of_all<P: Words>() -> P {
    let mut all = P::default();
    all.as_mut().fill(u64::MAX);
    all
}

/// The lowest bits of a number.
#[inline(always)]
const fn low(number: u64, bits: u32) -> u64 {
    if bits >= 64 {
        number
    } else {
        number & ((1 << bits) - 1)
    }
}

/// So many bits of a code, at most 64.
#[inline(always)]
fn take<C: Words>(code: &C, at: u32, bits: u32) -> u64 {
    let (words, word, shift) = (code.as_ref(), (at / 64) as usize, at % 64);
    let mut number = words[word] >> shift;
    if shift + bits > 64 {
        number |= words[word + 1] << (64 - shift);
    }
    low(number, bits)
}

/// Puts a number where nothing stands.
#[inline(always)]
fn put<C: Words>(code: &mut C, at: u32, number: u64) {
    let (words, word, shift) = (code.as_mut(), (at / 64) as usize, at % 64);
    words[word] |= number << shift;
    if shift > 0 && number >> (64 - shift) != 0 {
        words[word + 1] |= number >> (64 - shift);
    }
}

/// The words of one as the words of the other.
#[inline(always)]
fn moved<A: Words, B: Words>(from: &A) -> B {
    let mut to = B::default();
    for (to, from) in to.as_mut().iter_mut().zip(from.as_ref()) {
        *to = *from;
    }
    to
}

impl<P: Words> Piece<P> {
    fn numbered(mask: P, bits: u32) -> Self {
        assert!(
            bits <= ones(&mask),
            "more bits for a number than for what it stands for"
        );
        Self {
            mask,
            at: 0,
            bits,
            how: How::Numbered(Table::new(0)),
        }
    }

    fn plain((at, bits): Run) -> Self {
        let mut mask = P::default();
        mask.as_mut()[(at / 64) as usize] = low(u64::MAX, bits) << (at % 64);
        Self {
            mask,
            at: 0,
            bits,
            how: How::Plain(at),
        }
    }

    fn write(&mut self, state: &P) -> u64 {
        match &mut self.how {
            How::Plain(at) => {
                let word = state.as_ref()[(*at / 64) as usize] >> (*at % 64);
                low(word, self.bits)
            }
            How::Numbered(values) => {
                let value = both(state, &self.mask);
                values.number(&value, value.mixed()) as u64
            }
        }
    }

    #[inline(always)]
    fn read(&self, code: u64, state: &mut P) {
        match &self.how {
            How::Plain(at) => {
                state.as_mut()[(at / 64) as usize] |= code << (at % 64);
            }
            How::Numbered(values) => *state = either(state, values.key(code as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Codec, Piece, both, changed};
    use crate::chart::Chart;
    use crate::pack::Words as _;
    use crate::scope::issuance::Issuance;
    use crate::scope::provisioning::Provisioning;
    use crate::scope::tap::Tap;
    use crate::scope::{Fields, World};
    use crate::{Config, Tier};

    /// The first states of a world, packed.
    fn some<W: World>(world: &W) -> BTreeSet<W::Packed> {
        let mut level: Vec<W::State> = world.init_states();
        let mut known: BTreeSet<W::Packed> = level.iter().map(W::Packed::of).collect();
        while known.len() < 2000 {
            let all = std::mem::take(&mut level);
            for state in &all {
                let mut actions = Vec::new();
                world.actions(state, &mut actions);
                let apply = |action| world.apply(state, action, &mut Chart::off());
                let next = actions.iter().filter_map(apply);
                level.extend(next.filter(|next| known.insert(W::Packed::of(next))));
            }
        }
        known
    }

    /// A code gives its state back, no two states have one, and a change is what lies between two codes.
    fn is_exact<W: World<Code = [u64; 1]>>(world: &W) {
        let Some(mut codec) = Codec::<W::Packed, W::Code>::new::<W>() else {
            panic!("{}: its numbers do not fit", W::SCOPE);
        };
        let states = some(world);
        let codes: Vec<W::Code> = states.iter().map(|state| codec.write(state)).collect();
        for ((state, code), next) in states.iter().zip(&codes).zip(states.iter().skip(1)) {
            assert_eq!(codec.read(code), *state);
            let changes = codec.change(code, next, &changed(state, next));
            assert_eq!(codec.read(&changed(code, &changes)), *next);
        }
        assert_eq!(BTreeSet::from_iter(&codes).len(), states.len());
        assert!(!codec.is_over());
        for part in (0..W::PARTS).filter(|part| !matches!(W::fields(*part), Fields::All)) {
            says_its_fields(&codec, super::mask::<W>(W::fields(part)), &states, &codes);
        }
    }

    /// States whose codes agree in a mask agree in the fields of the mask.
    fn says_its_fields<P: super::Words>(
        codec: &Codec<P, [u64; 1]>,
        fields: P,
        states: &BTreeSet<P>,
        codes: &[[u64; 1]],
    ) {
        let mask = codec.mask(&fields);
        let mut known = std::collections::BTreeMap::new();
        for (state, code) in states.iter().zip(codes) {
            let part = both(state, &fields);
            assert_eq!(*known.entry(both(code, &mask)).or_insert(part), part);
        }
    }

    #[test]
    fn a_code_gives_its_state_back() {
        is_exact(&Issuance::new(Config::hardened(Tier::T5)));
        is_exact(&Provisioning::new(Config::hardened(Tier::T2)));
        is_exact(&Tap::new(Config::hardened(Tier::T1)));
    }

    #[test]
    fn more_values_than_numbers_are_noticed() {
        let mut codec = Codec::<[u64; 2], [u64; 1]>::of(vec![Piece::numbered([0xF0, 0], 1)]);
        assert_eq!(codec.write(&[0x10, 0]), [0]);
        assert_eq!(codec.write(&[0x20, 0]), [1]);
        assert_eq!(codec.write(&[0x10, 0]), [0]);
        assert!(!codec.is_over());
        codec.write(&[0x30, 0]);
        assert!(codec.is_over());
    }
}
