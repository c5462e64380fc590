//! Plays a suite: a sanity conversation first and last, independent tests side by side, and those that wait for the same
//! times together. Start at [`run`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::format::{File, Kind, Step, Test, Tier};
use crate::manifest::Manifest;
use crate::play::Runner;
use crate::verdict::{Failure, Played, Verdict};

mod desk;

use desk::Desk;

/// After this many failures in a row nothing more is to be learned, unless the runner says otherwise.
pub const PATIENCE: usize = 25;
/// After this many answers that did not come, in all, the rest would take hours.
pub const SILENCES: usize = 25;
/// After this many answers in a row that did not come, the sanity conversation is asked whether the subject is still there.
pub const DOUBT: usize = 5;
/// Tests that wait together for time to pass: few enough that the first does not grow old before the last has come.
const BATCH: usize = 32;

/// Which tests are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only ids that contain one of these, or are what follows a `=`; all when empty.
    pub only: Vec<String>,
    /// Only tests of one of these requirements; all when empty.
    pub requirements: Vec<String>,
    /// Only what is played with this tier; all when none.
    pub tier: Option<Tier>,
}

/// What became of a suite.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every test, in the order of the file.
    pub played: Vec<Played>,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
}

/// What an outcome comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Something passed, and everything is as expected.
    Good,
    /// Nothing is wrong and not everything is known: no verdict, an error, a stop, or nothing that passed.
    Unclear,
    /// Something failed, or passed that was expected to fail.
    Bad,
}

impl Filter {
    /// Whether a test is asked for.
    pub fn takes(&self, test: &Test) -> bool {
        let named = |part: &String| match part.strip_prefix('=') {
            Some(id) => test.id == id,
            None => test.id.contains(part.as_str()),
        };
        let of = |id: &String| test.requirements.contains(id);
        (self.only.is_empty() || self.only.iter().any(named))
            && (self.requirements.is_empty() || self.requirements.iter().any(of))
            && self
                .tier
                .is_none_or(|tier| tier.plays().contains(&test.tier))
    }
}

impl Outcome {
    /// How many tests have a verdict, by its name.
    pub fn count(&self, name: &str) -> usize {
        let fits = |played: &&Played| played.verdict.name() == name;
        self.played.iter().filter(fits).count()
    }

    fn counts_of(&self, names: &[&str]) -> usize {
        names.iter().map(|name| self.count(name)).sum()
    }

    /// How many passed, how many are not as expected or without a verdict, and how many were not held against the subject.
    pub fn counts(&self) -> (usize, usize, usize) {
        (
            self.counts_of(&["pass", "lenient"]),
            self.counts_of(&["fail", "unexpected-pass", "inconclusive", "error"]),
            self.counts_of(&["expected-fail", "skip", "unimplemented"]),
        )
    }

    /// What it comes to.
    pub fn standing(&self) -> Standing {
        if self.counts_of(&["fail", "unexpected-pass"]) > 0 {
            return Standing::Bad;
        }
        let unclear = self.counts_of(&["inconclusive", "error"]) > 0
            || self.counts_of(&["pass", "lenient"]) == 0
            || self.stopped.is_some();
        if unclear {
            Standing::Unclear
        } else {
            Standing::Good
        }
    }

    /// Something passed, everything is as expected, and it came to its end.
    pub fn is_good(&self) -> bool {
        self.standing() == Standing::Good
    }
}

/// Plays the tests that the filter takes, `threads` at a time.
///
/// # Errors
/// When the filter takes none, or the control channel is not the subject's.
pub fn run(
    runner: &Runner,
    file: &File,
    filter: &Filter,
    threads: usize,
    progress: &(dyn Fn(usize, usize, &Played) + Sync),
) -> Result<Outcome, String> {
    let takes = |test: &&Test| filter.takes(test);
    let tests: Vec<&Test> = file.tests.iter().filter(takes).collect();
    if tests.is_empty() {
        return Err(format!("no test of {} is selected", file.suite));
    }
    runner.greet()?;
    let desk = Desk::new(runner, file, &tests, progress);
    if let Some(first) = desk.sanity("first") {
        return Ok(desk.never_begun(first));
    }
    for (waits, group) in groups(file, &tests) {
        match waits {
            Waits::Never => desk.side_by_side(&group, threads),
            Waits::Together => group
                .chunks(BATCH)
                .for_each(|batch| desk.together(batch, threads)),
            Waits::Alone => desk.side_by_side(&group, 1),
        }
    }
    Ok(desk.done())
}

/// How a test waits.
#[derive(Clone, Copy)]
enum Waits {
    Never,
    /// At the same steps for the same times.
    Together,
    /// Within another message, or the subject is started anew.
    Alone,
}

/// The tests by how they wait; first those that do not, since time only goes ahead.
fn groups(file: &File, tests: &[&Test]) -> Vec<(Waits, Vec<usize>)> {
    let (mut never, mut alone) = (Vec::new(), Vec::new());
    let mut together: BTreeMap<Vec<i64>, Vec<usize>> = BTreeMap::new();
    for (at, test) in tests.iter().enumerate() {
        let needs = |hook: &str| test.needs.iter().any(|need| need == hook);
        if needs("hook:restart") {
            alone.push(at);
            continue;
        }
        if !needs("hook:clock") {
            never.push(at);
            continue;
        }
        // A vector that is not one is told when it is played.
        let steps = file.expanded(test.all_steps()).unwrap_or_default();
        let steps = || steps.iter().map(|step| &**step);
        let inside = |step: &Step| matches!(step, Step::Meanwhile(late) if advances(late.steps.iter()).next().is_some());
        let times: Vec<i64> = advances(steps()).collect();
        if steps().any(inside) {
            alone.push(at);
        } else if times.is_empty() {
            never.push(at);
        } else {
            together.entry(times).or_default().push(at);
        }
    }
    let mut groups = vec![(Waits::Never, never)];
    groups.extend(together.into_values().map(|group| (Waits::Together, group)));
    groups.push((Waits::Alone, alone));
    groups
}

fn advances<'a>(steps: impl Iterator<Item = &'a Step>) -> impl Iterator<Item = i64> {
    steps.filter_map(|step| match step {
        Step::Advance(advance) => Some(advance.ms),
        _ => None,
    })
}

/// A test that can be the sanity conversation: good, of now, and expected to be right.
fn may_open(runner: &Runner, file: &File, test: &Test) -> bool {
    let entries = runner.subject().known_failures.entries();
    test.result == Kind::Valid
        && test.needs.iter().all(|need| need != "hook:clock")
        && !entries.iter().any(|known| known.names(&test.id))
        && file
            .expanded(test.all_steps())
            .is_ok_and(|steps| runner.plays(test, &steps))
}

/// The entries of a manifest's lists that name no test of these suites: each is a failure, since nobody would notice it otherwise.
pub fn stale(subject: &Manifest, files: &[File]) -> Vec<Played> {
    let ids = || {
        files
            .iter()
            .flat_map(|file| &file.tests)
            .map(|test| &test.id)
    };
    let known = subject.known_failures.entries().iter();
    let known = known.filter(|known| !ids().any(|id| known.names(id)));
    let denied = subject
        .deny
        .keys()
        .filter(|denied| !ids().any(|id| id == *denied));
    known
        .map(|known| gone("known_failures", &known.test))
        .chain(denied.map(|id| gone("deny", id)))
        .collect()
}

fn gone(list: &str, id: &str) -> Played {
    let failure = Failure {
        step: 0,
        what: list.to_owned(),
        expected: "the name of a test".to_owned(),
        seen: format!("{id}, which no suite has"),
    };
    Played {
        id: format!("{list}/{id}"),
        title: format!("an entry of {list} names no test"),
        requirements: Vec::new(),
        verdict: Verdict::Fail(failure),
        took: Duration::ZERO,
        chart: Vec::new(),
    }
}
