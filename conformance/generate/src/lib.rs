//! Vectors from the model: the only crate that names both model and conformance.
//!
//! [`all`] gives every file that is checked in, [`identification`] what is made on demand; `walk` finds the transitions,
//! `suite` makes tests of them, and there is one file of templates for each role.

pub mod answers;
pub mod chip;
mod coverage;
pub mod edges;
pub mod faults;
pub mod fields;
pub mod flows;
mod identify;
pub mod identity;
pub mod issuer;
pub mod lock;
mod mutants;
pub mod pos;
pub mod script;
pub mod sizes;
mod suite;
pub mod terminal;
mod tiers;
pub mod verifier;
pub mod walk;

use kaika_conformance::format::{File, Tier, catalogue_digest};

pub use coverage::Covered;
pub use identify::Reach;

/// The roles that have an identification tier.
pub const IDENTIFIED: &[&str] = &["issuer", "verifier", "identity", "chip", "pos", "terminal"];

/// Every vector file that is checked in, by name.
///
/// # Errors
/// When a template is no step, or a file would not be read again.
pub fn all() -> Result<Vec<(String, String)>, String> {
    suites()?.iter().map(written).collect()
}

/// The suites of [`all`].
///
/// # Errors
/// When a template is no step.
pub fn suites() -> Result<Vec<File>, String> {
    let digest = catalogue_digest(kaika_spec::PROSE);
    let mut files = vec![
        suite::suite::<issuer::Templates>(&digest)?,
        suite::suite::<verifier::Templates>(&digest)?,
        suite::suite::<identity::Templates>(&digest)?,
        suite::suite::<chip::Templates>(&digest)?,
        suite::suite::<pos::Templates>(&digest)?,
        suite::suite::<terminal::Templates>(&digest)?,
        flows::suite(&digest)?,
    ];
    files.iter_mut().for_each(answers::complete);
    Ok(files)
}

/// The identification tier of a role; nothing for a role that has none.
///
/// # Errors
/// When a template is no step.
pub fn identification(role: &str) -> Result<Option<File>, String> {
    let digest = catalogue_digest(kaika_spec::PROSE);
    let mut file = match role {
        "issuer" => identify::suite::<issuer::Templates>(&digest)?,
        "verifier" => identify::suite::<verifier::Templates>(&digest)?,
        "identity" => identify::suite::<identity::Templates>(&digest)?,
        "chip" => identify::suite::<chip::Templates>(&digest)?,
        "pos" => identify::suite::<pos::Templates>(&digest)?,
        "terminal" => identify::suite::<terminal::Templates>(&digest)?,
        _ => return Ok(None),
    };
    answers::complete(&mut file);
    Ok(Some(file))
}

/// What identification can tell of a role, chapter by chapter.
pub fn reach(role: &str) -> Vec<Reach> {
    match role {
        "issuer" => identify::reach::<issuer::Templates>(),
        "verifier" => identify::reach::<verifier::Templates>(),
        "identity" => identify::reach::<identity::Templates>(),
        "chip" => identify::reach::<chip::Templates>(),
        "pos" => identify::reach::<pos::Templates>(),
        "terminal" => identify::reach::<terminal::Templates>(),
        _ => Vec::new(),
    }
}

/// Which transitions of a role's model the tests of its suite take that are played with a tier.
pub fn coverage(role: &str, file: &File, tier: Tier) -> Vec<Covered> {
    match role {
        "issuer" => coverage::of::<issuer::Templates>(file, tier),
        "verifier" => coverage::of::<verifier::Templates>(file, tier),
        "identity" => coverage::of::<identity::Templates>(file, tier),
        "chip" => coverage::of::<chip::Templates>(file, tier),
        "pos" => coverage::of::<pos::Templates>(file, tier),
        "terminal" => coverage::of::<terminal::Templates>(file, tier),
        _ => Vec::new(),
    }
}

/// The field table of a role's messages.
///
/// # Errors
/// When its document is none, or a part says no message.
pub fn field_table(role: &str) -> Result<Vec<fields::Line>, String> {
    match role {
        "issuer" => fields::table::<issuer::Templates>(),
        "verifier" => fields::table::<verifier::Templates>(),
        "identity" => fields::table::<identity::Templates>(),
        _ => Ok(Vec::new()),
    }
}

/// Requests with a body whose fields no vector of a role tries.
///
/// # Errors
/// As [`field_table`].
pub fn untried(role: &str) -> Result<Vec<String>, String> {
    match role {
        "issuer" => fields::untried::<issuer::Templates>(),
        "verifier" => fields::untried::<verifier::Templates>(),
        "identity" => fields::untried::<identity::Templates>(),
        _ => Ok(Vec::new()),
    }
}

fn written(file: &File) -> Result<(String, String), String> {
    let name = format!("{}.json", file.suite);
    let text = file.write();
    File::read(&name, &text).map_err(|error| error.to_string())?;
    Ok((name, text))
}
