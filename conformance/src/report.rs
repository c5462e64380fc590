//! What a run says: text for people, JSON for machines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::suite::Outcome;
use crate::verdict::{Played, Verdict};

/// Failures that are told in full.
const TOLD: usize = 10;

/// One suite as text.
pub fn text(suite: &str, outcome: &Outcome) -> String {
    let (passed, failed, skipped) = outcome.counts();
    let mut text = format!("{suite}: {passed} passed, {failed} failed, {skipped} skipped\n");
    if let Some(stopped) = &outcome.stopped {
        let _ = writeln!(text, "  {stopped}");
    }
    let failures = outcome
        .played
        .iter()
        .filter_map(|played| Some((played, played.verdict.failure()?)));
    for (played, failure) in failures.take(TOLD) {
        let _ = writeln!(
            text,
            "  FAIL {}\n    requirements {}\n    step {}: {}\n    expected {}\n    seen     {}\n    again: kaika conform --subject … --only '{}'",
            played.id,
            played.requirements.join(" "),
            failure.step,
            failure.what,
            failure.expected,
            failure.seen,
            played.id
        );
    }
    if failed > TOLD {
        let _ = writeln!(
            text,
            "  and {} more; --report DIR has them all",
            failed - TOLD
        );
    }
    for (reason, count) in skips(outcome) {
        let _ = writeln!(text, "  skipped {count}: {reason}");
    }
    text
}

fn skips(outcome: &Outcome) -> BTreeMap<&str, usize> {
    let mut skips = BTreeMap::new();
    for played in &outcome.played {
        if let Verdict::Skip(reason) = &played.verdict {
            *skips.entry(reason.as_str()).or_insert(0) += 1;
        }
    }
    skips
}

/// One suite as JSON: counts, a verdict for each requirement, every test.
pub fn document(suite: &str, outcome: &Outcome) -> Value {
    let (passed, failed, skipped) = outcome.counts();
    let tests: Vec<Value> = outcome.played.iter().map(test).collect();
    json!({
        "suite": suite, "passed": passed, "failed": failed, "skipped": skipped,
        "stopped": outcome.stopped, "requirements": requirements(outcome), "tests": tests,
    })
}

fn test(played: &Played) -> Value {
    let mut test = json!({"id": played.id, "verdict": played.verdict.name()});
    if let Some(reason) = played.verdict.reason() {
        test["reason"] = json!(reason);
    }
    if let Some(failure) = played.verdict.failure() {
        test["step"] = json!(failure.step);
        test["what"] = json!(failure.what);
        test["expected"] = json!(failure.expected);
        test["seen"] = json!(failure.seen);
    }
    test
}

/// Each requirement: pass, fail, or skip when no test of it was played.
fn requirements(outcome: &Outcome) -> BTreeMap<&str, &'static str> {
    let mut all: BTreeMap<&str, BTreeSet<u8>> = BTreeMap::new();
    for played in &outcome.played {
        let rank = match played.verdict {
            Verdict::Fail(_) | Verdict::Error(_) | Verdict::Inconclusive(_) => 0,
            Verdict::Pass | Verdict::Lenient(_) | Verdict::UnexpectedPass(_) => 1,
            Verdict::ExpectedFail(..) | Verdict::Skip(_) | Verdict::Unimplemented(_) => 2,
        };
        for id in &played.requirements {
            all.entry(id).or_default().insert(rank);
        }
    }
    let worst = |ranks: BTreeSet<u8>| match ranks.first() {
        Some(0) => "fail",
        Some(1) => "pass",
        _ => "skip",
    };
    all.into_iter()
        .map(|(id, ranks)| (id, worst(ranks)))
        .collect()
}
