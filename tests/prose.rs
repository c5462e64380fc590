//! The tables of the specification say what the names in `kaika-spec` say, and name only what exists.

mod paper;

use std::collections::BTreeSet;

use kaika_spec::{PropertyId, Refusal, Role, TokenState, Weakness};
use paper::{files, ids_in, none, plain, read, requirements, sections, table};
use serde_norway::Value;

/// Complains about each pair that differs, and about a different count.
fn differences(what: &str, prose: &[String], code: &[String]) -> Vec<String> {
    let pairs = prose.iter().zip(code).filter(|(prose, code)| prose != code);
    let mut complaints: Vec<String> = pairs
        .map(|(prose, code)| format!("{what}: prose {prose:?}, code {code:?}"))
        .collect();
    if prose.len() != code.len() {
        complaints.push(format!(
            "{what}: prose has {}, code has {}",
            prose.len(),
            code.len()
        ));
    }
    complaints
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<String> {
    all.iter().map(|one| name(*one).to_owned()).collect()
}

/// One column, without code marks.
fn column(rows: &[Vec<String>], place: usize) -> Vec<String> {
    rows.iter()
        .map(|row| plain(&row[place]).to_owned())
        .collect()
}

#[test]
fn refusals_are_the_table_in_order() {
    let rows = table(&read("spec/95-refusals.md"), "rank");
    let prose: Vec<String> = rows
        .iter()
        .map(|row| {
            row[..5]
                .iter()
                .map(|cell| plain(cell))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let line = |(place, one): (usize, &Refusal)| {
        format!(
            "{} {} {} {} {}",
            place + 1,
            one.name(),
            one.class().name(),
            one.http_status(),
            one.seen()
        )
    };
    let code: Vec<String> = Refusal::ALL.iter().enumerate().map(line).collect();
    none(&differences("refusal", &prose, &code));
    assert!(
        rows.iter().all(|row| row[5].ends_with('.')),
        "every refusal has a meaning"
    );
}

#[test]
fn lookalikes_are_the_table() {
    let text = read("spec/95-refusals.md");
    let alike = |seen: &str| {
        let all: Vec<&str> = Refusal::ALL
            .iter()
            .filter(|one| one.seen() == seen)
            .map(|one| one.name())
            .collect();
        (all.len() > 1).then(|| format!("{seen}: {}", all.join(", ")))
    };
    let seen: BTreeSet<&str> = Refusal::ALL.iter().map(|one| one.seen()).collect();
    let code: Vec<String> = seen.into_iter().filter_map(alike).collect();
    let rows = table(&text, "seen");
    let mut prose: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", plain(&row[0]), row[1].replace('`', "")))
        .collect();
    prose.sort();
    none(&differences("lookalikes", &prose, &code));
}

/// `NAME → value` of every constant of `kaika_spec::limit`, as its source says.
fn constants() -> Vec<(String, String)> {
    let source = read("spec/src/limit.rs");
    let constants = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "));
    constants
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let (_, value) = rest.split_once('=')?;
            Some((
                name.trim().to_owned(),
                value.trim().trim_end_matches(';').replace(['_', '"'], ""),
            ))
        })
        .collect()
}

#[test]
fn limits_are_the_table() {
    let rows = table(&read("spec/98-limits.md"), "id");
    let constants = constants();
    assert!(constants.len() >= rows.len(), "the constants are read");
    let says = |name: &str, value: &str| {
        let own = |row: &Vec<String>| plain(&row[1]) == name && row[2] == value;
        let aside = |row: &Vec<String>| {
            row[3]
                .split([',', ' '])
                .collect::<Vec<_>>()
                .join(" ")
                .contains(&format!("`{name}` = {value}"))
        };
        rows.iter().any(|row| own(row) || aside(row))
    };
    let unsaid = constants.iter().filter(|(name, value)| !says(name, value));
    let mut complaints: Vec<String> = unsaid
        .map(|(name, value)| format!("98-limits does not say {name} = {value}"))
        .collect();
    let known = |row: &&Vec<String>| !constants.iter().any(|(name, _)| plain(&row[1]) == name);
    complaints.extend(
        rows.iter()
            .filter(known)
            .map(|row| format!("there is no constant {}", row[1])),
    );
    for (place, row) in rows.iter().enumerate() {
        if row[0] != format!("LIM-{}", place + 1) {
            complaints.push(format!("{} stands in place {}", row[0], place + 1));
        }
    }
    none(&complaints);
}

#[test]
fn weaknesses_are_the_table() {
    let rows = table(&read("spec/15-gaps.md"), "weakness");
    none(&differences(
        "weakness",
        &column(&rows, 0),
        &names(Weakness::ALL, Weakness::name),
    ));
}

#[test]
fn properties_are_the_table_and_follow_from_something() {
    let rows = table(&read("spec/97-properties.md"), "property");
    let mut complaints = differences(
        "property",
        &column(&rows, 0),
        &names(PropertyId::ALL, PropertyId::name),
    );
    for row in &rows {
        let title = PropertyId::from_name(&row[0]).map(PropertyId::title);
        if title != Some(row[1].as_str()) || row[2].is_empty() || ids_in(&row[3]).is_empty() {
            complaints.push(format!("{}: {} follows from {}", row[0], row[1], row[3]));
        }
    }
    none(&complaints);
}

#[test]
fn every_gap_has_a_decision() {
    let rows = table(&read("spec/15-gaps.md"), "gap");
    let want: Vec<String> = (1..=28).map(|number| format!("G{number:02}")).collect();
    let mut complaints = differences("gap", &column(&rows, 0), &want);
    complaints.extend(
        rows.iter()
            .filter(|row| row[1].is_empty() || row[2].is_empty())
            .map(|row| format!("{}: no decision", row[0])),
    );
    let weakness = |name: &str| name == "–" || Weakness::from_name(plain(name)).is_some();
    for row in &rows {
        let wrong = row[4].split(", ").filter(|name| !weakness(name));
        complaints.extend(wrong.map(|name| format!("{}: there is no weakness {name}", row[0])));
    }
    none(&complaints);
}

#[test]
fn roles_and_states_are_the_tables() {
    let roles = table(&read("spec/10-roles.md"), "role");
    none(&differences(
        "role",
        &column(&roles, 0),
        &names(Role::ALL, Role::name),
    ));
    let states = table(&read("spec/80-manage.md"), "token state");
    none(&differences(
        "token state",
        &column(&states, 0),
        &names(TokenState::ALL, TokenState::name),
    ));
}

#[test]
fn request_states_are_the_same_everywhere() {
    let document: Value = match serde_norway::from_str(&read("spec/openapi/verifier.yaml")) {
        Ok(document) => document,
        Err(error) => panic!("verifier.yaml: {error}"),
    };
    let listed = &document["components"]["schemas"]["RequestShown"]["properties"]["state"]["enum"];
    let listed: Vec<String> = listed
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    let rows = table(&read("spec/20-apply.md"), "request state");
    none(&differences("request state", &column(&rows, 0), &listed));
    let wire = read("spec/90-wire.md");
    let sentence = wire
        .split("States of a request:")
        .nth(1)
        .and_then(|rest| rest.split(".\n").next())
        .unwrap_or_default();
    let said: Vec<String> = sentence
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    none(&differences("request state on the wire", &said, &listed));
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

#[test]
fn glossary_is_whole() {
    let rows = table(&read("spec/00-glossary.md"), "term");
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows {
        if !row[1].chars().any(is_chinese) || row.iter().any(String::is_empty) {
            complaints.push(format!("{}: an empty cell, or no Chinese", row[0]));
        }
        if !seen.insert(row[0].to_lowercase()) {
            complaints.push(format!("{}: twice", row[0]));
        }
    }
    none(&complaints);
}

/// Every requirement id and limit id that exists.
fn known_ids() -> BTreeSet<String> {
    let limits = table(&read("spec/98-limits.md"), "id")
        .into_iter()
        .map(|row| row[0].clone());
    requirements()
        .into_iter()
        .map(|requirement| requirement.id)
        .chain(limits)
        .collect()
}

#[test]
fn only_requirements_that_exist_are_named() {
    let known = known_ids();
    let areas: BTreeSet<&str> = known.iter().map(|id| &id[..3]).collect();
    let mut complaints = Vec::new();
    for file in files("md")
        .into_iter()
        .chain(files("yaml"))
        .filter(|file| !file.starts_with("target"))
    {
        let named = ids_in(&read(&file))
            .into_iter()
            .filter(|id| areas.contains(&id[..3]) && !known.contains(id));
        complaints.extend(named.map(|id| format!("{file}: there is no {id}")));
    }
    none(&complaints);
}

/// `METHOD path` of every resource that the chapter on the wire lists.
fn resources() -> BTreeSet<String> {
    let wire = read("spec/90-wire.md");
    let rows = wire
        .lines()
        .filter(|line| line.starts_with("| GET /") || line.starts_with("| POST /"));
    let listed = rows
        .filter_map(|line| line.split('|').nth(1))
        .map(|cell| cell.trim().to_owned());
    listed.chain(["POST /v1/messages".to_owned()]).collect()
}

/// The `METHOD path`s between code marks of a cell.
fn resources_in(cell: &str) -> Vec<String> {
    let marked = cell.split('`').skip(1).step_by(2);
    marked
        .filter(|word| word.starts_with("GET /") || word.starts_with("POST /"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_message_has_a_resource_or_a_reason() {
    let rows = table(&read("spec/18-messages.md"), "id");
    let want: Vec<String> = (1..=65).map(|number| format!("M{number:02}")).collect();
    let mut complaints = differences("message", &column(&rows, 0), &want);
    let resources = resources();
    let mut used = BTreeSet::new();
    for row in &rows {
        let named = resources_in(&row[2]);
        complaints.extend(
            named
                .iter()
                .filter(|one| !resources.contains(*one))
                .map(|one| format!("{}: there is no {one}", row[0])),
        );
        if row[2].is_empty() {
            complaints.push(format!("{}: neither a resource nor a reason", row[0]));
        }
        used.extend(named);
    }
    let unused = resources
        .difference(&used)
        .filter(|one| !read("spec/18-messages.md").contains(one.as_str()));
    complaints.extend(unused.map(|one| format!("18-messages does not name {one}")));
    none(&complaints);
}

#[test]
fn every_claim_element_is_followed() {
    let rows = table(&read("spec/17-claims.md"), "step");
    let steps = |letter: char, from: u32, to: u32| {
        (from..=to).map(move |number| format!("{letter}{number}"))
    };
    let want: Vec<String> = steps('A', 1, 14)
        .chain(steps('B', 5, 13))
        .chain(steps('C', 1, 6))
        .chain(steps('D', 1, 4))
        .collect();
    let mut complaints = differences("step", &column(&rows, 0), &want);
    let resources = resources();
    for row in &rows {
        let unknown = resources_in(&row[3])
            .into_iter()
            .filter(|one| !resources.contains(one));
        complaints.extend(unknown.map(|one| format!("{}: there is no {one}", row[0])));
        if ids_in(&row[4]).is_empty() {
            complaints.push(format!("{}: no requirement", row[0]));
        }
    }
    none(&complaints);
}

#[test]
fn wire_and_openapi_list_the_same_resources() {
    let wire = read("spec/90-wire.md");
    let mut complaints = Vec::new();
    for role in ["verifier", "issuer", "identity"] {
        let section = sections().into_iter().find(|section| {
            section.file == "spec/90-wire.md" && section.heading.to_lowercase() == role
        });
        let body = section.map(|section| section.body).unwrap_or_default();
        assert!(
            wire.contains(&body) && !body.is_empty(),
            "90-wire has a section {role}"
        );
        let prose: BTreeSet<String> = table(&body, "method, path")
            .iter()
            .map(|row| format!("{} from {}", row[0], row[1].replace(", MAC", "")))
            .collect();
        let yaml: BTreeSet<String> = operations(role).into_iter().collect();
        complaints.extend(
            prose
                .symmetric_difference(&yaml)
                .map(|one| format!("{role}: only one of prose and OpenAPI has {one}")),
        );
    }
    none(&complaints);
}

/// `METHOD path from callers` of every operation of an OpenAPI document.
fn operations(role: &str) -> Vec<String> {
    let document: Value = match serde_norway::from_str(&read(&format!("spec/openapi/{role}.yaml")))
    {
        Ok(document) => document,
        Err(error) => panic!("{role}.yaml: {error}"),
    };
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_mapping().into_iter().flatten() {
        for (method, operation) in item.as_mapping().into_iter().flatten() {
            let method = method.as_str().unwrap_or_default().to_uppercase();
            let callers: Vec<&str> = operation["x-callers"]
                .as_sequence()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if method == "GET" || method == "POST" {
                operations.push(format!(
                    "{method} {} from {}",
                    path.as_str().unwrap_or_default(),
                    callers.join(", ")
                ));
            }
        }
    }
    operations
}
