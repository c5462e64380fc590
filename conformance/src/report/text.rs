//! A run as text: a line of counts for each suite, failures in full, what was not played and why, and the totals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Report, Suite};
use crate::again::Again;
use crate::suite::Outcome;
use crate::verdict::{Failure, Played, Verdict};

/// Failures of a suite that are told in full.
const TOLD: usize = 10;

/// The whole run.
pub(super) fn whole(report: &Report) -> String {
    let mut text = head(report);
    for played in &report.suites {
        text.push_str(&suite(&report.again, played));
    }
    let totals = report.totals().into_iter();
    let totals: Vec<String> = totals
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    let seconds = report.took.as_secs_f64();
    let _ = writeln!(text, "all: {}; {seconds:.1} s", totals.join(", "));
    text
}

fn head(report: &Report) -> String {
    let subject = &report.subject;
    let list = |names: &BTreeSet<String>| match names.is_empty() {
        true => "none".to_owned(),
        false => harmless(&names.iter().cloned().collect::<Vec<_>>().join(" ")),
    };
    format!(
        "subject: {} {}; roles {}; hooks {} ({})\nrunner: {}; catalogue {}; began {}; seed {}\n",
        harmless(&subject.name),
        harmless(&subject.version),
        list(&subject.roles),
        list(&subject.hooks),
        subject.level().name(),
        super::RUNNER,
        Report::catalogue(),
        report.began_text(),
        report.again.seed,
    )
}

/// One suite.
pub fn suite(again: &Again, suite: &Suite) -> String {
    let outcome = &suite.outcome;
    let mut text = format!("{}: {}\n", suite.name, counts(outcome));
    if let Some(stopped) = &outcome.stopped {
        let _ = writeln!(text, "  {}", harmless(stopped));
    }
    let wrong: Vec<(&Played, &Failure)> = outcome.played.iter().filter_map(told).collect();
    for (played, failure) in wrong.iter().take(TOLD) {
        text.push_str(&failed(again, played, failure));
    }
    if wrong.len() > TOLD {
        let more = wrong.len() - TOLD;
        let _ = writeln!(text, "  and {more} more; --report DIR has them all");
    }
    for played in &outcome.played {
        if let Verdict::UnexpectedPass(reason) = &played.verdict {
            let (id, reason) = (harmless(&played.id), harmless(reason));
            let command = harmless(&again.command(&played.id));
            let _ = writeln!(
                text,
                "  UNEXPECTED PASS {id}\n    listed as a known failure: {reason}\n    again: {command}"
            );
        }
    }
    for ((name, reason), count) in reasons(outcome) {
        let _ = writeln!(text, "  {name} {count}: {}", harmless(reason));
    }
    text
}

/// `N passed, N failed, N skipped`, and what else there is.
fn counts(outcome: &Outcome) -> String {
    let [passed, failed, skipped] = ["pass", "fail", "skip"].map(|name| outcome.count(name));
    let others = Verdict::NAMES
        .iter()
        .filter(|name| !["pass", "fail", "skip"].contains(name));
    let mut text = format!("{passed} passed, {failed} failed, {skipped} skipped");
    for (name, count) in others.map(|name| (name, outcome.count(name))) {
        if count > 0 {
            let _ = write!(text, ", {count} {name}");
        }
    }
    text
}

/// What is told in full: all that went wrong and was not known to.
fn told(played: &Played) -> Option<(&Played, &Failure)> {
    let known = matches!(played.verdict, Verdict::ExpectedFail(..));
    let failure = played.verdict.failure().filter(|_| !known)?;
    Some((played, failure))
}

fn failed(again: &Again, played: &Played, failure: &Failure) -> String {
    format!(
        "  {} {}\n    requirements {}\n    step {}: {}\n    expected {}\n    seen     {}\n    again: {}\n",
        played.verdict.name().to_ascii_uppercase(),
        harmless(&played.id),
        played.requirements.join(" "),
        failure.step,
        harmless(&failure.what),
        harmless(&failure.expected),
        harmless(&failure.seen),
        harmless(&again.command(&played.id))
    )
}

/// Without control characters: what a subject says does not steer a terminal.
fn harmless(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter.is_control() {
            true => out.extend(letter.escape_default()),
            false => out.push(letter),
        }
    }
    out
}

/// How many tests share a verdict that comes with a reason.
fn reasons(outcome: &Outcome) -> BTreeMap<(&str, &str), usize> {
    let mut reasons = BTreeMap::new();
    for played in &outcome.played {
        let name = match &played.verdict {
            Verdict::Skip(_) => "skipped",
            Verdict::Unimplemented(_) => "unimplemented",
            Verdict::Lenient(_) => "lenient",
            Verdict::ExpectedFail(..) => "expected to fail",
            Verdict::Pass
            | Verdict::Fail(_)
            | Verdict::UnexpectedPass(_)
            | Verdict::Inconclusive(_)
            | Verdict::Error(_) => continue,
        };
        let reason = played.verdict.reason().unwrap_or_default();
        *reasons.entry((name, reason)).or_insert(0) += 1;
    }
    reasons
}
