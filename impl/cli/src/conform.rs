//! `kaika conform`: plays the suites against a subject.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use kaika_conformance::again::Again;
use kaika_conformance::contract::Level;
use kaika_conformance::explain::Reach;
use kaika_conformance::format::{File, Tier};
use kaika_conformance::journal::{Head, Journal};
use kaika_conformance::manifest::Manifest;
use kaika_conformance::peers::Peers;
use kaika_conformance::play::{PATIENCE, Runner};
use kaika_conformance::report::{Lines, Report, Subject, Suite};
use kaika_conformance::suite::{Filter, Outcome, Standing, run as play, stale};
use kaika_conformance::transcript::Transcript;
use kaika_conformance::verdict::{Played, Verdict};
use tokio::runtime::Runtime;

use crate::logged::Logged;
use crate::reference::{ROLES, Reference};
use crate::{NO, OK, UNCLEAR, bar};

/// Plays the vectors against a subject.
///
/// Exit codes: 0 something passed and everything is as expected; 1 a test failed, passed although it is known to fail, or a list of the
/// manifest names no test; 2 the command line is wrong; 3 nothing failed, but there is no verdict: answers that did not come, a hook
/// that failed, a run that was stopped, nothing that passed; 4 no run: no such manifest, nothing selected, a port in use.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The subject: a manifest, see conformance/subjects/; or `reference`, which is started for the run.
    #[arg(
        long,
        value_name = "FILE|reference",
        required_unless_present = "explain",
        default_value_if("explain", "true", "reference")
    )]
    subject: Option<String>,
    /// Only the suite of this role: issuer, verifier, identity, chip (or `se`), pos, terminal or system.
    #[arg(long)]
    role: Option<String>,
    /// Which tests: smoke, standard (with smoke, mutant and regression), identification, mutant, fault, race, regression, or all.
    #[arg(long, value_name = "TIER", default_value = "standard", value_parser = tier)]
    tier: Tiers,
    /// The chip is in this reader of PC/SC. The reference's chips go into it by vpcd. Needs a build with `--features pcsc`.
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    /// Only tests whose id contains this, or is what follows a `=`; may be given again.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only tests of this requirement; may be given again.
    #[arg(long, value_name = "ID")]
    requirement: Vec<String>,
    /// What every made-up value comes from: the same seed makes up the same people, keys and nonces.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Where the requirements are written that the logs of the reference show, each with the roles that logged it.
    #[arg(long, value_name = "FILE")]
    logged: Option<PathBuf>,
    /// Stops each suite at the first test that fails.
    #[arg(long)]
    first: bool,
    /// Writes what became of each test into this file while it runs; a run that was interrupted goes on from it.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Plays nothing: counts the tests and requirements that are within reach at each level of hooks.
    #[arg(long)]
    explain: bool,
    /// With --explain: lists the requirements that are out of reach at this level, L0 to L6.
    #[arg(long, value_name = "LEVEL", requires = "explain", value_parser = level)]
    level: Option<Level>,
    /// Where report.txt, report.json, events.jsonl, junit.xml, report.html and badge.json are written.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Where every HTTP message of the run and its answer are written, one JSON document a line.
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// After each suite, as many bare round trips by the same client: says on standard error how many vectors, messages and round trips a second.
    #[arg(long)]
    measure: bool,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// One tier with what belongs to it, or all.
#[derive(Clone, Copy, Debug)]
struct Tiers(Option<Tier>);

fn tier(name: &str) -> Result<Tiers, String> {
    if name == "all" {
        return Ok(Tiers(None));
    }
    let all: Vec<&str> = Tier::ALL.iter().map(|tier| tier.name()).collect();
    Tier::from_name(name)
        .map(|tier| Tiers(Some(tier)))
        .ok_or_else(|| format!("the tiers are {} and all", all.join(", ")))
}

fn level(name: &str) -> Result<Level, String> {
    Level::from_name(name).ok_or_else(|| "the levels are L0 to L6".to_owned())
}

/// What a run is begun with, whoever the subject is.
#[derive(Default)]
pub(crate) struct Plan {
    /// Which tests.
    pub(crate) filter: Filter,
    /// What made-up values come from; any when none.
    pub(crate) seed: Option<u64>,
    /// Where HTTP is written down.
    pub(crate) transcript: Option<Transcript>,
    /// Where verdicts are written down.
    pub(crate) resume: Option<PathBuf>,
    /// The chips' reader.
    pub(crate) reader: Option<String>,
    /// Whether bare round trips are measured too.
    pub(crate) measure: bool,
    /// Whether a suite ends at its first failure.
    pub(crate) first: bool,
    /// What the reference's logs show.
    pub(crate) logged: Logged,
    /// Where tests are written down as they end.
    pub(crate) lines: Option<Lines>,
}

pub(crate) fn run(args: &Args, runtime: &Runtime) -> anyhow::Result<u8> {
    let roles = roles(args.role.as_deref())?;
    let mut plan = plan(args)?;
    if args.explain {
        return explain(args, &roles, &plan.filter);
    }
    if args.reader.is_some() {
        check_reader(&roles)?;
    }
    if plan.seed.is_none() {
        plan.seed = Some(kaika_conformance::dice::any_seed());
    }
    let asked = args.subject.as_deref().unwrap_or_default();
    let again = Again {
        subject: asked.to_owned(),
        seed: plan.seed.unwrap_or_default(),
        reader: args.reader.clone(),
    };
    let subject = match asked {
        "reference" => crate::reference::subject(&roles),
        path => Subject::of(&read_manifest(Path::new(path))?),
    };
    if let Some(dir) = &args.report {
        plan.lines = Some(lines(dir, &subject, &again)?);
    }
    let (began, clock) = (SystemTime::now(), Instant::now());
    let suites = match asked {
        "reference" => {
            let mut suites = Vec::new();
            for role in roles {
                suites.extend(reference(role, &plan, runtime)?);
            }
            suites
        }
        path => manifest(Path::new(path), args, &roles, &plan)?,
    };
    if suites.is_empty() {
        bail!(
            "no vector is selected: --role, --tier, --only and --requirement leave none that this subject could be asked"
        );
    }
    let report = Report {
        subject,
        again,
        began,
        took: clock.elapsed(),
        suites,
    };
    told(&report, &plan, args)?;
    if let Some(path) = &args.logged {
        let text = plan.logged.text();
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(code(&report.suites))
}

/// The lines of a run, in a directory that is made.
pub(crate) fn lines(dir: &Path, subject: &Subject, again: &Again) -> anyhow::Result<Lines> {
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join("events.jsonl");
    let lines = Lines::begin(&path, subject, again.clone());
    lines.with_context(|| format!("writing {}", path.display()))
}

/// The exit code: the worst of the suites.
fn code(suites: &[Suite]) -> u8 {
    let worst = suites.iter().map(|suite| suite.outcome.standing()).max();
    match worst {
        Some(Standing::Good) => OK,
        Some(Standing::Bad) => NO,
        Some(Standing::Unclear) | None => UNCLEAR,
    }
}

fn plan(args: &Args) -> anyhow::Result<Plan> {
    let transcript = match &args.transcript {
        Some(path) => {
            let begun = Transcript::begin(path);
            Some(begun.with_context(|| format!("writing {}", path.display()))?)
        }
        None => None,
    };
    let seed = match &args.resume {
        Some(path) => journal_of(path, Journal::seed_of(path))?,
        None => None,
    };
    Ok(Plan {
        filter: Filter {
            only: args.only.clone(),
            requirements: args.requirement.clone(),
            tier: args.tier.0,
        },
        seed: args.seed.or(seed),
        transcript,
        resume: args.resume.clone(),
        reader: args.reader.clone(),
        measure: args.measure,
        first: args.first,
        logged: Logged::default(),
        lines: None,
    })
}

fn journal_of<T>(path: &Path, opened: Result<T, String>) -> anyhow::Result<T> {
    opened
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("the journal {}", path.display()))
}

fn explain(args: &Args, roles: &[&str], filter: &Filter) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    for role in roles {
        files.extend(suites(role, filter)?);
    }
    for file in &mut files {
        file.tests.retain(|test| filter.takes(test));
    }
    let reach = Reach::of(&files);
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&reach.document(args.level))?
        );
    } else {
        print!("{}", reach.text(args.level));
    }
    Ok(OK)
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
    if let Some(tier) = filter.tier {
        files.extend(crate::vectors::on_demand(role, tier)?);
    }
    files.retain(|file| file.tests.iter().any(|test| filter.takes(test)));
    Ok(files)
}

/// Plays the suites of one role against the reference.
pub(crate) fn reference(role: &str, plan: &Plan, runtime: &Runtime) -> anyhow::Result<Vec<Suite>> {
    let files = suites(role, &plan.filter)?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut subject = runtime.block_on(Reference::start(role, plan.reader.as_deref()))?;
    let runner = Runner::new(subject.manifest.clone(), PATIENCE);
    let runner = match subject.peers.take() {
        Some(peers) => runner.with_peers(peers),
        None => runner,
    };
    // Its addresses are others each time.
    let name = &subject.manifest.implementation;
    let runner = prepared(runner, plan, &format!("{} {}", name.name, name.version))?;
    let at_once = at_once(&subject.manifest, plan.reader.as_deref());
    let mut runs: Vec<Suite> = files
        .iter()
        .map(|file| watched(&runner, file, plan, at_once, role))
        .collect::<anyhow::Result<_>>()?;
    runs.extend(
        subject
            .traced(role, &plan.logged)?
            .map(|verdict| log(role, verdict)),
    );
    Ok(runs)
}

/// What is wrong with a role's log, as a suite of its own beside those that were played.
fn log(role: &str, verdict: Verdict) -> Suite {
    let played = Played {
        id: format!("log/{role}"),
        title: format!("the log of {role} is what the model allows"),
        requirements: Vec::new(),
        verdict,
        took: Duration::ZERO,
        chart: Vec::new(),
    };
    beside("log", vec![played])
}

/// A suite of what was not played.
fn beside(name: &str, played: Vec<Played>) -> Suite {
    Suite {
        name: name.to_owned(),
        digest: Report::catalogue(),
        took: Duration::ZERO,
        outcome: Outcome {
            played,
            stopped: None,
        },
    }
}

/// With seed, transcript and journal as planned.
fn prepared(mut runner: Runner, plan: &Plan, subject: &str) -> anyhow::Result<Runner> {
    if plan.first {
        runner = runner.stopping_after(1);
    }
    if let Some(transcript) = &plan.transcript {
        runner = runner.with_transcript(transcript.clone());
    }
    if let Some(seed) = plan.seed {
        runner = runner.with_seed(seed);
    }
    if let Some(path) = &plan.resume {
        let all = ROLES.iter().flat_map(|role| crate::vectors::files_of(role));
        let head = Head::new(runner.seed(), subject, all);
        runner = runner.with_journal(journal_of(path, Journal::open(path, &head))?);
    }
    Ok(runner)
}

fn read_manifest(path: &Path) -> anyhow::Result<Manifest> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let unfit = || format!("{} is no subject manifest", path.display());
    let mut subject = Manifest::read(&text).with_context(unfit)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    subject.gather(beside).with_context(unfit)?;
    Ok(subject)
}

fn manifest(
    path: &Path,
    args: &Args,
    roles: &[&'static str],
    plan: &Plan,
) -> anyhow::Result<Vec<Suite>> {
    let mut subject = read_manifest(path)?;
    if let Some(reader) = &plan.reader {
        let chip = subject.roles.entry("chip".to_owned()).or_default();
        chip.reader = Some(reader.clone());
    }
    let has = |role: &&&str| subject.roles.contains_key(**role);
    if args.role.is_some() && !roles.iter().all(|role| has(&role)) {
        bail!("{} names no {}", path.display(), roles.join(" or "));
    }
    let mut runs = baseline(&subject)?;
    let mut files = Vec::new();
    for role in roles.iter().filter(has) {
        let suites = suites(role, &plan.filter)?;
        files.extend(suites.into_iter().map(|file| (*role, file)));
    }
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let at_once = at_once(&subject, None);
    let mut runner = Runner::new(subject.clone(), PATIENCE);
    if !subject.peers.is_empty() {
        runner = runner.with_peers(Peers::start(&subject.peers).map_err(anyhow::Error::msg)?);
    }
    let runner = prepared(runner, plan, &serde_json::to_string(&subject)?)?;
    for (role, file) in &files {
        runs.push(watched(&runner, file, plan, at_once, role)?);
    }
    Ok(runs)
}

/// What the manifest's lists name that no suite has.
fn baseline(subject: &Manifest) -> anyhow::Result<Vec<Suite>> {
    if subject.known_failures.entries().is_empty() && subject.deny.is_empty() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for role in ROLES
        .iter()
        .filter(|role| subject.roles.contains_key(**role))
    {
        files.extend(suites(role, &Filter::default())?);
    }
    let played = stale(subject, &files);
    Ok((!played.is_empty())
        .then(|| beside("manifest", played))
        .into_iter()
        .collect())
}

/// How many tests are played at once: as the manifest says; one, where there is one reader.
fn at_once(subject: &Manifest, reader: Option<&str>) -> usize {
    let chip = subject.roles.get("chip");
    let reader = reader.or_else(|| chip.and_then(|chip| chip.reader.as_deref()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    match (reader, subject.parameters.at_once) {
        (Some(_), _) => 1,
        (None, Some(at_once)) => at_once,
        (None, None) => 2 * threads,
    }
}

/// Plays one suite under a progress bar.
fn watched(
    runner: &Runner,
    file: &File,
    plan: &Plan,
    at_once: usize,
    role: &str,
) -> anyhow::Result<Suite> {
    let sent = runner.sent();
    let bar = bar::counted(&file.suite, file.tests.len());
    let (clock, digest) = (Instant::now(), &file.spec.catalogue_digest);
    if let Some(lines) = &plan.lines {
        let tests = file.tests.iter().filter(|test| plan.filter.takes(test));
        lines.suite(&file.suite, digest, tests.count());
    }
    let outcome = play(
        runner,
        file,
        &plan.filter,
        at_once,
        &|done, total, played| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            if let Some(lines) = &plan.lines {
                lines.test(&file.suite, played);
            }
        },
    )
    .map_err(anyhow::Error::msg)?;
    bar.finish_and_clear();
    let suite = Suite {
        name: file.suite.clone(),
        digest: digest.clone(),
        took: clock.elapsed(),
        outcome,
    };
    if let Some(lines) = &plan.lines {
        lines.suite_end(&suite);
    }
    if plan.measure {
        measured(runner, &suite, runner.sent() - sent, at_once, role)?;
    }
    Ok(suite)
}

/// Says how fast a suite was played, beside as many bare round trips as it had messages, by the same client in the same run.
fn measured(
    runner: &Runner,
    suite: &Suite,
    messages: usize,
    at_once: usize,
    role: &str,
) -> anyhow::Result<()> {
    let tests = suite.outcome.played.len();
    let (rate, ms) = (a_second(tests, suite.took), suite.took.as_millis());
    let mut text = format!(
        "{}: {tests} vectors in {ms} ms, {rate} a second",
        suite.name
    );
    if messages > 0 {
        let role = if role == "system" { "verifier" } else { role };
        let bare = runner
            .bare(role, messages, at_once)
            .map_err(anyhow::Error::msg)?;
        let (said, trips) = (a_second(messages, suite.took), a_second(messages, bare));
        let share = 100 * bare.as_micros() / suite.took.as_micros().max(1);
        let most = a_second(tests, bare);
        text += &format!(
            " of at most {most}; {said} messages a second beside {trips} bare round trips a second: {share} %"
        );
    }
    eprintln!("{text}");
    Ok(())
}

/// How many in a second.
fn a_second(count: usize, took: Duration) -> u128 {
    let count = u128::try_from(count).unwrap_or_default();
    1_000_000 * count / took.as_micros().max(1)
}

fn told(report: &Report, plan: &Plan, args: &Args) -> anyhow::Result<()> {
    if let (Some(dir), Some(lines)) = (&args.report, &plan.lines) {
        written(report, lines, dir)?;
    }
    if args.json {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(())
}

/// Ends the lines and writes the rest of a report beside them.
pub(crate) fn written(report: &Report, lines: &Lines, dir: &Path) -> anyhow::Result<()> {
    lines.end(report).context("writing events.jsonl")?;
    report.write(dir).map_err(anyhow::Error::msg)
}
