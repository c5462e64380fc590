//! Writes docs/model-coverage.md, or compares it, from two exports of `llvm-cov`: `holes WORLDS MACHINES [--write]`.
//! `model/coverage.sh` calls it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of the roles and the lines and columns of a region in it.
type Region = (String, [u64; 4]);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [worlds, machines, rest @ ..] = arguments.as_slice() else {
        panic!("holes WORLDS MACHINES [--write]");
    };
    let (worlds, machines) = (counts(worlds), counts(machines));
    assert!(
        worlds.len() > 100,
        "{} regions are not the roles",
        worlds.len()
    );
    let page = page(&worlds, &machines);
    let path = root().join("docs/model-coverage.md");
    if rest == ["--write"] {
        let written = std::fs::write(&path, page);
        return assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    if old != page {
        eprintln!(
            "{page}\ndocs/model-coverage.md says otherwise; model/coverage.sh --write makes it anew"
        );
        std::process::exit(1);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How often each region of code in `model/src/role` was run; of several copies of a function, all together.
fn counts(export: &str) -> BTreeMap<Region, u64> {
    let text = std::fs::read_to_string(export).unwrap_or_else(|why| panic!("{export}: {why}"));
    let export: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{export}: {why}"));
    let mut counts = BTreeMap::new();
    let functions = export["data"][0]["functions"].as_array();
    for function in functions.into_iter().flatten() {
        let file = function["filenames"][0].as_str().unwrap_or_default();
        let Some((_, file)) = file.split_once("model/src/role/") else {
            continue;
        };
        for region in function["regions"].as_array().into_iter().flatten() {
            let numbers: Vec<u64> = region
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            // Lines and columns, how often, two numbers of files, and the kind: 0 is code.
            if let [a, b, c, d, count, _, _, 0] = numbers[..] {
                *counts.entry((file.to_owned(), [a, b, c, d])).or_default() += count;
            }
        }
    }
    counts
}

fn page(worlds: &BTreeMap<Region, u64>, machines: &BTreeMap<Region, u64>) -> String {
    let is_run =
        |counts: &BTreeMap<Region, u64>, region| counts.get(region).is_some_and(|n| *n > 0);
    let mut files: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let mut holes = Vec::new();
    for region in worlds.keys() {
        let all = files.entry(&region.0).or_default();
        let (world, machine) = (is_run(worlds, region), is_run(machines, region));
        all[0] += 1;
        all[1] += usize::from(world);
        all[2] += usize::from(machine);
        all[3] += usize::from(world || machine);
        if !world && !machine {
            holes.push(region);
        }
    }
    let mut page = String::from(HEAD);
    for (file, [all, world, machine, either]) in files {
        let _ = writeln!(page, "| {file} | {all} | {world} | {machine} | {either} |");
    }
    page.push_str(HOLES);
    if holes.is_empty() {
        page.push_str("Nothing.\n");
    }
    holes.iter().for_each(|hole| page.push_str(&line(hole)));
    page
}

/// Where a region begins, in the words of the file.
fn line((file, [line, column, end, _]): &Region) -> String {
    let path = root().join("model/src/role").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let from = text.lines().nth(*line as usize - 1).unwrap_or_default();
    let from = from.get(*column as usize - 1..).unwrap_or_default().trim();
    let more = if end > line { " …" } else { "" };
    format!("- {file}: `{from}{more}`\n")
}

const HEAD: &str = "\
# What of the roles exploration runs

Written and compared by `model/coverage.sh`, with the compiler's own counters. A region is an arm of a match, a branch, or an operand
of a condition, in the role steps of `model/src/role`. *Worlds*: every scope at its strongest attacker, for the specification, for
the literal claims, and without each countermeasure that not even those leave out. *Machines*: each role that has a suite
alone, every letter in every state of every chapter, without each countermeasure. What the worlds
do not run is what their terminals and attackers never say, a wrong field for example; the conformance vectors do.

| file | regions | run by worlds | run by machines | run by either |
|---|---|---|---|---|
";

const HOLES: &str = "
## Run by neither

";
