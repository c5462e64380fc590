//! A run as JUnit XML, for build servers: a testsuite for each suite, a testcase for each test.
//!
//! `failure` is what was not as expected; `error` is what could not be judged (inconclusive, error); `skipped` carries the
//! reason of what was not played, and of failures that are known. Requirements and the verdict's name are properties.

use std::collections::BTreeSet;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{Report, Suite, role_of};
use crate::again::Again;
use crate::verdict::{Failure, Played, Verdict};

/// The whole run.
pub(super) fn document(report: &Report) -> Result<String, String> {
    let mut document = quick_junit::Report::new(clean(&format!(
        "{} {}",
        report.subject.name, report.subject.version
    )));
    document.set_timestamp(chrono::DateTime::<chrono::Utc>::from(report.began));
    document.set_time(report.took);
    for one in &report.suites {
        document.add_test_suite(suite(report, one));
    }
    document.to_string().map_err(|error| error.to_string())
}

fn suite(report: &Report, played: &Suite) -> TestSuite {
    let mut suite = TestSuite::new(clean(&played.name));
    suite.set_time(played.took);
    let subject = &report.subject;
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
    let properties = [
        ("subject", subject.name.clone()),
        ("version", subject.version.clone()),
        ("roles", list(&subject.roles)),
        ("hooks", list(&subject.hooks)),
        ("level", subject.level().name().to_owned()),
        ("seed", report.again.seed.to_string()),
        ("runner", super::RUNNER.to_owned()),
        ("catalogueDigest", played.digest.clone()),
    ];
    for (name, value) in &properties {
        suite.add_property(Property::new(*name, clean(value)));
    }
    if let Some(stopped) = &played.outcome.stopped {
        suite.add_property(Property::new("stopped", clean(stopped)));
        suite.set_system_err(clean(stopped));
    }
    for test in &played.outcome.played {
        suite.add_test_case(case(&report.again, test));
    }
    suite
}

fn case(again: &Again, played: &Played) -> TestCase {
    let mut case = TestCase::new(clean(&played.id), status(again, played));
    case.set_classname(format!("kaika.{}", role_of(&played.id)));
    case.set_time(played.took);
    case.add_property(Property::new("verdict", played.verdict.name()));
    for requirement in &played.requirements {
        case.add_property(Property::new("requirement", clean(requirement)));
    }
    case
}

fn status(again: &Again, played: &Played) -> TestCaseStatus {
    match &played.verdict {
        Verdict::Pass | Verdict::Lenient(_) => TestCaseStatus::success(),
        Verdict::Fail(failure) => wrong(NonSuccessKind::Failure, again, played, failure),
        Verdict::Inconclusive(failure) | Verdict::Error(failure) => {
            wrong(NonSuccessKind::Error, again, played, failure)
        }
        Verdict::UnexpectedPass(reason) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let again = again.command(&played.id);
            status.set_type("unexpected-pass");
            status.set_message(clean(&format!(
                "passes, and is listed as failing: {reason}"
            )));
            status.set_description(clean(&format!("again: {again}")));
            status
        }
        Verdict::ExpectedFail(_, reason) => skipped(&format!("known to fail: {reason}")),
        Verdict::Skip(reason) | Verdict::Unimplemented(reason) => skipped(reason),
    }
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(clean(reason));
    status
}

fn wrong(
    kind: NonSuccessKind,
    again: &Again,
    played: &Played,
    failure: &Failure,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(played.verdict.name());
    status.set_message(clean(&format!("step {}: {}", failure.step, failure.what)));
    status.set_description(clean(&format!(
        "step {}: {}\nexpected {}\nseen     {}\nagain: {}\n",
        failure.step,
        failure.what,
        failure.expected,
        failure.seen,
        again.command(&played.id)
    )));
    status
}

/// Without the two characters that XML has not and the library lets through.
fn clean(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "")
}
