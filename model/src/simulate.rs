//! Random walks over worlds too large to exhaust. Start at [`simulate`].
//!
//! Walks are numbered by their seeds: the first has the seed that is asked for, each next one the next number. So a
//! finding is found again, in the first walk, with the seed that is reported beside it. What is not found is not shown
//! to be absent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kaika_spec::{PropertyId, Scope};
use stateright::Expectation;

use crate::chart::Chart;
use crate::check::in_world;
use crate::explore::Trace;
use crate::pack::Words as _;
use crate::scope::{Config, World};

/// Steps after which a walk ends.
pub const STEPS_MAX: usize = 400;

/// A property that a walk violated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The seed of the walk.
    pub seed: u64,
    /// How many steps it took.
    pub steps: usize,
    /// The same without the steps that it can do without.
    pub trace: Trace,
}

/// What walks came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walked {
    /// The scope.
    pub scope: Scope,
    /// The seed of the first walk.
    pub seed: u64,
    /// Walks.
    pub walks: u64,
    /// Steps of all walks.
    pub steps: u64,
    /// Properties asked.
    pub asked: Vec<PropertyId>,
    /// Properties violated, each by the first walk that did.
    pub violated: BTreeMap<PropertyId, Finding>,
    /// Witnesses and scenarios asked.
    pub witnesses: usize,
    /// Witnesses and scenarios that were seen.
    pub seen: usize,
}

/// When to stop; a walk that has begun is ended first.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After so long.
    pub time: Duration,
    /// After so many walks.
    pub walks: u64,
}

/// Walks at random through one scope.
pub fn simulate(scope: Scope, config: Config, seed: u64, patience: Patience) -> Walked {
    in_world!(scope, W => Walker::<W>::new(config).walk(seed, patience))
}

struct Walker<W: World> {
    world: W,
    /// Properties and what says that they hold.
    always: Vec<Always<W>>,
    /// Witnesses and scenarios that were not seen yet.
    sometimes: Vec<Seen<W>>,
    violated: BTreeMap<PropertyId, Finding>,
    steps: u64,
}

type Seen<W> = fn(&W, &<W as stateright::Model>::State) -> bool;
type Always<W> = (PropertyId, Seen<W>);

/// Where a walk begins and what is done in it, by the names of the actions.
struct Path<S> {
    first: S,
    actions: Vec<String>,
}

impl<W: World> Walker<W> {
    fn new(config: Config) -> Self {
        let world = W::new(config);
        let (always, sometimes): (Vec<_>, Vec<_>) = world
            .properties()
            .into_iter()
            .partition(|one| one.expectation == Expectation::Always);
        let known = |one: &stateright::Property<W>| {
            PropertyId::from_name(one.name).map(|id| (id, one.condition))
        };
        Self {
            always: always.iter().filter_map(known).collect(),
            sometimes: sometimes.iter().map(|one| one.condition).collect(),
            violated: BTreeMap::new(),
            steps: 0,
            world,
        }
    }

    fn walk(mut self, seed: u64, patience: Patience) -> Walked {
        let began = Instant::now();
        let witnesses = self.sometimes.len();
        let mut walks = 0;
        while walks < patience.walks && (walks == 0 || began.elapsed() < patience.time) {
            self.once(seed.wrapping_add(walks));
            walks += 1;
        }
        Walked {
            scope: W::SCOPE,
            seed,
            walks,
            steps: self.steps,
            asked: self.always.iter().map(|(id, _)| *id).collect(),
            violated: self.violated,
            witnesses,
            seen: witnesses - self.sometimes.len(),
        }
    }

    /// One walk, to its end.
    fn once(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        let mut firsts = self.world.init_states();
        if firsts.is_empty() {
            return;
        }
        let first = firsts.swap_remove(dice.below(firsts.len()));
        let mut state = first.clone();
        let mut path = Path {
            first,
            actions: Vec::new(),
        };
        self.judge(seed, &state, &path);
        while path.actions.len() < STEPS_MAX {
            let Some((action, next)) = self.step(&state, &mut dice) else {
                return;
            };
            debug_assert!(W::Packed::of(&next).to::<W::State>() == next);
            path.actions.push(action);
            state = next;
            self.steps += 1;
            self.judge(seed, &state, &path);
        }
    }

    /// An action that changes something, each as likely as any other.
    fn step(&self, state: &W::State, dice: &mut Dice) -> Option<(String, W::State)> {
        let mut actions = Vec::new();
        self.world.actions(state, &mut actions);
        while !actions.is_empty() {
            let action = actions.swap_remove(dice.below(actions.len()));
            if let Some(next) = self.world.apply(state, &action, &mut Chart::off()) {
                return Some((format!("{action:?}"), next));
            }
        }
        None
    }

    /// Keeps what is seen for the first time.
    fn judge(&mut self, seed: u64, state: &W::State, path: &Path<W::State>) {
        let world = &self.world;
        self.sometimes.retain(|seen| !seen(world, state));
        let broken: Vec<Always<W>> = self
            .always
            .iter()
            .filter(|(id, holds)| !self.violated.contains_key(id) && !holds(world, state))
            .copied()
            .collect();
        for (id, holds) in broken {
            let finding = Finding {
                seed,
                steps: path.actions.len(),
                trace: self.shortened(path, holds),
            };
            self.violated.insert(id, finding);
        }
    }

    /// The walk without the steps that the violation can do without.
    fn shortened(&self, path: &Path<W::State>, holds: Seen<W>) -> Trace {
        let mut kept = path.actions.clone();
        let mut needed: BTreeSet<Vec<String>> = BTreeSet::new();
        while needed.insert(kept.clone()) {
            for at in (0..kept.len()).rev() {
                let mut fewer = kept.clone();
                fewer.remove(at);
                let last = self.replay(&path.first, &fewer, &mut Chart::off());
                if last.is_some_and(|state| !holds(&self.world, &state)) {
                    kept = fewer;
                }
            }
        }
        let mut chart = Chart::on();
        self.replay(&path.first, &kept, &mut chart);
        Trace {
            opening: self.world.opening(&path.first),
            actions: kept,
            hops: chart.hops().to_vec(),
        }
    }

    /// Where the actions lead; `None` when one cannot be done.
    fn replay(&self, first: &W::State, names: &[String], chart: &mut Chart) -> Option<W::State> {
        let mut state = first.clone();
        for name in names {
            let mut actions = Vec::new();
            self.world.actions(&state, &mut actions);
            let action = actions.iter().find(|one| format!("{one:?}") == *name)?;
            state = self.world.apply(&state, action, chart)?;
        }
        Some(state)
    }
}

/// Dice with a seed: SplitMix64.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below another, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.throw()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    /// The published first numbers of SplitMix64 with seed 1234567.
    #[test]
    fn the_dice_are_known() {
        let mut dice = Dice(1_234_567);
        let thrown: Vec<u64> = (0..3).map(|_| dice.throw()).collect();
        let known = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(thrown, known);
    }

    #[test]
    fn every_side_of_the_dice_comes_up() {
        let mut dice = Dice(7);
        let mut counts = [0; 6];
        for _ in 0..6000 {
            counts[dice.below(6)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)));
    }
}
