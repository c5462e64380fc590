//! Which tests are smoke: a happy path of each chapter, and one test of each requirement that none of these has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use kaika_conformance::format::{Kind, Test, Tier};

/// A test on whose way everything is accepted.
#[derive(Clone, Debug)]
pub(crate) struct Happy {
    /// Its place among the tests.
    pub(crate) at: usize,
    /// Its chapter.
    pub(crate) chapter: &'static str,
    /// What is met on its way.
    pub(crate) requirements: BTreeSet<&'static str>,
    /// How many inputs it has.
    pub(crate) length: usize,
}

/// Marks the smoke tests.
pub(crate) fn smoke(tests: &mut [Test], happy: &[Happy]) {
    let mut taken = paths(happy);
    let of = |at: &usize| tests[*at].requirements.iter().cloned();
    let mut met: BTreeSet<String> = taken.iter().flat_map(of).collect();
    let all: BTreeSet<String> = (0..tests.len()).flat_map(|at| of(&at)).collect();
    for requirement in all {
        if !met.contains(&requirement)
            && let Some(at) = simplest(tests, &requirement)
        {
            met.extend(tests[at].requirements.iter().cloned());
            taken.insert(at);
        }
    }
    for at in taken {
        tests[at].tier = Tier::Smoke;
    }
}

/// Of each chapter, the way that meets the most requirements; of several the shortest, of these the first.
fn paths(happy: &[Happy]) -> BTreeSet<usize> {
    let mut best: BTreeMap<&str, &Happy> = BTreeMap::new();
    for one in happy {
        let worth = |one: &Happy| (one.requirements.len(), Reverse(one.length), Reverse(one.at));
        let other = best.entry(one.chapter).or_insert(one);
        if worth(one) > worth(other) {
            *other = one;
        }
    }
    best.into_values().map(|one| one.at).collect()
}

/// The simplest test of a requirement: without the clock, accepted, short, and the first of these.
fn simplest(tests: &[Test], requirement: &str) -> Option<usize> {
    let names = |test: &Test| {
        test.tier == Tier::Standard && test.requirements.iter().any(|one| one == requirement)
    };
    let cost = |at: &usize| {
        let test = &tests[*at];
        let clock = test.needs.iter().any(|need| need == "hook:clock");
        (clock, test.result == Kind::Invalid, test.steps.len(), *at)
    };
    let fits = (0..tests.len()).filter(|at| names(&tests[*at]));
    fits.min_by_key(cost)
}
