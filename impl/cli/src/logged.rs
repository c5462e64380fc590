//! Which requirements the logs of the reference show: what `kaika conform --logged` writes and `kaika verify` holds a run to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

/// What was recorded: of the standard tier, all roles.
const RECORD: &str = include_str!("../../../conformance/logged.json");

/// Requirements by which the model decides what roles logged, each with those roles.
type Shown = BTreeMap<String, BTreeSet<String>>;

/// The requirements that the logs of a run showed so far.
#[derive(Debug, Default)]
pub(crate) struct Logged(Mutex<Shown>);

impl Logged {
    /// Adds what one check of logs found.
    pub(crate) fn note(&self, found: &BTreeMap<&'static str, BTreeSet<&'static str>>) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, roles) in found {
            let known = shown.entry((*id).to_owned()).or_default();
            known.extend(roles.iter().map(|role| (*role).to_owned()));
        }
    }

    /// As it is recorded: a requirement a line.
    pub(crate) fn text(&self) -> String {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |(id, roles): (&String, &BTreeSet<String>)| {
            let names: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
            format!("  \"{id}\": [{}]", names.join(", "))
        };
        let lines: Vec<String> = shown.iter().map(line).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// What was recorded and is not shown by this run.
    ///
    /// # Errors
    /// When the record is none.
    pub(crate) fn missing(&self) -> anyhow::Result<Vec<String>> {
        let recorded: Shown =
            serde_json::from_str(RECORD).context("reading conformance/logged.json")?;
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let none = BTreeSet::new();
        let mut missing = Vec::new();
        for (id, roles) in &recorded {
            let there = shown.get(id).unwrap_or(&none);
            let gone = roles.difference(there);
            missing.extend(gone.map(|role| format!("no event in the log of {role} shows {id}")));
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_shows_less_than_was_recorded_is_told_role_by_role() {
        let recorded: Shown = serde_json::from_str(RECORD).unwrap_or_default();
        let pairs: usize = recorded.values().map(BTreeSet::len).sum();
        let logged = Logged::default();
        assert!(pairs > 100, "{pairs}");
        assert_eq!(logged.missing().map(|all| all.len()).ok(), Some(pairs));
        logged.note(&BTreeMap::from([("APP-12", BTreeSet::from(["issuer"]))]));
        let missing = logged.missing().unwrap_or_default();
        assert_eq!(missing.len(), pairs - 1);
        assert!(missing.contains(&"no event in the log of verifier shows APP-12".to_owned()));
        assert_eq!(logged.text(), "{\n  \"APP-12\": [\"issuer\"]\n}\n");
    }
}
