//! A run as it happens: one JSON document a line, written when a test ends.
//!
//! `{"event": "run" | "suite" | "test" | "suite-end" | "end", …}`. A file that does not end with `end` is of a run that was cut off.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{RUNNER, Report, SCHEMA, Subject, Suite, json, millis, moment};
use crate::again::Again;
use crate::verdict::{Played, Verdict};

/// The lines of a run that is being played; clones write the same file. The first failure to write is what [`Lines::end`] answers.
#[derive(Clone, Debug)]
pub struct Lines {
    page: Arc<Mutex<Page>>,
    again: Again,
}

#[derive(Debug)]
struct Page {
    file: File,
    /// The tests of the suite being played that have their line.
    told: BTreeSet<String>,
    failed: Option<io::Error>,
}

impl Lines {
    /// A new file, which begins with who is asked and when.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn begin(path: &Path, subject: &Subject, again: Again) -> io::Result<Self> {
        let page = Page {
            file: File::create(path)?,
            told: BTreeSet::new(),
            failed: None,
        };
        let page = Arc::new(Mutex::new(page));
        let lines = Self { page, again };
        lines.page().say(&json!({
            "event": "run",
            "schema": SCHEMA,
            "runner": RUNNER,
            "catalogueDigest": Report::catalogue(),
            "subject": json::subject(subject, &lines.again),
            "seed": lines.again.seed,
            "began": moment(SystemTime::now()),
        }));
        Ok(lines)
    }

    /// A suite begins, with this many tests.
    pub fn suite(&self, name: &str, digest: &str, tests: usize) {
        let mut page = self.page();
        page.told.clear();
        page.say(
            &json!({"event": "suite", "suite": name, "catalogueDigest": digest, "tests": tests}),
        );
    }

    /// A test ended.
    pub fn test(&self, suite: &str, played: &Played) {
        let line = self.line(suite, played);
        let mut page = self.page();
        page.told.insert(played.id.clone());
        page.say(&line);
    }

    /// A suite ended; tests that were not reached get their line now.
    pub fn suite_end(&self, suite: &Suite) {
        let mut page = self.page();
        let tests = suite.outcome.played.iter();
        let untold: Vec<_> = tests
            .filter(|played| !page.told.contains(&played.id))
            .collect();
        for played in untold {
            page.say(&self.line(&suite.name, played));
        }
        let names = Verdict::NAMES.iter();
        let counts = names.map(|name| (*name, suite.outcome.count(name)));
        page.say(&json!({
            "event": "suite-end",
            "suite": suite.name,
            "milliseconds": millis(suite.took),
            "totals": json::totals(counts),
            "stopped": suite.outcome.stopped,
        }));
    }

    /// The run ended.
    ///
    /// # Errors
    /// When one of its lines could not be written.
    pub fn end(&self, report: &Report) -> io::Result<()> {
        let mut page = self.page();
        page.say(&json!({
            "event": "end",
            "milliseconds": millis(report.took),
            "totals": json::totals(report.totals().into_iter()),
        }));
        page.failed.take().map_or(Ok(()), Err)
    }

    fn line(&self, suite: &str, played: &Played) -> Value {
        let mut line = json::test(&self.again, played);
        line["event"] = json!("test");
        line["suite"] = json!(suite);
        line
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn say(&mut self, line: &Value) {
        if let Err(error) = self.file.write_all(format!("{line}\n").as_bytes()) {
            self.failed.get_or_insert(error);
        }
    }
}
