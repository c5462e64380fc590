//! The vectors are fresh, cover what they say, and tell every weakness that a single role can show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

use kaika_conformance::format::{File, Kind, Test, Tier};
use kaika_generate::lock::Lock;
use kaika_generate::sizes::Sizes;
use kaika_generate::{IDENTIFIED, coverage, field_table, identification, reach};
use kaika_spec::Weakness;

/// Weaknesses that no vector against one role can show, and where they are shown.
const ELSEWHERE: &[(Weakness, &str)] = &[
    (
        Weakness::WriteInPlace,
        "a power cut inside a write: `cargo test --test cores`, the provisioning scope",
    ),
    (
        Weakness::CompensationOnce,
        "a message that is lost between two servers: the provisioning scope, `tests/serve.rs`",
    ),
    (
        Weakness::CountedAfter,
        "a power cut inside a command: the tap scope, `impl/secure-element/tests/tears.rs`",
    ),
    (
        Weakness::ProofIgnored,
        "no input of the chip's machine: the tap scope, vectors by hand (`chip/hand/issuer/declines`)",
    ),
];

/// Made once: every test looks at the same.
fn files() -> &'static [(String, String)] {
    static FILES: OnceLock<Vec<(String, String)>> = OnceLock::new();
    FILES.get_or_init(|| kaika_generate::all().unwrap_or_else(|error| panic!("{error}")))
}

fn read() -> &'static [File] {
    static READ: OnceLock<Vec<File>> = OnceLock::new();
    READ.get_or_init(|| kaika_generate::suites().unwrap_or_else(|error| panic!("{error}")))
}

/// The identification tier, by role.
fn identified() -> &'static [File] {
    static MADE: OnceLock<Vec<File>> = OnceLock::new();
    let of = |role: &&str| {
        let file = identification(role).unwrap_or_else(|error| panic!("{error}"));
        file.unwrap_or_else(|| panic!("{role} has no identification tier"))
    };
    MADE.get_or_init(|| IDENTIFIED.iter().map(of).collect())
}

#[test]
fn what_is_checked_in_is_what_the_model_gives() {
    for (name, text) in files() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../vectors")
            .join(name);
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == *text, "{name} is stale: run `kaika vectors`");
    }
}

#[test]
fn generation_gives_the_same_bytes_twice() {
    let again = kaika_generate::all().unwrap_or_else(|error| panic!("{error}"));
    assert!(files() == again);
    let [issuer, ..] = identified() else {
        panic!("no identification tier")
    };
    let again = identification("issuer").unwrap_or_else(|error| panic!("{error}"));
    assert!(Some(issuer.write()) == again.map(|file| file.write()));
}

#[test]
fn every_weakness_is_told_by_a_vector_or_listed() {
    let tests = read().iter().flat_map(|file| &file.tests);
    let told: BTreeSet<&str> = tests
        .flat_map(|test| test.origin.kills.iter().map(String::as_str))
        .collect();
    for weakness in Weakness::ALL {
        let listed = ELSEWHERE.iter().any(|(one, _)| one == weakness);
        assert_ne!(told.contains(weakness.name()), listed, "{weakness}");
    }
}

#[test]
fn every_refusal_is_followed_by_something_that_shows_no_change() {
    let all = read().iter().chain(identified());
    for test in all.flat_map(|file| &file.tests) {
        assert!(
            test.result == Kind::Valid || !test.post.is_empty(),
            "{}",
            test.id
        );
    }
}

/// Transitions that no test of the standard tier takes: how many, and why.
const NOT_TAKEN: &[(&str, &str, usize, &str)] = &[(
    "verifier",
    "prove",
    1675,
    "counters of tries, sends and codes away from their limits: more than two inputs tell them apart, and most of \
     these tests move the clock, alone; the identification tier takes them",
)];

#[test]
fn the_standard_tier_takes_every_transition_or_says_why_not() {
    let mut wrong = Vec::new();
    for role in IDENTIFIED {
        let file = read().iter().find(|file| file.suite == *role);
        let file = file.unwrap_or_else(|| panic!("no suite of {role}"));
        for covered in coverage(role, file, Tier::Standard) {
            let (chapter, missing) = (covered.chapter, covered.missing.len());
            let of = |(of, name, ..): &&(&str, &str, usize, &str)| of == role && *name == chapter;
            let listed = NOT_TAKEN.iter().find(of).map_or(0, |(.., count, _)| *count);
            if missing != listed {
                let (all, first) = (covered.transitions, covered.missing.first());
                wrong.push(format!(
                    "{role} {chapter}: {missing} of {all} not taken, {listed} listed; {first:?}"
                ));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn identification_takes_every_transition() {
    for (role, file) in IDENTIFIED.iter().zip(identified()) {
        for covered in coverage(role, file, Tier::Identification) {
            assert_eq!(
                covered.missing,
                Vec::<String>::new(),
                "{role} {}",
                covered.chapter
            );
        }
    }
}

/// How many tests each role has in each tier: a change is seen in review, and the table is what the page says.
#[test]
fn the_sizes_of_the_suites() {
    let mut sizes = Sizes::default();
    let by_hand = include_str!("../../vectors/hand/chip.json");
    let by_hand = File::read("hand/chip.json", by_hand).unwrap_or_else(|error| panic!("{error}"));
    let all = read().iter().chain([&by_hand]).chain(identified());
    all.for_each(|file| sizes.count(file));
    insta::assert_snapshot!(sizes);
    let page = include_str!("../../vectors/README.md");
    assert!(
        page.contains(&sizes.to_string()),
        "README.md: the sizes are\n{sizes}"
    );
}

/// What identification can tell, chapter by chapter.
#[test]
fn the_reach_of_identification() {
    let reach: BTreeMap<&str, _> = IDENTIFIED.iter().map(|role| (*role, reach(role))).collect();
    insta::assert_debug_snapshot!(reach);
}

/// Every field of every message is tried, and what names something is wrong in more ways by letters of the model.
#[test]
fn every_field_has_wrong_variants() {
    for (role, least) in [("issuer", 30), ("verifier", 30), ("identity", 20)] {
        let lines = field_table(role).unwrap_or_else(|error| panic!("{error}"));
        assert!(lines.len() >= least, "{role}: {}", lines.len());
        let file = read().iter().find(|file| file.suite == role);
        let tests = file.map_or(&[][..], |file| &file.tests);
        for line in lines {
            assert!(line.wrong > 0, "{role}: {} has no wrong value", line.field);
            let id = format!("{role}/fields/{}", line.field);
            assert!(tests.iter().any(|test| test.id == id), "{id}");
            for letter in &line.letters {
                let said = |test: &&Test| test.origin.model_path.contains(letter);
                assert!(
                    tests.iter().find(said).is_some(),
                    "{}: {letter}",
                    line.field
                );
            }
        }
    }
}

/// No message with a body is left out.
#[test]
fn every_message_is_tried() {
    for role in ["issuer", "verifier", "identity"] {
        assert_eq!(kaika_generate::untried(role), Ok(vec![]), "{role}");
    }
}

#[test]
fn ids_are_those_of_the_lock_file() {
    let lock = include_str!("../../vectors.lock");
    let lock = Lock::read(lock).unwrap_or_else(|error| panic!("vectors.lock: {error}"));
    let by_hand = include_str!("../../vectors/hand/chip.json");
    let mut files = read().to_vec();
    files.extend(File::read("hand/chip.json", by_hand));
    let now = lock
        .updated(&files, &[])
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(now == lock, "vectors.lock is stale: run `kaika vectors`");
}
