//! `kaika verify`, and `kaika` alone: explores the model, generates the vectors, plays them against the reference.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use kaika_conformance::again::Again;
use kaika_conformance::dice::any_seed;
use kaika_conformance::format::Tier;
use kaika_conformance::report::{Report, Suite, suite_text};
use kaika_conformance::suite::Filter;
use kaika_model::check::{Engine, cores, tiers_of};
use kaika_model::explore::Limits;
use kaika_model::{Bounds, Config, Weak};
use kaika_spec::Scope;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::conform::Plan;
use crate::reference::ROLES;
use crate::{NO, OK, check, conform, reference, vectors};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Where report.txt, report.json, events.jsonl, junit.xml, report.html and badge.json of what was played are written.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// What this does not show.
const NOT_SHOWN: &str = "not shown: what is not claimed (docs/matrix.md); TLS; \
     what only hours of fuzzing or power cuts under the store would find";

struct Shown {
    states: usize,
    made: usize,
    tests: usize,
    passed: usize,
    failures: Vec<String>,
    split: [Duration; 3],
}

pub(crate) fn run(args: &Args, runtime: &Runtime) -> anyhow::Result<u8> {
    let mut shown = Shown {
        states: 0,
        made: 0,
        tests: 0,
        passed: 0,
        failures: Vec::new(),
        split: [Duration::ZERO; 3],
    };
    let began = Instant::now();
    explore(&mut shown, args.json);
    shown.split[0] = began.elapsed();
    let began = Instant::now();
    match vectors::fresh() {
        Ok(tests) => {
            shown.made = tests;
            shown.tests = tests + vectors::by_hand()?;
        }
        Err(error) => shown.failures.push(format!("{error:#}")),
    }
    shown.split[1] = began.elapsed();
    play_all(args, &mut shown, runtime)?;
    told(&shown, args.json)?;
    Ok(if shown.failures.is_empty() { OK } else { NO })
}

fn explore(shown: &mut Shown, quiet: bool) {
    let limits = Limits {
        threads: cores(),
        ..Limits::default()
    };
    let all = Scope::ALL.iter().flat_map(|scope| {
        let tiers = tiers_of(*scope).iter();
        tiers.map(move |tier| (*scope, *tier))
    });
    for (at, (scope, tier)) in all.enumerate() {
        let config = Config {
            weak: Weak::HARDENED,
            tier,
            bounds: Bounds::DEFAULT,
        };
        let report = check::watched(scope, config, Engine::Native, limits);
        if !quiet {
            check::print_line(&report, tier, at == 0);
        }
        shown.states += report.states;
        if !report.holds() {
            shown.failures.push(format!(
                "{scope} against {}: {:?} {:?}",
                tier.name(),
                report.violated,
                report.unreached
            ));
        }
    }
}

/// The standard tier.
fn standard(seed: u64) -> Plan {
    let filter = Filter {
        tier: Some(Tier::Standard),
        ..Filter::default()
    };
    Plan {
        filter,
        seed: Some(seed),
        ..Plan::default()
    }
}

fn play_all(args: &Args, shown: &mut Shown, runtime: &Runtime) -> anyhow::Result<()> {
    let again = Again {
        subject: "reference".to_owned(),
        seed: any_seed(),
        reader: None,
    };
    let subject = reference::subject(ROLES);
    let mut plan = standard(again.seed);
    if let Some(dir) = &args.report {
        plan.lines = Some(conform::lines(dir, &subject, &again)?);
    }
    let (began, clock) = (SystemTime::now(), Instant::now());
    let mut suites = Vec::new();
    for role in ROLES {
        let played = conform::reference(role, &plan, runtime)?;
        judged(role, &played, &again, shown, args.json);
        suites.extend(played);
    }
    shown.failures.extend(plan.logged.missing()?);
    shown.split[2] = clock.elapsed();
    if let (Some(dir), Some(lines)) = (&args.report, &plan.lines) {
        let report = Report {
            subject,
            again,
            began,
            took: clock.elapsed(),
            suites,
        };
        conform::written(&report, lines, dir)?;
    }
    Ok(())
}

fn judged(role: &str, suites: &[Suite], again: &Again, shown: &mut Shown, quiet: bool) {
    if suites.is_empty() {
        shown.failures.push(format!("the suite of {role} is empty"));
    }
    for suite in suites {
        if !quiet {
            print!("{}", suite_text(again, suite));
        }
        shown.passed += suite.outcome.counts().0;
        if !suite.outcome.is_good() {
            shown.failures.push(format!("the suite {}", suite.name));
        }
    }
}

fn told(shown: &Shown, as_json: bool) -> anyhow::Result<()> {
    let [explore, generate, play] = shown.split.map(|part| part.as_millis());
    let good = shown.failures.is_empty();
    if as_json {
        let document = json!({
            "holds": good, "states": shown.states, "vectors": shown.tests, "passed": shown.passed,
            "failures": shown.failures, "milliseconds": {"explore": explore, "generate": generate, "play": play},
            "not_shown": NOT_SHOWN,
        });
        println!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    println!();
    println!("explore {explore} ms, generate {generate} ms, play {play} ms");
    println!("{NOT_SHOWN}");
    for failure in &shown.failures {
        println!("does not hold: {failure}");
    }
    if good {
        println!(
            "holds: {} states explored; {} of {} vectors, {} of them made from the same model, played against the reference",
            shown.states, shown.passed, shown.tests, shown.made
        );
    }
    Ok(())
}
