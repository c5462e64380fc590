//! Small promises about every file: it says what it is for, it is not a monster, nothing is left half done.

mod paper;

use std::collections::BTreeSet;

use paper::{files, none, read};

/// Lines after which a file wants a folder.
const LINES_MAX: usize = 800;

/// Files that are longer, each with its reason.
const LONG: &[(&str, &str)] = &[
    (
        "fuzz/src/chip/twin.rs",
        "a naive chip that is read beside the specification from top to bottom",
    ),
    (
        "model/src/role/issuer.rs",
        "the alphabet and the step of one role, kept together",
    ),
    (
        "model/src/role/verifier.rs",
        "the alphabet and the step of one role, kept together",
    ),
];

/// What a finished file does not say. Written apart, so that this file does not say it.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X:"),
];

fn about_lines(complain: impl Fn(&str) -> Option<String>, extensions: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in extensions.iter().flat_map(|extension| files(extension)) {
        for (number, line) in read(&file).lines().enumerate() {
            complaints.extend(complain(line).map(|what| format!("{file}:{}: {what}", number + 1)));
        }
    }
    complaints
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |file: &String| {
        let text = read(file);
        let first = text
            .lines()
            .find(|line| !line.starts_with("#!") && !line.trim().is_empty());
        !first.is_some_and(|line| line.starts_with("//!") && line.len() > 10)
    };
    none(
        &files("rs")
            .into_iter()
            .filter(silent)
            .map(|file| format!("{file} does not open with //!"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_a_monster() {
    let mut complaints = Vec::new();
    for file in files("rs") {
        let lines = read(&file).lines().count();
        let reason = LONG
            .iter()
            .find(|(long, _)| *long == file)
            .map(|(_, reason)| *reason);
        match (lines > LINES_MAX, reason) {
            (true, None) => complaints.push(format!("{file} has {lines} lines")),
            (false, Some(_)) => complaints.push(format!("{file} is listed as long and is not")),
            (_, Some("")) => complaints.push(format!("{file} is listed without a reason")),
            _ => {}
        }
    }
    none(&complaints);
}

#[test]
fn nothing_is_left_half_done() {
    let said = |line: &str| {
        UNFINISHED
            .iter()
            .find(|word| line.contains(**word))
            .map(|word| (*word).to_owned())
    };
    none(&about_lines(said, &["rs", "md", "yaml", "toml", "sh"]));
}

#[test]
fn no_tabs_and_no_trailing_space() {
    let untidy = |line: &str| {
        let what = if line.contains('\t') {
            "a tab"
        } else {
            "trailing space"
        };
        (line.contains('\t') || line.ends_with(' ')).then(|| what.to_owned())
    };
    none(&about_lines(untidy, &["rs", "md", "yaml", "toml"]));
}

#[test]
fn every_decision_is_in_the_index() {
    let index = read("docs/decisions/README.md");
    let decisions = files("md")
        .into_iter()
        .filter_map(|file| file.strip_prefix("docs/decisions/").map(str::to_owned));
    let decisions: BTreeSet<String> = decisions.filter(|name| name != "README.md").collect();
    let mut complaints: Vec<String> = decisions
        .iter()
        .filter(|name| !index.contains(&format!("]({name})")))
        .map(|name| format!("{name} is not in the index"))
        .collect();
    for number in 1..=decisions.len() {
        let prefix = format!("{number:04}-");
        if decisions
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .count()
            != 1
        {
            complaints.push(format!("there is not exactly one decision {prefix}"));
        }
    }
    none(&complaints);
}

/// The targets of the links of a page that name a file.
fn links(text: &str) -> Vec<String> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| {
        !target.contains("://") && !target.starts_with('#') && !target.contains(' ')
    });
    local
        .map(|target| target.split('#').next().unwrap_or(target).to_owned())
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut complaints = Vec::new();
    for file in files("md") {
        let folder = paper::root()
            .join(&file)
            .parent()
            .map(ToOwned::to_owned)
            .unwrap_or_default();
        let broken = links(&read(&file))
            .into_iter()
            .filter(|target| !folder.join(target).exists());
        complaints.extend(broken.map(|target| format!("{file}: {target} is not there")));
    }
    none(&complaints);
}
