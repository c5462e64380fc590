//! What tells mutants of the model: weaknesses that no other test tells, and paths from a list that is checked in.

use std::collections::{BTreeSet, VecDeque};

use kaika_conformance::format::{Criterion, Origin, Tier};
use kaika_model::{Machine, Weak};
use kaika_spec::Weakness;
use serde::Deserialize;

use crate::script::{Input, Script, State};
use crate::suite::{Ending, Shelf, names, test};
use crate::walk::walked;

/// Shortest paths on which a mutant of the model differs that no other vector tells.
const LISTED: &str = include_str!("../mutant-paths.json");

/// A path of the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Whose.
    role: String,
    /// In which chapter.
    chapter: String,
    /// Names of letters.
    path: Vec<String>,
}

/// Whether a subject with this weakness answers something on the path otherwise.
pub(crate) fn is_told<S: Script>(path: &[Input<S>], weakness: Weakness) -> bool {
    let (mut right, mut wrong) = (S::M::init(), S::M::init());
    path.iter().any(|input| {
        let differs = differs::<S>(&right, &wrong, input, weakness);
        right = S::M::step(&right, input, &Weak::HARDENED).next;
        wrong = S::M::step(&wrong, input, &Weak::only(weakness)).next;
        differs
    })
}

fn differs<S: Script>(
    right: &State<S>,
    wrong: &State<S>,
    input: &Input<S>,
    weakness: Weakness,
) -> bool {
    let expected = S::M::step(right, input, &Weak::HARDENED);
    let seen = S::M::step(wrong, input, &Weak::only(weakness));
    expected.verdict != seen.verdict || expected.out != seen.out
}

/// The shortest path of a chapter on which a subject with this weakness answers otherwise; nothing when there is none.
pub(crate) fn shortest<S: Script>(
    alphabet: &[Input<S>],
    weakness: Weakness,
) -> Option<Vec<Input<S>>> {
    let start = (S::M::init(), S::M::init());
    let mut known = BTreeSet::from([start]);
    let mut todo = VecDeque::from([(start, Vec::new())]);
    while let Some(((right, wrong), way)) = todo.pop_front() {
        for input in alphabet.iter().filter(|one| S::M::sayable(&right, one)) {
            let path: Vec<Input<S>> = way.iter().copied().chain([*input]).collect();
            if differs::<S>(&right, &wrong, input, weakness) {
                return Some(path);
            }
            let next = (
                S::M::step(&right, input, &Weak::HARDENED).next,
                S::M::step(&wrong, input, &Weak::only(weakness)).next,
            );
            if known.insert(next) {
                todo.push_back((next, path));
            }
        }
    }
    None
}

/// Adds the mutant tier: a test for each weakness that is not told yet and can be, and one for each listed path.
///
/// # Errors
/// Which listed path is none.
pub(crate) fn add<S: Script>(shelf: &mut Shelf, told: &BTreeSet<Weakness>) -> Result<(), String> {
    for weakness in Weakness::ALL.iter().filter(|one| !told.contains(one)) {
        let mut chapters = S::M::chapters().into_iter();
        let found = chapters.find_map(|(chapter, alphabet)| {
            let path = shortest::<S>(&alphabet, *weakness)?;
            Some((chapter, alphabet, path))
        });
        if let Some((chapter, alphabet, path)) = found {
            let kills = vec![weakness.name().to_owned()];
            put::<S>(shelf, chapter, &alphabet, &path, kills)?;
        }
    }
    for listed in listed()?.iter().filter(|one| one.role == S::ROLE) {
        let (alphabet, path) = read::<S>(listed)?;
        put::<S>(shelf, &listed.chapter, &alphabet, &path, Vec::new())?;
    }
    Ok(())
}

fn listed() -> Result<Vec<Listed>, String> {
    serde_json::from_str(LISTED).map_err(|error| format!("mutant-paths.json: {error}"))
}

/// The alphabet of a chapter, and a path in it.
type Read<S> = (Vec<Input<S>>, Vec<Input<S>>);

/// The alphabet and the letters of a listed path.
fn read<S: Script>(listed: &Listed) -> Result<Read<S>, String> {
    let wrong = |what: String| {
        format!(
            "mutant-paths.json: {} {}: {what}",
            listed.role, listed.chapter
        )
    };
    let mut chapters = S::M::chapters().into_iter();
    let chapter = chapters.find(|(name, _)| *name == listed.chapter);
    let (_, alphabet) = chapter.ok_or_else(|| wrong("no such chapter".to_owned()))?;
    let letters = S::M::inputs();
    let letter = |name: &String| {
        let found = letters.iter().find(|letter| letter.to_string() == *name);
        found
            .copied()
            .ok_or_else(|| wrong(format!("no letter {name}")))
    };
    let path = listed.path.iter().map(letter).collect::<Result<_, _>>()?;
    Ok((alphabet, path))
}

fn put<S: Script>(
    shelf: &mut Shelf,
    chapter: &str,
    alphabet: &[Input<S>],
    path: &[Input<S>],
    kills: Vec<String>,
) -> Result<(), String> {
    let model_path = names::<S>(path);
    let id = format!("{}/{chapter}/{}", S::ROLE, model_path.join(" "));
    if shelf.tests.iter().any(|test| test.id == id) {
        return Ok(());
    }
    let transition =
        walked::<S::M>(path).ok_or_else(|| format!("{id}: an input that cannot be said there"))?;
    let origin = Origin {
        criterion: Criterion::Mutant,
        model_path,
        kills,
        source: None,
    };
    let ending = Ending::Continuation(alphabet);
    let made = test::<S>(chapter, &transition, &ending, origin)?;
    let mut made = made.ok_or_else(|| format!("{id}: no message says it"))?;
    made.test.tier = Tier::Mutant;
    shelf.put(made);
    Ok(())
}
