//! `kaika vectors`: generates the vectors from the model.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use kaika_conformance::format::{Criterion, File, Test};

use crate::OK;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the vectors are.
    #[arg(long, value_name = "DIR", default_value = "conformance/vectors")]
    dir: PathBuf,
    /// Write nothing; fail when what is there is not what would be written.
    #[arg(long)]
    check: bool,
}

/// The vectors that this program was built with.
const CHECKED_IN: &[(&str, &str)] = &[
    (
        "issuer.json",
        include_str!("../../../conformance/vectors/issuer.json"),
    ),
    (
        "verifier.json",
        include_str!("../../../conformance/vectors/verifier.json"),
    ),
    (
        "identity.json",
        include_str!("../../../conformance/vectors/identity.json"),
    ),
    (
        "pos.json",
        include_str!("../../../conformance/vectors/pos.json"),
    ),
    (
        "system.json",
        include_str!("../../../conformance/vectors/system.json"),
    ),
    (
        "chip.json",
        include_str!("../../../conformance/vectors/chip.json"),
    ),
    (
        "hand/chip.json",
        include_str!("../../../conformance/vectors/hand/chip.json"),
    ),
];

/// The files of a role's suites: from the model, and by hand where there is one.
pub(crate) fn files_of(role: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let made = format!("{role}.json");
    let by_hand = format!("hand/{role}.json");
    let all = CHECKED_IN.iter().copied();
    all.filter(move |(name, _)| *name == made || *name == by_hand)
}

/// The checked-in text of a vector file.
pub(crate) fn checked_in(name: &str) -> Option<&'static str> {
    let found = CHECKED_IN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

/// How many tests there are, when what is checked in is what the model gives.
pub(crate) fn fresh() -> anyhow::Result<usize> {
    let mut tests = 0;
    for (name, text) in kaika_generate::all().map_err(anyhow::Error::msg)? {
        if checked_in(&name) != Some(&text) {
            bail!("{name} is stale: run `kaika vectors` and build again");
        }
        tests += text.matches("\"modelPath\"").count();
    }
    Ok(tests)
}

/// How many tests were written by hand.
///
/// # Errors
/// When a file is no suite.
pub(crate) fn by_hand() -> anyhow::Result<usize> {
    let mut tests = 0;
    for (name, text) in CHECKED_IN {
        let by_hand = |test: &&Test| test.origin.criterion == Criterion::Hand;
        tests += File::read(name, text)?.tests.iter().filter(by_hand).count();
    }
    Ok(tests)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    for (name, text) in kaika_generate::all().map_err(anyhow::Error::msg)? {
        let path = args.dir.join(&name);
        if args.check {
            let there = std::fs::read_to_string(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            if there != text {
                bail!("{} is stale: run `kaika vectors`", path.display());
            }
        } else {
            std::fs::write(&path, &text).with_context(|| format!("writing {}", path.display()))?;
        }
        println!(
            "{} {} tests",
            path.display(),
            text.lines()
                .filter(|line| line.starts_with("    {\"id\""))
                .count()
        );
    }
    Ok(OK)
}
