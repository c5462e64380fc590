//! One playing of one test: its steps in order, up to the first that is not as expected. It stops where time passes, so that
//! many tests can wait for the same time together.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::{Blame, Link, Outcome, Runner, Scene, Wrong, arrow, broken, describe};
use crate::calc::Bench;
use crate::dice::Dice;
use crate::format::{File, Step, Test};
use crate::peers::Peers;
use crate::verdict::{Arrow, Failure, Played, Verdict};

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// It goes on when so many milliseconds have passed.
    Advance(i64),
    /// It is over.
    Over,
}

/// One playing of one test.
pub(crate) struct Conversation<'a> {
    scene: Scene<'a>,
    test: &'a Test,
    steps: Vec<Cow<'a, Step>>,
    at: usize,
    /// Why it goes no further.
    ended: Option<Verdict>,
    chart: Vec<Arrow>,
    took: Duration,
}

impl<'a> Conversation<'a> {
    pub(crate) fn new(runner: &'a Runner, file: &'a File, test: &'a Test, occasion: &str) -> Self {
        let mut conversation = Self {
            scene: Scene {
                runner,
                file,
                names: std::collections::BTreeMap::new(),
                dice: Dice::new(runner.seed, &test.id, occasion),
                lenient: std::collections::BTreeSet::new(),
                bench: Bench::new(runner.chip_master()),
                chip: None,
                channels: std::collections::BTreeMap::new(),
                sequence: None,
                stage: super::client::Stage::default(),
                phone: super::phone::Around::default(),
                came: runner.peers.as_ref().map_or(0, Peers::came),
            },
            test,
            steps: Vec::new(),
            at: 0,
            ended: None,
            chart: Vec::new(),
            took: Duration::ZERO,
        };
        match file.expanded(test.all_steps()) {
            Ok(steps) => {
                conversation.ended = runner.declined(test, &steps);
                conversation.steps = steps;
            }
            Err(what) => {
                let wrong = broken("a vector", what);
                conversation.ended = Some(judged(0, "vector".to_owned(), wrong));
            }
        }
        conversation
    }

    /// Plays on until time must pass or nothing is left.
    pub(crate) fn go(&mut self) -> Pause {
        let began = Instant::now();
        let pause = self.go_on();
        self.took += began.elapsed();
        pause
    }

    fn go_on(&mut self) -> Pause {
        while self.ended.is_none() {
            let Some(step) = self.steps.get(self.at) else {
                self.end();
                return Pause::Over;
            };
            if let Step::Advance(advance) = &**step {
                return Pause::Advance(advance.ms);
            }
            let done = self.scene.step(step);
            self.note(&done);
        }
        Pause::Over
    }

    /// After the last step nothing more is said.
    fn end(&mut self) {
        let quiet = self.scene.chip.as_ref().map_or(Ok(()), Link::quiet);
        if let Err(wrong) = quiet {
            self.chart = self.steps.iter().map(|step| arrow(step)).collect();
            let what = "after the last step".to_owned();
            self.ended = Some(judged(self.steps.len(), what, wrong));
        }
    }

    /// Time has passed, or could not.
    pub(crate) fn advanced(&mut self, done: &Outcome) {
        self.note(done);
    }

    fn note(&mut self, done: &Outcome) {
        if let (Err(wrong), Some(step)) = (done, self.steps.get(self.at)) {
            self.chart = self
                .steps
                .iter()
                .take(self.at + 1)
                .map(|step| arrow(step))
                .collect();
            self.ended = Some(judged(self.at + 1, describe(step), wrong.clone()));
        }
        self.at += 1;
    }

    pub(crate) fn over(self) -> Played {
        let lenient: Vec<&str> = self.scene.lenient.iter().copied().collect();
        let verdict = match self.ended {
            Some(ended) => ended,
            None if lenient.is_empty() => Verdict::Pass,
            None => Verdict::Lenient(lenient.join(", ")),
        };
        Played {
            id: self.test.id.clone(),
            title: self.test.title.clone(),
            requirements: self.test.requirements.clone(),
            verdict: self.scene.runner.known(&self.test.id, verdict),
            took: self.took,
            chart: self.chart,
        }
    }
}

/// The verdict of a test in which a step went wrong.
fn judged(step: usize, what: String, wrong: Wrong) -> Verdict {
    let failure = Failure {
        step,
        what,
        expected: wrong.expected,
        seen: wrong.seen,
    };
    match wrong.blame {
        Blame::Subject => Verdict::Fail(failure),
        Blame::Silence => Verdict::Inconclusive(failure),
        Blame::Runner => Verdict::Error(failure),
        Blame::Lacking => Verdict::Unimplemented(format!("{}: {}", failure.expected, failure.seen)),
    }
}

impl Runner {
    /// The verdict in the light of what is known to fail.
    fn known(&self, id: &str, verdict: Verdict) -> Verdict {
        let entries = self.subject.known_failures.entries();
        let Some(known) = entries.iter().find(|known| known.names(id)) else {
            return verdict;
        };
        match verdict {
            Verdict::Fail(failure) if known.step.is_none_or(|step| step == failure.step) => {
                Verdict::ExpectedFail(failure, known.reason.clone())
            }
            Verdict::Pass | Verdict::Lenient(_) => Verdict::UnexpectedPass(known.reason.clone()),
            Verdict::Fail(_)
            | Verdict::ExpectedFail(..)
            | Verdict::UnexpectedPass(_)
            | Verdict::Skip(_)
            | Verdict::Unimplemented(_)
            | Verdict::Inconclusive(_)
            | Verdict::Error(_) => verdict,
        }
    }
}
