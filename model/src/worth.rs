//! What a countermeasure is worth: everything that breaks without it. Start at [`worth`].

use kaika_spec::{PropertyId, Scope, Weakness};
use stateright::Expectation;

use crate::check::{Attack, explored, in_world};
use crate::role::Weak;
use crate::scope::{Bounds, Config, Tier};

/// Every property that breaks in a scope when one countermeasure is left out, against the least attacker, with the
/// shortest trace; empty for a countermeasure that is not justified.
pub fn worth(weakness: Weakness) -> Vec<Attack> {
    let mut found: Vec<Attack> = Vec::new();
    for (tier, scope) in Tier::ALL
        .iter()
        .flat_map(|tier| Scope::ALL.iter().map(move |scope| (*tier, *scope)))
    {
        let config = Config {
            weak: Weak::only(weakness),
            tier,
            bounds: Bounds::DEFAULT,
        };
        if !is_asked(scope, config) {
            continue;
        }
        for (property, trace) in explored(scope, config, usize::MAX).violated {
            let known = |one: &Attack| one.property == property && one.scope == scope;
            if !found.iter().any(known) {
                found.push(Attack {
                    scope,
                    tier,
                    property,
                    trace,
                });
            }
        }
    }
    found.sort_by_key(|one| (one.tier, one.trace.actions.len(), one.property));
    found
}

/// Whether anything is asked of a scope against a tier.
fn is_asked(scope: Scope, config: Config) -> bool {
    let property = |name, always| always && PropertyId::from_name(name).is_some();
    in_world!(scope, W => {
        let asked = crate::scope::properties::<W>(&config);
        asked.iter().any(|one| property(one.name, one.expectation == Expectation::Always))
    })
}

/// A sentence for each countermeasure whose absence breaks nothing.
pub fn unjustified(all: &[(Weakness, Vec<Attack>)]) -> Vec<String> {
    let nothing = all.iter().filter(|(_, found)| found.is_empty());
    nothing
        .map(|(weakness, _)| {
            format!("unjustified: leaving out the countermeasure against {weakness} breaks no property in any scope at any tier")
        })
        .collect()
}
