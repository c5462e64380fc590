//! Both engines over the same worlds, in one run: `cargo bench -p kaika-model --bench engines`, `-- --quick` for less.
//!
//! Every measurement is a process of its own, so that no engine inherits the other's heap and the peak of memory is
//! the engine's. Engines take turns, several rounds; what is printed is the median. Start at [`main`].
//!
//! A rate is states by seconds *on a core* (user and system time of the process): a machine that does other work
//! besides slows both and says nothing of either. Two threads are held against one by the clock on the wall.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use kaika_model::check::{Engine, check};
use kaika_model::explore::Limits;
use kaika_model::{Bounds, Config, Tier};
use kaika_spec::Scope;

/// What is explored.
#[derive(Clone, Copy)]
struct Case {
    scope: Scope,
    tier: Tier,
    bounds: Bounds,
}

/// The scopes that are large enough to time.
const CASES: &[Case] = &[
    Case::of(Scope::Issuance, Tier::T5, Bounds::Default),
    Case::of(Scope::Provisioning, Tier::T2, Bounds::Default),
    Case::of(Scope::Tap, Tier::T2, Bounds::Default),
];
/// The one where two threads are held against one.
const LARGEST: Case = Case::of(Scope::Tap, Tier::T2, Bounds::Deep);

impl Case {
    const fn of(scope: Scope, tier: Tier, bounds: Bounds) -> Self {
        Self {
            scope,
            tier,
            bounds,
        }
    }

    fn name(self) -> String {
        let deep = if self.bounds == Bounds::Deep {
            " deep"
        } else {
            ""
        };
        format!("{} {}{deep}", self.scope, self.tier.name())
    }
}

/// What one process measured.
#[derive(Clone, Copy)]
struct Sample {
    states: u64,
    transitions: u64,
    /// Time on cores.
    busy_us: u64,
    /// Time on the wall.
    wall_us: u64,
    /// The most memory that the process had, less what it began with.
    bytes: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|one| one == "--one") {
        one(&arguments[at + 1..]);
        return;
    }
    let quick = arguments.iter().any(|one| one == "--quick");
    let rounds = if quick { 3 } else { 7 };
    println!(
        "{:<16} {:>9} {:>11} | {:>10} {:>10} {:>6} | {:>7} {:>7} {:>6} | {:>7} {:>7}",
        "one thread",
        "states",
        "transitions",
        "stateright",
        "native",
        "ratio",
        "B/state",
        "B/state",
        "ratio",
        "ns/tr.",
        "insert"
    );
    for case in CASES {
        compare(*case, rounds);
    }
    threads(LARGEST, if quick { 1 } else { 5 });
}

/// One line: both engines in turn.
fn compare(case: Case, rounds: usize) {
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
    println!(
        "{:<16} {states:>9} {transitions:>11} | {slow:>10} {fast:>10} {:>6} | {wide:>7} {narrow:>7} {:>6} | {each:>7} {:>7}",
        case.name(),
        hundredths(fast, slow),
        hundredths(narrow, wide),
        insert(states, transitions)
    );
}

/// One thread and two in turn, on the wall.
fn threads(case: Case, rounds: usize) {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        one.push(sample(case, Engine::Native, 1));
        two.push(sample(case, Engine::Native, 2));
    }
    let rate = |all: &[Sample]| median(all, |one| one.states * 1_000_000 / one.wall_us.max(1));
    let (alone, both) = (rate(&one), rate(&two));
    println!(
        "\n{}, native, on the wall: {} states, {} transitions; {alone} states/s by one thread, {both} by two, ratio {}; {} B/state",
        case.name(),
        one[0].states,
        one[0].transitions,
        hundredths(both, alone),
        median(&one, |one| one.bytes / one.states),
    );
}

fn hundredths(above: u64, below: u64) -> String {
    let ratio = above * 100 / below.max(1);
    format!("{}.{:02}", ratio / 100, ratio % 100)
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Has a process of its own explore once.
fn sample(case: Case, engine: Engine, threads: usize) -> Sample {
    let deep = case.bounds == Bounds::Deep;
    let program = std::env::current_exe().unwrap_or_else(|why| panic!("no path to myself: {why}"));
    let done = Command::new(program)
        .args([
            "--one",
            case.scope.name(),
            case.tier.name(),
            &deep.to_string(),
        ])
        .args([engine.name(), &threads.to_string()])
        .output()
        .unwrap_or_else(|why| panic!("no process: {why}"));
    let said = String::from_utf8_lossy(&done.stdout);
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let [states, transitions, busy_us, wall_us, bytes] = numbers[..] else {
        panic!("{}: {}", case.name(), String::from_utf8_lossy(&done.stderr));
    };
    Sample {
        states,
        transitions,
        busy_us,
        wall_us,
        bytes,
    }
}

/// Explores in this process and says what it took.
fn one(arguments: &[String]) {
    let [scope, tier, deep, engine, threads] = arguments else {
        panic!("--one SCOPE TIER DEEP ENGINE THREADS");
    };
    let known = "this program names only what there is";
    let (Some(scope), Some(tier)) = (Scope::from_name(scope), Tier::from_name(tier)) else {
        panic!("{known}");
    };
    let config = Config {
        bounds: if deep == "true" {
            Bounds::Deep
        } else {
            Bounds::Default
        },
        ..Config::hardened(tier)
    };
    let engine = Engine::ALL.iter().find(|one| one.name() == engine);
    let (Some(engine), Ok(threads)) = (engine, threads.parse()) else {
        panic!("{known}");
    };
    let limits = Limits {
        threads,
        ..Limits::default()
    };
    let (busy, memory) = (busy_us(), peak_bytes());
    let report = check(scope, config, *engine, limits, &mut |_, _| {});
    println!(
        "{} {} {} {} {}",
        report.states,
        report.transitions,
        busy_us() - busy,
        report.took.as_micros(),
        peak_bytes() - memory
    );
}

/// A number of the files in which Linux says how this process does.
fn of_process(file: &str, find: impl Fn(&str) -> Option<u64>) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    find(&text).unwrap_or_else(|| panic!("this benchmark reads /proc/self/{file}, as Linux has it"))
}

/// User and system time of all threads, in steps of a hundredth of a second.
fn busy_us() -> u64 {
    of_process("stat", |text| {
        // What stands before the bracket is the program's name, which may hold spaces.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
        let ticks = |field: Option<&str>| field?.parse::<u64>().ok();
        Some((ticks(fields.next())? + ticks(fields.next())?) * 10_000)
    })
}

/// The most memory so far.
fn peak_bytes() -> u64 {
    of_process("status", |text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    })
}

/// The limit: nanoseconds for one insert of a fingerprint at random into a table for as many states, of which as many
/// as there are states are new. Loads are made in batches, as the engine does.
fn insert(states: u64, inserts: u64) -> u64 {
    const BATCH: u64 = 32;
    let mut slots = vec![0_u64; (states * 4 / 3).next_power_of_two() as usize];
    let mask = slots.len() - 1;
    let began = Instant::now();
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
    let took = began.elapsed().as_nanos() as u64;
    black_box(&slots);
    took / inserts
}

/// A bijection that looks like chance.
fn mixed(number: u64) -> u64 {
    let one = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let two = (one ^ one >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    two ^ two >> 31
}
