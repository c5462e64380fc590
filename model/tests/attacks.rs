//! Each weakness breaks the property it is named for, and the specification does not; the charts are what one sees.

use std::collections::BTreeSet;

use kaika_model::check::{Engine, attack, check, explored, target, tiers_of, weaknesses_of};
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
            bounds: Bounds::DEFAULT,
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
        let mut seen = [stateright.violated, stateright.beyond].concat();
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
                bounds: Bounds::DEFAULT,
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
    let theorem = |id: &PropertyId| id.name().starts_with("TH");
    let broken: BTreeSet<PropertyId> = Weakness::ALL.iter().map(|w| target(*w).1).collect();
    let lemmas = PropertyId::ALL.iter().copied().filter(|id| !theorem(id));
    assert_eq!(broken, lemmas.collect());
}

/// A theorem falls with a lemma that it is made of.
#[test]
fn every_theorem_has_a_weakness_that_breaks_it() {
    for (theorem, weakness) in [
        (PropertyId::TH1, Weakness::ApplicantResent),
        (PropertyId::TH2, Weakness::OrderNotBound),
        (PropertyId::TH3, Weakness::ReversalRepeats),
        (PropertyId::TH4, Weakness::NoCompensation),
        (PropertyId::TH5, Weakness::CodeEchoed),
    ] {
        let (scope, _, tier) = target(weakness);
        let config = Config {
            weak: Weak::only(weakness),
            tier,
            bounds: Bounds::DEFAULT,
        };
        let broken = explored(scope, config, usize::MAX).violated;
        assert!(broken.contains_key(&theorem), "{weakness} leaves {theorem}");
    }
}

/// What a scope does not list among its weaknesses changes nothing there, all of it taken together.
#[test]
fn weaknesses_of_other_scopes_change_nothing() {
    for scope in Scope::ALL {
        let foreign = Weakness::ALL
            .iter()
            .filter(|weakness| !weaknesses_of(*scope).contains(weakness))
            .fold(Weak::HARDENED, |weak, one| weak.with(*one));
        let tier = if *scope == Scope::Tap {
            Tier::T1
        } else {
            Tier::T5
        };
        let seen = |weak| {
            let config = Config {
                weak,
                tier,
                bounds: Bounds::DEFAULT,
            };
            let found = explored(*scope, config, usize::MAX);
            let violated: Vec<PropertyId> = found.violated.into_keys().collect();
            (found.states, found.transitions, violated)
        };
        assert_eq!(seen(foreign), seen(Weak::HARDENED), "{scope}");
    }
}

/// A tier that a scope does not list is the one before.
#[test]
fn tiers_that_are_not_listed_change_nothing() {
    for scope in Scope::ALL {
        let counted = |tier: Tier| {
            let found = explored(*scope, Config::hardened(tier), usize::MAX);
            (found.states, found.transitions)
        };
        for pair in Tier::ALL.windows(2) {
            if !tiers_of(*scope).contains(&pair[1]) {
                assert_eq!(counted(pair[0]), counted(pair[1]), "{scope} {:?}", pair[1]);
            }
        }
    }
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
            bounds: Bounds::of(2),
            ..Config::hardened(tier)
        };
        let limits = Limits::default();
        let report = check(scope, config, Engine::Native, limits, &mut |_, _| {});
        assert!(report.holds(), "{report:?}");
    }
}
