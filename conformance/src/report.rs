//! What a run says: text for people, JSON and its stream for programs, JUnit for build servers, one HTML file for a browser.
//!
//! A [`Report`] is the run; each way of telling it is a module. Start at [`Report::write`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::again::Again;
use crate::contract::{HOOKS, Level};
use crate::manifest::Manifest;
use crate::suite::{Outcome, Standing};
use crate::verdict::{Played, Verdict};

mod catalogue;
mod html;
mod json;
mod junit;
mod lines;
mod text;

pub use lines::Lines;
pub use text::suite as suite_text;

/// The version of `report.json`, of the lines and of the data in `report.html`.
pub const SCHEMA: u32 = 1;

/// The version of the runner.
pub const RUNNER: &str = env!("CARGO_PKG_VERSION");

/// A run: who was asked what, and what became of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who was asked.
    pub subject: Subject,
    /// How one of its tests is played again.
    pub again: Again,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What was played, in this order.
    pub suites: Vec<Suite>,
}

/// Who is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Name of the implementation.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its roles.
    pub roles: BTreeSet<String>,
    /// The hooks that it offers, or may be asked for when it does not say.
    pub hooks: BTreeSet<String>,
}

/// One suite that was played.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// The digest of the requirements that it was made for.
    pub digest: String,
    /// How long it took.
    pub took: Duration,
    /// What became of it.
    pub outcome: Outcome,
}

impl Subject {
    /// What a manifest says of itself.
    pub fn of(manifest: &Manifest) -> Self {
        let all = HOOKS.iter().map(|hook| hook.name);
        Self {
            name: manifest.implementation.name.clone(),
            version: manifest.implementation.version.clone(),
            roles: manifest.roles.keys().cloned().collect(),
            hooks: all
                .filter(|hook| manifest.hooks.has(hook))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The level that its hooks reach; L0 without any.
    pub fn level(&self) -> Level {
        let own = HOOKS.iter().filter(|hook| self.hooks.contains(hook.name));
        own.map(|hook| hook.level).max().unwrap_or(Level::L0)
    }
}

impl Report {
    /// Every test, with its suite.
    pub fn tests(&self) -> impl Iterator<Item = (&Suite, &Played)> {
        let all = self.suites.iter();
        all.flat_map(|suite| {
            suite
                .outcome
                .played
                .iter()
                .map(move |played| (suite, played))
        })
    }

    /// How many tests have each verdict, in the order of [`Verdict::NAMES`].
    pub fn totals(&self) -> Vec<(&'static str, usize)> {
        let count = |name: &str| {
            self.suites
                .iter()
                .map(|suite| suite.outcome.count(name))
                .sum()
        };
        Verdict::NAMES
            .iter()
            .map(|name| (*name, count(name)))
            .collect()
    }

    /// The digest of the requirements that this runner knows.
    pub fn catalogue() -> String {
        crate::format::catalogue_digest(kaika_spec::PROSE)
    }

    /// When it began: UTC by RFC 3339, to the millisecond.
    pub fn began_text(&self) -> String {
        moment(self.began)
    }

    /// Each requirement that a test names: `fail` when one of its tests did not go as it should, `pass` when one did, else `skip`.
    pub fn requirements(&self) -> BTreeMap<&str, &'static str> {
        requirements(self.tests().map(|(_, played)| played))
    }

    /// The run as text.
    pub fn text(&self) -> String {
        text::whole(self)
    }

    /// The run as one JSON document; `spec/schema/report.schema.json` says its shape.
    pub fn json(&self) -> serde_json::Value {
        json::document(self)
    }

    /// The run as JUnit XML.
    ///
    /// # Errors
    /// When it cannot be written as XML.
    pub fn junit(&self) -> Result<String, String> {
        junit::document(self)
    }

    /// The run as a badge, in the form that badge servers read (an endpoint of version 1).
    pub fn badge(&self) -> serde_json::Value {
        let standing = self.suites.iter().map(|suite| suite.outcome.standing());
        let colour = match standing.max() {
            Some(Standing::Good) => "brightgreen",
            Some(Standing::Unclear) | None => "yellow",
            Some(Standing::Bad) => "red",
        };
        let passed = |name: &str| {
            self.suites
                .iter()
                .map(|suite| suite.outcome.count(name))
                .sum::<usize>()
        };
        let (all, passed) = (self.tests().count(), passed("pass") + passed("lenient"));
        serde_json::json!({
            "schemaVersion": 1,
            "label": "kaika conformance",
            "message": format!("{passed} of {all}"),
            "color": colour,
        })
    }

    /// The run as one HTML file that needs nothing else.
    pub fn html(&self) -> String {
        html::document(self)
    }

    /// Writes `report.txt`, `report.json`, `junit.xml`, `report.html` and `badge.json` into a directory.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), String> {
        let documents = [
            ("report.txt", self.text()),
            ("report.json", format!("{:#}\n", self.json())),
            ("junit.xml", self.junit()?),
            ("report.html", self.html()),
            ("badge.json", format!("{:#}\n", self.badge())),
        ];
        documents.iter().try_for_each(|(name, text)| {
            let path = dir.join(name);
            let written = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|error| format!("writing {}: {error}", path.display()))
        })
    }
}

/// UTC by RFC 3339, to the millisecond.
fn moment(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The role whose suite a test belongs to: the first part of its id.
fn role_of(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// Whole milliseconds.
fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn requirements<'a>(tests: impl Iterator<Item = &'a Played>) -> BTreeMap<&'a str, &'static str> {
    let mut worst: BTreeMap<&str, u8> = BTreeMap::new();
    for played in tests {
        let rank = match played.verdict {
            Verdict::Fail(_) | Verdict::Error(_) | Verdict::Inconclusive(_) => 0,
            Verdict::Pass | Verdict::Lenient(_) | Verdict::UnexpectedPass(_) => 1,
            Verdict::ExpectedFail(..) | Verdict::Skip(_) | Verdict::Unimplemented(_) => 2,
        };
        for id in &played.requirements {
            let known = worst.entry(id).or_insert(rank);
            *known = rank.min(*known);
        }
    }
    let name = |rank| match rank {
        0 => "fail",
        1 => "pass",
        _ => "skip",
    };
    worst
        .into_iter()
        .map(|(id, rank)| (id, name(rank)))
        .collect()
}
