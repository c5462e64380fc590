//! Two formalisations, two checkers: what SPIN says of the Promela in `promela/` is what our explorer says of the worlds.
//!
//! `promela/README.md` says what corresponds to what; [`corresponds`] is the same, as a test.

mod pan;

use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;

use kaika_model::check::{Engine, check, target, tiers_of, weaknesses_of};
use kaika_model::explore::Limits;
use kaika_model::pack::Words as _;
use kaika_model::scope::provisioning::Provisioning;
use kaika_model::scope::tap::Tap;
use kaika_model::{Bounds, Chart, Config, Tier, Weak, World};
use kaika_spec::{Scope, Weakness};
use pan::{Found, Pan, read};

/// The scopes that SPIN knows.
const SCOPES: [Scope; 2] = [Scope::Provisioning, Scope::Tap];

fn default(weak: Option<Weakness>, tier: Tier) -> Config {
    Config {
        weak: weak.map_or(Weak::HARDENED, Weak::only),
        tier,
        bounds: Bounds::DEFAULT,
    }
}

/// A weakness as a macro: `ATC_UNCHECKED`.
fn as_macro(weakness: Weakness) -> String {
    weakness.name().replace('-', "_").to_uppercase()
}

/// A configuration as macros: `-DTIER=1 -DFAULTS=1 -DATC_UNCHECKED`.
fn macros(config: Config) -> Vec<String> {
    let name = |weakness| format!("-D{}", as_macro(weakness));
    let tier = format!("-DTIER={}", config.tier.name().trim_start_matches('T'));
    let faults = format!("-DFAULTS={}", config.bounds.tears);
    [tier, faults]
        .into_iter()
        .chain(config.weak.list().map(name))
        .collect()
}

fn by_spin(scope: Scope, macros: &[String]) -> Found {
    let found = Pan::build(scope.name(), macros, &["-O1"]).and_then(|pan| pan.run());
    match found {
        Ok(found) => found,
        Err(why) => panic!("{why}"),
    }
}

/// Both checkers on one configuration: verdict by verdict, state by state, transition by transition.
fn corresponds(scope: Scope, config: Config) {
    let case = format!("{scope} {}", macros(config).join(" "));
    let limits = Limits::default();
    let ours = check(scope, config, Engine::Native, limits, &mut |_, _| {});
    let theirs = by_spin(scope, &macros(config));
    assert!(ours.exhausted, "{case}");
    // Of every property, whether it is claimed against this tier or not.
    let broken = ours.violated.iter().chain(&ours.beyond);
    let violated: BTreeSet<String> = broken.map(|id| format!("{id}").to_lowercase()).collect();
    assert_eq!(
        theirs.violated, violated,
        "{case}: violated in SPIN, and here"
    );
    // SPIN has one initial state; in tap it chooses our five from it, in five transitions.
    let (begun, chosen) = if scope == Scope::Tap { (1, 5) } else { (0, 0) };
    assert_eq!(
        theirs.states,
        ours.states as u64 + begun,
        "{case}: states in SPIN, and here"
    );
    // SPIN counts the initial state as a transition, and judges in a step where nothing can happen any more.
    let steps = 1 + chosen + ours.transitions;
    if ours.states <= WALKED_MAX {
        let over = match scope {
            Scope::Tap => over::<Tap>(config),
            _ => over::<Provisioning>(config),
        };
        assert_eq!(
            theirs.transitions,
            steps + over,
            "{case}: transitions in SPIN, and here"
        );
    } else {
        let over = theirs.transitions.checked_sub(steps);
        assert!(
            over.is_some_and(|over| 0 < over && over < theirs.states / 10),
            "{case}: transitions in SPIN and here differ by {over:?}"
        );
    }
}

/// The most states that are walked a second time.
const WALKED_MAX: usize = 1_000_000;

/// States after which nothing happens, by a walk that is not the explorer's.
fn over<W: World<Packed: Hash>>(config: Config) -> u64 {
    let world = W::new(config);
    let mut waiting = world.init_states();
    let mut known: HashSet<W::Packed> = waiting.iter().map(W::Packed::of).collect();
    let mut actions = Vec::new();
    let mut over = 0;
    while let Some(state) = waiting.pop() {
        let mut is_over = true;
        actions.clear();
        world.actions(&state, &mut actions);
        for action in &actions {
            let Some(next) = world.apply(&state, action, &mut Chart::off()) else {
                continue;
            };
            is_over = false;
            if known.insert(W::Packed::of(&next)) {
                waiting.push(next);
            }
        }
        over += u64::from(is_over);
    }
    over
}

#[test]
fn the_specification_against_every_attacker() {
    for scope in SCOPES {
        for tier in tiers_of(scope) {
            corresponds(scope, default(None, *tier));
        }
    }
}

/// Two faults of each kind instead of one.
#[test]
fn more_faults() {
    for (scope, tier) in [
        (Scope::Provisioning, Tier::T0),
        (Scope::Provisioning, Tier::T1),
        (Scope::Tap, Tier::T0),
    ] {
        let bounds = Bounds::of(2);
        let config = default(None, tier);
        corresponds(scope, Config { bounds, ..config });
    }
}

/// At the least tier that breaks its property, and at those below, where it is whole.
fn each_weakness_of(scope: Scope) {
    for weakness in weaknesses_of(scope) {
        let (_, _, least) = target(*weakness);
        for tier in tiers_of(scope).iter().filter(|tier| **tier <= least) {
            corresponds(scope, default(Some(*weakness), *tier));
        }
    }
}

#[test]
fn each_weakness_of_provisioning() {
    each_weakness_of(Scope::Provisioning);
}

#[test]
fn each_weakness_of_tap() {
    each_weakness_of(Scope::Tap);
}

/// A weakness that the Promela does not name would be checked as none.
#[test]
fn all_weaknesses_are_named() {
    for (scope, model) in [
        (
            Scope::Provisioning,
            include_str!("../promela/provisioning.pml"),
        ),
        (Scope::Tap, include_str!("../promela/tap.pml")),
    ] {
        for weakness in weaknesses_of(scope) {
            let name = format!(" *   -D{} ", as_macro(*weakness));
            assert!(model.contains(&name), "{scope}: {weakness}");
        }
    }
}

/// Where the prose can be read in two ways, the verdicts do not hang on the reading.
#[test]
fn the_other_reading_holds_too() {
    let plain = macros(default(None, Tier::T1));
    let with: Vec<String> = plain
        .iter()
        .cloned()
        .chain(["-DTEAR_MAY_WRITE".to_owned()])
        .collect();
    let (one, other) = (
        by_spin(Scope::Provisioning, &plain),
        by_spin(Scope::Provisioning, &with),
    );
    assert!(other.states > one.states, "the reading adds nothing");
    assert_eq!(other.violated, BTreeSet::new());
}

/// A verifier that gave up, or said nothing, is not taken for one that found nothing.
#[test]
fn a_search_that_was_cut_short_is_no_answer() {
    let good = "  7 states, stored\n  9 transitions (= stored+matched)\n";
    let violated = "pan:1: assertion violated p25 (at depth 12)\n";
    let names = |printed: String| read(&printed).map(|found| found.violated);
    assert_eq!(names(good.to_owned()), Ok(BTreeSet::new()));
    assert_eq!(
        names(format!("{violated}{good}")),
        Ok(BTreeSet::from(["p25".to_owned()]))
    );
    let dead = "pan:1: invalid end state (at depth 3)\n";
    assert_eq!(
        names(format!("{dead}{good}")),
        Ok(BTreeSet::from(["invalid end state".to_owned()]))
    );
    assert!(read(&format!("error: max search depth too small\n{good}")).is_err());
    assert!(read(&format!("Warning: Search not completed\n{good}")).is_err());
    assert!(read("").is_err());
}
