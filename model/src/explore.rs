//! A breadth-first explorer of our own: exact states, shortest traces for every property in one run.
//!
//! It asks the same [`World`] as Stateright and shares none of its code: tests hold their counts and verdicts against
//! each other. Start at [`explore`]. A level of the search is worked through in blocks: threads expand a block's states
//! and put aside what the store does not know, then each fills its own shards. What is found does not depend on the
//! number of threads.

mod codec;
mod lately;
mod memo;
mod outcomes;
mod store;
mod table;

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use kaika_spec::PropertyId;
use stateright::Expectation;

use self::codec::{Codec, reading, writing};
use self::lately::Lately;
use self::memo::{By, CONCERNS, LOT, Memo, both, either, mask};
use self::store::{Candidate, Found, Fresh, Id, SHARDS, Store};
use crate::chart::{Chart, Hop};
use crate::pack::{Wide, Words};
use crate::scope::{Fields, Reads, TO_THE_END, World};

/// A run of the world, from an initial state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What is so at the beginning.
    pub opening: String,
    /// What happened, by name.
    pub actions: Vec<String>,
    /// The same as hops of a chart.
    pub hops: Vec<Hop>,
}

/// When to stop before the end, and how many threads to use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Threads.
    pub threads: usize,
    /// Stop when this many properties are violated.
    pub enough: usize,
    /// Stop when the store is larger, bytes.
    pub memory: usize,
    /// Look at one state for all that differ only in the names of what is interchangeable.
    pub symmetry: bool,
}

impl Default for Limits {
    /// One thread, to the end.
    fn default() -> Self {
        Self {
            threads: 1,
            enough: usize::MAX,
            memory: usize::MAX,
            symmetry: false,
        }
    }
}

/// How far an exploration is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Unique states.
    pub states: usize,
    /// Transitions.
    pub transitions: u64,
    /// Depth of the states at hand.
    pub depth: usize,
    /// Bytes of the store.
    pub bytes: usize,
    /// States found and not yet expanded.
    pub waiting: usize,
    /// Witnesses and scenarios that were not reached yet, where the engine can say.
    pub left: Option<usize>,
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Unique states.
    pub states: usize,
    /// Initial states among them.
    pub initial: usize,
    /// Transitions that change something.
    pub transitions: u64,
    /// Length of the longest shortest trace.
    pub depth: usize,
    /// Bytes that the store took.
    pub bytes: usize,
    /// Wall-clock time.
    pub took: Duration,
    /// Nothing was left to expand.
    pub exhausted: bool,
    /// Violated properties, each with its shortest trace.
    pub violated: BTreeMap<PropertyId, Trace>,
    /// Witnesses and scenarios that were reached, each with the length of its shortest trace.
    pub reached: BTreeMap<&'static str, usize>,
    /// Witnesses and scenarios that were not.
    pub unreached: Vec<&'static str>,
}

/// States in one block: enough to keep threads busy, few enough for what they put aside to stay small.
const BLOCK: usize = 1 << 16;
/// How many of the states that were found are remembered as found lately, at most: most that are found more than once are found
/// again soon.
const LATELY: usize = 1 << 15;
/// How many combinations are remembered as judged, of each concern, at most.
const JUDGED: usize = 1 << 12;
/// Blocks that are smaller are not worth a thread.
const ALONE: usize = 1 << 10;

/// One thing that is looked for in every state.
struct Wanted<W: World> {
    name: &'static str,
    /// A property: what is looked for is a state where it does not hold.
    property: bool,
    seen: fn(&W, &W::State) -> bool,
    /// Which concern of the search it depends on, as a bit; none when it is only where nothing can happen any more.
    concern: u32,
}

impl<W: World> Wanted<W> {
    #[inline(always)]
    fn is_in(&self, world: &W, state: &W::State) -> bool {
        (self.seen)(world, state) != self.property
    }

    /// Whether it can be in a state that differs in these concerns from one where it is not, and is an end or not.
    #[inline(always)]
    const fn may_be(&self, concerned: u32, is_end: bool) -> bool {
        self.concern & concerned != 0 || self.concern == 0 && is_end
    }
}

/// What Stateright is asked, as something to look for, and the bits of each concern.
fn wanted<W: World>(world: &W) -> (Vec<Wanted<W>>, Vec<W::Packed>) {
    // What depends on everything has a place of its own: most of it is seen soon, and what stays is not judged with it.
    let mut concerns = vec![mask::<W>(Fields::All)];
    let mut concern = |name| match W::reads(name) {
        Reads::AtEnd => 0,
        Reads::Fields(fields) => 1 << concern_of(mask::<W>(fields), &mut concerns),
    };
    let all = world.properties().into_iter();
    let all = all.filter(|one| one.name != TO_THE_END);
    let wanted = all.map(|property| Wanted {
        name: property.name,
        property: property.expectation == Expectation::Always,
        seen: property.condition,
        concern: concern(property.name),
    });
    (wanted.collect(), concerns)
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
    let bits = |one: &P| {
        one.as_ref()
            .iter()
            .map(|word| word.count_ones())
            .sum::<u32>()
    };
    let together = (1..CONCERNS).min_by_key(|at| bits(&either(&concerns[*at], &mask)));
    let at = together.unwrap_or(0);
    concerns[at] = either(&concerns[at], &mask);
    at
}

/// What a thread works with, and what it found in its part of a block.
struct Hand<P, C> {
    memo: Memo<P, C>,
    lately: Lately<C>,
    /// The bits of a code that each concern depends on, and which combinations of them were judged lately.
    judged: Vec<(C, Lately<C>)>,
    pending: Vec<Candidate<C>>,
    fresh: Fresh<C>,
    transitions: u64,
    /// Wanted things seen, by their place, each in the first state that shows it.
    seen: BTreeMap<usize, Id>,
    /// Wanted things not seen yet.
    open: Vec<usize>,
    /// Their concerns.
    concerned: u32,
}

impl<P: Words, C: Words> Hand<P, C> {
    fn new<W: World<Packed = P>>(concerns: &[P], codec: &Codec<P, C>) -> Self {
        Self {
            memo: Memo::new::<W>(concerns, codec),
            lately: Lately::new(2),
            judged: concerns
                .iter()
                .map(|concern| (codec.mask(concern), Lately::new(2)))
                .collect(),
            pending: Vec::new(),
            fresh: Fresh::new(),
            transitions: 0,
            seen: BTreeMap::new(),
            open: Vec::new(),
            concerned: 0,
        }
    }
}

impl<P: Words, C: Words> Hand<P, C> {
    /// Remembers more when there are many states.
    fn fit(&mut self, states: usize) {
        self.lately.fit(states / 8, LATELY);
        for (_, judged) in &mut self.judged {
            judged.fit(states / 512, JUDGED);
        }
    }

    fn bytes(&self) -> usize {
        let judged = self.judged.iter().map(|(_, lately)| lately.bytes());
        self.memo.bytes() + self.lately.bytes() + judged.sum::<usize>()
    }

    /// The concerns that must be judged again in a state that was found in a way that touched these.
    #[inline(always)]
    fn due(&mut self, touched: u32, code: &C) -> u32 {
        let (mut left, mut due) = (touched & self.concerned, 0);
        while left != 0 {
            let concern = left.trailing_zeros();
            left &= left - 1;
            let (mask, judged) = &mut self.judged[concern as usize];
            let key = both(code, mask);
            due |= u32::from(judged.is_new(&key, key.mixed())) << concern;
        }
        due
    }
}

struct Search<'a, W: World, C> {
    world: &'a W,
    codec: RwLock<Codec<W::Packed, C>>,
    /// One for each thread.
    hands: Vec<Hand<W::Packed, C>>,
    wanted: Vec<Wanted<W>>,
    /// Where each wanted thing was seen first, and how deep.
    seen: BTreeMap<usize, (Id, usize)>,
    store: Store<C>,
    transitions: u64,
    depth: usize,
    limits: Limits,
}

/// Explores until nothing is new, or until a limit is met.
pub fn explore<W: World>(world: &W, limits: Limits, watch: &mut dyn FnMut(&Progress)) -> Explored {
    const {
        assert!(
            <W::State as Wide>::BITS <= W::Packed::BITS,
            "the state's words are too few"
        )
    };
    let began = Instant::now();
    let mut found = search::<W, W::Code>(world, limits, watch)
        .or_else(|| search::<W, W::Packed>(world, limits, watch))
        .unwrap_or_default();
    found.took = began.elapsed();
    found
}

/// Explores with states kept as these codes; nothing when they are too narrow.
fn search<W: World, C: Words>(
    world: &W,
    limits: Limits,
    watch: &mut dyn FnMut(&Progress),
) -> Option<Explored> {
    let mut search = Search::<W, C>::new(world, limits, Codec::new::<W>()?);
    let level = search.begin();
    let initial = level.len();
    let exhausted = search.run(level, watch);
    if reading(&search.codec).is_over() {
        return None;
    }
    let mut found = search.report();
    found.initial = initial;
    found.exhausted = exhausted;
    Some(found)
}

impl<'a, W: World, C: Words> Search<'a, W, C> {
    fn new(world: &'a W, limits: Limits, codec: Codec<W::Packed, C>) -> Self {
        let (wanted, concerns) = wanted(world);
        let threads = 0..limits.threads.clamp(1, SHARDS);
        Self {
            world,
            hands: threads.map(|_| Hand::new::<W>(&concerns, &codec)).collect(),
            codec: RwLock::new(codec),
            wanted,
            seen: BTreeMap::new(),
            store: Store::new(),
            transitions: 0,
            depth: 0,
            limits,
        }
    }

    /// The initial states: the first level.
    fn begin(&mut self) -> Vec<Found> {
        let states = self.world.init_states();
        let one = |state: &W::State| {
            let state = self.write(&self.canonical(W::Packed::of(state)));
            Candidate {
                state,
                mixed: state.mixed(),
                from: Id::MAX,
                by: By::UNKNOWN,
            }
        };
        let mut pending = states.iter().map(one).collect();
        let mut level = Vec::new();
        self.store.add_unknown(&mut pending, &mut level);
        level
    }

    /// Level by level; whether it came to the end.
    fn run(&mut self, mut level: Vec<Found>, watch: &mut dyn FnMut(&Progress)) -> bool {
        while !level.is_empty() {
            let mut next = Vec::new();
            let mut waiting = level.len();
            for block in level.chunks(BLOCK) {
                self.expand(block, &mut next);
                waiting -= block.len();
                watch(&self.progress(waiting + next.len()));
                if self.is_enough() {
                    return false;
                }
            }
            level = next;
            self.depth += 1;
        }
        true
    }

    fn progress(&self, waiting: usize) -> Progress {
        Progress {
            states: self.store.len(),
            transitions: self.transitions,
            depth: self.depth,
            bytes: self.bytes(),
            waiting,
            left: Some(self.left()),
        }
    }

    fn left(&self) -> usize {
        let wanted = self.wanted.iter().enumerate();
        wanted
            .filter(|(at, wanted)| !wanted.property && !self.seen.contains_key(at))
            .count()
    }

    fn read(&self, code: &C) -> W::Packed {
        reading(&self.codec).read(code)
    }

    fn write(&self, packed: &W::Packed) -> C {
        writing(&self.codec).write(packed)
    }

    /// The state that stands for this one.
    #[inline(always)]
    fn canonical(&self, packed: W::Packed) -> W::Packed {
        if self.limits.symmetry {
            W::Packed::of(&self.world.canonical(&packed.to()))
        } else {
            packed
        }
    }

    fn bytes(&self) -> usize {
        self.store.bytes()
            + reading(&self.codec).bytes()
            + self.hands.iter().map(Hand::bytes).sum::<usize>()
    }

    fn is_enough(&self) -> bool {
        let violated = self.seen.keys().filter(|at| self.wanted[**at].property);
        violated.count() >= self.limits.enough
            || self.bytes() > self.limits.memory
            || self.store.is_full(BLOCK)
            || reading(&self.codec).is_over()
    }

    /// Expands a block and adds what is new to `next`, in the order in which it was found.
    fn expand(&mut self, block: &[Found], next: &mut Vec<Found>) {
        let open: Vec<usize> = (0..self.wanted.len())
            .filter(|at| !self.seen.contains_key(at))
            .collect();
        let mut hands = std::mem::take(&mut self.hands);
        let states = self.store.len();
        for hand in &mut hands {
            hand.fit(states);
            hand.open.clone_from(&open);
            hand.concerned = self.concerned(&open);
        }
        if hands.len() == 1 || block.len() < ALONE {
            self.alone(block, &mut hands[0], next);
        } else {
            self.together(block, &mut hands, next);
        }
        for hand in &mut hands {
            self.transitions += std::mem::take(&mut hand.transitions);
            for (at, id) in std::mem::take(&mut hand.seen) {
                self.seen.entry(at).or_insert((id, self.depth));
            }
        }
        self.hands = hands;
    }

    /// One thread adds what it finds at once.
    fn alone(&mut self, block: &[Found], hand: &mut Hand<W::Packed, C>, next: &mut Vec<Found>) {
        for lot in block.chunks(LOT) {
            self.look(lot, hand);
            self.store.add_unknown(&mut hand.pending, next);
        }
    }

    /// Several put aside what the store does not know, and then fill it, each its own shards.
    fn together(
        &mut self,
        block: &[Found],
        hands: &mut [Hand<W::Packed, C>],
        next: &mut Vec<Found>,
    ) {
        let this = &*self;
        let chunks = block.chunks(block.len().div_ceil(hands.len()));
        thread::scope(|scope| {
            for (chunk, hand) in chunks.zip(&mut *hands) {
                scope.spawn(move || {
                    for lot in chunk.chunks(LOT) {
                        this.look(lot, hand);
                        this.store.keep_unknown(&mut hand.pending, &mut hand.fresh);
                    }
                });
            }
        });
        let fresh: Vec<&Fresh<C>> = hands.iter().map(|hand| &hand.fresh).collect();
        self.store.fill(&fresh, next);
        for hand in hands {
            hand.fresh.clear();
        }
    }

    /// Expands a lot of states and judges them.
    #[inline(always)]
    fn look(&self, lot: &[Found], hand: &mut Hand<W::Packed, C>) {
        let mut codes = [C::default(); LOT];
        for (code, found) in codes.iter_mut().zip(lot) {
            *code = *self.store.state(found.id);
        }
        let pending = &mut hand.pending;
        let codes = &codes[..lot.len()];
        let memo = &mut hand.memo;
        let lately = &mut hand.lately;
        let symmetry = self.limits.symmetry;
        let say = |of: usize, state: C, by| {
            let mixed = state.mixed();
            if symmetry || lately.is_new(&state, mixed) {
                let from = lot[of].id;
                pending.push(Candidate {
                    state,
                    mixed,
                    from,
                    by,
                });
            }
        };
        let transitions = memo.successors(self.world, &self.codec, lot, codes, say);
        if symmetry {
            self.represent(pending, memo);
        }
        let codec = reading(&self.codec);
        for (at, found) in lot.iter().enumerate() {
            hand.transitions += u64::from(transitions[at]);
            let is_end = transitions[at] == 0;
            let due = hand.due(found.by.concerned(), &codes[at]);
            if is_end || due != 0 {
                self.judge(found.id, &codec.read(&codes[at]), due, is_end, hand);
            }
        }
    }

    /// Puts what stands for them in the place of states.
    fn represent(&self, pending: &mut [Candidate<C>], memo: &Memo<W::Packed, C>) {
        for one in pending {
            let state = self.canonical(self.read(&one.state));
            one.state = self.write(&state);
            one.mixed = one.state.mixed();
            // What stands for a state was not found by what found the state.
            one.by = memo.by(&state, &self.read(self.store.state(one.from)));
        }
    }

    fn concerned(&self, open: &[usize]) -> u32 {
        let concerns = open.iter().map(|at| self.wanted[*at].concern);
        concerns.fold(0, |all, one| all | one)
    }

    /// Looks for what is wanted and not seen yet, where it may be: what the state before did not show is not here
    /// either unless something has changed that it depends on, and that is not as it was in a state that was judged.
    fn judge(
        &self,
        id: Id,
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
                seen.insert(*at, id);
            }
            !is_in
        });
        if hand.open.len() < before {
            hand.concerned = self.concerned(&hand.open);
        }
    }

    fn report(&self) -> Explored {
        let mut found = Explored {
            states: self.store.len(),
            transitions: self.transitions,
            depth: self.depth.saturating_sub(1),
            bytes: self.bytes(),
            ..Explored::default()
        };
        for (at, wanted) in self.wanted.iter().enumerate() {
            match (self.seen.get(&at), wanted.property) {
                (Some((id, _)), true) => {
                    if let Some(property) = PropertyId::from_name(wanted.name) {
                        found.violated.insert(property, self.trace(*id));
                    }
                }
                (Some((_, depth)), false) => {
                    found.reached.insert(wanted.name, *depth);
                }
                (None, false) => found.unreached.push(wanted.name),
                (None, true) => {}
            }
        }
        found
    }

    /// The run that leads to a state: each step is the first whose outcome is the next state of the way. With symmetry it
    /// is represented by it, and the run leads to a state that has the same representative.
    fn trace(&self, id: Id) -> Trace {
        let mut way = vec![id];
        let mut at = id;
        while self.store.from(at) != Id::MAX {
            at = self.store.from(at);
            way.push(at);
        }
        let mut state: W::State = self.read(self.store.state(at)).to();
        let opening = self.world.opening(&state);
        let mut chart = Chart::on();
        let mut names = Vec::new();
        for id in way.into_iter().rev().skip(1) {
            let Some(action) = self.action_to(id, &state) else {
                break;
            };
            names.push(format!("{action:?}"));
            if let Some(next) = self.world.apply(&state, &action, &mut chart) {
                state = next;
            }
        }
        Trace {
            opening,
            actions: names,
            hops: chart.hops().to_vec(),
        }
    }

    /// Which action leads to a state: there is one, since the state was found by it.
    fn action_to(&self, id: Id, state: &W::State) -> Option<W::Action> {
        let mut actions = Vec::new();
        self.world.actions(state, &mut actions);
        actions.into_iter().find(|action| {
            let next = self.world.apply(state, action, &mut Chart::off());
            let next = next.map(|next| self.canonical(W::Packed::of(&next)));
            next == Some(self.read(self.store.state(id)))
        })
    }
}
