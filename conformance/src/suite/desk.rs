//! The desk of a run: who plays what, what came of it, and when it is enough.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{DOUBT, Outcome, SILENCES, may_open};
use crate::format::{File, Test};
use crate::play::{Conversation, Pause, Runner};
use crate::verdict::{Played, Verdict};

/// One run of one suite.
pub(super) struct Desk<'a> {
    runner: &'a Runner,
    file: &'a File,
    tests: &'a [&'a Test],
    opening: Option<&'a Test>,
    progress: &'a (dyn Fn(usize, usize, &Played) + Sync),
    told: AtomicUsize,
    over: AtomicBool,
    notes: Mutex<Notes>,
}

struct Notes {
    played: Vec<Option<Played>>,
    bad_in_a_row: usize,
    silent_in_a_row: usize,
    silent: usize,
    doubts: usize,
    stopped: Option<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        runner: &'a Runner,
        file: &'a File,
        tests: &'a [&'a Test],
        progress: &'a (dyn Fn(usize, usize, &Played) + Sync),
    ) -> Self {
        Self {
            runner,
            file,
            tests,
            opening: file.tests.iter().find(|test| may_open(runner, file, test)),
            progress,
            told: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            notes: Mutex::new(Notes {
                played: vec![None; tests.len()],
                bad_in_a_row: 0,
                silent_in_a_row: 0,
                silent: 0,
                doubts: 0,
                stopped: None,
            }),
        }
    }

    /// A short good conversation: if it is not as it must be, the rest means nothing. Gives what became of it in that case.
    ///
    /// Nothing where the subject can be asked no good test: then nothing passes either, or only refusals.
    pub(super) fn sanity(&self, when: &str) -> Option<Played> {
        let test = self.opening?;
        let occasion = format!("sanity, {when}");
        let played = self.runner.play_at(self.file, test, &occasion);
        let fine = matches!(played.verdict, Verdict::Pass | Verdict::Lenient(_));
        (!fine).then_some(played)
    }

    fn insane(&self, when: &str, played: &Played) -> String {
        let what = match played.verdict.failure() {
            Some(failure) => format!(
                "{}: expected {}, seen {}",
                failure.what, failure.expected, failure.seen
            ),
            None => played.verdict.reason().unwrap_or_default().to_owned(),
        };
        format!(
            "the {when} sanity conversation ends in {} ({}): {what}",
            played.verdict.name(),
            played.id
        )
    }

    /// A run whose first conversation already failed: nothing else is played.
    pub(super) fn never_begun(self, first: Played) -> Outcome {
        let stopped = self.insane("first", &first);
        let mut outcome = self.outcome(Some(stopped));
        match outcome
            .played
            .iter_mut()
            .find(|played| played.id == first.id)
        {
            Some(place) => *place = first,
            None => outcome.played.insert(0, first),
        }
        outcome
    }

    /// Plays tests that do not wait, `threads` at a time.
    pub(super) fn side_by_side(&self, group: &[usize], threads: usize) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(at) = group.get(next.fetch_add(1, Ordering::SeqCst)).copied() {
                if self.over.load(Ordering::SeqCst) {
                    return;
                }
                if !self.had(at) {
                    self.note(at, self.runner.play(self.file, self.tests[at]));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, group.len().max(1)) {
                scope.spawn(work);
            }
        });
    }

    /// Plays tests that wait at the same steps for the same times: each up to its first wait, then time passes once for all.
    pub(super) fn together(&self, batch: &[usize], threads: usize) {
        let new = |at: usize| {
            (
                at,
                Conversation::new(self.runner, self.file, self.tests[at], ""),
            )
        };
        let mut waiting: Vec<(usize, Conversation<'_>)> = batch
            .iter()
            .copied()
            .filter(|at| !self.had(*at))
            .map(new)
            .collect();
        while !waiting.is_empty() && !self.over.load(Ordering::SeqCst) {
            let mut wait = None;
            let mut still = Vec::new();
            for (at, pause, conversation) in all_go(waiting, threads) {
                match pause {
                    Pause::Over => self.note(at, conversation.over()),
                    Pause::Advance(ms) => {
                        wait = Some(ms);
                        still.push((at, conversation));
                    }
                }
            }
            waiting = still;
            if let Some(ms) = wait {
                let done = self.runner.advance(ms);
                waiting.iter_mut().for_each(|(_, one)| one.advanced(&done));
            }
        }
    }

    /// Takes what an earlier run wrote down of a test.
    fn had(&self, at: usize) -> bool {
        let journal = self.runner.journal();
        let had = journal.and_then(|journal| journal.had(&self.file.suite, &self.tests[at].id));
        let Some(had) = had.cloned() else {
            return false;
        };
        self.tell(&had);
        locked(&self.notes).played[at] = Some(had);
        true
    }

    fn tell(&self, played: &Played) {
        let done = self.told.fetch_add(1, Ordering::SeqCst) + 1;
        (self.progress)(done, self.tests.len(), played);
    }

    fn note(&self, at: usize, played: Played) {
        let written = match self.runner.journal() {
            Some(journal) => journal.note(&self.file.suite, &played),
            None => Ok(()),
        };
        self.tell(&played);
        let doubt = {
            let mut notes = locked(&self.notes);
            let doubt = notes.count(&played.verdict, self.runner.failures_max());
            notes.played[at] = Some(played);
            if let Err(error) = written {
                notes.stop(format!("the journal cannot be written: {error}"));
            }
            doubt
        };
        if let Some(number) = doubt.filter(|_| !self.over.load(Ordering::SeqCst)) {
            let when = format!("asked again, {number}");
            if let Some(played) = self.sanity(&when) {
                let stopped = self.insane("asked-again", &played);
                locked(&self.notes).stop(stopped);
            }
        }
        if locked(&self.notes).stopped.is_some() {
            self.over.store(true, Ordering::SeqCst);
        }
    }

    /// What became of it, after the last conversation.
    pub(super) fn done(self) -> Outcome {
        let stopped = locked(&self.notes).stopped.clone();
        let stopped = stopped.or_else(|| {
            let last = self.sanity("last")?;
            Some(self.insane("last", &last))
        });
        self.outcome(stopped)
    }

    fn outcome(self, stopped: Option<String>) -> Outcome {
        let notes = self
            .notes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let played = notes.played.into_iter().zip(self.tests);
        let played = played.map(|(played, test)| played.unwrap_or_else(|| left_out(test)));
        Outcome {
            played: played.collect(),
            stopped,
        }
    }
}

impl Notes {
    /// Counts what is wrong; gives a number when it is time to ask whether the subject is still there.
    fn count(&mut self, verdict: &Verdict, failures_max: usize) -> Option<usize> {
        match verdict {
            Verdict::Pass | Verdict::Lenient(_) | Verdict::UnexpectedPass(_) => {
                self.bad_in_a_row = 0;
                self.silent_in_a_row = 0;
            }
            Verdict::Fail(_) | Verdict::Error(_) => {
                self.bad_in_a_row += 1;
                self.silent_in_a_row = 0;
            }
            Verdict::Inconclusive(_) => {
                self.bad_in_a_row += 1;
                self.silent_in_a_row += 1;
                self.silent += 1;
            }
            Verdict::ExpectedFail(..) | Verdict::Skip(_) | Verdict::Unimplemented(_) => {}
        }
        if self.bad_in_a_row >= failures_max {
            let count = self.bad_in_a_row;
            self.stop(match count {
                1 => "stopped after the first failure".to_owned(),
                _ => format!("stopped after {count} failures in a row"),
            });
        } else if self.silent >= SILENCES {
            self.stop(format!(
                "stopped after {SILENCES} answers that did not come"
            ));
        }
        if self.silent_in_a_row < DOUBT {
            return None;
        }
        self.silent_in_a_row = 0;
        self.doubts += 1;
        Some(self.doubts)
    }

    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }
}

/// Lets each conversation go on until it waits or is over, `threads` at a time.
fn all_go(
    all: Vec<(usize, Conversation<'_>)>,
    threads: usize,
) -> Vec<(usize, Pause, Conversation<'_>)> {
    let threads = threads.clamp(1, all.len().max(1));
    let (waiting, gone) = (Mutex::new(all), Mutex::new(Vec::new()));
    let work = || loop {
        let Some((at, mut conversation)) = locked(&waiting).pop() else {
            return;
        };
        let pause = conversation.go();
        locked(&gone).push((at, pause, conversation));
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    gone.into_inner().unwrap_or_else(PoisonError::into_inner)
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
