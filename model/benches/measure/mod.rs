//! What the benchmarks share: one exploration in a process of its own, and what it took. Start at [`sample`].

pub(crate) mod page;

use std::process::Command;

use kaika_model::check::{Engine, check};
use kaika_model::explore::Limits;
use kaika_model::{Bounds, Config, Tier};
use kaika_spec::Scope;
use rustix::time::{ClockId, clock_gettime};

/// What is explored.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) scope: Scope,
    pub(crate) tier: Tier,
    /// How many faults of each kind.
    pub(crate) faults: u8,
    pub(crate) symmetry: bool,
}

impl Case {
    pub(crate) const fn of(scope: Scope, tier: Tier, faults: u8) -> Self {
        Self {
            scope,
            tier,
            faults,
            symmetry: false,
        }
    }
}

/// What one process measured.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) states: u64,
    pub(crate) transitions: u64,
    /// Time on cores.
    pub(crate) busy_us: u64,
    /// Time on the wall.
    pub(crate) wall_us: u64,
    /// The most memory that the process had, less what it began with, and less the program itself.
    pub(crate) bytes: u64,
}

/// What follows `--one`, in a process that was started to explore once.
pub(crate) fn asked_for_one() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(at) = arguments.iter().position(|one| one == "--one") else {
        return false;
    };
    one(&arguments[at + 1..]);
    true
}

pub(crate) fn hundredths(above: u64, below: u64) -> String {
    let ratio = above * 100 / below.max(1);
    format!("{}.{:02}", ratio / 100, ratio % 100)
}

/// Has a process of its own explore once.
pub(crate) fn sample(case: Case, engine: Engine, threads: usize) -> Sample {
    let program = std::env::current_exe().unwrap_or_else(|why| panic!("no path to myself: {why}"));
    let done = Command::new(program)
        .args(["--one", case.scope.name(), case.tier.name()])
        .args([&case.faults.to_string(), &case.symmetry.to_string()])
        .args([engine.name(), &threads.to_string()])
        .output()
        .unwrap_or_else(|why| panic!("no process: {why}"));
    let said = String::from_utf8_lossy(&done.stdout);
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let [states, transitions, busy_us, wall_us, bytes] = numbers[..] else {
        panic!("{}: {}", case.scope, String::from_utf8_lossy(&done.stderr));
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
    let [scope, tier, faults, symmetry, engine, threads] = arguments else {
        panic!("--one SCOPE TIER FAULTS SYMMETRY ENGINE THREADS");
    };
    let engine = Engine::ALL.iter().find(|one| one.name() == engine);
    let (Some(scope), Some(tier), Ok(faults), Some(engine), Ok(threads)) = (
        Scope::from_name(scope),
        Tier::from_name(tier),
        faults.parse(),
        engine,
        threads.parse(),
    ) else {
        panic!("this program names only what there is");
    };
    let config = Config {
        bounds: Bounds::of(faults),
        ..Config::hardened(tier)
    };
    let limits = Limits {
        threads,
        symmetry: symmetry == "true",
        ..Limits::default()
    };
    let (busy, memory) = (busy_us(), resident("RssAnon:"));
    let report = check(scope, config, *engine, limits, &mut |_, _| {});
    println!(
        "{} {} {} {} {}",
        report.states,
        report.transitions,
        busy_us() - busy,
        report.took.as_micros(),
        peak_bytes().saturating_sub(memory)
    );
}

/// A number of the files in which Linux says how this process does.
fn of_process(file: &str, find: impl Fn(&str) -> Option<u64>) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    find(&text).unwrap_or_else(|| panic!("this benchmark reads /proc/self/{file}, as Linux has it"))
}

/// User and system time of all threads.
pub(crate) fn busy_us() -> u64 {
    let clock = clock_gettime(ClockId::ProcessCPUTime);
    clock.tv_sec as u64 * 1_000_000 + clock.tv_nsec as u64 / 1_000
}

/// The most memory so far, without the pages of the program, which are read as it runs and are no engine's states.
fn peak_bytes() -> u64 {
    resident("VmHWM:").saturating_sub(resident("RssFile:"))
}

/// One of the sizes of this process, bytes.
fn resident(name: &str) -> u64 {
    of_process("status", |text| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    })
}
