//! Our explorer beside SPIN: the same states of the same two scopes, in turns in one run, one core each.
//!
//! `cargo bench -p kaika-model --bench spin`, with `ROUNDS` for more than five, writes a section of docs/model-speed.md. SPIN's verifiers are compiled with `-O2`, store
//! exactly, check the same properties, and are timed from start to end as processes; so is nothing of SPIN's own or of
//! the C compiler's. Each round's ratio is taken within the round, for a machine that others use too.

#[path = "measure/page.rs"]
mod page;
#[path = "../tests/pan/mod.rs"]
mod pan;

use std::time::{Duration, Instant};

use kaika_model::check::{Engine, check};
use kaika_model::explore::Limits;
use kaika_model::{Config, Tier};
use kaika_spec::Scope;
use page::{Part, write};
use pan::Pan;

/// Who runs, and how a verifier of this kind is compiled.
const VERIFIERS: [(&str, &[&str]); 2] = [
    ("pan -O2, depth first", &["-O2"]),
    ("pan -O2, breadth first", &["-O2", "-DBFS"]),
];

/// The largest of each scope.
const SCOPES: [(Scope, Tier); 2] = [(Scope::Provisioning, Tier::T2), (Scope::Tap, Tier::T1)];

fn main() -> Result<(), String> {
    let rounds = std::env::var("ROUNDS").map_or(Ok(5), |text| {
        text.parse()
            .map_err(|_| format!("ROUNDS={text} is not a number"))
    })?;
    let mut text = String::from(HEAD);
    for (scope, tier) in SCOPES {
        let macros = [
            format!("-DTIER={}", tier.name().trim_start_matches('T')),
            "-DPLAIN".to_owned(),
        ];
        let verifiers: Vec<Pan> = VERIFIERS
            .iter()
            .map(|(_, flags)| Pan::build(scope.name(), &macros, flags))
            .collect::<Result<_, _>>()?;
        let mut taken = Vec::new();
        for _ in 0..usize::max(rounds, 1) {
            taken.push(round(scope, tier, &verifiers)?);
        }
        let lines = told(scope, tier, &taken);
        print!("{lines}");
        text.push_str(&lines);
    }
    write(Part::Spin, &text);
    Ok(())
}

const HEAD: &str = "\n\
    Written by `cargo bench -p kaika-model --bench spin`: the same states, exactly stored, the same properties, one core each, in turns; medians of the\n\
    rounds' ratios, each taken within its round by the clock on the wall. SPIN's verifiers are compiled with `-O2`, once depth first and once breadth\n\
    first, and their reductions are off.\n\n\
    | scope | states | who | states/s | ours is times that |\n\
    |---|---|---|---|---|\n";

/// What one takes for how many states.
type Run = (u64, Duration);

/// Each once: ours, and the verifiers.
fn round(scope: Scope, tier: Tier, verifiers: &[Pan]) -> Result<Vec<Run>, String> {
    let began = Instant::now();
    let report = check(
        scope,
        Config::hardened(tier),
        Engine::Native,
        Limits::default(),
        &mut |_, _| {},
    );
    let mut runs = vec![(report.states as u64, began.elapsed())];
    for verifier in verifiers {
        let began = Instant::now();
        let found = verifier.run()?;
        runs.push((found.states, began.elapsed()));
        if found.states.abs_diff(report.states as u64) > 1 {
            return Err(format!(
                "{scope}: {} states in SPIN, {} here",
                found.states, report.states
            ));
        }
    }
    Ok(runs)
}

/// States per second.
fn rate((states, took): Run) -> u64 {
    (u128::from(states) * 1_000_000 / took.as_micros().max(1)) as u64
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}

/// A line for each.
fn told(scope: Scope, tier: Tier, taken: &[Vec<Run>]) -> String {
    let states = taken[0][0].0;
    let names = std::iter::once("ours").chain(VERIFIERS.iter().map(|(name, _)| *name));
    let line = |(at, name)| {
        let speed = median(taken.iter().map(|runs| rate(runs[at])).collect());
        let times = |runs: &Vec<Run>| rate(runs[0]) * 100 / rate(runs[at]).max(1);
        let ratio = median(taken.iter().map(times).collect());
        let (whole, part) = (ratio / 100, ratio % 100);
        format!(
            "| {scope} {} | {states} | {name} | {speed} | {whole}.{part:02} |\n",
            tier.name()
        )
    };
    names.enumerate().map(line).collect()
}
