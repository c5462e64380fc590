//! What became of each test, written while a run goes on, so that one that was interrupted can be continued.
//!
//! The first line says of which run it is: seed, subject, suites. Every other line is one test. A line that was cut short by
//! the interruption is dropped; a test without a verdict (inconclusive, error) is played again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::crypto::sha256;
use crate::verdict::{Played, Verdict};

/// The form of a journal.
const FORM: u32 = 1;

/// Of which run a journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The form of the journal.
    pub journal: u32,
    /// What everything that is made up comes from.
    pub seed: u64,
    /// Digest of the subject: of its manifest, or its name and version.
    pub subject: String,
    /// Digests of the suites by name.
    pub suites: BTreeMap<String, String>,
}

/// One test.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    suite: String,
    played: Played,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: Mutex<File>,
    had: BTreeMap<(String, String), Played>,
}

impl Head {
    /// The head of a run.
    pub fn new<'a>(
        seed: u64,
        subject: &str,
        suites: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let digest = |text: &str| hex::encode(sha256(&[text.as_bytes()]));
        Self {
            journal: FORM,
            seed,
            subject: digest(subject),
            suites: suites
                .into_iter()
                .map(|(name, text)| (name.to_owned(), digest(text)))
                .collect(),
        }
    }

    fn agrees(&self, other: &Self) -> Result<(), String> {
        let same = |what: &str, same: bool| {
            same.then_some(())
                .ok_or_else(|| format!("it is of another run: another {what}"))
        };
        same("form", self.journal == other.journal)?;
        same("subject", self.subject == other.subject)?;
        same("seed", self.seed == other.seed)?;
        same("suite", self.suites == other.suites)
    }
}

impl Journal {
    /// The seed of a journal that was begun; nothing where there is none yet.
    ///
    /// # Errors
    /// When there is a file and it is no journal.
    pub fn seed_of(path: &Path) -> Result<Option<u64>, String> {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.is_empty() => head_of(&text).map(|head| Some(head.seed)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Begins a journal, or goes on with one of the same run.
    ///
    /// # Errors
    /// When it cannot be read or written, is damaged before its last line, or is of another run.
    pub fn open(path: &Path, head: &Head) -> Result<Self, String> {
        let there = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.to_string()),
        };
        let had = if there.is_empty() {
            BTreeMap::new()
        } else {
            head_of(&there)?.agrees(head)?;
            lines_of(&there)?
        };
        // What was cut short must not run into the next line.
        let whole = there.rfind('\n').map_or(0, |end| end + 1);
        let said = |error: std::io::Error| error.to_string();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(said)?;
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))
            .map_err(said)?;
        if whole == 0 {
            let head = serde_json::to_string(head).map_err(|error| error.to_string())?;
            file.write_all(format!("{head}\n").as_bytes())
                .map_err(said)?;
        }
        Ok(Self {
            file: Mutex::new(file),
            had,
        })
    }

    /// What became of a test before.
    pub fn had(&self, suite: &str, id: &str) -> Option<&Played> {
        self.had.get(&(suite.to_owned(), id.to_owned()))
    }

    /// Writes down what became of a test.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&self, suite: &str, played: &Played) -> std::io::Result<()> {
        let line = serde_json::to_string(&Line {
            suite: suite.to_owned(),
            played: played.clone(),
        })?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
    }
}

fn head_of(text: &str) -> Result<Head, String> {
    let line = text.lines().next().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| format!("line 1 is no head of a journal: {error}"))
}

fn lines_of(text: &str) -> Result<BTreeMap<(String, String), Played>, String> {
    let mut had = BTreeMap::new();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (at, line) in whole.lines().enumerate().skip(1) {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| format!("line {} is no line of a journal: {error}", at + 1))?;
        let key = (line.suite, line.played.id.clone());
        if matches!(
            line.played.verdict,
            Verdict::Inconclusive(_) | Verdict::Error(_)
        ) {
            had.remove(&key);
        } else {
            had.insert(key, line.played);
        }
    }
    Ok(had)
}
