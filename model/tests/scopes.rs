//! The five worlds: the specification holds against every tier, nothing is vacuous, and two engines agree.

use kaika_model::check::{check, explored};
use kaika_model::{Config, Tier};
use kaika_spec::{PropertyId, Scope};

/// Unique states of the specification at default bounds. A change here is a change of the model: say why.
const STATES: &[(Scope, Tier, usize)] = &[
    (Scope::Issuance, Tier::T0, 28_912),
    (Scope::Issuance, Tier::T1, 29_040),
    (Scope::Issuance, Tier::T2, 29_872),
    (Scope::Issuance, Tier::T5, 154_704),
    (Scope::Provisioning, Tier::T0, 5_618),
    (Scope::Provisioning, Tier::T1, 9_003),
    (Scope::Provisioning, Tier::T2, 170_529),
    (Scope::Pay, Tier::T0, 181),
    (Scope::Pay, Tier::T1, 564),
    (Scope::Pay, Tier::T2, 1_152),
    (Scope::Tap, Tier::T0, 17_709),
    (Scope::Tap, Tier::T1, 675_604),
    (Scope::Tap, Tier::T2, 675_604),
    (Scope::Manage, Tier::T0, 256),
    (Scope::Manage, Tier::T1, 400),
    (Scope::Manage, Tier::T2, 400),
];

#[test]
fn the_specification_holds_is_not_vacuous_and_two_engines_count_the_same() {
    for (scope, tier, states) in STATES {
        let config = Config::hardened(*tier);
        let stateright = check(*scope, config, &mut |_, _, _| {});
        assert!(
            stateright.holds(),
            "{scope} {}: {stateright:?}",
            tier.name()
        );
        assert_eq!(stateright.states, *states, "{scope} {}", tier.name());
        let native = explored(*scope, config, usize::MAX);
        assert_eq!(native.states, *states, "{scope} {}", tier.name());
        assert!(
            native.violated.is_empty() && native.unreached.is_empty(),
            "{scope}"
        );
    }
}

#[test]
fn every_property_is_asked_somewhere() {
    let asked: Vec<PropertyId> = STATES
        .iter()
        .filter(|(scope, tier, _)| *tier == Tier::T0 && *scope != Scope::Tap)
        .chain(&[(Scope::Tap, Tier::T0, 0)])
        .flat_map(|(scope, tier, _)| {
            check(*scope, Config::hardened(*tier), &mut |_, _, _| {}).asked
        })
        .collect();
    for property in PropertyId::ALL {
        assert!(asked.contains(property), "{property} is asked nowhere");
    }
}
