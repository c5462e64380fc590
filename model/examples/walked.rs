//! Runs the role steps as they are explored, for `model/coverage.sh`, which counts what of them is run.
//!
//! `worlds`: every scope at its strongest attacker, for the specification, for the literal claims, and without each
//! countermeasure that not even those leave out. `machines`: the roles alone, every letter in every state of every chapter.

use std::collections::BTreeSet;

use kaika_model::check::{Engine, check, tiers_of, weaknesses_of};
use kaika_model::explore::Limits;
use kaika_model::role::{
    NEVER_CLAIMED, chip::Chip, identity::Identity, issuer::Issuer, pos::Pos, terminal::Terminal,
    verifier::Verifier,
};
use kaika_model::{Bounds, Config, Machine, Tier, Weak};
use kaika_spec::{Scope, Weakness};

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("worlds") => Scope::ALL.iter().for_each(|scope| world(*scope)),
        Some("machines") => {
            machine::<Issuer>();
            machine::<Verifier>();
            machine::<Chip>();
            machine::<Identity>();
            machine::<Pos>();
            machine::<Terminal>();
        }
        _ => panic!("walked worlds|machines"),
    }
}

fn world(scope: Scope) {
    let tier = tiers_of(scope).last().copied().unwrap_or(Tier::T0);
    let never = |one: &&Weakness| NEVER_CLAIMED.contains(one);
    let single = weaknesses_of(scope).iter().filter(never);
    let single = single.map(|one| Weak::only(*one));
    for weak in [Weak::HARDENED, Weak::as_claimed()]
        .into_iter()
        .chain(single)
    {
        let config = Config {
            weak,
            tier,
            bounds: Bounds::DEFAULT,
        };
        // One thread: the compiler's counters are shared.
        let found = check(
            scope,
            config,
            Engine::Native,
            Limits::default(),
            &mut |_, _| {},
        );
        assert!(found.exhausted, "{scope}: not to the end");
    }
}

/// Every letter in every state of every chapter.
fn machine<M: Machine>() {
    let single = Weakness::ALL.iter().map(|one| Weak::only(*one));
    let weak: Vec<Weak> = [Weak::HARDENED, Weak::as_claimed()]
        .into_iter()
        .chain(single)
        .collect();
    for (_, alphabet) in M::chapters() {
        for weak in &weak {
            let mut seen = BTreeSet::from([M::init()]);
            let mut todo = vec![M::init()];
            let letters = M::inputs();
            while let Some(state) = todo.pop() {
                for letter in &letters {
                    let next = M::step(&state, letter, weak).next;
                    let is_said = alphabet.contains(letter) && M::sayable(&state, letter);
                    if is_said && seen.insert(next) {
                        todo.push(next);
                    }
                }
            }
        }
    }
}
