//! The lock file: every id that a vector ever had, and what it means. Start at [`Lock::updated`].
//!
//! An id means the role and the inputs of the model, with the fault or field if there is one; without either, the steps as
//! they are played. What is expected is no part of it: a specification that changes its answer leaves the id alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kaika_conformance::crypto::sha256;
use kaika_conformance::format::{File, Step, Test};
use serde_json::Value;

/// Whether an id is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A vector has it.
    Active,
    /// A vector had it.
    Retired,
}

/// Ids, each with its meaning and its use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    ids: BTreeMap<String, (Use, String)>,
}

/// The fields of a step that say what is expected.
const EXPECTED: &[&str] = &[
    "accept", "data", "expect", "out", "outcomes", "refuse", "sw", "times", "with",
];

const HEAD: &str = "# Ids of vectors: use, meaning, id. Written by `kaika vectors`; an id keeps its meaning for ever.\n";

/// What a test is, whatever is expected of it: 16 hexadecimal digits.
pub fn meaning(test: &Test) -> String {
    let mut words = test.sut.clone();
    words.extend(test.origin.source.clone());
    if test.origin.model_path.is_empty() && test.origin.source.is_none() {
        words.extend(test.steps.iter().chain(&test.post).map(said));
    } else {
        words.extend(test.origin.model_path.iter().cloned());
    }
    let digest = sha256(&[words.join("\n").as_bytes()]);
    hex::encode(&digest[..8])
}

/// A step without what it expects.
fn said(step: &Step) -> String {
    serde_json::to_value(step)
        .map(|step| bare(&step).to_string())
        .unwrap_or_default()
}

fn bare(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(name, _)| !EXPECTED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), bare(value)))
            .collect(),
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Which line is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut ids = BTreeMap::new();
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.starts_with('#'))
        {
            let mut words = line.splitn(3, ' ');
            let (used, meaning, id) = (words.next(), words.next(), words.next());
            let used = match used {
                Some("active") => Use::Active,
                Some("retired") => Use::Retired,
                _ => return Err(format!("line {}: neither active nor retired", at + 1)),
            };
            let (Some(meaning), Some(id)) = (meaning, id) else {
                return Err(format!("line {}: use, meaning, id", at + 1));
            };
            if ids
                .insert(id.to_owned(), (used, meaning.to_owned()))
                .is_some()
            {
                return Err(format!("line {}: {id} twice", at + 1));
            }
        }
        Ok(Self { ids })
    }

    /// The text of the file, in the order of ids.
    pub fn write(&self) -> String {
        let mut text = HEAD.to_owned();
        for (id, (used, meaning)) in &self.ids {
            let used = match used {
                Use::Active => "active",
                Use::Retired => "retired",
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{used} {meaning} {id}");
        }
        text
    }

    /// How many ids are in use, and how many were.
    pub fn counts(&self) -> (usize, usize) {
        let active = self.ids.values().filter(|(used, _)| *used == Use::Active);
        let active = active.count();
        (active, self.ids.len() - active)
    }

    /// The lock after these suites: ids that no test has any more are retired, new ones are entered. Ids that contain a
    /// text of `same` take a new meaning: the test is the same, and only the steps that say it changed.
    ///
    /// # Errors
    /// Which ids have another meaning than before, be they in use or retired.
    pub fn updated(&self, files: &[File], same: &[String]) -> Result<Self, String> {
        let tests = files.iter().flat_map(|file| &file.tests);
        let now: BTreeMap<String, String> =
            tests.map(|test| (test.id.clone(), meaning(test))).collect();
        let is_same = |id: &str| same.iter().any(|text| id.contains(text.as_str()));
        let reused: Vec<String> = now
            .iter()
            .filter(|(id, _)| !is_same(id))
            .filter_map(|(id, meaning)| self.refused(id, meaning))
            .collect();
        if !reused.is_empty() {
            return Err(reused.join("\n"));
        }
        let mut ids = self.ids.clone();
        for (used, _) in ids.values_mut() {
            *used = Use::Retired;
        }
        ids.extend(
            now.into_iter()
                .map(|(id, meaning)| (id, (Use::Active, meaning))),
        );
        Ok(Self { ids })
    }

    fn refused(&self, id: &str, meaning: &str) -> Option<String> {
        let (used, before) = self.ids.get(id)?;
        let what = match used {
            Use::Active => "means something else than before: give it another id",
            Use::Retired => "was retired and meant something else: ids are not used again",
        };
        (before != meaning).then(|| format!("{id} {what}"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn suite(id: &str, say: &str, accept: &str, path: &[&str]) -> Vec<File> {
        let send = json!({"op": "send", "from": "verifier", "to": "issuer", "method": "GET", "path": ["v1", say], "expect": {"accept": {"state": accept}}});
        let file = json!({
            "format": 1, "suite": "a", "spec": {"catalogueDigest": "sha256:00"},
            "generator": {"name": "hand", "criteria": []}, "notes": {}, "fixtures": {}, "parts": {}, "numberOfTests": 1,
            "tests": [{
                "id": id, "tier": "standard", "title": "a", "sut": ["issuer"], "result": "valid", "requirements": ["WIR-1"],
                "origin": {"criterion": "hand", "modelPath": path}, "steps": [send],
            }],
        });
        vec![File::read("a.json", &file.to_string()).unwrap()]
    }

    fn locked(files: &[File]) -> Lock {
        Lock::default().updated(files, &[]).unwrap()
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let lock = locked(&suite("a b/c", "x", "open", &[]));
        let lock = lock
            .updated(&suite("d", "y", "open", &["x", "y"]), &[])
            .unwrap();
        assert_eq!(Lock::read(&lock.write()), Ok(lock.clone()));
        assert_eq!(lock.counts(), (1, 1));
        for (line, says) in [
            ("used 0 a", "line 1: neither"),
            ("active 0", "line 1: use"),
            ("active 0 a\nretired 0 a", "line 2: a twice"),
        ] {
            assert!(Lock::read(line).unwrap_err().contains(says), "{line}");
        }
    }

    #[test]
    fn another_answer_is_no_other_meaning() {
        let lock = locked(&suite("a", "x", "open", &[]));
        assert_eq!(lock.updated(&suite("a", "x", "closed", &[]), &[]), Ok(lock));
    }

    #[test]
    fn an_id_in_use_keeps_its_meaning() {
        for (path, other) in [
            (&["one"][..], &["two"][..]),
            (&[], &["one"]),
            (&["one"], &[]),
        ] {
            let lock = locked(&suite("a", "x", "open", path));
            let refused = lock.updated(&suite("a", "x", "open", other), &[]);
            assert!(refused.unwrap_err().contains("a means something else"));
        }
        let lock = locked(&suite("a", "x", "open", &[]));
        let other = suite("a", "y", "open", &[]);
        assert!(
            lock.updated(&other, &[])
                .unwrap_err()
                .contains("a means something else")
        );
        assert!(lock.updated(&other, &["a".to_owned()]).is_ok());
    }

    #[test]
    fn a_retired_id_is_kept_and_not_used_again() {
        let lock = locked(&suite("a", "x", "open", &[]));
        let retired = lock.updated(&suite("b", "x", "open", &[]), &[]).unwrap();
        assert!(retired.write().contains("retired"));
        let refused = retired.updated(&suite("a", "y", "open", &[]), &[]);
        assert!(refused.unwrap_err().contains("a was retired"));
        let back = retired.updated(&suite("a", "x", "open", &[]), &[]).unwrap();
        assert_eq!(back.counts(), (1, 1));
    }
}
