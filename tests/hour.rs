//! The pages for implementers, run as they stand: every `sh` block of each, in order, in one shell, with the reference as the
//! subject. Ports of the pages are replaced by free ones.

mod ports;

use std::process::{Command, Stdio};

use ports::free;

/// The blocks between ```sh and ```.
fn blocks(page: &str) -> String {
    let parts = page.split("```sh\n").skip(1);
    parts.filter_map(|part| part.split("```").next()).collect()
}

/// The script of a page with its ports replaced; they stand as `:7001` and, where a port is waited for, as `/7001`.
fn script(page: &str) -> String {
    let mut script = blocks(page);
    for port in 7001..=7006 {
        let other = free().port();
        for before in [':', '/'] {
            script = script.replace(&format!("{before}{port}"), &format!("{before}{other}"));
        }
    }
    script
}

/// Runs a script in an empty folder; each line must succeed, and what it started ends with it.
fn run(page: &str, text: &str) {
    let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_kaika"));
    let folder = binary
        .parent()
        .map(|dir| dir.display().to_string())
        .unwrap_or_default();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let script = format!("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{text}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{page}: {said}");
    for report in ["report.txt", "report.json"] {
        assert!(
            dir.path().join("first").join(report).exists(),
            "{page}: no {report}: {said}"
        );
    }
}

fn played(name: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    let page = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        blocks(&page).contains("kaika conform --subject"),
        "{name} plays nothing"
    );
    run(name, &script(&page));
}

#[test]
fn an_issuer_is_tested_in_an_hour() {
    played("test-your-issuer.md");
}

#[test]
fn a_chip_is_tested() {
    played("test-your-chip.md");
}

#[test]
fn a_wallet_is_tested() {
    played("test-your-wallet.md");
}
