//! Vectors from the model: the only crate that names both model and conformance.
//!
//! [`all`] gives every file; [`walk`] finds the transitions, [`script`] makes tests of them, and there is one file of
//! templates for each role.

pub mod answers;
pub mod chip;
pub mod flows;
pub mod issuer;
pub mod script;
mod tiers;
pub mod verifier;
pub mod walk;

use kaika_conformance::format::{File, catalogue_digest};

/// Every vector file, by name.
///
/// # Errors
/// When a template is no step, or a file would not be read again.
pub fn all() -> Result<Vec<(String, String)>, String> {
    let digest = catalogue_digest(kaika_spec::PROSE);
    let mut files = [
        script::suite::<issuer::Templates>(&digest)?,
        script::suite::<verifier::Templates>(&digest)?,
        script::suite::<chip::Templates>(&digest)?,
        flows::suite(&digest)?,
    ];
    files.iter_mut().for_each(answers::complete);
    files.iter().map(written).collect()
}

fn written(file: &File) -> Result<(String, String), String> {
    let name = format!("{}.json", file.suite);
    let text = file.write();
    File::read(&name, &text).map_err(|error| error.to_string())?;
    Ok((name, text))
}
