//! `kaika vectors`: generates the vectors from the model, and keeps their ids.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use kaika_conformance::format::{Criterion, File, Test, Tier};
use kaika_generate::lock::Lock;
use kaika_generate::sizes::Sizes;

use crate::OK;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the vectors are; the lock file of their ids is beside it.
    #[arg(long, value_name = "DIR", default_value = "conformance/vectors")]
    dir: PathBuf,
    /// Write nothing; fail when what is there is not what would be written.
    #[arg(long)]
    check: bool,
    /// Ids that contain this mean the same as before, although the steps that say it changed; may be given again.
    #[arg(long, value_name = "TEXT")]
    same: Vec<String>,
    /// Print how many tests each role has in each tier, and write nothing.
    #[arg(long, conflicts_with_all = ["check", "tier"])]
    sizes: bool,
    /// Write a tier that is made on demand (`identification`), into --out.
    #[arg(long, value_name = "TIER", requires = "out", conflicts_with = "check")]
    tier: Option<String>,
    /// Where the tier that is made on demand is written.
    #[arg(long, value_name = "DIR", requires = "tier")]
    out: Option<PathBuf>,
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
        "terminal.json",
        include_str!("../../../conformance/vectors/terminal.json"),
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
        BY_HAND,
        include_str!("../../../conformance/vectors/hand/chip.json"),
    ),
];

/// The suite that is written by hand.
const BY_HAND: &str = "hand/chip.json";

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../../conformance/vectors.lock");

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

/// The suite of a role in a tier that is made on demand; nothing for another tier, and for a role that has none.
///
/// # Errors
/// When a template is no step.
pub(crate) fn on_demand(role: &str, tier: Tier) -> anyhow::Result<Option<File>> {
    match tier {
        Tier::Identification => kaika_generate::identification(role).map_err(anyhow::Error::msg),
        Tier::Smoke
        | Tier::Standard
        | Tier::Mutant
        | Tier::Fault
        | Tier::Race
        | Tier::Regression => Ok(None),
    }
}

/// How many tests there are, when what is checked in is what the model gives.
pub(crate) fn fresh() -> anyhow::Result<usize> {
    let mut files = Vec::new();
    for (name, text) in kaika_generate::all().map_err(anyhow::Error::msg)? {
        if checked_in(&name) != Some(&text) {
            bail!("{name} is stale: run `kaika vectors` and build again");
        }
        files.push(File::read(&name, &text)?);
    }
    let made = |test: &&Test| test.origin.criterion != Criterion::Hand;
    let tests = files
        .iter()
        .flat_map(|file| &file.tests)
        .filter(made)
        .count();
    files.push(File::read(
        BY_HAND,
        checked_in(BY_HAND).unwrap_or_default(),
    )?);
    let lock = Lock::read(LOCK).map_err(|what| anyhow!("vectors.lock: {what}"))?;
    if lock.updated(&files, &[]).map_err(anyhow::Error::msg)? != lock {
        bail!("vectors.lock is stale: run `kaika vectors` and build again");
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
    if args.sizes {
        print!("{}", sizes()?);
        return Ok(OK);
    }
    if let (Some(tier), Some(out)) = (&args.tier, &args.out) {
        return demanded(tier, out);
    }
    let made = kaika_generate::all().map_err(anyhow::Error::msg)?;
    let mut files = Vec::new();
    for (name, text) in &made {
        files.push(File::read(name, text)?);
    }
    let by_hand = args.dir.join(BY_HAND);
    if by_hand.exists() {
        files.push(File::read(BY_HAND, &read(&by_hand)?)?);
    }
    let lock = args.dir.with_extension("lock");
    let ids = locked(&lock, &files, &args.same)?;
    for (name, text) in &made {
        put(&args.dir.join(name), text, args.check)?;
    }
    put(&lock, &ids.write(), args.check)?;
    for (file, (name, _)) in files.iter().zip(&made) {
        let path = args.dir.join(name);
        println!("{} {} tests", path.display(), file.number_of_tests);
    }
    let (active, retired) = ids.counts();
    println!("{} {active} ids, {retired} retired", lock.display());
    Ok(OK)
}

/// The lock with these suites.
fn locked(path: &Path, files: &[File], same: &[String]) -> anyhow::Result<Lock> {
    let before = if path.exists() {
        let text = read(path)?;
        Lock::read(&text).map_err(|what| anyhow!("{}: {what}", path.display()))?
    } else {
        Lock::default()
    };
    let refused = |what: String| {
        anyhow!(
            "{what}\n(`--same TEXT` when a test is the same and only the steps that say it changed)"
        )
    };
    before.updated(files, same).map_err(refused)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Writes a file, or compares it.
fn put(path: &Path, text: &str, check: bool) -> anyhow::Result<()> {
    if !check {
        return std::fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    }
    if read(path)? != text {
        bail!("{} is stale: run `kaika vectors`", path.display());
    }
    Ok(())
}

/// Writes a tier that is not checked in.
fn demanded(tier: &str, out: &Path) -> anyhow::Result<u8> {
    let known = Tier::from_name(tier);
    let Some(tier @ Tier::Identification) = known else {
        bail!(
            "--tier {tier}: only `identification` is made on demand; the others are in the files of --dir"
        );
    };
    let dir = out.join(tier.name());
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    for role in kaika_generate::IDENTIFIED {
        if let Some(file) = on_demand(role, tier)? {
            let path = dir.join(format!("{role}.json"));
            put(&path, &file.write(), false)?;
            println!("{} {} tests", path.display(), file.number_of_tests);
        }
    }
    Ok(OK)
}

/// How many tests there are, by tier and role.
fn sizes() -> anyhow::Result<Sizes> {
    let mut sizes = Sizes::default();
    for (name, text) in CHECKED_IN {
        sizes.count(&File::read(name, text)?);
    }
    for role in kaika_generate::IDENTIFIED {
        if let Some(file) = on_demand(role, Tier::Identification)? {
            sizes.count(&file);
        }
    }
    Ok(sizes)
}
