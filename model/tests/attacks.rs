//! Each weakness breaks the property it is named for, and the specification does not; the charts are what one sees.

use std::collections::BTreeSet;

use kaika_model::check::{Engine, attack, check, explored, target};
use kaika_model::explore::Limits;
use kaika_model::{Bounds, Config, Tier, Weak, chart};
use kaika_spec::{PropertyId, Scope, Weakness};

#[test]
fn each_weakness_breaks_its_property_and_two_engines_agree() {
    for weakness in Weakness::ALL {
        let (scope, property, tier) = target(*weakness);
        let config = Config {
            weak: Weak::only(*weakness),
            tier,
            bounds: Bounds::Default,
        };
        let limits = Limits {
            threads: 2,
            ..Limits::default()
        };
        let stateright = check(scope, config, Engine::Stateright, limits, &mut |_, _| {});
        let native = explored(scope, config, usize::MAX);
        assert_eq!(native.states, stateright.states, "{weakness}");
        assert_eq!(native.transitions, stateright.transitions, "{weakness}");
        let violated: Vec<PropertyId> = native.violated.keys().copied().collect();
        let mut seen = stateright.violated;
        seen.sort_unstable();
        assert_eq!(seen, violated, "{weakness}");
        assert!(
            violated.contains(&property),
            "{weakness} leaves {property} whole"
        );
    }
}

/// The tier is the least: against the one below, the property still holds.
#[test]
fn no_lesser_attacker_does() {
    for weakness in Weakness::ALL {
        let (scope, property, tier) = target(*weakness);
        for lesser in Tier::ALL.iter().filter(|lesser| **lesser < tier) {
            let config = Config {
                weak: Weak::only(*weakness),
                tier: *lesser,
                bounds: Bounds::Default,
            };
            let broken = explored(scope, config, usize::MAX).violated;
            assert!(
                !broken.contains_key(&property),
                "{weakness} against {}",
                lesser.name()
            );
        }
    }
}

#[test]
fn every_property_has_a_weakness_that_breaks_it() {
    let broken: BTreeSet<PropertyId> = Weakness::ALL.iter().map(|w| target(*w).1).collect();
    assert_eq!(broken, PropertyId::ALL.iter().copied().collect());
}

#[test]
fn the_charts_of_the_shortest_counterexamples() {
    for weakness in Weakness::ALL {
        let found = attack(*weakness).map(|found| {
            format!(
                "{} in {}, against {}, {} steps\n{}\n\n{}",
                found.property,
                found.scope,
                found.tier.name(),
                found.trace.actions.len(),
                found.trace.opening,
                chart::draw(&found.trace.hops)
            )
        });
        insta::assert_snapshot!(weakness.name(), found.unwrap_or_default());
    }
}

/// Deeper bounds on the scopes where a second fault costs little.
#[test]
fn two_faults_of_each_kind_break_nothing() {
    for (scope, tier) in [
        (Scope::Issuance, Tier::T0),
        (Scope::Provisioning, Tier::T1),
        (Scope::Pay, Tier::T2),
        (Scope::Tap, Tier::T0),
    ] {
        let config = Config {
            bounds: Bounds::Deep,
            ..Config::hardened(tier)
        };
        let limits = Limits::default();
        let report = check(scope, config, Engine::Native, limits, &mut |_, _| {});
        assert!(report.holds(), "{report:?}");
    }
}
