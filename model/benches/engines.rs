//! Both engines over the same worlds, in one run: `cargo bench -p kaika-model --bench engines`, `-- --quick` for less. It writes a
//! section of docs/model-speed.md, unless it is quick.
//!
//! Every measurement is a process of its own, so that no engine inherits the other's heap and the peak of memory is
//! the engine's. Engines take turns, several rounds; what is printed is the median. Start at [`main`].
//!
//! A rate is states by seconds *on a core* (user and system time of the process): a machine that does other work
//! besides slows both and says nothing of either. Two threads are held against one by the clock on the wall.

mod measure;

use std::hint::black_box;

use kaika_model::Tier;
use kaika_model::check::Engine;
use kaika_spec::Scope;
use measure::page::{Part, write};
use measure::{Case, Sample, asked_for_one, busy_us, hundredths, sample};

/// The scopes that are large enough to time, and one with a larger bound, where what does not grow with states vanishes.
const CASES: &[Case] = &[
    Case::of(Scope::Issuance, Tier::T5, 1),
    Case::of(Scope::Provisioning, Tier::T2, 1),
    Case::of(Scope::Tap, Tier::T1, 1),
    LARGEST,
];
/// The largest that Stateright is asked too.
const LARGEST: Case = Case::of(Scope::Provisioning, Tier::T2, 2);
/// The one where two threads are held against one.
const THREADS: Case = Case::of(Scope::Provisioning, Tier::T2, 3);

fn main() {
    if asked_for_one() {
        return;
    }
    let quick = std::env::args().any(|one| one == "--quick");
    let rounds = if quick { 3 } else { 7 };
    let mut text = String::from(HEAD);
    for case in CASES {
        let line = compare(*case, rounds);
        print!("{line}");
        text.push_str(&line);
    }
    let line = threads(THREADS, if quick { 1 } else { 5 });
    print!("{line}");
    text.push_str(&line);
    if !quick {
        write(Part::Stateright, &text);
    }
}

const HEAD: &str = "\n\
    Written by `cargo bench -p kaika-model --bench engines`: one thread, engines in turn, medians. States a second are on a core. Bytes are\n\
    the most memory of the process, for both engines less what it began with and less the program's own pages; with two faults\n\
    what does not grow with the states hardly counts. The last columns: nanoseconds a transition of ours, beside those of an\n\
    insert at random of as many fingerprints into a table of the same size.\n\n\
    | scope | states | transitions | Stateright states/s | ours | ratio | Stateright B/state | ours | ratio | ns/transition | ns/insert |\n\
    |---|---|---|---|---|---|---|---|---|---|---|\n";

/// One line: both engines in turn.
fn compare(case: Case, rounds: usize) -> String {
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        theirs.push(sample(case, Engine::Stateright, 1));
        ours.push(sample(case, Engine::Native, 1));
    }
    let (states, transitions) = (ours[0].states, ours[0].transitions);
    assert_eq!(states, theirs[0].states, "the engines count differently");
    let rate = |all: &[Sample]| median(all, |one| one.states * 1_000_000 / one.busy_us.max(1));
    let bytes = |all: &[Sample]| median(all, |one| one.bytes / one.states);
    let (slow, fast) = (rate(&theirs), rate(&ours));
    let (wide, narrow) = (bytes(&theirs), bytes(&ours));
    let each = median(&ours, |one| one.busy_us * 1000 / one.transitions);
    format!(
        "| {} | {states} | {transitions} | {slow} | {fast} | {} | {wide} | {narrow} | {} | {each} | {} |\n",
        name(case),
        hundredths(fast, slow),
        hundredths(narrow, wide),
        insert(states, transitions)
    )
}

/// One thread and two in turn, on the wall.
fn threads(case: Case, rounds: usize) -> String {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        one.push(sample(case, Engine::Native, 1));
        two.push(sample(case, Engine::Native, 2));
    }
    let rate = |all: &[Sample]| median(all, |one| one.states * 1_000_000 / one.wall_us.max(1));
    let (alone, both) = (rate(&one), rate(&two));
    format!(
        "\n{}, ours, on the wall: {} states, {} transitions; {alone} states/s by one thread, {both} by two, ratio {}; {} B/state.\n",
        name(case),
        one[0].states,
        one[0].transitions,
        hundredths(both, alone),
        median(&one, |one| one.bytes / one.states),
    )
}

fn name(case: Case) -> String {
    let faults = match case.faults {
        1 => "",
        2 => " two faults",
        _ => " three faults",
    };
    format!("{} {}{faults}", case.scope, case.tier.name())
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// The limit: nanoseconds on a core for one insert of a fingerprint at random into a table for as many states, of which
/// as many as there are states are new. It is filled again and again for long enough to be timed.
fn insert(states: u64, inserts: u64) -> u64 {
    let (began, mut rounds) = (busy_us(), 0);
    while busy_us() - began < 500_000 {
        fill(states, inserts);
        rounds += 1;
    }
    (busy_us() - began) * 1000 / (inserts * rounds)
}

/// Loads are made in batches, as the engine does.
fn fill(states: u64, inserts: u64) {
    const BATCH: u64 = 32;
    let mut slots = vec![0_u64; (states * 4 / 3).next_power_of_two() as usize];
    let mask = slots.len() - 1;
    for batch in 0..inserts / BATCH {
        let mut marks = [0_u64; BATCH as usize];
        let mut near = 0;
        for (at, mark) in marks.iter_mut().enumerate() {
            let number = mixed(batch * BATCH + at as u64) % states;
            *mark = mixed(number) | 1;
            near ^= slots[(*mark >> 20) as usize & mask];
        }
        black_box(near);
        for mark in marks {
            let mut slot = (mark >> 20) as usize & mask;
            while slots[slot] != 0 && slots[slot] != mark {
                slot = (slot + 1) & mask;
            }
            slots[slot] = mark;
        }
    }
    black_box(&slots);
}

/// A bijection that looks like chance.
fn mixed(number: u64) -> u64 {
    let one = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let two = (one ^ one >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    two ^ two >> 31
}
