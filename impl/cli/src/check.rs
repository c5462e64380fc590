//! `kaika check`: has the model explored and says what holds. Start at [`run`].

use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use kaika_model::check::{Engine, Report, check, cores, explored, interchangeable, tiers_of};
use kaika_model::explore::Limits;
use kaika_model::matrix::{Cell, Matrix, boundary};
use kaika_model::{Bounds, Config, Tier, Weak, chart};
use kaika_spec::{PropertyId, Scope, Weakness};
use serde_json::{Value, json};

use crate::{NO, OK, WORLD, bar, counter, walk};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One scope: issuance, provisioning, pay, tap, manage or whole. All by default.
    #[arg(value_parser = scope)]
    scope: Option<Scope>,
    /// Against whom: T0 to T5. By default every tier at which the scope is another.
    #[arg(long, value_parser = tier)]
    tier: Option<Tier>,
    /// Countermeasures to leave out, by their weakness, with commas between; or as-claimed: the literal claims.
    #[arg(long, value_name = "NAME,…", default_value = "")]
    weaken: String,
    /// How much may happen in one run: default, one fault of each kind; deep, four, which takes a minute;
    /// or a JSON file of budgets: {"tears": 2}.
    #[arg(long, value_name = "default|deep|FILE", default_value = "default")]
    bounds: String,
    /// Who explores: our own explorer, or Stateright, which takes ten times as long and knows nothing of ours.
    #[arg(long, value_enum, default_value = "native")]
    engine: EngineArg,
    /// Threads; all cores by default.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Native engine: stop when it keeps more than so many MiB. What was found until then is said, marked as partial.
    #[arg(long, value_name = "MIB")]
    memory: Option<usize>,
    /// Native engine: look at one state for all that differ only in the names of what is interchangeable.
    #[arg(long)]
    symmetry: bool,
    /// Ask for one property only: P01 and so on. Exit 1 then speaks of it alone.
    #[arg(long, value_parser = property)]
    property: Option<PropertyId>,
    /// Walk at random for so many seconds in each scope instead of exploring. What is found is so; what is not proves nothing.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["engine", "threads", "memory"])]
    simulate: Option<u32>,
    /// With --simulate: the seed of the first walk.
    #[arg(long, requires = "simulate")]
    seed: Option<u64>,
    /// Every property against every tier, for the specification (or what --weaken names) and for the literal claims.
    #[arg(long, conflicts_with_all = ["scope", "tier", "property", "simulate"])]
    matrix: bool,
    /// Also draw the shortest counterexample of every violated property.
    #[arg(long)]
    charts: bool,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    Native,
    Stateright,
}

impl Args {
    fn engine(&self) -> Engine {
        match self.engine {
            EngineArg::Stateright => Engine::Stateright,
            EngineArg::Native => Engine::Native,
        }
    }

    fn limits(&self) -> anyhow::Result<Limits> {
        if self.memory.is_some() && self.engine != EngineArg::Native {
            bail!("--memory needs --engine native: Stateright keeps no budget");
        }
        if self.symmetry && self.engine != EngineArg::Native {
            bail!("--symmetry needs --engine native: Stateright's breadth-first search has none");
        }
        Ok(Limits {
            symmetry: self.symmetry,
            threads: self.threads.map_or_else(cores, usize::from),
            memory: self.memory.map_or(usize::MAX, |mib| mib << 20),
            ..Limits::default()
        })
    }
}

/// What the checker of each tier leaves out.
pub(crate) const NOT_COVERED: &str = "not covered: more than two requests, orders or sales at once, weakness of the \
     cryptography itself; what is not claimed against whom: kaika check --matrix";

pub(crate) fn scope(text: &str) -> Result<Scope, String> {
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    Scope::from_name(text).ok_or_else(|| format!("the scopes are {}", names.join(", ")))
}

pub(crate) fn tier(text: &str) -> Result<Tier, String> {
    Tier::from_name(text).ok_or_else(|| "the tiers are T0 to T5".to_owned())
}

fn property(text: &str) -> Result<PropertyId, String> {
    let wanted = text.to_uppercase();
    PropertyId::from_name(&wanted)
        .ok_or_else(|| format!("no property {text}; docs/properties.md names them"))
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

/// Bounds by name, or from a file.
pub(crate) fn bounds(text: &str) -> anyhow::Result<Bounds> {
    match text {
        "default" => Ok(Bounds::DEFAULT),
        "deep" => Ok(Bounds::DEEP),
        file => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading the bounds from {file}"))?;
            Bounds::read(&text).map_err(|error| anyhow!("the bounds in {file}: {error}"))
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let weak = weak(&args.weaken)?;
    let bounds = bounds(&args.bounds)?;
    if let Some(seconds) = args.simulate {
        let runs = asked(args.scope, args.tier);
        let ask = walk::Ask {
            weak,
            bounds,
            seconds,
            seed: args.seed,
            property: args.property,
            json: args.json,
        };
        return walk::run(&runs, &ask);
    }
    if args.matrix {
        return matrix(weak, args.json);
    }
    let limits = args.limits()?;
    let mut runs = Vec::new();
    for (scope, tier) in asked(args.scope, args.tier) {
        let config = Config { weak, tier, bounds };
        let mut report = watched(scope, config, args.engine(), limits);
        if let Some(only) = args.property {
            report.asked.retain(|id| *id == only);
            report.violated.retain(|id| *id == only);
        }
        if !args.json {
            print_line(&report, tier, runs.is_empty());
        }
        runs.push((config, report));
    }
    if args.json {
        let document = document(&runs, args.engine());
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        print_end(&runs, weak, args.charts);
        println!("{}\n{NOT_COVERED}", collisions(&runs, args.engine()));
        if args.symmetry {
            print_symmetry(&runs);
        }
    }
    let hardened = weak == Weak::HARDENED;
    let good = runs
        .iter()
        .all(|(_, report)| report.violated.is_empty() && (!hardened || report.holds()));
    let partial = runs.iter().any(|(_, report)| !report.exhausted);
    Ok(match (good, partial) {
        (true, false) => OK,
        (false, false) => NO,
        (_, true) if runs.iter().any(|(_, report)| !report.violated.is_empty()) => NO,
        (_, true) => WORLD,
    })
}

/// Which scopes against which tiers; by default against every tier that makes a difference.
fn asked(scope: Option<Scope>, tier: Option<Tier>) -> Vec<(Scope, Tier)> {
    let scopes = scope.map_or(Scope::ALL.to_vec(), |scope| vec![scope]);
    let tiers = |scope| tier.map_or(tiers_of(scope).to_vec(), |tier| vec![tier]);
    let all = scopes.into_iter().flat_map(|scope| {
        let tiers = tiers(scope).into_iter();
        tiers.map(move |tier| (scope, tier))
    });
    all.collect()
}

/// Every property against every tier.
fn matrix(weak: Weak, json: bool) -> anyhow::Result<u8> {
    let spinner = bar::spinner();
    let mut watch = |scope: Scope, tier: Tier| {
        spinner.set_message(format!("{scope} against {}", tier.name()));
        spinner.tick();
    };
    let ours = Matrix::compute(weak, &mut watch);
    let claimed = Matrix::compute(Weak::as_claimed(), &mut watch);
    spinner.finish_and_clear();
    if json {
        let profile = |matrix: &Matrix| -> Vec<Value> {
            let one = |(property, tier, cell): (PropertyId, Tier, Cell)| {
                let why = boundary(property, tier).filter(|_| cell == Cell::Boundary);
                json!({"property": property.name(), "tier": tier.name(), "cell": cell.name(), "boundary": why})
            };
            matrix.cells().map(one).collect()
        };
        let document = json!({"asked": profile(&ours), "as_claimed": profile(&claimed)});
        println!("{}", serde_json::to_string_pretty(&document)?);
    } else {
        print_matrix(&ours, &claimed);
    }
    Ok(if ours.holds() { OK } else { NO })
}

fn print_matrix(ours: &Matrix, claimed: &Matrix) {
    let tiers: Vec<_> = Tier::ALL
        .iter()
        .map(|tier| format!("{:<3}", tier.name()))
        .collect();
    let head = tiers.join(" ");
    println!("{:<5} {head}   {head}", "");
    for property in PropertyId::ALL {
        let row = |matrix: &Matrix| {
            let cells = Tier::ALL
                .iter()
                .map(|tier| format!("{:<3}", matrix.cell(*property, *tier).mark()));
            cells.collect::<Vec<_>>().join(" ")
        };
        println!(
            "{:<5} {}   {}  {}",
            property.name(),
            row(ours),
            row(claimed),
            property.title()
        );
    }
    println!("\nleft: what was asked; right: the literal claims");
    println!(
        "+ claimed and holds   o not claimed, no counterexample   - not claimed, fails   X claimed and fails\n"
    );
    for property in PropertyId::ALL {
        let cells = Tier::ALL
            .iter()
            .map(|tier| (*tier, ours.cell(*property, *tier)));
        let first = cells.into_iter().find(|(_, cell)| *cell == Cell::Boundary);
        if let Some((tier, why)) =
            first.and_then(|(tier, _)| Some((tier, boundary(*property, tier)?)))
        {
            println!("- {property} from {}: {why}", tier.name());
        }
    }
}

/// Checks one scope while a spinner turns.
pub(crate) fn watched(scope: Scope, config: Config, engine: Engine, limits: Limits) -> Report {
    let spinner = bar::spinner();
    let began = Instant::now();
    let report = check(scope, config, engine, limits, &mut |scope, now| {
        let rate = now.states as u128 * 1000 / began.elapsed().as_millis().max(1);
        let left = now
            .left
            .map_or(String::new(), |left| format!(", {left} witnesses to find"));
        spinner.set_message(format!(
            "{scope}: {} states, {rate} a second, depth {}, {} MiB, {} waiting{left}",
            now.states,
            now.depth,
            now.bytes >> 20,
            now.waiting
        ));
        spinner.tick();
    });
    spinner.finish_and_clear();
    report
}

/// One line of the table of a check.
pub(crate) fn print_line(report: &Report, tier: Tier, first: bool) {
    if first {
        println!(
            "{:<13} {:<4} {:>9} {:>11} {:>6} {:>10} {:>8}  verdict",
            "scope", "tier", "states", "transitions", "depth", "states/s", "B/state"
        );
    }
    let ids = |ids: &[PropertyId]| {
        let names: Vec<_> = ids.iter().map(|id| id.name()).collect();
        names.join(" ")
    };
    let verdict = match (report.violated.is_empty(), report.exhausted) {
        (true, true) => format!("holds: {}", ids(&report.asked)),
        (true, false) => format!("PARTIAL, no violation so far: {}", ids(&report.asked)),
        (false, _) => format!("VIOLATED: {}", ids(&report.violated)),
    };
    println!(
        "{:<13} {:<4} {:>9} {:>11} {:>6} {:>10} {:>8}  {verdict}",
        report.scope.name(),
        tier.name(),
        report.states,
        report.transitions,
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
        for name in report
            .unreached
            .iter()
            .filter(|_| hardened && report.exhausted)
        {
            println!("NOT REACHED in {}: {name}", report.scope);
        }
    }
    let states: usize = runs.iter().map(|(_, report)| report.states).sum();
    let transitions: u64 = runs.iter().map(|(_, report)| report.transitions).sum();
    let witnesses: usize = runs.iter().map(|(_, report)| report.witnesses).sum();
    println!();
    let partial = runs.iter().any(|(_, report)| !report.exhausted);
    if partial {
        println!(
            "PARTIAL: the memory budget was met; nothing is said of states that were not looked at; give --memory more, or a smaller scope"
        );
    }
    if violated == 0 && !partial {
        println!(
            "every property holds for {states} states, {transitions} transitions, within these bounds; \
             {witnesses} witnesses asked, so that none holds for want of a case"
        );
    } else if violated > 0 {
        print_held(runs);
        println!(
            "{violated} violated, in {states} states; shortest counterexamples: --charts, or kaika attack NAME"
        );
    }
    if let Some((config, _)) = runs.first() {
        println!("bounds: {}", config.bounds);
    }
}

/// What an engine may have overlooked because it took one state for another.
fn collisions(runs: &[(Config, Report)], engine: Engine) -> String {
    match overlooks_one_in(runs, engine) {
        None => "collisions: none, every state is kept whole".to_owned(),
        Some(searches) => format!(
            "collisions: states are told apart by 64 bits of a hash; one search in {searches} is expected to overlook a state"
        ),
    }
}

fn overlooks_one_in(runs: &[(Config, Report)], engine: Engine) -> Option<u128> {
    engine.overlooks_one_in(runs.iter().map(|(_, report)| report.states))
}

/// What the counts leave out.
fn print_symmetry(runs: &[(Config, Report)]) {
    for (_, report) in runs {
        let what =
            interchangeable(report.scope).unwrap_or("nothing, so that no state was left out");
        println!("interchangeable in {}: {what}", report.scope);
    }
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

fn document(runs: &[(Config, Report)], engine: Engine) -> Value {
    let all: Vec<Value> = runs
        .iter()
        .map(|(config, report)| one(*config, report))
        .collect();
    let searches = overlooks_one_in(runs, engine).map(|one| u64::try_from(one).unwrap_or(u64::MAX));
    json!({
        "engine": engine.name(),
        "overlooks_one_in": searches,
        "runs": all,
        "not_covered": NOT_COVERED,
    })
}

fn one(config: Config, report: &Report) -> Value {
    let names = |ids: &[PropertyId]| -> Vec<&str> { ids.iter().map(|id| id.name()).collect() };
    let weak: Vec<_> = config.weak.list().map(Weakness::name).collect();
    let traces: Vec<Value> = if report.violated.is_empty() {
        Vec::new()
    } else {
        explored(report.scope, config, report.violated.len())
            .violated
            .iter()
            .map(|(id, trace)| counter::example(*id, trace))
            .collect()
    };
    json!({
        "scope": report.scope.name(),
        "tier": config.tier.name(),
        "weaknesses": weak,
        "bounds": counter::bounds(config.bounds),
        "states": report.states,
        "transitions": report.transitions,
        "exhausted": report.exhausted,
        "depth": report.depth,
        "states_per_second": u64::try_from(report.rate()).unwrap_or(u64::MAX),
        "bytes_per_state": report.bytes_per_state,
        "asked": names(&report.asked),
        "violated": names(&report.violated),
        "unreached": report.unreached,
        "counterexamples": traces,
    })
}
