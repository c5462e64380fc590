//! The page: `docs/strength.md`, generated from a measurement.

use std::fmt::Write as _;

use kaika_spec::Weakness;

use crate::cover::Cover;
use crate::figures::{Figures, Share, killed, sum};
use crate::holes;
use crate::judge::{Fate, Judged};
use crate::mutant::Operator;
use crate::requirement::{COLUMNS, Shown};
use crate::{Role, Strength};

/// The page of a measurement.
pub fn page(strength: &Strength, figures: &Figures) -> String {
    let parts = [
        HEAD.to_owned(),
        short(figures),
        coverage(strength),
        mutants(strength, figures),
        weaknesses(strength),
        survivors(strength),
        requirements(strength),
        FOOT.to_owned(),
    ];
    parts.join("\n")
}

const HEAD: &str = "\
# How strong the vectors are

Written by `kaika strength --write`; `kaika strength --check` fails when it is stale or a figure of `conformance/strength.json` fell.

Each role's step is compiled a second time from the model's own source, with a switch at every place where it can be wrong. What a vector
says (its path, its continuation) is played to the right step and to the wrong one. They are told apart when the answer as the peer is told
it, what is said to others, or a field that the vectors compare differs. Accepting and repeating look alike, and so do refusals that the
peer is told by one name.
";

const FOOT: &str = "\
## What this does not show

- Outputs are compared as the model says them. Whether a vector's steps look at each of them over the wire is the business of the suites
  that run against wrong implementations.
- Letters are what a tester can say; a power cut inside a write is none, and is the simulator's.
- Scenes and vectors by hand have no path in the model: they count for requirements and not for mutants.
- The SMS gateway has no suite and is not mutated. Mutants of the code are another page: [mutants](mutants.md).
";

fn share(share: Share) -> String {
    format!("{} % ({}/{})", share.percent(), share.reached, share.of)
}

/// What is less than it should be.
fn short(figures: &Figures) -> String {
    let mut text = String::from("## Less than it should be\n\n");
    for (name, least) in figures.short() {
        let is = share(figures.get(&name));
        let _ = writeln!(
            text,
            "- `{name}` is {is} and should be {} %.",
            least.percent()
        );
    }
    if figures.short().is_empty() {
        text.push_str("Nothing: of the mutants that a tester can tell, 95 % are told, and every weakness that a role shows.\n");
    }
    text
}

fn coverage(strength: &Strength) -> String {
    let mut text = String::from(
        "## Transitions\n\nA transition is a distinguishable state with a letter that a tester can say there. *Identified*: the vectors that walk it tell \
         the next state from every other distinguishable one of the chapter.\n\n\
         | role | told apart by | states | transitions | walked | identified | next states told from others |\n|---|---|---|---|---|---|---|\n",
    );
    for role in &strength.roles {
        for (how, cover) in [
            ("two letters", sum(&role.short)),
            ("any experiment", sum(&role.full)),
        ] {
            let _ = writeln!(text, "| {} | {how} | {}", role.role, row(&cover));
        }
    }
    text.push_str("\nBy chapter, states that two letters tell apart:\n\n| chapter | states | transitions | walked | identified | next states told from others |\n|---|---|---|---|---|---|\n");
    for role in &strength.roles {
        for (chapter, cover) in &role.short {
            let _ = writeln!(text, "| {}/{chapter} | {}", role.role, row(cover));
        }
    }
    text
}

fn row(cover: &Cover) -> String {
    let of = |reached| {
        share(Share {
            reached,
            of: cover.transitions,
        })
    };
    let pairs = share(Share {
        reached: cover.pairs_told,
        of: cover.pairs,
    });
    format!(
        "{} | {} | {} | {} | {pairs} |",
        cover.states,
        cover.transitions,
        of(cover.walked),
        of(cover.identified)
    )
}

fn mutants(strength: &Strength, figures: &Figures) -> String {
    let mut text = String::from(
        "## Mutants of the model\n\nEquivalent is a proof: a search over all pairs of states that the right role and the wrong one reach together, with the \
         whole alphabet, found no answer that differs. *Not made for it*: told also by a vector that was not made because of a mutant (leave out `conformance/generate/mutant-paths.json`).\n\n\
         | role | vectors | states | steps | mutants | equivalent | killed | not made for it | undecided |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for role in &strength.roles {
        let count =
            |fate: fn(&Fate) -> bool| role.judged.iter().filter(|one| fate(&one.fate)).count();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            role.role,
            role.words,
            role.states,
            role.steps,
            role.judged.len(),
            count(|fate| *fate == Fate::Equivalent),
            share(figures.get(&format!("{}/mutants", role.role))),
            share(figures.get(&format!("{}/mutants-left-out", role.role))),
            count(|fate| *fate == Fate::Undecided),
        );
    }
    text.push_str("\nBy operator, all roles:\n\n| operator | mutants | equivalent | killed |\n|---|---|---|---|\n");
    for operator in Operator::ALL {
        let all: Vec<Judged> = strength
            .roles
            .iter()
            .flat_map(|role| {
                role.judged
                    .iter()
                    .filter(|one| one.mutant.operator == *operator)
                    .cloned()
            })
            .collect();
        let equivalent = all
            .iter()
            .filter(|one| one.fate == Fate::Equivalent)
            .count();
        let _ = writeln!(
            text,
            "| {} | {} | {equivalent} | {} |",
            operator.name(),
            all.len(),
            share(killed(&all, |_| true))
        );
    }
    text
}

fn weaknesses(strength: &Strength) -> String {
    let mut text = String::from(
        "## Named weaknesses\n\n| weakness | shown by | told by tests | the first |\n|---|---|---|---|\n",
    );
    for weakness in Weakness::ALL {
        for role in &strength.roles {
            for (_, fate) in role.weaknesses.iter().filter(|(one, _)| one == weakness) {
                match fate {
                    Fate::Killed { by, tests, .. } => {
                        let _ =
                            writeln!(text, "| `{weakness}` | {} | {tests} | `{by}` |", role.role);
                    }
                    Fate::Survives(way) => {
                        let _ = writeln!(
                            text,
                            "| `{weakness}` | {} | **none** | would be `{}` |",
                            role.role,
                            way.join(" ")
                        );
                    }
                    Fate::Undecided => {
                        let _ = writeln!(
                            text,
                            "| `{weakness}` | {} | **none** | not found |",
                            role.role
                        );
                    }
                    Fate::Equivalent => {}
                }
            }
        }
    }
    let hidden: Vec<String> = Weakness::ALL
        .iter()
        .filter(|weakness| {
            let mut fates = strength
                .roles
                .iter()
                .flat_map(|role| role.weaknesses.iter().filter(|(one, _)| one == *weakness));
            fates.all(|(_, fate)| *fate == Fate::Equivalent)
        })
        .map(|weakness| format!("`{weakness}`"))
        .collect();
    let _ = writeln!(
        text,
        "\nNo single role shows a tester: {}. Where they are shown stands in [the gallery](attacks/README.md).",
        hidden.join(", ")
    );
    text
}

fn survivors(strength: &Strength) -> String {
    let mut text = String::from("## What no vector tells\n");
    for role in &strength.roles {
        let rows: Vec<String> = role.judged.iter().filter_map(survivor).collect();
        if !rows.is_empty() {
            let _ = write!(
                text,
                "\n### {}\n\n| mutant of the model | shortest way that would tell it |\n|---|---|\n{}",
                role.role,
                rows.concat()
            );
        }
    }
    if text.lines().count() == 1 {
        text.push_str("\nNothing.\n");
    }
    text
}

fn survivor(one: &Judged) -> Option<String> {
    let way = match &one.fate {
        Fate::Survives(way) => format!("`{}`", way.join(" ")),
        Fate::Undecided => "too many pairs of states".to_owned(),
        Fate::Killed { .. } | Fate::Equivalent => return None,
    };
    Some(format!(
        "| {} | {way} |\n",
        one.mutant.to_string().replace('|', "\\|")
    ))
}

fn requirements(strength: &Strength) -> String {
    let mut text = String::from(
        "## Requirements\n\nWho shows each MUST: a vector that ends in acceptance, one that ends in refusal, a step of the model that decides by it, an event that \
         some role logged and that the model decides by it in every reading (while the standard tier was played: `conformance/logged.json`; and on a card's way), code \
         that cites it where it decides.\n\n| shown by | requirements |\n|---|---|\n",
    );
    let of = strength.requirements.len();
    for column in COLUMNS {
        let has = |(_, shown): &&(String, Shown)| (column.has)(shown);
        let reached = strength.requirements.iter().filter(has).count();
        let _ = writeln!(
            text,
            "| {} | {} |",
            column.says,
            share(Share { reached, of })
        );
    }
    text.push_str("\n### Without vectors on both sides, and why\n\n| without | why | requirements |\n|---|---|---|\n");
    for class in holes::CLASSES {
        let (without, ids) = (class.without.words(), class.ids.join(", "));
        let _ = writeln!(text, "| {without} | {} | {ids} |", class.why);
    }
    text.push_str("\n### All that is missing\n\n| requirement | without |\n|---|---|\n");
    for (id, shown) in &strength.requirements {
        let without: Vec<&str> = COLUMNS
            .iter()
            .filter(|column| !(column.has)(shown))
            .map(|column| column.says)
            .collect();
        if !without.is_empty() {
            let _ = writeln!(text, "| {id} | {} |", without.join(", "));
        }
    }
    for complaint in holes::complaints(&strength.requirements) {
        let _ = writeln!(text, "\n**{complaint}**");
    }
    text
}

/// The figures as lines for a terminal.
pub fn lines(strength: &Strength, figures: &Figures) -> String {
    let mut text = String::new();
    let width = figures.0.keys().map(String::len).max().unwrap_or_default();
    for (name, figure) in &figures.0 {
        let _ = writeln!(
            text,
            "{name:width$}  {:>5} %  {}/{}",
            figure.percent(),
            figure.reached,
            figure.of
        );
    }
    for role in &strength.roles {
        let _ = writeln!(text, "{}", summary(role));
    }
    text
}

fn summary(role: &Role) -> String {
    let survive = role
        .judged
        .iter()
        .filter(|one| matches!(one.fate, Fate::Survives(_) | Fate::Undecided))
        .count();
    format!(
        "{}: {} mutants, {survive} that no vector tells, by {} ways",
        role.role,
        role.judged.len(),
        role.wanted.len()
    )
}
