//! Ways that are worth a vector because they tell mutants that no other vector tells: `conformance/generate/mutant-paths.json`.

use kaika_model::Machine as _;
use serde::{Deserialize, Serialize};

use crate::judge::{Fate, Judged};
use crate::roles::{Input, Subject};
use crate::words::letters;

/// One way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The role.
    pub role: String,
    /// A chapter that has all its letters, or at least the last one.
    pub chapter: String,
    /// The letters.
    pub path: Vec<String>,
}

impl Made {
    /// Whether a test has this way.
    pub(crate) fn is_of<S: Subject>(&self, way: &[Input<S>]) -> bool {
        self.path.len() == way.len()
            && self
                .path
                .iter()
                .zip(way)
                .all(|(name, letter)| letter.to_string() == *name)
    }
}

/// Ways that tell all that survives, few of them: the longest is the first, and takes what it tells too.
pub(crate) fn wanted<S: Subject>(
    judged: &[Judged],
    tells: impl Fn(usize, &[Input<S>]) -> bool,
) -> Vec<Made> {
    let mut survivors: Vec<(usize, Vec<Input<S>>)> = Vec::new();
    for (place, one) in judged.iter().enumerate() {
        if let Fate::Survives(way) = &one.fate
            && let Ok(way) = letters::<S>(way)
        {
            survivors.push((place, way));
        }
    }
    survivors.retain(|(_, way)| is_sayable::<S>(way));
    survivors.sort_by(|(_, one), (_, other)| other.len().cmp(&one.len()).then(one.cmp(other)));
    let mut ways: Vec<Vec<Input<S>>> = Vec::new();
    for (place, way) in survivors {
        if !ways.iter().any(|taken| tells(place, taken)) {
            ways.push(way);
        }
    }
    let mut made: Vec<Made> = ways.iter().map(|way| made::<S>(way)).collect();
    made.sort();
    made
}

/// Letters that the machine forgets and a subject does not: a person's quota stays full.
const LAST: &[&str] = &["issue(quota-full)", "issue(quota-full,card-blocked)"];

/// Whether a test can have this way.
fn is_sayable<S: Subject>(way: &[Input<S>]) -> bool {
    let before = way
        .split_last()
        .map(|(_, before)| before)
        .unwrap_or_default();
    let forgotten = |letter: &Input<S>| LAST.contains(&letter.to_string().as_str());
    !before.iter().any(forgotten)
}

fn made<S: Subject>(way: &[Input<S>]) -> Made {
    let chapters = S::M::chapters();
    let has = |said: &[Input<S>]| {
        let all = |(_, letters): &&(&str, Vec<Input<S>>)| {
            said.iter().all(|letter| letters.contains(letter))
        };
        chapters
            .iter()
            .find(all)
            .map(|(name, _)| (*name).to_owned())
    };
    let last = way.last().map(std::slice::from_ref).unwrap_or_default();
    Made {
        role: S::ROLE.to_owned(),
        chapter: has(way).or_else(|| has(last)).unwrap_or_default(),
        path: way.iter().map(ToString::to_string).collect(),
    }
}

/// The file's text: what was made before, and what is wanted now.
pub fn text(before: &[Made], wanted: &[Made]) -> String {
    let mut all: Vec<&Made> = before.iter().chain(wanted).collect();
    all.sort();
    all.dedup_by(|one, other| (&one.role, &one.path) == (&other.role, &other.path));
    let lines: Vec<String> = all
        .iter()
        .filter_map(|made| serde_json::to_string(made).ok())
        .collect();
    format!("[\n  {}\n]\n", lines.join(",\n  "))
}
