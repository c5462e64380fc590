//! `kaika verify`, and `kaika` alone: explores the model, generates the vectors, plays them against the reference.

use std::time::{Duration, Instant};

use kaika_conformance::again::Again;
use kaika_conformance::report;
use kaika_conformance::suite::Filter;
use kaika_model::check::{Engine, cores, tiers_of};
use kaika_model::explore::Limits;
use kaika_model::{Bounds, Config, Weak};
use kaika_spec::Scope;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::conform::Written;
use crate::reference::ROLES;
use crate::{NO, OK, check, conform, vectors};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// What this does not show.
const NOT_SHOWN: &str = "not shown: what is not claimed (docs/matrix.md); the terminal and the shop's terminal as subjects; TLS; \
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
    let began = Instant::now();
    for role in ROLES {
        play(role, &mut shown, args.json, runtime)?;
    }
    shown.split[2] = began.elapsed();
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
        let report = check::watched(scope, config, Engine::Stateright, limits);
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

fn play(role: &str, shown: &mut Shown, quiet: bool, runtime: &Runtime) -> anyhow::Result<()> {
    let runs = conform::reference(role, None, &Filter::default(), &Written::default(), runtime)?;
    if runs.is_empty() {
        shown.failures.push(format!("the suite of {role} is empty"));
    }
    for run in runs {
        let again = Again {
            subject: "reference".to_owned(),
            reader: None,
        };
        if !quiet {
            print!("{}", report::suite_text(&again, &run));
        }
        shown.passed += run.outcome.counts().0;
        if !run.outcome.is_good() {
            shown.failures.push(format!("the suite {}", run.name));
        }
    }
    Ok(())
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
