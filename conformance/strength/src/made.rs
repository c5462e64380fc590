//! Ways that are worth a vector because they tell mutants that no other vector tells: `conformance/generate/mutant-paths.json`.

use kaika_model::Machine as _;
use serde::{Deserialize, Serialize};

use crate::judge::{Fate, Judged};
use crate::roles::{Input, Subject};
use crate::words::letters;

/// One way, and the mutants that it was made for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The role.
    pub role: String,
    /// A chapter that has all its letters; nothing when none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chapter: Option<String>,
    /// The letters.
    pub path: Vec<String>,
    /// What it tells.
    pub mutants: Vec<String>,
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
    let mut survivors: Vec<(usize, &Judged, Vec<Input<S>>)> = Vec::new();
    for (place, one) in judged.iter().enumerate() {
        if let Fate::Survives(way) = &one.fate
            && let Ok(way) = letters::<S>(way)
        {
            survivors.push((place, one, way));
        }
    }
    survivors.sort_by(|one, other| other.2.len().cmp(&one.2.len()).then(one.2.cmp(&other.2)));
    let mut ways: Vec<(Vec<Input<S>>, Vec<String>)> = Vec::new();
    for (place, one, way) in survivors {
        let name = one.mutant.to_string();
        match ways.iter_mut().find(|(taken, _)| tells(place, taken)) {
            Some((_, mutants)) if mutants.contains(&name) => {}
            Some((_, mutants)) => mutants.push(name),
            None => ways.push((way, vec![name])),
        }
    }
    let mut made: Vec<Made> = ways
        .into_iter()
        .map(|(way, mutants)| made::<S>(&way, mutants))
        .collect();
    made.sort();
    made
}

fn made<S: Subject>(way: &[Input<S>], mutants: Vec<String>) -> Made {
    let has_all = |letters: &[Input<S>]| way.iter().all(|letter| letters.contains(letter));
    let chapter = S::M::chapters()
        .into_iter()
        .find(|(_, letters)| has_all(letters));
    Made {
        role: S::ROLE.to_owned(),
        chapter: chapter.map(|(name, _)| name.to_owned()),
        path: way.iter().map(ToString::to_string).collect(),
        mutants,
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
