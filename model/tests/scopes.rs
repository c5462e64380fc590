//! The five worlds and the one that crosses them: the specification holds against every tier, nothing is vacuous, and two engines agree.

use kaika_model::check::{Engine, Report, check, interchangeable};
use kaika_model::explore::Limits;
use kaika_model::{Config, Tier, Weak};
use kaika_spec::{PropertyId, Scope};

/// Unique states of the specification at default bounds. A change here is a change of the model: say why.
const STATES: &[(Scope, Tier, usize)] = &[
    (Scope::Issuance, Tier::T0, 29_552),
    (Scope::Issuance, Tier::T1, 30_012),
    (Scope::Issuance, Tier::T2, 30_908),
    (Scope::Issuance, Tier::T3, 37_358),
    (Scope::Issuance, Tier::T4, 37_624),
    (Scope::Issuance, Tier::T5, 70_790),
    (Scope::Provisioning, Tier::T0, 5_618),
    (Scope::Provisioning, Tier::T1, 9_003),
    (Scope::Provisioning, Tier::T2, 170_529),
    (Scope::Provisioning, Tier::T5, 234_749),
    (Scope::Pay, Tier::T0, 181),
    (Scope::Pay, Tier::T1, 564),
    (Scope::Pay, Tier::T2, 1_152),
    (Scope::Pay, Tier::T3, 1_912),
    (Scope::Pay, Tier::T4, 3_824),
    (Scope::Pay, Tier::T5, 20_276),
    (Scope::Tap, Tier::T0, 29_544),
    (Scope::Tap, Tier::T1, 1_481_718),
    (Scope::Tap, Tier::T4, 3_730_424),
    (Scope::Manage, Tier::T0, 256),
    (Scope::Manage, Tier::T1, 400),
    (Scope::Manage, Tier::T5, 544),
    (Scope::Whole, Tier::T0, 52_435),
    (Scope::Whole, Tier::T1, 166_311),
    (Scope::Whole, Tier::T2, 166_311),
    (Scope::Whole, Tier::T5, 239_142),
];

fn by(engine: Engine, scope: Scope, tier: Tier, threads: usize) -> Report {
    let limits = Limits {
        threads,
        ..Limits::default()
    };
    let config = Config::hardened(tier);
    check(scope, config, engine, limits, &mut |_, _| {})
}

#[test]
fn the_specification_holds_is_not_vacuous_and_two_engines_count_the_same() {
    let mut counted = Vec::new();
    for (scope, tier, _) in STATES {
        let stateright = by(Engine::Stateright, *scope, *tier, 2);
        let native = by(Engine::Native, *scope, *tier, 1);
        for report in [&stateright, &native] {
            assert!(report.holds(), "{scope} {}: {report:?}", tier.name());
        }
        assert_eq!(native.states, stateright.states, "{scope}");
        assert_eq!(native.transitions, stateright.transitions, "{scope}");
        counted.push((*scope, *tier, native.states));
    }
    assert_eq!(counted, STATES);
}

/// Two threads find what one finds, in the same order.
#[test]
fn threads_change_nothing() {
    for (scope, tier) in [(Scope::Provisioning, Tier::T2), (Scope::Issuance, Tier::T5)] {
        let seen = |threads| {
            let report = by(Engine::Native, scope, tier, threads);
            (report.states, report.transitions, report.depth)
        };
        assert_eq!(seen(1), seen(2), "{scope}");
        assert_eq!(seen(1), seen(5), "{scope}");
    }
}

/// One state for all that differ in names: the same verdicts, witnesses and depth, of fewer states.
#[test]
fn symmetry_changes_no_verdict() {
    for scope in Scope::ALL {
        for weak in [Weak::HARDENED, Weak::as_claimed()] {
            let seen = |symmetry| {
                let limits = Limits {
                    symmetry,
                    ..Limits::default()
                };
                let config = Config {
                    weak,
                    ..Config::hardened(Tier::T2)
                };
                check(*scope, config, Engine::Native, limits, &mut |_, _| {})
            };
            let (all, few) = (seen(false), seen(true));
            assert_eq!(all.violated, few.violated, "{scope}");
            assert_eq!(all.unreached, few.unreached, "{scope}");
            assert_eq!(all.depth, few.depth, "{scope}");
            let fewer = interchangeable(*scope).is_some();
            assert_eq!(few.states < all.states, fewer, "{scope}");
        }
    }
}

/// A budget that is too small ends in a partial report, never in a verdict.
#[test]
fn a_memory_budget_is_kept_and_said() {
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let config = Config::hardened(Tier::T2);
    let report = check(Scope::Tap, config, Engine::Native, limits, &mut |_, _| {});
    assert!(!report.exhausted && !report.holds(), "{report:?}");
    assert!(report.states > 0 && report.violated.is_empty());
}

#[test]
fn every_property_is_asked_somewhere() {
    let asked: Vec<PropertyId> = STATES
        .iter()
        .filter(|(scope, tier, _)| *tier == Tier::T0 && *scope != Scope::Tap)
        .chain(&[(Scope::Tap, Tier::T0, 0)])
        .flat_map(|(scope, tier, _)| by(Engine::Native, *scope, *tier, 1).asked)
        .collect();
    for property in PropertyId::ALL {
        assert!(asked.contains(property), "{property} is asked nowhere");
    }
}
