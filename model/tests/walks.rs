//! Random walks find what exploring finds, again with the same seed; bounds are what the packed states can hold.

use std::time::Duration;

use kaika_model::bounds::most;
use kaika_model::simulate::{Patience, Walked, simulate};
use kaika_model::{Bounds, Config, Tier, Weak};
use kaika_spec::{PropertyId, Scope, Weakness};

fn walked(scope: Scope, weak: Weak, tier: Tier, bounds: Bounds, seed: u64, walks: u64) -> Walked {
    let config = Config { weak, tier, bounds };
    let patience = Patience {
        time: Duration::from_secs(600),
        walks,
    };
    simulate(scope, config, seed, patience)
}

#[test]
fn a_weakness_is_found_and_found_again() {
    let weak = Weak::only(Weakness::AtcUnchecked);
    let walk = |seed, walks| walked(Scope::Tap, weak, Tier::T1, Bounds::DEFAULT, seed, walks);
    let found = walk(1, 20_000);
    let Some(finding) = found.violated.get(&PropertyId::P39) else {
        panic!("{found:?}")
    };
    assert!(!finding.trace.hops.is_empty());
    assert!(finding.trace.actions.len() <= finding.steps);
    let again = walk(finding.seed, 1);
    assert_eq!(again.violated.get(&PropertyId::P39), Some(finding));
    assert_eq!(walk(1, 20_000), found);
}

#[test]
fn the_specification_is_walked_without_a_finding() {
    for scope in Scope::ALL {
        let found = walked(*scope, Weak::HARDENED, Tier::T2, Bounds::DEEP, 1, 3_000);
        assert!(found.violated.is_empty(), "{found:?}");
        assert!(found.seen > 0 && found.steps > found.walks, "{found:?}");
    }
}

/// The most of every budget: the engines, which pack each state, take what is allowed.
#[test]
fn the_most_that_may_be_asked_fits() {
    let mut bounds = String::new();
    for name in Bounds::NAMES {
        assert!(most(name) >= 2, "{name}");
        bounds.push_str(&format!(",\"{name}\":{}", most(name)));
    }
    let bounds = Bounds::read(&format!("{{{}}}", &bounds[1..]));
    let Ok(bounds) = bounds else {
        panic!("{bounds:?}")
    };
    for scope in Scope::ALL {
        for weak in [Weak::HARDENED, Weak::as_claimed()] {
            walked(*scope, weak, Tier::T2, bounds, 1, 2_000);
        }
    }
}

#[test]
fn bounds_that_cannot_be_are_refused_by_name() {
    for (text, says) in [
        (
            "{\"tears\": 8}",
            "tears is 8; it must be a number from 0 to 7",
        ),
        ("{\"tears\": -1}", "tears is -1"),
        ("{\"tears\": \"two\"}", "tears is \"two\""),
        ("{\"openings\": 8}", "from 0 to 7"),
        (
            "{\"rain\": 1}",
            "no budget rain; the budgets are faults, crashes",
        ),
        ("[1]", "one object"),
        ("{\"tears\": 1", "EOF"),
    ] {
        let read = Bounds::read(text);
        assert!(read.as_ref().is_err_and(|e| e.contains(says)), "{read:?}");
    }
    let two = Bounds {
        tears: 2,
        ..Bounds::DEFAULT
    };
    assert_eq!(Bounds::read("{\"tears\": 2}"), Ok(two));
    assert_eq!(Bounds::read("{}"), Ok(Bounds::DEFAULT));
}
