//! `kaika check --simulate`: random walks over bounds too large to exhaust.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use kaika_model::simulate::{Finding, Patience, Walked, simulate};
use kaika_model::{Bounds, Config, Tier, Weak, chart};
use kaika_spec::{PropertyId, Scope, Weakness};
use serde_json::{Value, json};

use crate::check::NOT_COVERED;
use crate::{NO, OK, bar, counter};

/// What was asked for.
pub(crate) struct Ask {
    pub(crate) weak: Weak,
    pub(crate) bounds: Bounds,
    pub(crate) seconds: u32,
    pub(crate) seed: Option<u64>,
    pub(crate) property: Option<PropertyId>,
    pub(crate) json: bool,
}

/// A small number that differs from run to run; it is printed, so that it can be given again.
fn any_seed() -> u64 {
    RandomState::new().hash_one(0_u8) >> 32
}

pub(crate) fn run(runs: &[(Scope, Tier)], ask: &Ask) -> anyhow::Result<u8> {
    let seed = ask.seed.unwrap_or_else(any_seed);
    let patience = Patience {
        time: Duration::from_secs(ask.seconds.into()),
        walks: u64::MAX,
    };
    let mut all = Vec::new();
    for (scope, tier) in runs {
        let config = Config {
            weak: ask.weak,
            tier: *tier,
            bounds: ask.bounds,
        };
        let spinner = bar::spinner();
        spinner.set_message(format!("{scope}: walks for {} s", ask.seconds));
        spinner.enable_steady_tick(Duration::from_millis(200));
        let mut walked = simulate(*scope, config, seed, patience);
        spinner.finish_and_clear();
        if let Some(only) = ask.property {
            walked.asked.retain(|id| *id == only);
            walked.violated.retain(|id, _| *id == only);
        }
        if !ask.json {
            print(config, &walked);
        }
        all.push((config, walked));
    }
    if ask.json {
        let runs: Vec<Value> = all
            .iter()
            .map(|(config, one)| document(*config, one))
            .collect();
        let whole = json!({ "runs": runs, "proof": false, "not_covered": NOT_COVERED });
        println!("{}", serde_json::to_string_pretty(&whole)?);
    } else {
        println!("\nno proof: states that no walk came to were not looked at");
        println!("bounds: {}\n{NOT_COVERED}", ask.bounds);
    }
    let found = all.iter().any(|(_, walked)| !walked.violated.is_empty());
    Ok(if found { NO } else { OK })
}

fn print(config: Config, walked: &Walked) {
    println!(
        "{:<13} {:<4} seed {}: {} walks, {} steps, {} of {} witnesses seen, {} of {} properties violated",
        walked.scope.name(),
        config.tier.name(),
        walked.seed,
        walked.walks,
        walked.steps,
        walked.seen,
        walked.witnesses,
        walked.violated.len(),
        walked.asked.len()
    );
    for (id, finding) in &walked.violated {
        println!("violated  {id} {}: {}", id.title(), found(finding));
        let trace = &finding.trace;
        println!("\n{}\n\n{}", trace.opening, chart::draw(&trace.hops));
    }
}

fn found(finding: &Finding) -> String {
    format!(
        "after {} steps of the walk with seed {} (--seed {} begins with it); {} of them are enough",
        finding.steps,
        finding.seed,
        finding.seed,
        finding.trace.actions.len()
    )
}

fn document(config: Config, walked: &Walked) -> Value {
    let weak: Vec<_> = config.weak.list().map(Weakness::name).collect();
    let asked: Vec<_> = walked.asked.iter().map(|id| id.name()).collect();
    let violated: Vec<_> = walked.violated.keys().map(|id| id.name()).collect();
    let examples = walked.violated.iter().map(|(id, finding)| {
        let mut example = counter::example(*id, &finding.trace);
        example["seed"] = finding.seed.into();
        example["steps"] = finding.steps.into();
        example
    });
    json!({
        "scope": walked.scope.name(),
        "tier": config.tier.name(),
        "weaknesses": weak,
        "bounds": counter::bounds(config.bounds),
        "seed": walked.seed,
        "walks": walked.walks,
        "steps": walked.steps,
        "witnesses": walked.witnesses,
        "seen": walked.seen,
        "asked": asked,
        "violated": violated,
        "counterexamples": examples.collect::<Vec<Value>>(),
    })
}
