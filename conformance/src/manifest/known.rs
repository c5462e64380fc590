//! The baseline: tests that are known to fail. An entry that names no test, or a test that passes, fails the run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Manifest, Unreadable, bad, given};

/// One test, or all whose id has a beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The test's id; with `*` at its end, the beginning of ids.
    pub test: String,
    /// The step at which it fails, from one; any when absent.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub step: Option<usize>,
    /// Why it is known.
    pub reason: String,
}

/// Known failures, here or in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum KnownFailures {
    /// Here.
    Here(Vec<Known>),
    /// In a file, its name relative to the manifest's.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for KnownFailures {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = KnownFailures;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of {test, step, reason} or the name of a file that holds one")
            }

            fn visit_str<E: serde::de::Error>(self, file: &str) -> Result<KnownFailures, E> {
                Ok(KnownFailures::File(PathBuf::from(file)))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                all: A,
            ) -> Result<KnownFailures, A::Error> {
                let all = serde::de::value::SeqAccessDeserializer::new(all);
                Vec::deserialize(all).map(KnownFailures::Here)
            }
        }
        from.deserialize_any(Either)
    }
}

impl Default for KnownFailures {
    fn default() -> Self {
        Self::Here(Vec::new())
    }
}

impl Known {
    /// Whether it names this test.
    pub fn names(&self, id: &str) -> bool {
        match self.test.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => self.test == id,
        }
    }
}

impl KnownFailures {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Here(all) if all.is_empty())
    }

    /// The entries; those in a file only after [`Manifest::gather`].
    pub fn entries(&self) -> &[Known] {
        match self {
            Self::Here(all) => all,
            Self::File(_) => &[],
        }
    }

    pub(super) fn judge(&self) -> Result<(), Unreadable> {
        for (at, known) in self.entries().iter().enumerate() {
            let field = |name: &str| format!("known_failures[{at}].{name}");
            if known.test.trim_end_matches('*').is_empty() {
                return Err(bad(field("test"), "names every test"));
            }
            if known.reason.is_empty() {
                return Err(bad(field("reason"), "is empty"));
            }
            if known.step == Some(0) {
                return Err(bad(field("step"), "steps are counted from one"));
            }
        }
        Ok(())
    }
}

impl Manifest {
    /// Reads the known failures that are in a file; its name is relative to `beside`.
    ///
    /// # Errors
    /// When the file cannot be read or is no such list.
    pub fn gather(&mut self, beside: &Path) -> Result<(), Unreadable> {
        let KnownFailures::File(file) = &self.known_failures else {
            return Ok(());
        };
        let path = beside.join(file);
        let wrong = |what: String| bad("known_failures", format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let mut from = serde_json::Deserializer::from_str(&text);
        let all: Vec<Known> = serde_path_to_error::deserialize(&mut from)
            .map_err(|error| wrong(format!("{}: {}", error.path(), error.inner())))?;
        from.end().map_err(|error| wrong(error.to_string()))?;
        self.known_failures = KnownFailures::Here(all);
        self.known_failures.judge()
    }
}
