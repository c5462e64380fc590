//! Two formalisations, two checkers: what SPIN says of the Promela in `promela/` is what our explorer says of the worlds.
//!
//! `promela/README.md` says what corresponds to what; [`corresponds`] is the same, as a test.

mod pan;

use std::collections::{BTreeSet, HashSet};

use kaika_model::check::{Engine, check, target};
use kaika_model::explore::Limits;
use kaika_model::role::chip::Channel;
use kaika_model::scope::provisioning::{Action, Provisioning};
use kaika_model::{Bounds, Config, Tier, Weak, World};
use kaika_spec::{Scope, Weakness};
use pan::{Found, Pan, read};
use stateright::Model;

/// The weaknesses that the two scopes know.
const KNOWN: &[(Scope, Weakness)] = &[
    (Scope::Provisioning, Weakness::ActivateWithoutReceipt),
    (Scope::Provisioning, Weakness::WriteInPlace),
    (Scope::Provisioning, Weakness::ScriptUnauthenticated),
    (Scope::Provisioning, Weakness::SecondChip),
    (Scope::Provisioning, Weakness::NoCompensation),
    (Scope::Tap, Weakness::StaticTokenAtPos),
    (Scope::Tap, Weakness::OfflineApprove),
    (Scope::Tap, Weakness::AtcUnchecked),
    (Scope::Tap, Weakness::LivenessBeforeDebit),
];

fn default(weak: Option<Weakness>, tier: Tier) -> Config {
    Config {
        weak: weak.map_or(Weak::HARDENED, Weak::only),
        tier,
        bounds: Bounds::Default,
    }
}

/// A configuration as macros: `-DTIER=1 -DFAULTS=1 -DATC_UNCHECKED`.
fn macros(config: Config) -> Vec<String> {
    let name = |weakness: Weakness| {
        let name = weakness.name().replace('-', "_").to_uppercase();
        format!("-D{name}")
    };
    let tier = format!("-DTIER={}", config.tier.name().trim_start_matches('T'));
    let faults = format!("-DFAULTS={}", config.bounds.faults());
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
    let violated: BTreeSet<String> = ours
        .violated
        .iter()
        .map(|id| format!("{id}").to_lowercase())
        .collect();
    assert_eq!(
        theirs.violated, violated,
        "{case}: violated in SPIN, and here"
    );
    // SPIN has one initial state; in tap it chooses our two from it, in two transitions.
    let chosen = scope == Scope::Tap;
    assert_eq!(
        theirs.states,
        ours.states as u64 + u64::from(chosen),
        "{case}: states in SPIN, and here"
    );
    let ends = match scope {
        Scope::Provisioning => ends(config),
        _ => Ends::default(),
    };
    // SPIN counts the initial state as a transition.
    assert_eq!(
        theirs.transitions + ends.idle_tears,
        1 + 2 * u64::from(chosen) + ours.transitions + ends.over,
        "{case}: transitions in SPIN, and here"
    );
}

/// What our explorer does not count, and what only our world does.
#[derive(Default)]
struct Ends {
    /// States after which nothing happens: SPIN judges P25 there, in a step.
    over: u64,
    /// Power "fails inside a write" of a command that writes nothing: our world spends the tear, and power stays.
    idle_tears: u64,
}

fn ends(config: Config) -> Ends {
    let world = Provisioning::new(config);
    let mut waiting = world.init_states();
    let mut known: HashSet<_> = waiting.iter().copied().collect();
    let mut actions = Vec::new();
    let mut ends = Ends::default();
    while let Some(state) = waiting.pop() {
        let mut is_over = true;
        actions.clear();
        world.actions(&state, &mut actions);
        for action in &actions {
            let Some(next) = world.next_state(&state, *action) else {
                continue;
            };
            is_over = false;
            if let Action::Torn(at, _) = action {
                ends.idle_tears += u64::from(next.chips[*at].state.channel == Channel::Open);
            }
            if known.insert(next) {
                waiting.push(next);
            }
        }
        ends.over += u64::from(is_over);
    }
    ends
}

const TIERS: [Tier; 3] = [Tier::T0, Tier::T1, Tier::T2];

#[test]
fn the_specification_against_every_attacker() {
    for scope in [Scope::Provisioning, Scope::Tap] {
        for tier in TIERS {
            corresponds(scope, default(None, tier));
        }
    }
}

/// Two faults of each kind instead of one.
#[test]
fn deep_bounds() {
    for scope in [Scope::Provisioning, Scope::Tap] {
        for tier in [Tier::T0, Tier::T1] {
            let bounds = Bounds::Deep;
            let config = default(None, tier);
            corresponds(scope, Config { bounds, ..config });
        }
    }
}

/// At the least tier that breaks its property, and at those below, where it is whole.
fn each_weakness_of(scope: Scope) {
    for (_, weakness) in KNOWN.iter().filter(|(of, _)| *of == scope) {
        let (_, _, least) = target(*weakness);
        for tier in TIERS.into_iter().filter(|tier| *tier <= least) {
            corresponds(scope, default(Some(*weakness), tier));
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

/// No weakness of the two scopes is forgotten.
#[test]
fn all_weaknesses_are_known() {
    for weakness in Weakness::ALL {
        let (scope, _, _) = target(*weakness);
        let ours = matches!(scope, Scope::Provisioning | Scope::Tap);
        assert!(!ours || KNOWN.contains(&(scope, *weakness)), "{weakness}");
    }
}

/// Where the prose can be read in two ways, the verdicts do not hang on the reading.
#[test]
fn the_other_readings_hold_too() {
    for (scope, reading) in [
        (Scope::Tap, "-DREVERSED_DECLINES"),
        (Scope::Provisioning, "-DTEAR_MAY_WRITE"),
    ] {
        let plain = macros(default(None, Tier::T1));
        let with: Vec<String> = plain.iter().cloned().chain([reading.to_owned()]).collect();
        let (one, other) = (by_spin(scope, &plain), by_spin(scope, &with));
        assert!(other.states > one.states, "{reading} adds nothing");
        assert_eq!(other.violated, BTreeSet::new(), "{reading}");
    }
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
