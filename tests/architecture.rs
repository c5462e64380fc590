//! Who may name whom. The table [`ALLOWED`] is the architecture; `cargo metadata` is what is.

mod paper;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use paper::{files, none, read, root};
use serde_json::Value;

/// Each crate of the workspace and the crates of the workspace it may name. `*` is all of them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("kaika-spec", &[]),
    ("kaika-model", &["spec"]),
    ("kaika-apdu", &["spec"]),
    ("kaika-weakness", &["spec"]),
    ("kaika-crypto", &["spec"]),
    ("kaika-wire", &["spec"]),
    ("kaika-tokenization", &["spec", "crypto"]),
    ("kaika-keystore", &["spec", "crypto", "tokenization"]),
    (
        "kaika-secure-element",
        &["spec", "apdu", "crypto", "weakness"],
    ),
    (
        "kaika-terminal",
        &["spec", "apdu", "wire", "crypto", "weakness"],
    ),
    ("kaika-verifier", &["spec", "wire", "crypto", "weakness"]),
    ("kaika-identity", &["spec", "wire", "crypto"]),
    (
        "kaika-issuer",
        &["spec", "apdu", "wire", "crypto", "tokenization", "weakness"],
    ),
    ("kaika-pos", &["spec", "apdu", "wire", "crypto", "weakness"]),
    (
        "kaika-node",
        &[
            "spec",
            "apdu",
            "wire",
            "crypto",
            "weakness",
            "tokenization",
            "keystore",
            "secure-element",
            "terminal",
            "verifier",
            "identity",
            "issuer",
            "pos",
        ],
    ),
    ("kaika-conformance", &["spec"]),
    ("kaika-generate", &["spec", "model", "conformance"]),
    ("kaika-trace", &["spec", "model"]),
    (
        "kaika-strength",
        &["spec", "model", "conformance", "generate", "trace"],
    ),
    ("kaika-cli", &["*"]),
    ("kaika", &["*"]),
];

/// What only a shell may name: sockets, stores, clocks, dice, terminals.
const SHELL_ONLY: &[&str] = &[
    "anyhow",
    "axum",
    "clap",
    "cryptoki",
    "getrandom",
    "indicatif",
    "reqwest",
    "rusqlite",
    "stateright",
    "tempfile",
    "tokio",
    "ureq",
];

/// The crates of `impl/` that are shells.
const SHELLS: &[&str] = &["kaika-node", "kaika-keystore", "kaika-cli"];

/// Words that a core does not say.
const FENCED: &[&str] = &[
    "std::fs",
    "std::net",
    "std::time",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "HashMap",
    "HashSet",
];

/// Crates that run without an operating system.
const BARE: &[&str] = &[
    "spec",
    "impl/secure-element",
    "impl/apdu",
    "impl/tokenization",
];

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = [
        "metadata",
        "--offline",
        "--no-deps",
        "--format-version",
        "1",
    ];
    let output = match Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output()
    {
        Ok(output) => output,
        Err(error) => panic!("cargo metadata does not run: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let metadata: Value = match serde_json::from_slice(&output.stdout) {
        Ok(metadata) => metadata,
        Err(error) => panic!("cargo metadata is not readable: {error}: {text}"),
    };
    metadata["packages"].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The names of what a package depends on, those for its tests and benchmarks apart.
fn names(package: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut always, mut testing) = (BTreeSet::new(), BTreeSet::new());
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let name = text(&dependency["name"]).to_owned();
        if dependency["kind"] == "dev" {
            testing.insert(name)
        } else {
            always.insert(name)
        };
    }
    (always, testing)
}

/// What stands wrong with one crate's arrows.
fn complaints_about(
    name: &str,
    named: &BTreeSet<String>,
    allowed: &BTreeMap<&str, &[&str]>,
) -> Vec<String> {
    let Some(allowed) = allowed.get(name) else {
        return vec![format!("{name} is not in the table of arrows")];
    };
    let may = |other: &str| {
        allowed
            .iter()
            .any(|one| *one == "*" || other.strip_prefix("kaika-") == Some(*one))
    };
    named
        .iter()
        .filter(|other| other.starts_with("kaika") && !may(other))
        .map(|other| format!("{name} names {other}"))
        .collect()
}

#[test]
fn crates_name_only_whom_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let packages = packages();
    let mut complaints = Vec::new();
    for package in &packages {
        let (always, testing) = names(package);
        let all = always.union(&testing).cloned().collect();
        complaints.extend(complaints_about(text(&package["name"]), &all, &allowed));
    }
    let present: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    complaints.extend(
        allowed
            .keys()
            .filter(|name| !present.contains(**name))
            .map(|name| format!("{name} is not there")),
    );
    none(&complaints);
}

#[test]
fn the_table_of_arrows_forbids_what_it_is_for() {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for (from, to) in [
        ("kaika-model", "kaika-issuer"),
        ("kaika-issuer", "kaika-model"),
        ("kaika-issuer", "kaika-verifier"),
        ("kaika-verifier", "kaika-tokenization"),
        ("kaika-terminal", "kaika-secure-element"),
        ("kaika-conformance", "kaika-wire"),
        ("kaika-spec", "kaika-wire"),
        ("kaika-node", "kaika-model"),
        ("kaika-trace", "kaika-node"),
        ("kaika-trace", "kaika-conformance"),
        ("kaika-strength", "kaika-issuer"),
        ("kaika-stranger", "kaika-spec"),
    ] {
        let named = BTreeSet::from([to.to_owned()]);
        assert_eq!(
            complaints_about(from, &named, &allowed).len(),
            1,
            "{from} may name {to}"
        );
    }
}

#[test]
fn only_shells_name_the_world() {
    let mut complaints = Vec::new();
    for package in packages() {
        let name = text(&package["name"]);
        let core = text(&package["manifest_path"]).contains("/impl/") && !SHELLS.contains(&name);
        if core {
            let (always, _) = names(&package);
            complaints.extend(
                SHELL_ONLY
                    .iter()
                    .filter(|one| always.contains(**one))
                    .map(|one| format!("{name} names {one}")),
            );
        }
    }
    none(&complaints);
}

#[test]
fn cores_do_no_io() {
    let mut complaints = Vec::new();
    // What leaves countermeasures out reads which, in builds that are for nothing else.
    let shells = [
        "impl/node/",
        "impl/keystore/",
        "impl/cli/",
        "impl/weakness/",
    ];
    let in_core = |file: &&String| {
        file.starts_with("impl/")
            && file.contains("/src/")
            && !shells.iter().any(|shell| file.starts_with(shell))
    };
    for file in files("rs").iter().filter(in_core) {
        for (number, line) in read(file).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let said = FENCED.iter().filter(|word| code.contains(**word));
            complaints.extend(said.map(|word| format!("{file}:{}: {word}", number + 1)));
        }
    }
    none(&complaints);
}

#[test]
fn bare_crates_say_so() {
    let says = |folder: &&&str| {
        !read(&format!("{folder}/src/lib.rs"))
            .lines()
            .any(|line| line.starts_with("#![no_std]"))
    };
    none(
        &BARE
            .iter()
            .filter(says)
            .map(|folder| format!("{folder} has no #![no_std]"))
            .collect::<Vec<_>>(),
    );
}
