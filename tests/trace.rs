//! `docs/tracing.md` executed: every command of its blocks is run as it stands, in one directory, and ends as the page says.

mod paper;

use std::process::Command;

use paper::read;

/// The commands of a page, with the exit code that stands beside each.
fn commands(page: &str) -> Vec<(String, i32)> {
    let mut found = Vec::new();
    for block in page.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
            let (command, code) = line.split_once("# exit ").unwrap_or((line, "0"));
            found.push((command.trim().to_owned(), code.trim().parse().unwrap_or(-1)));
        }
    }
    found
}

#[test]
fn the_page_runs_as_it_stands() {
    let Ok(dir) = tempfile::tempdir() else {
        panic!("no directory")
    };
    let kaika = std::path::Path::new(env!("CARGO_BIN_EXE_kaika"));
    let path = format!(
        "{}:{}",
        kaika
            .parent()
            .map(|dir| dir.display().to_string())
            .unwrap_or_default(),
        std::env::var("PATH").unwrap_or_default()
    );
    let commands = commands(&read("docs/tracing.md"));
    assert!(commands.len() > 8, "{} commands", commands.len());
    for (command, code) in commands {
        let told = Command::new("sh")
            .args(["-c", &command])
            .current_dir(dir.path())
            .env("PATH", &path)
            .output();
        let Ok(told) = told else { panic!("no shell") };
        let said = String::from_utf8_lossy(&told.stdout).into_owned()
            + &String::from_utf8_lossy(&told.stderr);
        assert_eq!(told.status.code(), Some(code), "{command}\n{said}");
        if code == 1 && !command.contains("--json") {
            for part in [
                "wrong.ndjson:4:",
                "believed:",
                "possible:",
                "nearest:",
                "requirements:",
            ] {
                assert!(said.contains(part), "no {part} in\n{said}");
            }
        }
    }
}
