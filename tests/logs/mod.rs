//! The event logs of a test's processes, checked against the model by the real binary. Start at [`conform`].

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every event log in a directory and below it, in the order of their names.
pub(crate) fn logs(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(logs(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "ndjson")
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The logs are there, are those of these roles at least, and conform.
pub(crate) fn conform(dir: &Path, roles: &[&str]) {
    let logs = logs(dir);
    let told = Command::new(env!("CARGO_BIN_EXE_kaika"))
        .arg("trace")
        .args(&logs)
        .output();
    let Ok(told) = told else {
        panic!("kaika trace does not start")
    };
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&told.stderr)
    );
    let first = text.lines().next().unwrap_or_default();
    for role in roles {
        assert!(first.contains(role), "no log of {role}: {first}");
    }
}
