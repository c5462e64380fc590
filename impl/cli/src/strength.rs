//! `kaika strength`: how strong the vectors are, as a ratchet and a page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kaika_strength::figures::Figures;
use kaika_strength::judge::Fate;
use kaika_strength::{MADE, Strength, holes, made, page};
use serde_json::{Value, json};

use crate::{NO, OK, bar};

/// The figures that may only rise.
const RATCHET: &str = "conformance/strength.json";
/// What is told about them.
const PAGE: &str = "docs/strength.md";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The top of the repository, whose vectors, model and code are measured.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Writes the ratchet, the page, and the ways that would tell what no vector tells.
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Writes nothing; fails when a figure fell or the page is stale.
    #[arg(long)]
    check: bool,
    /// Prints the figures, and what no vector tells, as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let progress = bar::counted("mutants", kaika_strength::mutants());
    let measured = kaika_strength::measure(&args.root, &|| progress.inc(1));
    progress.finish_and_clear();
    let strength = measured.map_err(anyhow::Error::msg)?;
    let figures = Figures::of(&strength);
    if args.json {
        println!("{}", json(&strength, &figures));
    } else {
        print!("{}", page::lines(&strength, &figures));
    }
    if args.write {
        write(&args.root, &strength, &figures)?;
    }
    if args.check {
        return checked(&args.root, &strength, &figures);
    }
    Ok(OK)
}

fn json(strength: &Strength, figures: &Figures) -> Value {
    let untold = strength.roles.iter().flat_map(|role| {
        role.judged.iter().filter_map(|one| {
            let way = match &one.fate {
                Fate::Survives(way) => json!(way),
                Fate::Undecided => Value::Null,
                Fate::Killed { .. } | Fate::Equivalent => return None,
            };
            Some(json!({"role": role.role, "mutant": one.mutant.to_string(), "way": way}))
        })
    });
    let untold: Vec<Value> = untold.collect();
    json!({"figures": figures, "untold": untold})
}

fn write(root: &Path, strength: &Strength, figures: &Figures) -> anyhow::Result<()> {
    let before = kaika_strength::made(root).map_err(anyhow::Error::msg)?;
    let wanted: Vec<_> = strength
        .roles
        .iter()
        .flat_map(|role| role.wanted.iter().cloned())
        .collect();
    put(&root.join(RATCHET), &figures.text())?;
    put(&root.join(PAGE), &page::page(strength, figures))?;
    put(&root.join(MADE), &made::text(&before, &wanted))
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    println!("{} written", path.display());
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn checked(root: &Path, strength: &Strength, figures: &Figures) -> anyhow::Result<u8> {
    let path = root.join(RATCHET);
    let before = Figures::read(&read(&path)?)
        .map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))?;
    let mut complaints = figures.complaints(&before);
    complaints.extend(holes::complaints(&strength.requirements));
    if read(&root.join(PAGE))? != page::page(strength, figures) {
        complaints.push(format!("{PAGE} is stale: run `kaika strength --write`"));
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() {
        println!("no figure fell");
        return Ok(OK);
    }
    Ok(NO)
}
