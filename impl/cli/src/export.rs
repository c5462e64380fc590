//! `kaika export`: the labelled transition system of a scope, for other tools.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use kaika_model::export::{Format, System, export};
use kaika_model::{Config, Tier};
use kaika_spec::Scope;

use crate::{NOBODY_READS, OK, check};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One scope: issuance, provisioning, pay, tap, manage or whole.
    #[arg(value_parser = check::scope)]
    scope: Scope,
    /// Aldebaran's .aut for CADP and mCRL2, Graphviz, or JSON with one value a line.
    #[arg(long, value_enum)]
    format: FormatArg,
    /// Against whom: T0 to T5.
    #[arg(long, value_parser = check::tier, default_value = "T0")]
    tier: Tier,
    /// Countermeasures to leave out, by their weakness, with commas between; or as-claimed.
    #[arg(long, value_name = "NAME,…", default_value = "")]
    weaken: String,
    /// How much may happen in one run: default, deep, or a JSON file of budgets.
    #[arg(long, value_name = "default|deep|FILE", default_value = "default")]
    bounds: String,
    /// Write nothing when there are more states.
    #[arg(long, value_name = "STATES", default_value = "200000")]
    limit: u32,
    /// Where to write it, whole or not at all; to the standard output by default.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    Aut,
    Dot,
    Json,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Aut => Self::Aut,
            FormatArg::Dot => Self::Dot,
            FormatArg::Json => Self::Json,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let config = Config {
        weak: check::weak(&args.weaken)?,
        tier: args.tier,
        bounds: check::bounds(&args.bounds)?,
    };
    let system = export(args.scope, config, args.limit)?;
    match &args.out {
        Some(file) => {
            whole(file, &system, args.format.into())
                .with_context(|| format!("writing {}", file.display()))?;
            println!(
                "{}: {} states, {} transitions, {} initial",
                file.display(),
                system.states,
                system.transitions.len(),
                system.openings.len()
            );
        }
        None => told(&system, args.format.into())?,
    }
    Ok(OK)
}

/// Writes beside the file and then switches.
fn whole(file: &Path, system: &System, format: Format) -> io::Result<()> {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    let mut beside = tempfile::Builder::new()
        .permissions(readable())
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    let mut to = BufWriter::new(beside.as_file_mut());
    system.write(format, &mut to)?;
    to.flush()?;
    drop(to);
    beside.persist(file)?;
    Ok(())
}

/// As a file is that one makes by hand: a temporary one would be its owner's alone.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

/// Writes to the standard output; ends quietly when nobody reads.
fn told(system: &System, format: Format) -> io::Result<()> {
    let mut to = BufWriter::new(io::stdout().lock());
    match system.write(format, &mut to).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(NOBODY_READS),
        done => done,
    }
}
