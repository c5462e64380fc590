//! How many tests there are, by tier and role.

use std::collections::BTreeMap;
use std::fmt;

use kaika_conformance::format::{File, Tier};

/// How many tests of each tier the suites of each role have, and how many steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// By role, then by tier: tests and steps, a named part counted as one.
    counted: BTreeMap<String, BTreeMap<Tier, (usize, usize)>>,
}

impl Sizes {
    /// Counts a suite to its role: the first word of its tests' ids.
    pub fn count(&mut self, file: &File) {
        for test in &file.tests {
            let role = test.id.split('/').next().unwrap_or_default();
            let tiers = self.counted.entry(role.to_owned()).or_default();
            let (tests, steps) = tiers.entry(test.tier).or_default();
            *tests += 1;
            *steps += test.steps.len() + test.post.len();
        }
    }
}

/// A table in Markdown: a row for each tier, a column for each role, `tests / steps`.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles: Vec<&String> = self.counted.keys().collect();
        let row = |f: &mut fmt::Formatter<'_>, first: &str, cells: Vec<String>| {
            writeln!(f, "| {first} | {} |", cells.join(" | "))
        };
        row(
            f,
            "tier",
            roles.iter().map(|role| (*role).clone()).collect(),
        )?;
        writeln!(f, "|---|{}", "---:|".repeat(roles.len()))?;
        for tier in Tier::ALL {
            let cell = |role: &&String| match self.counted[*role].get(tier) {
                Some((tests, steps)) => format!("{tests} / {steps}"),
                None => "–".to_owned(),
            };
            row(f, tier.name(), roles.iter().map(cell).collect())?;
        }
        Ok(())
    }
}
