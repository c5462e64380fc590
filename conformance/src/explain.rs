//! What a subject can be asked at each level of the contract, and what stays out of reach: from the suites alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::contract::{Level, level_of};
use crate::format::{File, Test};

/// What each level reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many tests each level has that the one below has not.
    pub tests: BTreeMap<Level, usize>,
    /// The least level at which each requirement has a test.
    pub requirements: BTreeMap<String, Level>,
}

impl Level {
    fn of(test: &Test) -> Self {
        level_of(test.needs.iter().map(String::as_str))
    }
}

impl Reach {
    /// Counts suites.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let mut tests: BTreeMap<Level, usize> =
            Level::ALL.iter().map(|level| (*level, 0)).collect();
        let mut requirements: BTreeMap<String, Level> = BTreeMap::new();
        for test in files.into_iter().flat_map(|file| &file.tests) {
            let level = Level::of(test);
            *tests.entry(level).or_default() += 1;
            for id in &test.requirements {
                let least = requirements.entry(id.clone()).or_insert(level);
                *least = level.min(*least);
            }
        }
        Self {
            tests,
            requirements,
        }
    }

    /// How many tests a level reaches, and how many there are.
    pub fn tests_at(&self, level: Level) -> (usize, usize) {
        let reached = self.tests.range(..=level).map(|(_, count)| count).sum();
        (reached, self.tests.values().sum())
    }

    /// The requirements of which no test is within reach of a level.
    pub fn unreached(&self, level: Level) -> BTreeSet<&str> {
        let beyond = self
            .requirements
            .iter()
            .filter(|(_, least)| **least > level);
        beyond.map(|(id, _)| id.as_str()).collect()
    }

    /// A table of the levels, and what one of them does not reach.
    pub fn text(&self, level: Option<Level>) -> String {
        let mut text = String::from("level   tests   requirements\n");
        let all = self.requirements.len();
        for one in Level::ALL {
            let (reached, total) = self.tests_at(*one);
            let requirements = all - self.unreached(*one).len();
            let _ = writeln!(
                text,
                "{}   {reached:>5} of {total}   {requirements:>3} of {all}",
                one.name()
            );
        }
        if let Some(level) = level {
            let unreached: Vec<&str> = self.unreached(level).into_iter().collect();
            let name = level.name();
            let _ = match unreached[..] {
                [] => writeln!(
                    text,
                    "at {name} every requirement that has a test has one within reach"
                ),
                _ => writeln!(
                    text,
                    "at {name} no test of these {} requirements is within reach: {}",
                    unreached.len(),
                    unreached.join(" ")
                ),
            };
        }
        text
    }

    /// The same for machines.
    pub fn document(&self, level: Option<Level>) -> Value {
        let all = self.requirements.len();
        let levels: Vec<Value> = Level::ALL
            .iter()
            .map(|one| {
                let (tests, of) = self.tests_at(*one);
                let requirements = all - self.unreached(*one).len();
                json!({"level": one.name(), "tests": tests, "of_tests": of, "requirements": requirements, "of_requirements": all})
            })
            .collect();
        let mut document = json!({ "levels": levels });
        if let Some(level) = level {
            document["level"] = json!(level.name());
            document["unreached"] = json!(self.unreached(level));
        }
        document
    }
}
