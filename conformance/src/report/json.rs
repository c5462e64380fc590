//! A run as one JSON document, and the parts of it that the stream shares. `spec/schema/report.schema.json` says the shape.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{RUNNER, Report, SCHEMA, Subject, Suite, millis};
use crate::again::Again;
use crate::verdict::{Arrow, Played};

/// The whole run.
pub(super) fn document(report: &Report) -> Value {
    let suites: Vec<Value> = report
        .suites
        .iter()
        .map(|one| suite(&report.again, one))
        .collect();
    json!({
        "schema": SCHEMA,
        "runner": RUNNER,
        "catalogueDigest": Report::catalogue(),
        "subject": subject(&report.subject, &report.again),
        "seed": report.again.seed,
        "began": report.began_text(),
        "milliseconds": millis(report.took),
        "totals": totals(report.totals().into_iter()),
        "requirements": report.requirements(),
        "suites": suites,
    })
}

/// Who was asked.
pub(super) fn subject(subject: &Subject, again: &Again) -> Value {
    json!({
        "asked": again.subject,
        "name": subject.name,
        "version": subject.version,
        "roles": subject.roles,
        "hooks": subject.hooks,
        "level": subject.level().name(),
    })
}

/// Verdict → how many tests; all nine.
pub(super) fn totals(counts: impl Iterator<Item = (&'static str, usize)>) -> Value {
    json!(counts.collect::<BTreeMap<_, _>>())
}

/// Counts, how it ended, and every test.
fn suite(again: &Again, suite: &Suite) -> Value {
    let outcome = &suite.outcome;
    let names = crate::verdict::Verdict::NAMES.iter();
    let tests: Vec<Value> = outcome.played.iter().map(|one| test(again, one)).collect();
    json!({
        "suite": suite.name,
        "catalogueDigest": suite.digest,
        "milliseconds": millis(suite.took),
        "totals": totals(names.map(|name| (*name, outcome.count(name)))),
        "stopped": outcome.stopped,
        "requirements": super::requirements(outcome.played.iter()),
        "tests": tests,
    })
}

/// One test: its verdict, and what there is to know when it is not a plain pass.
pub(super) fn test(again: &Again, played: &Played) -> Value {
    let mut test = json!({
        "id": played.id,
        "verdict": played.verdict.name(),
        "requirements": played.requirements,
        "milliseconds": millis(played.took),
    });
    if let Some(reason) = played.verdict.reason() {
        test["reason"] = json!(reason);
    }
    if let Some(failure) = played.verdict.failure() {
        test["title"] = json!(played.title);
        test["step"] = json!(failure.step);
        test["what"] = json!(failure.what);
        test["expected"] = json!(failure.expected);
        test["seen"] = json!(failure.seen);
        test["chart"] = played.chart.iter().map(arrow).collect();
    }
    if played.verdict.name() != "pass" {
        test["again"] = json!(again.command(&played.id));
    }
    test
}

fn arrow(arrow: &Arrow) -> Value {
    json!({"from": arrow.from, "to": arrow.to, "label": arrow.label})
}
