//! `kaika check`: has Stateright explore the model and says what holds.

use anyhow::bail;
use clap::ValueEnum;
use kaika_model::check::{Report, check, explored};
use kaika_model::{Bounds, Config, Tier, Weak, chart};
use kaika_spec::{Scope, Weakness};
use serde_json::{Value, json};

use crate::{NO, OK, bar};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One scope: issuance, provisioning, pay, tap or manage. All by default.
    #[arg(value_parser = scope)]
    scope: Option<Scope>,
    /// Against whom: T0, T1, T2 or T5. By default T2, and for issuance T5 besides.
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// Countermeasures to leave out, by their weakness, with commas between; or as-claimed: the literal claims.
    #[arg(long, value_name = "NAME,…", default_value = "")]
    weaken: String,
    /// How many faults of each kind in one run: one, or two.
    #[arg(long, value_enum, default_value = "default")]
    bounds: BoundsArg,
    /// Also draw the shortest counterexample of every violated property.
    #[arg(long)]
    charts: bool,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum BoundsArg {
    Default,
    Deep,
}

/// What the checker of each tier leaves out.
const NOT_COVERED: &str = "not covered: tiers T3 and T4, more than two requests, orders or sales at once, \
     weakness of the cryptography itself";

pub(crate) fn scope(text: &str) -> Result<Scope, String> {
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    Scope::from_name(text).ok_or_else(|| format!("the scopes are {}", names.join(", ")))
}

pub(crate) fn tier(text: &str) -> Result<Tier, String> {
    Tier::from_name(text).ok_or_else(|| "the tiers are T0, T1, T2 and T5".to_owned())
}

/// The weaknesses named by a list.
pub(crate) fn weak(text: &str) -> anyhow::Result<Weak> {
    let mut weak = Weak::HARDENED;
    for name in text.split(',').filter(|name| !name.is_empty()) {
        if name == "as-claimed" {
            weak = Weak::as_claimed().list().fold(weak, Weak::with);
        } else if let Some(weakness) = Weakness::from_name(name) {
            weak = weak.with(weakness);
        } else {
            bail!("no weakness {name}; `kaika attack --list` names them all");
        }
    }
    Ok(weak)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let weak = weak(&args.weaken)?;
    let bounds = match args.bounds {
        BoundsArg::Default => Bounds::Default,
        BoundsArg::Deep => Bounds::Deep,
    };
    let mut runs = Vec::new();
    for (scope, tier) in asked(args.scope, args.tier)? {
        let config = Config { weak, tier, bounds };
        let report = watched(scope, config);
        if !args.json {
            print_line(&report, tier, runs.is_empty());
        }
        runs.push((config, report));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&document(&runs))?);
    } else {
        print_end(&runs, weak, args.charts);
    }
    let hardened = weak == Weak::HARDENED;
    let good = runs
        .iter()
        .all(|(_, report)| report.violated.is_empty() && (!hardened || report.holds()));
    Ok(if good { OK } else { NO })
}

/// Which scopes against which tiers.
fn asked(scope: Option<Scope>, tier: Option<Tier>) -> anyhow::Result<Vec<(Scope, Tier)>> {
    let scopes = scope.map_or(Scope::ALL.to_vec(), |scope| vec![scope]);
    let known = |scope: Scope, tier: Tier| tier != Tier::T5 || scope == Scope::Issuance;
    let tiers = tier.map_or(vec![Tier::T2, Tier::T5], |tier| vec![tier]);
    let all: Vec<_> = scopes
        .iter()
        .flat_map(|scope| tiers.iter().map(|tier| (*scope, *tier)))
        .filter(|(scope, tier)| known(*scope, *tier))
        .collect();
    if all.is_empty() {
        bail!("only issuance is modelled against T5");
    }
    Ok(all)
}

/// Checks one scope while a spinner turns.
pub(crate) fn watched(scope: Scope, config: Config) -> Report {
    let spinner = bar::spinner();
    let report = check(scope, config, &mut |scope, states, depth| {
        spinner.set_message(format!("{scope}: {states} states, depth {depth}"));
        spinner.tick();
    });
    spinner.finish_and_clear();
    report
}

/// One line of the table of a check.
pub(crate) fn print_line(report: &Report, tier: Tier, first: bool) {
    if first {
        println!(
            "{:<13} {:<4} {:>9} {:>10} {:>6} {:>10} {:>8}  verdict",
            "scope", "tier", "states", "generated", "depth", "states/s", "B/state"
        );
    }
    let ids = |ids: &[kaika_spec::PropertyId]| {
        let names: Vec<_> = ids.iter().map(|id| id.name()).collect();
        names.join(" ")
    };
    let verdict = if report.violated.is_empty() {
        format!("holds: {}", ids(&report.asked))
    } else {
        format!("VIOLATED: {}", ids(&report.violated))
    };
    println!(
        "{:<13} {:<4} {:>9} {:>10} {:>6} {:>10} {:>8}  {verdict}",
        report.scope.name(),
        tier.name(),
        report.states,
        report.generated,
        report.depth,
        report.rate(),
        report.bytes_per_state,
    );
}

fn print_end(runs: &[(Config, Report)], weak: Weak, charts: bool) {
    let hardened = weak == Weak::HARDENED;
    let mut violated = 0;
    for (config, report) in runs {
        violated += report.violated.len();
        print_violated(*config, report, charts);
        for name in report.unreached.iter().filter(|_| hardened) {
            println!("NOT REACHED in {}: {name}", report.scope);
        }
    }
    let states: usize = runs.iter().map(|(_, report)| report.states).sum();
    let generated: usize = runs.iter().map(|(_, report)| report.generated).sum();
    let witnesses: usize = runs.iter().map(|(_, report)| report.witnesses).sum();
    println!();
    if violated == 0 {
        println!(
            "every property holds for {states} states, {generated} generated, within these bounds; \
             {witnesses} witnesses asked, so that none holds for want of a case"
        );
    } else {
        print_held(runs);
        println!(
            "{violated} violated, in {states} states; shortest counterexamples: --charts, or kaika attack NAME"
        );
    }
    println!("{NOT_COVERED}");
}

/// The properties that hold wherever they were asked.
fn print_held(runs: &[(Config, Report)]) {
    let broken = |id| runs.iter().any(|(_, report)| report.violated.contains(id));
    let mut held: Vec<_> = runs
        .iter()
        .flat_map(|(_, report)| &report.asked)
        .filter(|id| !broken(id))
        .collect();
    held.sort_unstable();
    held.dedup();
    for id in held {
        println!("holds     {id} {}", id.title());
    }
}

fn print_violated(config: Config, report: &Report, charts: bool) {
    if report.violated.is_empty() {
        return;
    }
    let found = explored(report.scope, config, report.violated.len());
    for (id, trace) in &found.violated {
        println!(
            "violated  {id} {}: {} against {}, {} steps",
            id.title(),
            report.scope,
            config.tier.name(),
            trace.actions.len()
        );
        if charts {
            println!("\n{}\n\n{}", trace.opening, chart::draw(&trace.hops));
        }
    }
}

fn document(runs: &[(Config, Report)]) -> Value {
    let all: Vec<Value> = runs
        .iter()
        .map(|(config, report)| one(*config, report))
        .collect();
    json!({ "runs": all, "not_covered": NOT_COVERED })
}

fn one(config: Config, report: &Report) -> Value {
    let names =
        |ids: &[kaika_spec::PropertyId]| -> Vec<&str> { ids.iter().map(|id| id.name()).collect() };
    let weak: Vec<_> = config.weak.list().map(Weakness::name).collect();
    let traces: Vec<Value> = if report.violated.is_empty() {
        Vec::new()
    } else {
        explored(report.scope, config, report.violated.len())
            .violated
            .iter()
            .map(|(id, trace)| {
                json!({ "property": id.name(), "opening": trace.opening, "actions": trace.actions })
            })
            .collect()
    };
    json!({
        "scope": report.scope.name(),
        "tier": config.tier.name(),
        "weaknesses": weak,
        "states": report.states,
        "generated": report.generated,
        "depth": report.depth,
        "states_per_second": u64::try_from(report.rate()).unwrap_or(u64::MAX),
        "bytes_per_state": report.bytes_per_state,
        "asked": names(&report.asked),
        "violated": names(&report.violated),
        "unreached": report.unreached,
        "counterexamples": traces,
    })
}
