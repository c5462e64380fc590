//! How the worlds grow with their bounds, and what symmetry saves: `cargo bench -p kaika-model --bench growth` writes
//! docs/model-speed.md. `-- --quick` leaves out what takes minutes, and writes nothing. Start at [`main`].

mod measure;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kaika_model::check::{Engine, interchangeable};
use kaika_model::pack::Words as _;
use kaika_model::scope::issuance::Issuance;
use kaika_model::scope::provisioning::Provisioning;
use kaika_model::scope::tap::Tap;
use kaika_model::{Bounds, Chart, Config, Tier, World};
use kaika_spec::Scope;
use measure::page::{Part, write};
use measure::{Case, Sample, asked_for_one, hundredths, sample};

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
    let forgetful = forgetful();
    print!("{forgetful}");
    text.push_str(&forgetful);
    if !quick {
        write(Part::Growth, &text);
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
    text
}

const MONOTONE: &str = "\n## What the network that only grows saves\n\n\
    What was said stays in the network and may be heard late, again, after others, or never; nothing is taken away. A network that\n\
    forgets has, beside what was said, which of it is still under way. Since anything may be lost, and anything may be heard twice, that is any part\n\
    of it: where `k` messages were said it has `2^k` states for one of ours, and what the roles can come to is the same. Counted at one fault of\n\
    each kind, over the fields that say what was said and nothing else.\n\n\
    | scope | fields | states | a network that forgets | factor |\n\
    |---|---|---|---|---|\n";

/// The fields that hold what the network heard, a bit for each message.
const SAID: &[(Scope, &[&str])] = &[
    (Scope::Issuance, &["requests[0].said", "requests[1].said"]),
    (
        Scope::Provisioning,
        &[
            "chips[0].scripts",
            "chips[0].receipted",
            "chips[1].scripts",
            "chips[1].receipted",
        ],
    ),
    (Scope::Tap, &["sales[0].told", "sales[1].told"]),
];

/// How many states there would be if the network forgot.
fn forgetful() -> String {
    let mut text = String::from(MONOTONE);
    for (scope, fields) in SAID {
        let (states, more) = match scope {
            Scope::Issuance => subsets::<Issuance>(Tier::T5, fields),
            Scope::Provisioning => subsets::<Provisioning>(Tier::T2, fields),
            _ => subsets::<Tap>(Tier::T1, fields),
        };
        let _ = writeln!(
            text,
            "| {scope} | `{}` | {states} | {more} | {} |",
            fields.join("`, `"),
            hundredths(more, states)
        );
    }
    text
}

/// The states of a world, and for each the subsets of what was said, together.
fn subsets<W: World>(tier: Tier, fields: &'static [&'static str]) -> (u64, u64) {
    let world = W::new(Config::hardened(tier));
    let said = W::Packed::mask::<W::State>(fields);
    let said = said.unwrap_or_else(|| panic!("{fields:?}: no such fields"));
    let mut todo = world.init_states();
    let mut seen: BTreeSet<W::Packed> = todo.iter().map(W::Packed::of).collect();
    while let Some(state) = todo.pop() {
        let mut actions = Vec::new();
        world.actions(&state, &mut actions);
        let next = |action| world.apply(&state, action, &mut Chart::off());
        let next = actions.iter().filter_map(next);
        todo.extend(next.filter(|next| seen.insert(W::Packed::of(next))));
    }
    let messages = |state: &W::Packed| {
        let words = state.as_ref().iter().zip(said.as_ref());
        words
            .map(|(word, said)| (word & said).count_ones())
            .sum::<u32>()
    };
    let more = seen.iter().map(|state| 1 << messages(state)).sum();
    (seen.len() as u64, more)
}
