//! How strong the vectors are, measured by the model. Start at [`measure`]; [`page::page`] writes what was found, and
//! [`figures::Figures`] is the ratchet.
//!
//! The build script writes each role's step once more, with a switch at every place where it could be wrong
//! ([`mutant`]). A mutant is killed when some vector's way is answered otherwise; what no vector tells is decided by a
//! search over pairs of states, right and wrong.

pub mod cover;
pub mod figures;
pub mod holes;
pub mod judge;
pub mod made;
pub mod mutant;
pub mod page;
pub mod requirement;
mod roles;
mod search;
mod seen;
mod switch;
#[cfg(test)]
mod tests;
mod trie;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use kaika_conformance::format::File;
use kaika_model::Machine as _;
use kaika_spec::Weakness;
use serde_json::Value;

use cover::Cover;
use judge::{Court, Fate, Judged};
use made::Made;
use requirement::Shown;
use roles::Subject;
use seen::Eyes;
use trie::Trie;

/// Where the vectors are.
pub const VECTORS: &str = "conformance/vectors";
/// Where the ways are that are worth a vector.
pub const MADE: &str = "conformance/generate/mutant-paths.json";

/// What was measured of one role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub role: &'static str,
    /// Vectors that are ways of its machine.
    pub words: usize,
    /// States that its whole alphabet reaches.
    pub states: usize,
    /// Such a state and a letter that a tester can say there.
    pub steps: usize,
    /// Every mutant.
    pub judged: Vec<Judged>,
    /// Every named weakness.
    pub weaknesses: Vec<(Weakness, Fate)>,
    /// States that two letters tell apart, chapter by chapter.
    pub short: Vec<(&'static str, Cover)>,
    /// States that some experiment tells apart.
    pub full: Vec<(&'static str, Cover)>,
    /// The ways of what survives.
    pub wanted: Vec<Made>,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Strength {
    /// The roles that vectors are generated for.
    pub roles: Vec<Role>,
    /// Who shows each requirement.
    pub requirements: Vec<(String, Shown)>,
}

/// How many mutants [`measure`] judges.
pub fn mutants() -> usize {
    use kaika_generate::{chip, identity, issuer, pos, terminal, verifier};
    <verifier::Templates as Subject>::MUTANTS.len()
        + <issuer::Templates as Subject>::MUTANTS.len()
        + <identity::Templates as Subject>::MUTANTS.len()
        + <chip::Templates as Subject>::MUTANTS.len()
        + <pos::Templates as Subject>::MUTANTS.len()
        + <terminal::Templates as Subject>::MUTANTS.len()
}

/// Measures the vectors of the repository at `root`; `done` is told of each mutant that was judged.
///
/// # Errors
/// Which file cannot be read, or what in it is not what it should be.
pub fn measure(root: &Path, done: &(dyn Fn() + Sync)) -> Result<Strength, String> {
    let files = vectors(root)?;
    let made = made(root)?;
    let roles = vec![
        role::<kaika_generate::verifier::Templates>(&files, &made, done)?,
        role::<kaika_generate::issuer::Templates>(&files, &made, done)?,
        role::<kaika_generate::identity::Templates>(&files, &made, done)?,
        role::<kaika_generate::chip::Templates>(&files, &made, done)?,
        role::<kaika_generate::pos::Templates>(&files, &made, done)?,
        role::<kaika_generate::terminal::Templates>(&files, &made, done)?,
    ];
    Ok(Strength {
        roles,
        requirements: requirement::requirements(root, &files)?,
    })
}

/// The suites, those by hand included.
fn vectors(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for folder in [root.join(VECTORS), root.join(VECTORS).join("hand")] {
        for path in json_files(&folder)? {
            let name = path.display().to_string();
            let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            let value: Value =
                serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
            // What is no suite of steps (answers of other programs, a lock) is not for this.
            if value.get("numberOfTests").is_some() {
                files.push(File::read(&name, &text).map_err(|error| error.to_string())?);
            }
        }
    }
    Ok(files)
}

fn json_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The ways that vectors were made of because of a mutant; none when there is no such file.
///
/// # Errors
/// What is wrong with the file.
pub fn made(root: &Path) -> Result<Vec<Made>, String> {
    let path = root.join(MADE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn role<S: Subject>(
    files: &[File],
    made: &[Made],
    done: &(dyn Fn() + Sync),
) -> Result<Role, String> {
    let words = words::words::<S>(files)?;
    let states = search::reached::<S>(&S::M::inputs());
    let eyes = Eyes::<S>::new(&states);
    let trie = Trie::new(&words);
    let steps = search::Steps::<S>::new(&states);
    let court = Court {
        eyes: &eyes,
        words: &words,
        trie: &trie,
        steps: &steps,
        made,
    };
    let judged = court.mutants(done);
    let weaknesses = Weakness::ALL
        .iter()
        .map(|weakness| (*weakness, court.weakness(*weakness)))
        .collect();
    let covers = |length| {
        let chapters = S::M::chapters().into_iter();
        chapters
            .map(|(name, letters)| (name, cover::cover(&eyes, &trie, &letters, length)))
            .collect()
    };
    Ok(Role {
        role: S::ROLE,
        words: words.len(),
        states: states.len(),
        steps: steps.count(),
        wanted: made::wanted::<S>(&judged, |place, way| court.tells(place, way)),
        judged,
        weaknesses,
        short: covers(Some(2)),
        full: covers(None),
    })
}
