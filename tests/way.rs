//! The way of a card, from the password to the paid receipt: runs it over real sockets and holds the page to it.
//!
//! `docs/the-way-of-a-card.md` contains what `kaika demo` prints, with what is drawn at random replaced. The test fails when
//! the page is stale; `UPDATE=1 cargo test --test way` rewrites it.

mod logs;

use std::process::Command;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/the-way-of-a-card.md");
const OPEN: &str = "```text\n";
const CLOSE: &str = "```\n";

/// A word with what is drawn at random replaced; punctuation at its end stays.
fn settled(word: &str) -> String {
    let bare = word.trim_end_matches([',', ')']);
    let tail = &word[bare.len()..];
    let hex = |text: &str| text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let base32 = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let plain = if let Some(port) = bare.strip_prefix("127.0.0.1:").filter(|port| digits(port)) {
        assert!(!port.is_empty());
        "127.0.0.1:PORT"
    } else if hex(bare) {
        "TOKEN-REF"
    } else if bare.len() == 21 && bare.starts_with('C') && bare.chars().all(base32) {
        "CARD-CODE"
    } else if bare.len() == 6 && digits(bare) {
        "CODE"
    } else if bare
        .strip_prefix('…')
        .is_some_and(|last| last.len() == 4 && digits(last))
    {
        "…LAST"
    } else {
        bare
    };
    format!("{plain}{tail}")
}

fn line(text: &str) -> String {
    let text = text
        .split_once("does what is asked: ")
        .map_or(text.to_owned(), |(who, _)| {
            format!("{who}does what is asked: three actions")
        });
    text.split(' ').map(settled).collect::<Vec<_>>().join(" ")
}

fn trace() -> String {
    let Ok(dir) = tempfile::tempdir() else {
        panic!("no directory")
    };
    let told = Command::new(env!("CARGO_BIN_EXE_kaika"))
        .args(["demo", "--data"])
        .arg(dir.path())
        .output();
    let Ok(told) = told else {
        panic!("the demonstration does not start")
    };
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
    logs::conform(
        dir.path(),
        &[
            "terminal", "chip", "verifier", "issuer", "identity", "pos", "sms",
        ],
    );
    String::from_utf8_lossy(&told.stdout)
        .lines()
        .map(|text| line(text) + "\n")
        .collect()
}

fn embedded(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(OPEN)?;
    rest.split_once(CLOSE).map(|(trace, _)| trace)
}

#[test]
fn the_page_is_the_way() {
    let trace = trace();
    for landmark in [
        "next: otp",
        "next: id-photos",
        "next: frames",
        "next: relay",
        "next: done",
        "next: paid",
        "approved",
    ] {
        assert!(trace.contains(landmark), "no {landmark} in\n{trace}");
    }
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let Some(stale) = embedded(&page) else {
        panic!("{PAGE} has no block of text")
    };
    if stale != trace && std::env::var_os("UPDATE").is_some() {
        assert!(std::fs::write(PAGE, page.replace(stale, &trace)).is_ok());
        return;
    }
    assert!(
        stale == trace,
        "the page is stale; UPDATE=1 cargo test --test way\n{trace}"
    );
}
