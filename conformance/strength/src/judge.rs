//! What becomes of each mutant and of each named weakness of a role.

use kaika_model::{Machine, Outcome, Weak};
use kaika_spec::Weakness;

use crate::made::Made;
use crate::mutant::Mutant;
use crate::roles::{Input, Output, State, Subject};
use crate::search::{Found, Steps, product};
use crate::seen::Eyes;
use crate::switch;
use crate::trie::Trie;
use crate::words::Word;

type Step<S> = Outcome<State<S>, Output<S>>;

/// What became of something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Some vector tells it.
    Killed {
        /// The first test that does.
        by: String,
        /// How many do.
        tests: usize,
        /// Whether one does that was not made for it.
        others: bool,
    },
    /// No tester can tell it: no pair of states that both reach is answered otherwise.
    Equivalent,
    /// No vector tells it; the shortest way that would.
    Survives(Vec<String>),
    /// No vector tells it, and the search was given up.
    Undecided,
}

/// One mutant and its fate.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The mutant.
    pub mutant: Mutant,
    /// What became of it.
    pub fate: Fate,
}

/// What a role is judged with.
pub(crate) struct Court<'a, S: Subject> {
    pub(crate) eyes: &'a Eyes<S>,
    pub(crate) words: &'a [Word<S>],
    pub(crate) trie: &'a Trie<S>,
    pub(crate) steps: &'a Steps<S>,
    pub(crate) made: &'a [Made],
}

impl<S: Subject> Court<'_, S> {
    /// Judges every mutant; `done` is told of each.
    pub(crate) fn mutants(&self, done: &(dyn Fn() + Sync)) -> Vec<Judged> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = S::MUTANTS.len().div_ceil(workers * 8).max(1);
        let shares: Vec<(usize, &[Mutant])> = S::MUTANTS.chunks(share).enumerate().collect();
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            let mut judged = Vec::new();
            loop {
                let taken = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some((number, mutants)) = shares.get(taken) else {
                    return judged;
                };
                for (place, mutant) in mutants.iter().enumerate() {
                    let place = number * share + place;
                    judged.push((
                        place,
                        Judged {
                            mutant: *mutant,
                            fate: self.mutant(place),
                        },
                    ));
                    done();
                }
            }
        };
        let mut judged: Vec<(usize, Judged)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_default())
                .collect()
        });
        judged.sort_by_key(|(place, _)| *place);
        judged.into_iter().map(|(_, judged)| judged).collect()
    }

    fn mutant(&self, place: usize) -> Fate {
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let made_for = |word: &Word<S>| {
            let is_of = |made: &&Made| made.role == S::ROLE && made.is_of::<S>(&word.way);
            self.made.iter().any(|made| is_of(&made))
        };
        switch::with(number, || self.fate(S::mutated, made_for))
    }

    /// Judges a named weakness.
    pub(crate) fn weakness(&self, weakness: Weakness) -> Fate {
        let step =
            |state: &State<S>, letter: &Input<S>| S::M::step(state, letter, &Weak::only(weakness));
        self.fate(step, |word| {
            word.kills.iter().any(|name| name == weakness.name())
        })
    }

    fn fate(
        &self,
        step: impl Fn(&State<S>, &Input<S>) -> Step<S>,
        made_for: impl Fn(&Word<S>) -> bool,
    ) -> Fate {
        let places = self.trie.kills(self.eyes, &step);
        let mut killers: Vec<usize> = places
            .iter()
            .flat_map(|place| self.trie.nodes[*place].words.iter().copied())
            .collect();
        killers.sort_unstable();
        killers.dedup();
        if let Some(first) = killers.first() {
            return Fate::Killed {
                by: self.words[*first].id.clone(),
                tests: killers.len(),
                others: killers.iter().any(|word| !made_for(&self.words[*word])),
            };
        }
        if !self.steps.differ(&step) {
            return Fate::Equivalent;
        }
        match product(self.eyes, step) {
            Found::Nothing => Fate::Equivalent,
            Found::TooMany => Fate::Undecided,
            Found::Way(way) => Fate::Survives(way.iter().map(ToString::to_string).collect()),
        }
    }

    /// Whether a way tells a mutant, by its place in the table.
    pub(crate) fn tells(&self, place: usize, way: &[Input<S>]) -> bool {
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let (mut right, mut wrong) = (S::M::init(), S::M::init());
        switch::with(number, || {
            way.iter().any(|letter| {
                let expected = S::M::step(&right, letter, &Weak::HARDENED);
                let seen = S::mutated(&wrong, letter);
                let alike = self
                    .eyes
                    .alike(letter, (&right, &expected), (&wrong, &seen));
                (right, wrong) = (expected.next, seen.next);
                !alike
            })
        })
    }
}
