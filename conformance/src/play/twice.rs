//! The same message twice, and several messages at once.

use super::http::Heard;
use kaika_spec::Refusal;
use serde_json::json;

use super::*;
use crate::format::{Again, Expect, Parallel, Twice};

impl Scene<'_> {
    pub(super) fn again(&mut self, step: &Again) -> Outcome {
        let request = self.request(&step.send)?;
        let (runner, same) = (self.runner, request.clone());
        match step.how {
            Twice::Lost => {
                runner.exchange(request)?;
                let heard = runner.exchange(same)?;
                self.judge(&step.send.expect, &heard)
            }
            Twice::Both => {
                let heard = at_once(vec![request, same], |one| runner.exchange(one))?;
                self.one_answer(&step.send.expect, &heard)
            }
        }
    }

    /// One is answered as expected; the other with the same, or told that the first is not done.
    fn one_answer(&mut self, expect: &Expect, heard: &[Heard]) -> Outcome {
        let [first, second] = heard else {
            return Err(broken("two answers", heard.len()));
        };
        let waits = Expect::Refuse(Refusal::InProgress.name().to_owned());
        let (told, other) = match self.tried(&waits, first) {
            true => (second, first),
            false => (first, second),
        };
        self.judge(expect, told)?;
        let same = told.is_same(other) || self.tried(&waits, other);
        same.then_some(())
            .ok_or_else(|| wrong(format!("{told} twice"), other))
    }

    pub(super) fn parallel(&mut self, step: &Parallel) -> Outcome {
        let requests: Result<Vec<_>, Wrong> = step
            .branches
            .iter()
            .map(|send| self.request(send))
            .collect();
        let runner = self.runner;
        let heard = at_once(requests?, |request| runner.exchange(request))?;
        let fits = |scene: &mut Self, outcome: &[Expect]| {
            let before = scene.names.clone();
            let all = outcome.iter().zip(&heard);
            let fits = all
                .into_iter()
                .all(|(expect, heard)| scene.judge(expect, heard).is_ok());
            if !fits {
                scene.names = before;
            }
            fits
        };
        if step.outcomes.iter().any(|outcome| fits(self, outcome)) {
            return Ok(());
        }
        let seen: Vec<String> = heard.iter().map(ToString::to_string).collect();
        let wanted = json!(step.outcomes);
        Err(wrong(format!("one of {wanted}"), seen.join(" | ")))
    }

    /// Whether an answer is as expected; what it would have named is not named.
    fn tried(&mut self, expect: &Expect, heard: &Heard) -> bool {
        let before = self.names.clone();
        let fits = self.judge(expect, heard).is_ok();
        self.names = before;
        fits
    }
}

/// Does this to all from threads of their own, at the same time, and gives what comes of it in order.
pub(super) fn at_once<A: Send, B: Send>(
    all: Vec<A>,
    done: impl Fn(A) -> Result<B, Wrong> + Sync,
) -> Result<Vec<B>, Wrong> {
    let gate = std::sync::Barrier::new(all.len());
    std::thread::scope(|scope| {
        let (gate, done) = (&gate, &done);
        let all: Vec<_> = all
            .into_iter()
            .map(|one| {
                scope.spawn(move || {
                    gate.wait();
                    done(one)
                })
            })
            .collect();
        let answered = all
            .into_iter()
            .map(|thread| thread.join().map_err(|_| broken("an answer", "a panic"))?);
        answered.collect()
    })
}
