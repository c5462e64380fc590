//! The vectors are fresh, cover what they say, and tell every weakness that a single role can show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kaika_conformance::format::{File, Kind};
use kaika_spec::Weakness;

/// Weaknesses that no vector against one server or chip can show, and where they are shown.
const ELSEWHERE: &[(Weakness, &str)] = &[
    (
        Weakness::WriteInPlace,
        "a power cut inside a write: `cargo test --test cores`, the provisioning scope",
    ),
    (
        Weakness::TimeoutIsFailure,
        "the terminal is no subject: the pay scope",
    ),
    (
        Weakness::OfflineApprove,
        "the shop's terminal is no subject: the tap scope",
    ),
    (
        Weakness::ReversalOnce,
        "the shop's terminal is no subject: the tap scope, `impl/pos`",
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

fn files() -> Vec<(String, String)> {
    kaika_generate::all().unwrap_or_else(|error| panic!("{error}"))
}

fn read() -> Vec<File> {
    let read = |(name, text): (String, String)| {
        File::read(&name, &text).unwrap_or_else(|error| panic!("{error}"))
    };
    files().into_iter().map(read).collect()
}

#[test]
fn what_is_checked_in_is_what_the_model_gives() {
    for (name, text) in files() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../vectors")
            .join(&name);
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == text, "{name} is stale: run `kaika vectors`");
    }
}

#[test]
fn generation_gives_the_same_bytes_twice() {
    assert!(files() == files());
}

#[test]
fn every_weakness_is_told_by_a_vector_or_listed() {
    let told: BTreeSet<String> = read()
        .into_iter()
        .flat_map(|file| file.tests)
        .flat_map(|test| test.origin.kills)
        .collect();
    for weakness in Weakness::ALL {
        let listed = ELSEWHERE.iter().any(|(one, _)| one == weakness);
        assert_ne!(told.contains(weakness.name()), listed, "{weakness}");
    }
}

#[test]
fn every_refusal_is_followed_by_something_that_shows_no_change() {
    for test in read().into_iter().flat_map(|file| file.tests) {
        assert!(
            test.result == Kind::Valid || !test.post.is_empty(),
            "{}",
            test.id
        );
    }
}

/// How many tests each suite has: a change is seen in review.
#[test]
fn the_sizes_of_the_suites() {
    let sizes: BTreeMap<String, usize> = read()
        .into_iter()
        .map(|file| (file.suite, file.number_of_tests))
        .collect();
    insta::assert_debug_snapshot!(sizes);
}
