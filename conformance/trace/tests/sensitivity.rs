//! How much damage is seen: the page `docs/trace-sensitivity.md` is what the recorded logs give, and the share is high enough.
//!
//! The logs in `conformance/trace/logs/` are of real processes: `kaika demo --data DIR`. `UPDATE=1 cargo test` rewrites the page.

use std::path::{Path, PathBuf};

use kaika_trace::damage::{Log, Table};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Of a hundred damaged logs so many are rejected when all roles log.
const LEAST: u32 = 95;

fn recorded() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("logs");
    let mut found: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> Log {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match Log::read(&path.display().to_string(), &text) {
        Ok(log) => log,
        Err(bad) => panic!("{bad}"),
    }
}

#[test]
fn the_page_is_what_the_recorded_logs_give() {
    let logs: Vec<Log> = recorded().iter().map(|path| read(path)).collect();
    assert_eq!(logs.len(), 7, "a log of every role");
    let table = match Table::of(&logs) {
        Ok(table) => table,
        Err(what) => panic!("{what}"),
    };
    let opening = "# What a damaged log gives away\n\nGenerated from the logs in `conformance/trace/logs/` (`kaika trace --damage conformance/trace/logs/*.ndjson`); a test keeps it fresh. \
        Each event of each log is damaged in each way, the log is numbered\nanew, and `kaika trace` is asked. A cell is the share that is rejected, and of how many. Columns are the roles that log: a verdict says nothing of the\nothers.\n\n";
    let page = opening.to_owned() + &table.page();
    let path = Path::new(ROOT).join("docs/trace-sensitivity.md");
    let stale = std::fs::read_to_string(&path).unwrap_or_default();
    if stale != page && std::env::var_os("UPDATE").is_some() {
        assert!(std::fs::write(&path, &page).is_ok());
    } else {
        assert!(
            stale == page,
            "docs/trace-sensitivity.md is stale; UPDATE=1 cargo test -p kaika-trace --test sensitivity\n{page}"
        );
    }
    assert!(
        table.percent() >= LEAST,
        "{} of 100\n{page}",
        table.percent()
    );
}

#[test]
fn every_recorded_line_has_the_form_of_the_schema() {
    let schema = std::fs::read_to_string(Path::new(ROOT).join("spec/schema/event.schema.json"));
    let schema = schema
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    let Some(Ok(schema)) = schema.map(|schema| jsonschema::validator_for(&schema)) else {
        panic!("the schema is none")
    };
    let mut lines = 0;
    for path in recorded() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let event = serde_json::from_str(line).unwrap_or_default();
            let wrong: Vec<_> = schema
                .iter_errors(&event)
                .map(|error| error.to_string())
                .collect();
            assert!(
                wrong.is_empty(),
                "{}:{}: {wrong:?}",
                path.display(),
                number + 1
            );
            lines += 1;
        }
    }
    assert!(lines > 100, "{lines} lines");
    for wrong in [
        r#"{"v":1}"#,
        r#"{"v":1,"log":"00000000000000aa","seq":1,"at":1,"role":"issuer","act":"start","verdict":"refused"}"#,
        r#"{"v":1,"log":"00000000000000aa","seq":1,"at":1,"role":"issuer","act":"start","verdict":"accepted","code":"123456"}"#,
        r#"{"v":1,"log":"00000000000000aa","seq":1,"at":1,"role":"issuer","act":"start","verdict":"accepted","args":{"pin":"1234"}}"#,
    ] {
        let event = serde_json::from_str(wrong).unwrap_or_default();
        assert!(!schema.is_valid(&event), "{wrong}");
    }
}
