//! What `kaika conform` ends with: one exit code for each kind of outcome, an error for each kind of bad manifest, and a run that
//! goes on from its journal.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn kaika(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaika"));
    command
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A subject that is not there.
fn nobody() -> Value {
    json!({
        "contract": 1,
        "implementation": {"name": "nobody", "version": "0"},
        "roles": {"issuer": {"http": "http://127.0.0.1:9", "tcp": "127.0.0.1:9"}},
        "keys": {"verifier_issuer": "00", "operator_issuer": "00"},
        "parameters": {"answer_ms": 300},
    })
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn manifest(&self, manifest: &Value) -> String {
        let path = self.path("subject.json");
        assert!(std::fs::write(&path, manifest.to_string()).is_ok());
        text(&path)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Nobody answers: no verdict, and no more than the first conversation is waited for.
#[test]
fn who_is_not_there_ends_in_3() {
    let folder = Folder::new();
    let output = kaika(&["conform", "--subject", &folder.manifest(&nobody())]);
    assert_eq!(code(&output), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("the first sanity conversation ends in inconclusive"),
        "{}",
        said(&output)
    );
}

/// Nothing passes where nothing can be asked: that is not good either.
#[test]
fn nothing_that_passes_ends_in_3() {
    let folder = Folder::new();
    let mut chip = nobody();
    chip["roles"] = json!({"chip": {"tcp": "127.0.0.1:9"}});
    let output = kaika(&[
        "conform",
        "--subject",
        &folder.manifest(&chip),
        "--tier",
        "smoke",
    ]);
    assert_eq!(code(&output), Some(3), "{}", said(&output));
    assert!(said(&output).contains("hook chip"), "{}", said(&output));
}

/// A list that names no test is a failure, whatever else is not known.
#[test]
fn a_stale_list_ends_in_1() {
    let folder = Folder::new();
    for (list, value) in [
        (
            "known_failures",
            json!([{"test": "issuer/no-such-test", "reason": "old"}]),
        ),
        ("deny", json!({"issuer/no-such-test": "old"})),
    ] {
        let mut manifest = nobody();
        manifest[list] = value;
        let output = kaika(&["conform", "--subject", &folder.manifest(&manifest)]);
        assert_eq!(code(&output), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("issuer/no-such-test"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn a_bad_manifest_ends_in_4_and_names_the_field() {
    let folder = Folder::new();
    type Damage = fn(&mut Value);
    let damages: [(&str, Damage); 5] = [
        ("extra: unknown field", |it| it["extra"] = json!(1)),
        ("roles.issuer.http", |it| {
            it["roles"]["issuer"]["http"] = json!(7)
        }),
        ("missing field `roles`", |it| {
            drop(it.as_object_mut().and_then(|it| it.remove("roles")))
        }),
        ("contract: 9", |it| it["contract"] = json!(9)),
        ("no.json", |it| it["known_failures"] = json!("no.json")),
    ];
    for (says, damage) in damages {
        let mut manifest = nobody();
        damage(&mut manifest);
        let output = kaika(&["conform", "--subject", &folder.manifest(&manifest)]);
        assert_eq!(code(&output), Some(4), "{says}");
        assert!(said(&output).contains(says), "{says}: {}", said(&output));
    }
    let other = kaika(&[
        "conform",
        "--subject",
        &folder.manifest(&nobody()),
        "--role",
        "chip",
    ]);
    assert_eq!(code(&other), Some(4));
    assert!(said(&other).contains("names no chip"), "{}", said(&other));
}

#[test]
fn a_bad_line_ends_in_2() {
    for arguments in [
        &["conform"][..],
        &["conform", "--subject", "reference", "--tier", "most"],
        &["conform", "--explain", "--level", "L9"],
        &["conform", "--subject", "reference", "--level", "L1"],
        &["conform", "--subject", "reference", "--seed", "x"],
    ] {
        assert_eq!(code(&kaika(arguments)), Some(2), "{arguments:?}");
    }
}

#[test]
fn what_is_out_of_reach_is_told_without_a_subject() {
    let output = kaika(&[
        "conform",
        "--explain",
        "--level",
        "1",
        "--role",
        "verifier",
        "--json",
    ]);
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let unreached = document["unreached"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(unreached.contains(&json!("PRV-5")), "{document}");
    assert_eq!(document["levels"].as_array().map(Vec::len), Some(7));
}

#[test]
fn a_run_goes_on_from_its_journal() {
    let folder = Folder::new();
    let journal = text(&folder.path("run.jsonl"));
    let line = [
        "conform",
        "--subject",
        "reference",
        "--only",
        "system/",
        "--resume",
        &journal,
    ];
    let first = kaika(&line);
    assert_eq!(code(&first), Some(0), "{}", said(&first));
    let written = std::fs::read_to_string(&journal).unwrap_or_default();
    let second = kaika(&line);
    assert_eq!(code(&second), Some(0), "{}", said(&second));
    assert_eq!(
        std::fs::read_to_string(&journal).ok(),
        Some(written),
        "nothing was played again"
    );
    let other = kaika(&[&line[..], &["--seed", "1"]].concat());
    assert_eq!(code(&other), Some(4), "{}", said(&other));
    assert!(said(&other).contains("another seed"), "{}", said(&other));
}
