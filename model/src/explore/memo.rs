//! What a part of a world's actions comes to, remembered by the bits that it depends on. Start at [`Memo`].
//!
//! The actions of a world fall into parts, and a part reads and writes only some fields of the state
//! ([`World::fields`]). Many states agree in those fields, so the steps of the roles are run once for each such
//! combination and looked up after that, for many states at once so that the look-ups do not wait for one another.
//! Nothing here knows what a step does: the memory is filled by [`World::apply`] itself. That a part writes nowhere
//! else is asserted whenever it is filled; that it reads nowhere else is what tests show, by holding every look-up
//! against the step.

use std::hint::black_box;
use std::sync::RwLock;

use super::codec::{Codec, reading, writing};
use super::outcomes::{AWAKE, Outcomes, Span, Step};
use super::store::Found;
use crate::chart::Chart;
use crate::pack::Words;
use crate::scope::{Fields, World};

/// States that are expanded together.
pub(super) const LOT: usize = 64;

/// Concerns at most: what somebody wants to know of each state whether it changed.
pub(super) const CONCERNS: usize = 12;

/// How a state was found: by which part, and what that touched.
///
/// Two actions that touch no field of each other's parts may come in either order and lead to the same state. So a state
/// need not be left by a part that stands before the one that led to it, unless one of the two actions touches the other's
/// part: the same two actions in the other order lead there too. That order is one of a state as near to the beginning,
/// and if it is left out there as well, then for a part that stands still later; so some order is taken, and every state
/// is found as early as it would be (Godefroid's sleep sets, for breadth first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    const fn part(self) -> usize {
        (self.0 & 15) as usize
    }

    /// Whether an action need not be taken in a state that was found in this way.
    #[inline(always)]
    const fn lets_sleep(self, next: Self) -> bool {
        let (by, part) = (self.part(), next.part());
        part < by && (self.touched() >> part | next.touched() >> by) & 1 == 0
    }

    /// The bits, for a fingerprint.
    pub(super) const fn bits(self) -> u32 {
        self.0
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

/// The memory of one part, of states `P` that are kept as codes `C`.
#[derive(Debug)]
struct Part<P, C> {
    at: usize,
    /// The bits of a state that it depends on.
    fields: P,
    kept: Kept,
    outcomes: Outcomes<C>,
    /// Whether it has any action, where fewer bits decide that.
    awake: Option<Outcomes<C>>,
}

/// Parts that are looked up in one ([`World::TOGETHER`]), by all that they depend on.
#[derive(Debug)]
struct Group<P, C> {
    parts: Vec<Part<P, C>>,
    outcomes: Outcomes<C>,
    kept: Kept,
    /// What was found for the states at hand.
    found: [Span; LOT],
}

/// The memories of all parts.
#[derive(Debug)]
pub(super) struct Memo<P, C> {
    groups: Vec<Group<P, C>>,
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

/// How many bits are set.
pub(super) fn ones<P: Words>(mask: &P) -> u32 {
    mask.as_ref().iter().map(|word| word.count_ones()).sum()
}

/// What is remembered of a part, and by which fields.
fn kept<W: World>(at: usize) -> (Kept, Fields) {
    let is_whole = |fields| matches!(fields, Fields::All);
    let (fields, wakes) = (W::fields(at), W::wakes(at));
    match (is_whole(fields), is_whole(wakes)) {
        (false, _) => (Kept::Outcomes, fields),
        (true, false) => (Kept::Wakes, wakes),
        (true, true) => (Kept::Nothing, fields),
    }
}

impl<P: Words, C: Words> Memo<P, C> {
    pub(super) fn new<W: World<Packed = P>>(concerns: &[P], codec: &Codec<P, C>) -> Self {
        const { assert!(W::PARTS <= 16, "a bit for each part") };
        assert!(concerns.len() <= CONCERNS, "a bit for each concern");
        Self {
            groups: grouped::<W>()
                .iter()
                .map(|parts| Group::new::<W>(parts, codec))
                .collect(),
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
        self.groups.iter().map(Group::bytes).sum()
    }

    /// Says each successor of each state of a lot, by the state's place in the lot, but for those that another order of
    /// the same actions leads to. Gives the number of transitions of each state, with those.
    #[inline(always)]
    pub(super) fn successors<W: World<Packed = P>>(
        &mut self,
        world: &W,
        codec: &RwLock<Codec<P, C>>,
        lot: &[Found],
        codes: &[C],
        mut say: impl FnMut(usize, C, By),
    ) -> [u32; LOT] {
        let Self { groups, masks } = self;
        let mut steps = Steps {
            world,
            codec,
            masks,
            actions: Vec::new(),
        };
        for group in &mut *groups {
            group.find(&mut steps, codes);
        }
        let mut transitions = [0; LOT];
        for (of, (code, found)) in codes.iter().zip(lot).enumerate() {
            let count = &mut transitions[of];
            for group in &*groups {
                let span = group.found[of];
                if span.len == AWAKE {
                    steps.each(group.parts[0].at, code, |changes, _, _| {
                        *count += 1;
                        say(of, changed(code, &changes), By::UNKNOWN);
                    });
                    continue;
                }
                *count += span.len;
                for step in group.outcomes.steps(span) {
                    if !found.by.lets_sleep(step.by) {
                        say(of, changed(code, &step.changes), step.by);
                    }
                }
            }
        }
        transitions
    }
}

/// The steps of a world, for states that are kept as codes.
struct Steps<'a, W: World, C> {
    world: &'a W,
    codec: &'a RwLock<Codec<W::Packed, C>>,
    masks: &'a Masks<W::Packed>,
    /// Room for actions.
    actions: Vec<W::Action>,
}

impl<W: World, C: Words> Steps<'_, W, C> {
    /// Whether a part has any action, as the outcome of one that is not remembered.
    fn waking(&mut self, part: usize, code: &C) -> Span {
        let packed = reading(self.codec).read(code);
        self.actions.clear();
        self.world.actions_of(part, &packed.to(), &mut self.actions);
        let is_awake = !self.actions.is_empty();
        let len = if is_awake { AWAKE } else { 0 };
        Span { begin: 0, len }
    }

    /// What the actions of a part lead to, each with what it changes of the code and of the state.
    fn each(&mut self, part: usize, code: &C, mut say: impl FnMut(C, W::Packed, &W::State)) {
        // Only threads that learn wait here.
        let mut codec = writing(self.codec);
        let packed = codec.read(code);
        let state: W::State = packed.to();
        self.actions.clear();
        self.world.actions_of(part, &state, &mut self.actions);
        for action in &self.actions {
            if let Some(after) = self.world.apply(&state, action, &mut Chart::off()) {
                let next = W::Packed::of(&after);
                let written = changed(&packed, &next);
                say(codec.change(code, &next, &written), written, &after);
            }
        }
    }
}

/// All parts, in the groups in which they are looked up.
fn grouped<W: World>() -> Vec<Vec<usize>> {
    let is_named = |part: &usize| W::TOGETHER.iter().any(|group| group.contains(part));
    let alone = (0..W::PARTS).filter(|part| !is_named(part));
    let named = W::TOGETHER.iter().map(|group| group.to_vec());
    let mut all: Vec<Vec<usize>> = named.chain(alone.map(|part| vec![part])).collect();
    all.sort();
    all
}

impl<P: Words, C: Words> Group<P, C> {
    fn new<W: World<Packed = P>>(parts: &[usize], codec: &Codec<P, C>) -> Self {
        let parts: Vec<Part<P, C>> = parts.iter().map(|at| Part::new::<W>(*at, codec)).collect();
        let kept = parts[0].kept;
        let is_kept = |part: &Part<P, C>| part.kept == Kept::Outcomes;
        assert!(
            parts.len() == 1 || parts.iter().all(is_kept),
            "parts that depend on everything stand alone"
        );
        let masks = parts.iter().map(|part| *part.outcomes.mask());
        let len = if kept == Kept::Nothing { AWAKE } else { 0 };
        Self {
            outcomes: Outcomes::new(masks.fold(C::default(), |all, one| either(&all, &one))),
            parts,
            kept,
            found: [Span { begin: 0, len }; LOT],
        }
    }

    fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(|part| part.outcomes.bytes());
        let awake = self.parts.iter().filter_map(|part| part.awake.as_ref());
        self.outcomes.bytes() + parts.sum::<usize>() + awake.map(Outcomes::bytes).sum::<usize>()
    }

    /// Looks up a lot of states; learns what is not known.
    #[inline(always)]
    fn find<W: World<Packed = P>>(&mut self, steps: &mut Steps<'_, W, C>, codes: &[C]) {
        if self.kept == Kept::Nothing {
            return;
        }
        let mut keys = [C::default(); LOT];
        let mut marks = [0_u64; LOT];
        for ((key, mark), code) in keys.iter_mut().zip(&mut marks).zip(codes) {
            *key = both(code, self.outcomes.mask());
            *mark = key.mixed();
        }
        if self.outcomes.is_large() {
            // Reads that do not wait for one another.
            let marks = marks[..codes.len()].iter();
            black_box(marks.fold(0, |near, mark| near ^ self.outcomes.glance(*mark)));
        }
        for (of, code) in codes.iter().enumerate() {
            self.found[of] = match self.outcomes.get(&keys[of], marks[of]) {
                Some(span) => span,
                None => self.learn(steps, code, &keys[of]),
            };
        }
    }

    /// What a combination comes to, part by part.
    #[cold]
    fn learn<W: World<Packed = P>>(
        &mut self,
        steps: &mut Steps<'_, W, C>,
        code: &C,
        key: &C,
    ) -> Span {
        if self.kept == Kept::Wakes {
            let span = steps.waking(self.parts[0].at, code);
            return self.outcomes.keep(key, span);
        }
        let begin = self.outcomes.len();
        for part in &mut self.parts {
            if part.sleeps(steps, code) {
                continue;
            }
            // What depends on all that the group depends on is remembered here alone.
            if part.outcomes.mask() == self.outcomes.mask() {
                Part::run(part.at, &part.fields, steps, code, |step| {
                    self.outcomes.push(step);
                });
            } else {
                let span = part.find(steps, code);
                let found = part.outcomes.steps(span).iter();
                found.for_each(|step| self.outcomes.push(*step));
            }
        }
        let span = self.outcomes.last(begin);
        self.outcomes.keep(key, span)
    }
}

impl<P: Words, C: Words> Part<P, C> {
    fn new<W: World<Packed = P>>(at: usize, codec: &Codec<P, C>) -> Self {
        let (kept, fields) = kept::<W>(at);
        let fields = mask::<W>(fields);
        let wakes = mask::<W>(W::wakes(at));
        let is_less = kept == Kept::Outcomes && wakes != fields;
        Self {
            at,
            fields,
            kept,
            outcomes: Outcomes::new(codec.mask(&fields)),
            awake: is_less.then(|| Outcomes::new(codec.mask(&wakes))),
        }
    }

    /// Whether fewer bits than all that it depends on say that it has no action.
    fn sleeps<W: World<Packed = P>>(&mut self, steps: &mut Steps<'_, W, C>, code: &C) -> bool {
        let Some(awake) = &mut self.awake else {
            return false;
        };
        let key = both(code, awake.mask());
        let known = awake.get(&key, key.mixed());
        let span = known.unwrap_or_else(|| awake.keep(&key, steps.waking(self.at, code)));
        span.len == 0
    }

    fn find<W: World<Packed = P>>(&mut self, steps: &mut Steps<'_, W, C>, code: &C) -> Span {
        let key = both(code, self.outcomes.mask());
        if let Some(span) = self.outcomes.get(&key, key.mixed()) {
            return span;
        }
        let begin = self.outcomes.len();
        Self::run(self.at, &self.fields, steps, code, |step| {
            self.outcomes.push(step)
        });
        let span = self.outcomes.last(begin);
        self.outcomes.keep(&key, span)
    }

    /// Runs the steps of a part, which has these fields, for a state.
    fn run<W: World<Packed = P>>(
        at: usize,
        fields: &P,
        steps: &mut Steps<'_, W, C>,
        code: &C,
        mut say: impl FnMut(Step<C>),
    ) {
        let masks = steps.masks;
        steps.each(at, code, |changes, written, next| {
            assert!(
                both(&written, fields) == written,
                "part {at} writes more than its fields: {next:?}"
            );
            let by = masks.by(at, &written);
            say(Step { changes, by });
        });
    }
}
