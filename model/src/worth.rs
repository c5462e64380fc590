//! What a countermeasure is worth: everything that breaks without it. Start at [`worth`].

use kaika_spec::Weakness;

use crate::check::{Attack, attacks};
use crate::role::Weak;

/// Every property that breaks in a scope when one countermeasure is left out, against the least attacker, with the
/// shortest trace; empty for a countermeasure that is not justified.
pub fn worth(weakness: Weakness) -> Vec<Attack> {
    attacks(Weak::only(weakness))
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
