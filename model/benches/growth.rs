//! How the worlds grow with their bounds, and what symmetry saves: `cargo bench -p kaika-model --bench growth` writes
//! docs/model-speed.md. `-- --quick` leaves out what takes minutes, and writes nothing. Start at [`main`].

mod measure;

use std::fmt::Write as _;

use kaika_model::check::{Engine, interchangeable};
use kaika_model::{Bounds, Tier};
use kaika_spec::Scope;
use measure::{Case, Sample, asked_for_one, hundredths, sample, write};

/// The scopes whose states are many, and the most faults of each kind that are asked for.
const SCOPES: &[(Scope, Tier, u8)] = &[
    (Scope::Issuance, Tier::T5, 3),
    (Scope::Provisioning, Tier::T2, Bounds::DEEP.tears),
    (Scope::Tap, Tier::T1, 3),
];

const HEAD: &str = "# How large the model is\n\n\
    Written by `cargo bench -p kaika-model --bench growth`: the explorer of our own, one thread, each row a process of its own. A bound is the\n\
    number of faults of each kind in one run: 1 is the default, 4 is `--bounds deep`. Seconds are those on a core, bytes the most\n\
    memory of the process, less what it began with and less the program's own pages.\n\n";

fn main() {
    if asked_for_one() {
        return;
    }
    let quick = std::env::args().any(|one| one == "--quick");
    let mut text = String::from(HEAD);
    text.push_str(
        "| scope | tier | faults | states | transitions | seconds | MiB | bytes a state |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    let mut saved = String::new();
    for (scope, tier, most) in SCOPES {
        for faults in 1..=if quick { 1 } else { *most } {
            let case = Case::of(*scope, *tier, faults);
            let all = sample(case, Engine::Native, 1);
            let line = row(case, all);
            let wall = hundredths(all.wall_us, 1_000_000);
            println!("{} ({wall} s on the wall)", line.trim_end());
            text.push_str(&line);
            if interchangeable(*scope).is_some() {
                saved.push_str(&without_names(case, all));
            }
        }
    }
    print!("{saved}");
    text.push_str(&symmetry(&saved));
    if !quick {
        write(Some(&text), None);
    }
}

fn row(case: Case, took: Sample) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
        case.scope,
        case.tier.name(),
        case.faults,
        took.states,
        took.transitions,
        hundredths(took.busy_us, 1_000_000),
        took.bytes >> 20,
        took.bytes / took.states
    )
}

/// The same with one state for all that differ in names.
fn without_names(case: Case, all: Sample) -> String {
    let symmetry = true;
    let few = sample(Case { symmetry, ..case }, Engine::Native, 1);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        case.scope,
        case.faults,
        all.states,
        few.states,
        hundredths(all.states, few.states),
        hundredths(all.busy_us, 1_000_000),
        hundredths(few.busy_us, 1_000_000)
    )
}

fn symmetry(rows: &str) -> String {
    let mut text = String::from(
        "\n## What symmetry saves\n\n\
         `--symmetry` looks at one state for all that differ only in the names of what is interchangeable.\n\n",
    );
    for scope in Scope::ALL {
        let what = interchangeable(*scope).unwrap_or("nothing");
        let _ = writeln!(text, "- {scope}: {what}");
    }
    text.push_str(
        "\n| scope | faults | states | with symmetry | factor | seconds | with symmetry |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|\n");
    text.push_str(rows);
    text.push_str(MONOTONE);
    text
}

const MONOTONE: &str = "\n## What the network that only grows saves\n\n\
    Not measured. A wrapper around any world would have to take a message away when it is delivered; but what was said is kept\n\
    in fields that also say what a role knows or what happened (`told`, `given`, `said`), and the worlds do not tell the two\n\
    apart. A network that forgets is another world, with another transition relation, and not a variant of these.\n";
