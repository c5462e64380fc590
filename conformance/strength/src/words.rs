//! The ways of the vectors: what each test says to the role, letter by letter, its continuation included.

use kaika_conformance::format::{File, Step, Test};
use kaika_model::{Machine as _, Weak};

use crate::roles::{Input, State, Subject};

/// What a test says.
#[derive(Clone, Debug)]
pub(crate) struct Word<S: Subject> {
    /// The test.
    pub(crate) id: String,
    /// The path of the model.
    pub(crate) way: Vec<Input<S>>,
    /// The path and what is said after it.
    pub(crate) letters: Vec<Input<S>>,
    /// The weaknesses that it was labelled for.
    pub(crate) kills: Vec<String>,
}

/// The words of the tests of one role; tests about what the alphabet cannot say have none.
///
/// # Errors
/// Which test names a letter that the role has not.
pub(crate) fn words<S: Subject>(files: &[File]) -> Result<Vec<Word<S>>, String> {
    let tests = files.iter().flat_map(|file| &file.tests);
    let ours = |test: &&Test| test.sut == [S::ROLE] && !test.origin.model_path.is_empty();
    tests.filter(ours).map(word::<S>).collect()
}

fn word<S: Subject>(test: &Test) -> Result<Word<S>, String> {
    let way =
        letters::<S>(&test.origin.model_path).map_err(|what| format!("{}: {what}", test.id))?;
    let state = way.iter().fold(S::M::init(), |state, letter| {
        S::M::step(&state, letter, &Weak::HARDENED).next
    });
    let mut said = way.clone();
    // A test of the identification tier has what tells the state in its path already.
    let criterion = serde_json::to_value(test.origin.criterion).unwrap_or_default();
    if criterion != "identification" {
        said.extend(after::<S>(state, &test.post));
    }
    Ok(Word {
        id: test.id.clone(),
        way,
        letters: said,
        kills: test.origin.kills.clone(),
    })
}

/// Letters by their names.
///
/// # Errors
/// What is no letter.
pub(crate) fn letters<S: Subject>(names: &[String]) -> Result<Vec<Input<S>>, String> {
    let all = S::M::inputs();
    let letter = |name: &String| {
        let found = all
            .iter()
            .copied()
            .find(|letter| letter.to_string() == *name);
        found.ok_or_else(|| format!("`{name}` is no letter of the {}", S::ROLE))
    };
    names.iter().map(letter).collect()
}

/// The letters that a continuation's parts say; what is no letter's part (a question after outputs) says none.
fn after<S: Subject>(mut state: State<S>, post: &[Step]) -> Vec<Input<S>> {
    let all = S::M::inputs();
    let mut said = Vec::new();
    for step in post {
        let Step::Do(step) = step else { continue };
        let is_said = |letter: &&Input<S>| {
            S::M::sayable(&state, letter) && S::part(&state, letter) == step.part
        };
        if let Some(letter) = all.iter().find(is_said) {
            said.push(*letter);
            state = S::M::step(&state, letter, &Weak::HARDENED).next;
        }
    }
    said
}
