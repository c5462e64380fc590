//! The vector file: its types, its strict reader and the lint behind `spec/schema/vectors.schema.json`.
//!
//! Start at [`File::read`]. Bodies are JSON in which an object whose only key begins with `$` is an operator
//! ([`OPERATORS`]); everything else is fixed, and what is not known is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::sha256;

mod client;
mod lint;
mod phone;
mod step;

pub use client::{Card, Crash, Hear, Host, Reply, Shown, Told, Trigger};
pub use phone::{
    Answer, Asks, Chip, Evidence, Hush, Key, Method, Pull, Repeats, Sign, Signed, Verifier, Will,
};
pub use step::*;

/// The format that this reader reads.
pub const FORMAT: u32 = 1;

/// A suite of vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct File {
    /// [`FORMAT`].
    pub format: u32,
    /// Its name, e.g. `made/issuer`.
    pub suite: String,
    /// Against which specification.
    pub spec: SpecDigest,
    /// Who wrote it.
    pub generator: Generator,
    /// What the flags of tests mean.
    pub notes: BTreeMap<String, String>,
    /// Constants.
    pub fixtures: BTreeMap<String, Value>,
    /// Named runs of steps that tests are made of.
    pub parts: BTreeMap<String, Vec<Step>>,
    /// How many tests there are: a cut file is noticed.
    pub number_of_tests: usize,
    /// The tests.
    pub tests: Vec<Test>,
}

/// What is read of a file of any format.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: Value,
}

/// Which specification a suite was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpecDigest {
    /// `sha256:` and the digest of [`catalogue_digest`].
    pub catalogue_digest: String,
}

/// Who wrote a suite and by which criteria.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Program, or `hand`.
    pub name: String,
    /// What was covered, in words.
    pub criteria: Vec<String>,
}

/// What a subject does right in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It accepts.
    Valid,
    /// It refuses, and goes on as if nothing had been said.
    Invalid,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Test {
    /// Never reused.
    pub id: String,
    /// How much playing it costs, and what it is for.
    pub tier: Tier,
    /// In words.
    pub title: String,
    /// Roles under test; the runner plays the others.
    pub sut: Vec<String>,
    /// What the subject must offer: `hook:clock`, `hook:chip`, `hook:restart`, `hook:trigger`, `hook:crash`, `feature:vault`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether the last step is refused.
    pub result: Kind,
    /// Keys of the notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Requirement ids.
    pub requirements: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What is played.
    pub steps: Vec<Step>,
    /// What shows that a refusal changed nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<Step>,
}

impl Test {
    /// What is played, and what shows that a refusal changed nothing.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.post)
    }
}

/// Where a test comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Origin {
    /// Which rule asked for it.
    pub criterion: Criterion,
    /// The inputs of the model, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_path: Vec<String>,
    /// The weaknesses that it tells from the specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<String>,
    /// Which fault, finding or attack asked for it, when that was none of the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How much of a suite is played. Every test is in one tier; [`Tier::plays`] says which are played with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// A happy path of each chapter, and a test of each requirement.
    Smoke,
    /// Every distinguishable state with every input, and what the alphabet cannot say.
    Standard,
    /// The same, and then what tells the state that was reached from every other.
    Identification,
    /// What tells a mutant of the model that nothing before it tells.
    Mutant,
    /// A happy path with something going wrong at each of its steps.
    Fault,
    /// Messages at the same time.
    Race,
    /// What was once found to be wrong.
    Regression,
}

impl Tier {
    /// Every tier.
    pub const ALL: &'static [Self] = &[
        Self::Smoke,
        Self::Standard,
        Self::Identification,
        Self::Mutant,
        Self::Fault,
        Self::Race,
        Self::Regression,
    ];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Standard => "standard",
            Self::Identification => "identification",
            Self::Mutant => "mutant",
            Self::Fault => "fault",
            Self::Race => "race",
            Self::Regression => "regression",
        }
    }

    /// The tier with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|tier| tier.name() == name)
    }

    /// The tiers that are played when this one is asked for: with the standard one all that are cheap.
    pub const fn plays(self) -> &'static [Self] {
        match self {
            Self::Smoke => &[Self::Smoke],
            Self::Standard => &[Self::Smoke, Self::Standard, Self::Mutant, Self::Regression],
            Self::Identification => &[Self::Identification],
            Self::Mutant => &[Self::Mutant],
            Self::Fault => &[Self::Fault],
            Self::Race => &[Self::Race],
            Self::Regression => &[Self::Regression],
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a test exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// A transition of the model.
    Transition,
    /// The shortest way to tell a weakness.
    Mutant,
    /// A transition of the model, and a sequence that tells its state.
    Identification,
    /// A whole flow.
    Flow,
    /// A wrong variant of a field of a message.
    Field,
    /// A fault on a happy path.
    Fault,
    /// Messages at the same time.
    Race,
    /// Something that was wrong once; `source` says what.
    Regression,
    /// Written by hand.
    Hand,
}

/// The operators that a value or a pattern may hold.
pub const OPERATORS: &[&str] = &[
    "$ref",
    "$fixture",
    "$fresh",
    "$calc",
    "$mutate",
    "$now",
    "$repeat",
    "$bind",
    "$hex",
    "$oneOf",
    "$text",
    "$any",
    "$absent",
    "$optional",
];

/// Why a file is no suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct Unreadable {
    /// Which file.
    pub file: String,
    /// What is wrong, and where.
    pub what: String,
}

impl File {
    /// Reads and lints a suite.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Self, Unreadable> {
        let wrong = |what: String| Unreadable {
            file: name.to_owned(),
            what,
        };
        let head: Head = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let format = head.format.as_u64();
        if format != Some(u64::from(FORMAT)) {
            return Err(wrong(format!(
                "format {format:?}; this reader knows {FORMAT}"
            )));
        }
        let file: Self = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        file.lint().map_err(wrong)?;
        Ok(file)
    }

    /// Canonical text, which is compared byte by byte: the head in full, then one test on each line.
    ///
    /// # Panics
    /// Never: these types are JSON.
    pub fn write(&self) -> String {
        let head = Self {
            tests: Vec::new(),
            ..self.clone()
        };
        let lines: Option<Vec<String>> = self
            .tests
            .iter()
            .map(|test| serde_json::to_string(test).ok())
            .collect();
        let (Ok(head), Some(lines)) = (serde_json::to_string_pretty(&head), lines) else {
            panic!("vector files are JSON")
        };
        let head = head.trim_end_matches("[]\n}");
        format!("{head}[\n    {}\n  ]\n}}\n", lines.join(",\n    "))
    }
}

/// An object with one key that begins with `$`.
pub fn operator(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.iter()
        .next()
        .filter(|(key, _)| key.starts_with('$'))
        .map(|(key, value)| (key.as_str(), value))
}

/// `ABC-1`.
pub fn is_requirement(id: &str) -> bool {
    id.split_once('-').is_some_and(|(topic, number)| {
        topic.len() == 3
            && topic.bytes().all(|b| b.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The digest of the catalogue: every requirement's heading and the sentence with its MUST, file by file.
pub fn catalogue_digest(files: &[(&str, &str)]) -> String {
    let mut lines = Vec::new();
    for (_, text) in files {
        let mut inside = false;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                inside = is_requirement(heading.split(' ').next().unwrap_or_default());
            }
            if inside && (line.starts_with("### ") || line.contains("MUST")) {
                lines.push(line.trim());
            }
        }
    }
    format!(
        "sha256:{}",
        hex::encode(sha256(&[lines.join("\n").as_bytes()]))
    )
}
