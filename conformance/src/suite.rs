//! Plays a suite: a sanity conversation first and last, independent tests side by side, those that need the clock alone.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::format::{File, Kind, Test};
use crate::play::Runner;
use crate::verdict::{Played, Verdict};

/// After this many failures in a row nothing more is to be learned.
pub const PATIENCE: usize = 25;

/// Which tests are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only ids that contain one of these; all when empty.
    pub only: Vec<String>,
}

/// What became of a suite.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every test, in the order of the file.
    pub played: Vec<Played>,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
}

impl Filter {
    fn takes(&self, test: &Test) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| test.id.contains(part.as_str()))
    }
}

impl Outcome {
    /// How many tests have a verdict, by its name.
    pub fn count(&self, name: &str) -> usize {
        let fits = |played: &&Played| played.verdict.name() == name;
        self.played.iter().filter(fits).count()
    }

    /// How many passed, failed and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.count("pass"), self.count("fail"), self.count("skip"))
    }

    /// Something passed, nothing failed, and it came to its end.
    pub fn is_good(&self) -> bool {
        let (passed, failed, _) = self.counts();
        passed > 0 && failed == 0 && self.stopped.is_none()
    }
}

/// Plays the tests that the filter takes, `threads` at a time; `progress` hears how many are done, of how many, and the one
/// that just ended.
///
/// # Errors
/// When the filter takes none.
pub fn run(
    runner: &Runner,
    file: &File,
    filter: &Filter,
    threads: usize,
    progress: &(dyn Fn(usize, usize, &Played) + Sync),
) -> Result<Outcome, String> {
    let tests: Vec<&Test> = file
        .tests
        .iter()
        .filter(|test| filter.takes(test))
        .collect();
    if tests.is_empty() {
        return Err(format!("no test of {} is selected", file.suite));
    }
    if let Some(stopped) = sanity(runner, file, "first") {
        return Ok(Outcome {
            played: Vec::new(),
            stopped: Some(stopped),
        });
    }
    let desk = Desk::new(&tests, progress);
    let (alone, together): (Vec<usize>, Vec<usize>) =
        (0..tests.len()).partition(|at| tests[*at].needs.iter().any(|need| need == "hook:clock"));
    std::thread::scope(|scope| {
        for worker in 0..threads.max(1) {
            let (desk, tests, together) = (&desk, &tests, &together);
            let mine = move |at: &usize| at % threads.max(1) == worker;
            scope.spawn(move || {
                for at in together.iter().copied().filter(mine) {
                    desk.play(runner, file, tests[at], at);
                }
            });
        }
    });
    for at in alone {
        desk.play(runner, file, tests[at], at);
    }
    let mut outcome = desk.done(&tests);
    if outcome.stopped.is_none() {
        outcome.stopped = sanity(runner, file, "last");
    }
    Ok(outcome)
}

/// The shortest good conversation of the suite: if it fails, the rest means nothing.
fn sanity(runner: &Runner, file: &File, when: &str) -> Option<String> {
    let good = |test: &&Test| {
        test.result == Kind::Valid && test.needs.iter().all(|need| need != "hook:clock")
    };
    let test = file.tests.iter().find(good)?;
    let verdict = runner.play(file, test).verdict;
    let failure = verdict.failure()?;
    Some(format!(
        "the {when} sanity conversation fails ({}): {}: expected {}, seen {}",
        test.id, failure.what, failure.expected, failure.seen
    ))
}

struct Desk<'a> {
    played: Mutex<Vec<Option<Played>>>,
    done: AtomicUsize,
    in_a_row: AtomicUsize,
    total: usize,
    progress: &'a (dyn Fn(usize, usize, &Played) + Sync),
}

impl<'a> Desk<'a> {
    fn new(tests: &[&Test], progress: &'a (dyn Fn(usize, usize, &Played) + Sync)) -> Self {
        Self {
            played: Mutex::new(vec![None; tests.len()]),
            done: AtomicUsize::new(0),
            in_a_row: AtomicUsize::new(0),
            total: tests.len(),
            progress,
        }
    }

    fn play(&self, runner: &Runner, file: &File, test: &Test, at: usize) {
        if self.in_a_row.load(Ordering::SeqCst) >= PATIENCE {
            return;
        }
        let played = runner.play(file, test);
        match &played.verdict {
            Verdict::Pass | Verdict::Lenient(_) | Verdict::UnexpectedPass(_) => {
                self.in_a_row.swap(0, Ordering::SeqCst)
            }
            Verdict::Fail(_) | Verdict::Inconclusive(_) | Verdict::Error(_) => {
                self.in_a_row.fetch_add(1, Ordering::SeqCst)
            }
            Verdict::ExpectedFail(..) | Verdict::Skip(_) | Verdict::Unimplemented(_) => 0,
        };
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        (self.progress)(done, self.total, &played);
        let mut all = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        all[at] = Some(played);
    }

    fn done(self, tests: &[&Test]) -> Outcome {
        let played = self
            .played
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let stopped = (self.in_a_row.load(Ordering::SeqCst) >= PATIENCE)
            .then(|| format!("stopped after {PATIENCE} failures in a row"));
        let played = played
            .into_iter()
            .zip(tests)
            .map(|(played, test)| played.unwrap_or_else(|| left_out(test)))
            .collect();
        Outcome { played, stopped }
    }
}

/// A test that was not reached.
fn left_out(test: &Test) -> Played {
    Played {
        id: test.id.clone(),
        title: test.title.clone(),
        requirements: test.requirements.clone(),
        verdict: Verdict::Skip("the suite was stopped".to_owned()),
        took: std::time::Duration::ZERO,
        chart: Vec::new(),
    }
}
