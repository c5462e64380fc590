//! `kaika conform`: plays the suites against a subject.

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, bail};
use kaika_conformance::again::Again;
use kaika_conformance::format::{File, Test};
use kaika_conformance::manifest::Manifest;
use kaika_conformance::peers::Peers;
use kaika_conformance::play::{PATIENCE, Runner};
use kaika_conformance::report::{Lines, Report, Subject, Suite};
use kaika_conformance::suite::{Filter, run as play};
use kaika_conformance::transcript::Transcript;
use tokio::runtime::Runtime;

use crate::reference::{self, ROLES, Reference};
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
    /// Where report.txt, report.json, events.jsonl, junit.xml and report.html are written.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Where every HTTP message of the run and its answer are written, one JSON document a line.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// What is written while tests are played.
#[derive(Default)]
pub(crate) struct Written {
    transcript: Option<Transcript>,
    lines: Option<Lines>,
}

pub(crate) fn run(args: &Args, runtime: &Runtime) -> anyhow::Result<u8> {
    let filter = Filter {
        only: args.only.clone(),
    };
    let roles = roles(args.role.as_deref())?;
    if args.reader.is_some() {
        check_reader(&roles)?;
    }
    let subject = subject(args, &roles)?;
    let written = Written {
        transcript: transcript(args)?,
        lines: lines(args, &subject)?,
    };
    let (began, clock) = (SystemTime::now(), Instant::now());
    let mut suites = Vec::new();
    if args.subject == "reference" {
        for role in roles {
            let reader = args.reader.as_deref();
            suites.extend(reference(role, reader, &filter, &written, runtime)?);
        }
    } else {
        suites = manifest(args, &roles, &filter, &written)?;
    }
    if suites.is_empty() {
        bail!(
            "no vector is selected: --role and --only leave none that this subject could be asked"
        );
    }
    let report = Report {
        subject,
        again: again(args),
        seed: None,
        began,
        took: clock.elapsed(),
        suites,
    };
    told(&report, &written, args)?;
    let good = report.suites.iter().all(|suite| suite.outcome.is_good());
    Ok(if good { OK } else { NO })
}

fn again(args: &Args) -> Again {
    Again {
        subject: args.subject.clone(),
        reader: args.reader.clone(),
    }
}

/// Who is asked, for the report.
fn subject(args: &Args, roles: &[&str]) -> anyhow::Result<Subject> {
    if args.subject == "reference" {
        return Ok(reference::subject(roles));
    }
    Ok(Subject::of(&read(&args.subject)?))
}

fn read(path: &str) -> anyhow::Result<Manifest> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    serde_json::from_str(&text).with_context(|| format!("{path} is no subject manifest"))
}

fn transcript(args: &Args) -> anyhow::Result<Option<Transcript>> {
    let path = args.transcript.as_ref();
    path.map(|path| Transcript::begin(path).with_context(|| format!("writing {}", path.display())))
        .transpose()
}

fn lines(args: &Args, subject: &Subject) -> anyhow::Result<Option<Lines>> {
    let Some(dir) = &args.report else {
        return Ok(None);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join("events.jsonl");
    let lines = Lines::begin(&path, subject, again(args), None);
    Ok(Some(
        lines.with_context(|| format!("writing {}", path.display()))?,
    ))
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
    files.retain(|file| selected(file, filter).next().is_some());
    Ok(files)
}

/// Plays the suites of one role against the reference.
pub(crate) fn reference(
    role: &str,
    reader: Option<&str>,
    filter: &Filter,
    written: &Written,
    runtime: &Runtime,
) -> anyhow::Result<Vec<Suite>> {
    let files = suites(role, filter)?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let subject = runtime.block_on(Reference::start(role, reader))?;
    let runner = Runner::new(subject.manifest.clone(), PATIENCE);
    let runner = match subject.peers {
        Some(peers) => runner.with_peers(peers),
        None => runner,
    };
    let runner = written_down(runner, written);
    let at_once = at_once(reader);
    let suites = files
        .iter()
        .map(|file| watched(&runner, file, filter, at_once, written));
    suites.collect()
}

fn written_down(runner: Runner, written: &Written) -> Runner {
    match &written.transcript {
        Some(transcript) => runner.with_transcript(transcript.clone()),
        None => runner,
    }
}

fn selected<'a>(file: &'a File, filter: &'a Filter) -> impl Iterator<Item = &'a Test> {
    let taken = |id: &str| {
        filter.only.is_empty() || filter.only.iter().any(|part| id.contains(part.as_str()))
    };
    file.tests.iter().filter(move |test| taken(&test.id))
}

fn manifest(
    args: &Args,
    roles: &[&'static str],
    filter: &Filter,
    written: &Written,
) -> anyhow::Result<Vec<Suite>> {
    let (path, named) = (&args.subject, args.role.is_some());
    let mut subject = read(path)?;
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
    let runner = written_down(runner, written);
    let mut suites_played = Vec::new();
    for role in roles {
        if !subject.roles.contains_key(*role) {
            if named {
                bail!("{path} names no {role}");
            }
            continue;
        }
        for file in suites(role, filter)? {
            suites_played.push(watched(&runner, &file, filter, at_once, written)?);
        }
    }
    Ok(suites_played)
}

/// How many tests are played at once: one, where there is one reader.
fn at_once(reader: Option<&str>) -> usize {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    if reader.is_some() { 1 } else { 2 * threads }
}

/// Plays one suite under a progress bar.
fn watched(
    runner: &Runner,
    file: &File,
    filter: &Filter,
    at_once: usize,
    written: &Written,
) -> anyhow::Result<Suite> {
    let bar = bar::counted(&file.suite, file.tests.len());
    let (clock, digest) = (Instant::now(), &file.spec.catalogue_digest);
    let lines = written.lines.as_ref();
    if let Some(lines) = lines {
        lines.suite(&file.suite, digest, selected(file, filter).count());
    }
    let outcome = play(runner, file, filter, at_once, &|done, total, played| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        if let Some(lines) = lines {
            lines.test(&file.suite, played);
        }
    })
    .map_err(anyhow::Error::msg)?;
    bar.finish_and_clear();
    let suite = Suite {
        name: file.suite.clone(),
        digest: digest.clone(),
        took: clock.elapsed(),
        outcome,
    };
    if let Some(lines) = lines {
        lines.suite_end(&suite);
    }
    Ok(suite)
}

fn told(report: &Report, written: &Written, args: &Args) -> anyhow::Result<()> {
    if let Some(lines) = &written.lines {
        lines.end(report).context("writing events.jsonl")?;
    }
    if let Some(dir) = &args.report {
        report.write(dir).map_err(anyhow::Error::msg)?;
    }
    if args.json {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(())
}
