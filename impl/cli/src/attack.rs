//! `kaika attack`: what goes wrong when one countermeasure is left out.

use anyhow::bail;
use kaika_model::chart;
use kaika_model::check::{Attack, attack, target};
use kaika_model::worth::{unjustified, worth};
use kaika_spec::Weakness;

use crate::{NO, OK, WORLD, counter};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The weakness, by its name in spec/15-gaps.md.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Names every weakness, the property it breaks and the least tier.
    #[arg(long)]
    list: bool,
    /// Everything that it breaks, or that each breaks, with least tier and length, by exploring every scope (a minute or more for all).
    #[arg(long, conflicts_with = "json")]
    all: bool,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        return Ok(if args.all {
            list_all(Weakness::ALL)
        } else {
            list()
        });
    };
    let Some(weakness) = Weakness::from_name(name) else {
        bail!("no weakness {name}; `kaika attack --list` names them all");
    };
    if args.all {
        return Ok(list_all(&[weakness]));
    }
    let Some(found) = attack(weakness) else {
        eprintln!("kaika: the model finds no counterexample for {name}");
        return Ok(WORLD);
    };
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&document(weakness, &found))?
        );
    } else {
        print!("{}", text(weakness, &found));
    }
    Ok(NO)
}

fn list() -> u8 {
    for weakness in Weakness::ALL {
        let (scope, property, tier) = target(*weakness);
        println!(
            "{:<26} breaks {property} in {:<13} against {}: {}",
            weakness.name(),
            scope.name(),
            tier.name(),
            property.title()
        );
    }
    OK
}

/// All that each weakness breaks, in text, as it is found. One that breaks nothing is no countermeasure's absence: the answer is no.
fn list_all(weaknesses: &[Weakness]) -> u8 {
    let mut all = Vec::new();
    for weakness in weaknesses {
        let found = worth(*weakness);
        for one in &found {
            println!(
                "{:<26} breaks {} in {:<13} against {}, {:>2} steps: {}",
                weakness.name(),
                one.property,
                one.scope.name(),
                one.tier.name(),
                one.trace.actions.len(),
                one.property.title()
            );
        }
        all.push((*weakness, found));
    }
    let complaints = unjustified(&all);
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() { OK } else { NO }
}

fn text(weakness: Weakness, found: &Attack) -> String {
    format!(
        "{weakness} breaks {} ({}) in {}, against {}, in {} steps.\n\n{}\n\n{}",
        found.property,
        found.property.title(),
        found.scope,
        found.tier.name(),
        found.trace.actions.len(),
        found.trace.opening,
        chart::draw(&found.trace.hops)
    )
}

fn document(weakness: Weakness, found: &Attack) -> serde_json::Value {
    let mut document = counter::example(found.property, &found.trace);
    document["weakness"] = weakness.name().into();
    document["scope"] = found.scope.name().into();
    document["tier"] = found.tier.name().into();
    document["chart"] = chart::draw(&found.trace.hops).into();
    document
}
