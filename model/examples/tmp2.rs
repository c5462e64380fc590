use kaika_model::Weak;
use kaika_model::check::{attacks, target};
use kaika_spec::Weakness;
fn main() {
    for w in Weakness::ALL {
        let t = target(*w);
        let found = attacks(Weak::only(*w));
        let all: Vec<_> = found
            .iter()
            .map(|a| {
                format!(
                    "{} {} {} {}",
                    a.property,
                    a.tier.name(),
                    a.scope,
                    a.trace.actions.len()
                )
            })
            .collect();
        let least = found
            .iter()
            .filter(|a| a.property == t.1)
            .map(|a| a.tier)
            .min();
        println!(
            "{w}: target {:?} least {:?} {} | {}",
            (t.0.name(), t.1.name(), t.2.name()),
            least.map(|t| t.name()),
            if least == Some(t.2) { "" } else { "WRONG" },
            all.join("; ")
        );
    }
}
