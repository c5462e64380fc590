//! Standalone machines: total, small, and a refusal leaves the state as it was but for counters.

use std::collections::BTreeSet;

use kaika_model::role::{
    chip::Chip, issuer, issuer::Issuer, terminal::Terminal, verifier::Verifier,
};
use kaika_model::{Machine, Verdict, Weak};

fn reachable<M: Machine>(alphabet: &[M::Input]) -> BTreeSet<M::State> {
    let mut seen = BTreeSet::from([M::init()]);
    let mut todo = vec![M::init()];
    while let Some(state) = todo.pop() {
        for input in alphabet.iter().filter(|input| M::sayable(&state, input)) {
            let next = M::step(&state, input, &Weak::HARDENED).next;
            if seen.insert(next) {
                todo.push(next);
            }
        }
    }
    seen
}

fn sizes<M: Machine>() -> Vec<(&'static str, usize)> {
    M::chapters()
        .into_iter()
        .map(|(name, alphabet)| (name, reachable::<M>(&alphabet).len()))
        .collect()
}

fn names_are_unique<M: Machine>() {
    let names: BTreeSet<String> = M::inputs().iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), M::inputs().len());
}

#[test]
fn every_chapter_is_small() {
    for (machine, sizes) in [
        ("issuer", sizes::<Issuer>()),
        ("verifier", sizes::<Verifier>()),
        ("chip", sizes::<Chip>()),
        ("terminal", sizes::<Terminal>()),
    ] {
        for (chapter, states) in sizes {
            println!("{machine} {chapter}: {states}");
            assert!(
                (2..2_000).contains(&states),
                "{machine} {chapter}: {states} states"
            );
        }
    }
}

#[test]
fn letters_have_names_of_their_own() {
    names_are_unique::<Issuer>();
    names_are_unique::<Verifier>();
    names_are_unique::<Chip>();
    names_are_unique::<Terminal>();
}

#[test]
fn a_hardened_step_asks_for_nothing_when_it_refuses_at_the_issuer() {
    for (_, alphabet) in Issuer::chapters() {
        for state in reachable::<Issuer>(&alphabet) {
            for input in Issuer::inputs() {
                let outcome = Issuer::step(&state, &input, &Weak::HARDENED);
                if let Verdict::Refuse(_) = outcome.verdict {
                    assert!(outcome.out.is_empty(), "{state:?} {input}");
                    let kept = issuer::State {
                        session: state.session,
                        debit: state.debit,
                        ..outcome.next
                    };
                    assert_eq!(kept, state, "{state:?} {input}");
                }
            }
        }
    }
}
