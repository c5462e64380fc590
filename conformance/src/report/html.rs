//! A run as one HTML file: the page with its style and script inside, and the run as data.
//!
//! What a subject says is hostile text. It stands in the page as JSON without `<`, `>` and `&`, the script makes text of it and never
//! markup, and a content security policy names the one script and the one style by their digests and forbids every load.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::catalogue::{Chapter, chapters};
use super::{RUNNER, Report, SCHEMA, Suite, json, millis};
use crate::again::Again;
use crate::crypto::sha256;
use crate::verdict::{Failure, Played, Verdict};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Of what was expected or seen this many characters are shown.
const SHOWN: usize = 4000;

/// The chapter of requirements that this runner does not know.
const UNKNOWN: &str = "not in this catalogue";

/// The whole page.
pub(super) fn document(report: &Report) -> String {
    let subject = &report.subject;
    let title = format!("{} {}: conformance", subject.name, subject.version);
    filled(|name| match name {
        "title" => escaped(&title),
        "style" => STYLE.to_owned(),
        "style-digest" => digest(STYLE),
        "script" => SCRIPT.to_owned(),
        "script-digest" => digest(SCRIPT),
        "text" => escaped(&report.text()),
        _ => embedded(&run(report)),
    })
}

/// The page, with each `@name@` filled in once; what is filled in is not looked at again.
fn filled(value: impl Fn(&str) -> String) -> String {
    let parts = PAGE.split('@').enumerate();
    let parts = parts.map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => value(part),
    });
    parts.collect()
}

/// As a content security policy names an inline script.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(&[text.as_bytes()])))
}

/// JSON in which nothing ends a script.
fn embedded(value: &Value) -> String {
    let text = value.to_string();
    text.replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026")
}

/// Text as HTML wants it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Values that occur often, each once.
#[derive(Default)]
struct Table {
    places: BTreeMap<String, usize>,
    values: Vec<Value>,
}

impl Table {
    fn place(&mut self, value: Value) -> usize {
        let next = self.values.len();
        let place = *self.places.entry(value.to_string()).or_insert(next);
        if place == next {
            self.values.push(value);
        }
        place
    }
}

/// What tests refer to by number.
struct Tables {
    chapters: Vec<String>,
    requirements: Table,
    known: BTreeMap<String, usize>,
    reasons: Table,
    arrows: Table,
    commands: Table,
}

impl Tables {
    fn new(chapters: &[Chapter]) -> Self {
        let mut requirements = Table::default();
        let mut known = BTreeMap::new();
        for (at, chapter) in chapters.iter().enumerate() {
            for one in &chapter.requirements {
                let place = requirements.place(json!([one.id, one.title, one.text, at]));
                known.insert(one.id.to_owned(), place);
            }
        }
        Self {
            chapters: chapters.iter().map(|one| one.title.to_owned()).collect(),
            requirements,
            known,
            reasons: Table::default(),
            arrows: Table::default(),
            commands: Table::default(),
        }
    }

    fn requirement(&mut self, id: &str) -> usize {
        if let Some(place) = self.known.get(id) {
            return *place;
        }
        if self.chapters.last().is_none_or(|last| last != UNKNOWN) {
            self.chapters.push(UNKNOWN.to_owned());
        }
        let chapter = self.chapters.len().saturating_sub(1);
        let place = self.requirements.place(json!([id, "", "", chapter]));
        self.known.insert(id.to_owned(), place);
        place
    }
}

fn run(report: &Report) -> Value {
    let mut tables = Tables::new(&chapters());
    let suites = report.suites.iter();
    let suites: Vec<Value> = suites
        .map(|one| suite(&mut tables, &report.again, one))
        .collect();
    json!({
        "schema": SCHEMA,
        "runner": RUNNER,
        "digest": Report::catalogue(),
        "subject": json::subject(&report.subject, &report.again),
        // As text: a browser's numbers end at 2^53.
        "seed": report.again.seed.to_string(),
        "began": report.began_text(),
        "took": millis(report.took),
        "verdicts": Verdict::NAMES,
        "chapters": tables.chapters,
        "requirements": tables.requirements.values,
        "reasons": tables.reasons.values,
        "arrows": tables.arrows.values,
        "commands": tables.commands.values,
        "suites": suites,
    })
}

fn suite(tables: &mut Tables, again: &Again, suite: &Suite) -> Value {
    let tests = suite.outcome.played.iter();
    let tests: Vec<Value> = tests.map(|one| test(tables, again, one)).collect();
    json!({
        "name": suite.name,
        "digest": suite.digest,
        "stopped": suite.outcome.stopped,
        "tests": tests,
    })
}

/// `[id, title, [requirement], verdict, milliseconds, command, reason, failure]`; the last two only where there are any.
fn test(tables: &mut Tables, again: &Again, played: &Played) -> Value {
    let title = match played.title == title_of(&played.id) {
        true => json!(0),
        false => json!(played.title),
    };
    let requirements = played.requirements.iter();
    let requirements: Vec<usize> = requirements.map(|id| tables.requirement(id)).collect();
    let name = played.verdict.name();
    let verdict = Verdict::NAMES.iter().position(|known| *known == name);
    let command = again.command(&played.id).replace(&played.id, "@id@");
    let command = tables.commands.place(json!(command));
    let mut test = vec![
        json!(played.id),
        title,
        json!(requirements),
        json!(verdict),
        json!(millis(played.took)),
        json!(command),
    ];
    let reason = played.verdict.reason();
    let failure = played.verdict.failure();
    if reason.is_some() || failure.is_some() {
        test.push(json!(reason.map(|text| tables.reasons.place(json!(text)))));
    }
    test.extend(failure.map(|failure| failed(tables, failure, played)));
    Value::Array(test)
}

/// `[step, what, expected, seen, [arrow]]`.
fn failed(tables: &mut Tables, failure: &Failure, played: &Played) -> Value {
    let chart = played.chart.iter();
    let chart: Vec<usize> = chart
        .map(|arrow| {
            tables
                .arrows
                .place(json!([arrow.from, arrow.to, arrow.label]))
        })
        .collect();
    json!([
        failure.step,
        failure.what,
        cut(&failure.expected),
        cut(&failure.seen),
        chart
    ])
}

fn cut(text: &str) -> String {
    let more = text.chars().count().saturating_sub(SHOWN);
    if more == 0 {
        return text.to_owned();
    }
    let begin: String = text.chars().take(SHOWN).collect();
    format!("{begin}\n({more} more characters; report.json has them)")
}

/// The title that a test's id already says.
fn title_of(id: &str) -> String {
    let rest: Vec<&str> = id.split('/').skip(2).collect();
    rest.join("/").replace(' ', ", then ")
}
