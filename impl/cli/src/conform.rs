//! `kaika conform`: plays the suites against a subject.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kaika_conformance::format::File;
use kaika_conformance::manifest::Manifest;
use kaika_conformance::peers::Peers;
use kaika_conformance::play::{PATIENCE, Runner};
use kaika_conformance::report;
use kaika_conformance::suite::{Filter, Outcome, run as play};
use kaika_conformance::transcript::Transcript;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::reference::{ROLES, Reference};
use crate::{NO, OK, bar};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The subject: a manifest, see conformance/subjects/; or `reference`, which is started for the run.
    #[arg(long, value_name = "FILE|reference")]
    subject: String,
    /// Only the suite of this role: issuer, verifier, chip (or `se`) or system.
    #[arg(long)]
    role: Option<String>,
    /// The chip is in this reader of PC/SC. The reference's chips go into it by vpcd. Needs a build with `--features pcsc`.
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    /// Only tests whose id contains this; may be given again.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Where report.txt and report.json are written.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Where every HTTP message of the run and its answer are written, one JSON document a line.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// What was played of one suite.
pub(crate) struct Run {
    /// Its name.
    pub(crate) suite: String,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

pub(crate) fn run(args: &Args, runtime: &Runtime) -> anyhow::Result<u8> {
    let filter = Filter {
        only: args.only.clone(),
    };
    let roles = roles(args.role.as_deref())?;
    if args.reader.is_some() {
        check_reader(&roles)?;
    }
    let transcript = match &args.transcript {
        Some(path) => {
            let begun = Transcript::begin(path);
            Some(begun.with_context(|| format!("writing {}", path.display()))?)
        }
        None => None,
    };
    let mut runs = Vec::new();
    if args.subject == "reference" {
        for role in roles {
            let reader = args.reader.as_deref();
            runs.extend(reference(
                role,
                reader,
                &filter,
                transcript.as_ref(),
                runtime,
            )?);
        }
    } else {
        runs = manifest(args, &roles, &filter, transcript.as_ref())?;
    }
    if runs.is_empty() {
        bail!(
            "no vector is selected: --role and --only leave none that this subject could be asked"
        );
    }
    told(&runs, args)?;
    Ok(if runs.iter().all(|run| run.outcome.is_good()) {
        OK
    } else {
        NO
    })
}

/// A reader holds chips, one at a time.
fn check_reader(roles: &[&str]) -> anyhow::Result<()> {
    if !cfg!(feature = "pcsc") {
        bail!("--reader: this program has no PC/SC; build it with `--features pcsc`");
    }
    if roles != ["chip"] {
        bail!("--reader: only chips are in readers; say `--role chip` too");
    }
    Ok(())
}

fn roles(wanted: Option<&str>) -> anyhow::Result<Vec<&'static str>> {
    // A secure element is a chip.
    let wanted = wanted.map(|role| if role == "se" { "chip" } else { role });
    let all = ROLES.iter().copied();
    let taken: Vec<_> = all
        .filter(|role| wanted.is_none_or(|wanted| wanted == *role))
        .collect();
    if taken.is_empty() {
        bail!("the roles with a suite are {}", ROLES.join(", "));
    }
    Ok(taken)
}

/// The checked-in suites of a role of which the filter takes something.
pub(crate) fn suites(role: &str, filter: &Filter) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for (name, text) in crate::vectors::files_of(role) {
        files.push(File::read(name, text)?);
    }
    files.retain(|file| selects(file, filter));
    Ok(files)
}

/// Plays the suites of one role against the reference.
pub(crate) fn reference(
    role: &str,
    reader: Option<&str>,
    filter: &Filter,
    transcript: Option<&Transcript>,
    runtime: &Runtime,
) -> anyhow::Result<Vec<Run>> {
    let files = suites(role, filter)?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut subject = runtime.block_on(Reference::start(role, reader))?;
    let runner = Runner::new(subject.manifest.clone(), PATIENCE);
    let runner = match subject.peers.take() {
        Some(peers) => runner.with_peers(peers),
        None => runner,
    };
    let runner = written_down(runner, transcript);
    let at_once = at_once(reader);
    let runs = files
        .iter()
        .map(|file| watched(&runner, file, filter, at_once))
        .collect::<anyhow::Result<_>>()?;
    subject.traced(role)?;
    Ok(runs)
}

fn written_down(runner: Runner, transcript: Option<&Transcript>) -> Runner {
    match transcript {
        Some(transcript) => runner.with_transcript(transcript.clone()),
        None => runner,
    }
}

fn selects(file: &File, filter: &Filter) -> bool {
    let taken = |id: &str| {
        filter.only.is_empty() || filter.only.iter().any(|part| id.contains(part.as_str()))
    };
    file.tests.iter().any(|test| taken(&test.id))
}

fn manifest(
    args: &Args,
    roles: &[&'static str],
    filter: &Filter,
    transcript: Option<&Transcript>,
) -> anyhow::Result<Vec<Run>> {
    let (path, named) = (Path::new(&args.subject), args.role.is_some());
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut subject: Manifest = serde_json::from_str(&text)
        .with_context(|| format!("{} is no subject manifest", path.display()))?;
    if let Some(reader) = &args.reader {
        let chip = subject.roles.entry("chip".to_owned()).or_default();
        chip.reader = Some(reader.clone());
    }
    let chip = subject.roles.get("chip");
    let at_once = at_once(chip.and_then(|chip| chip.reader.as_deref()));
    let mut runner = Runner::new(subject.clone(), PATIENCE);
    if !subject.peers.is_empty() {
        runner = runner.with_peers(Peers::start(&subject.peers).map_err(anyhow::Error::msg)?);
    }
    let runner = written_down(runner, transcript);
    let mut runs = Vec::new();
    for role in roles {
        if !subject.roles.contains_key(*role) {
            if named {
                bail!("{} names no {role}", path.display());
            }
            continue;
        }
        for file in suites(role, filter)? {
            runs.push(watched(&runner, &file, filter, at_once)?);
        }
    }
    Ok(runs)
}

/// How many tests are played at once: one, where there is one reader.
fn at_once(reader: Option<&str>) -> usize {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    if reader.is_some() { 1 } else { 2 * threads }
}

/// Plays one suite under a progress bar.
fn watched(runner: &Runner, file: &File, filter: &Filter, at_once: usize) -> anyhow::Result<Run> {
    let bar = bar::counted(&file.suite, file.tests.len());
    let outcome = play(runner, file, filter, at_once, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
    .map_err(anyhow::Error::msg)?;
    bar.finish_and_clear();
    Ok(Run {
        suite: file.suite.clone(),
        outcome,
    })
}

fn told(runs: &[Run], args: &Args) -> anyhow::Result<()> {
    let text: String = runs
        .iter()
        .map(|run| report::text(&run.suite, &run.outcome))
        .collect();
    let all: Vec<Value> = runs
        .iter()
        .map(|run| report::document(&run.suite, &run.outcome))
        .collect();
    let document = serde_json::to_string_pretty(&json!({"subject": args.subject, "suites": all}))?;
    if let Some(dir) = &args.report {
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        std::fs::write(dir.join("report.txt"), &text)?;
        std::fs::write(dir.join("report.json"), &document)?;
    }
    if args.json {
        println!("{document}");
    } else {
        print!("{text}");
    }
    Ok(())
}
