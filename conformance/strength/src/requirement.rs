//! For each requirement: who shows it. What nobody shows is a hole, and is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kaika_conformance::format::{File, Kind};

/// Who shows a requirement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// A vector that ends in acceptance.
    pub positive: bool,
    /// A vector that ends in refusal.
    pub negative: bool,
    /// A step of a role of the model decides by it.
    pub model: bool,
    /// The model decides by it what some role logged.
    pub log: bool,
    /// Code cites it where it decides.
    pub code: bool,
}

/// Who may show a requirement, in words and as the figures call it.
pub struct Column {
    /// In words.
    pub says: &'static str,
    /// As the figures call it.
    pub figure: &'static str,
    /// Whether it does.
    pub has: fn(&Shown) -> bool,
}

/// Who may show a requirement.
pub const COLUMNS: [Column; 5] = [
    Column {
        says: "a positive vector",
        figure: "positive-vector",
        has: |shown| shown.positive,
    },
    Column {
        says: "a negative vector",
        figure: "negative-vector",
        has: |shown| shown.negative,
    },
    Column {
        says: "the model's guards",
        figure: "model",
        has: |shown| shown.model,
    },
    Column {
        says: "a log",
        figure: "log",
        has: |shown| shown.log,
    },
    Column {
        says: "code",
        figure: "code",
        has: |shown| shown.code,
    },
];

/// Every requirement of the specification, in the order of its chapters.
///
/// # Errors
/// Which file cannot be read.
pub fn requirements(root: &Path, files: &[File]) -> Result<Vec<(String, Shown)>, String> {
    let model = named(root, "model/src/role", |line| !line.contains("//"))?;
    let (code, log) = (cited(root)?, logged(root)?);
    let mut vectors: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for test in files.iter().flat_map(|file| &file.tests) {
        for id in &test.requirements {
            let shown = vectors.entry(id).or_default();
            match test.result {
                Kind::Valid => shown.0 = true,
                Kind::Invalid => shown.1 = true,
            }
        }
    }
    let shown = |id: String| {
        let (positive, negative) = vectors.get(id.as_str()).copied().unwrap_or_default();
        let shown = Shown {
            positive,
            negative,
            model: model.contains(&id),
            log: log.contains(&id),
            code: code.contains(&id),
        };
        (id, shown)
    };
    Ok(ids().map(shown).collect())
}

/// The ids of the headings of the prose that say MUST.
fn ids() -> impl Iterator<Item = String> {
    kaika_spec::PROSE.iter().flat_map(|(_, text)| {
        let sections = text.split("\n### ").skip(1);
        sections.filter_map(|section| {
            let (heading, body) = section.split_once('\n')?;
            let body = body.split("\n#").next().unwrap_or_default();
            let id = heading.split(' ').next().filter(|word| is_id(word))?;
            body.contains("MUST").then(|| id.to_owned())
        })
    })
}

/// Whether a word is shaped like `ISS-12`.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(area, number)| {
        area.len() == 3
            && area.bytes().all(|byte| byte.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// What roles logged while vectors were played.
const PLAYED: &str = "conformance/logged.json";
/// What they logged while a card was made and paid with.
const WAY: &str = "conformance/trace/logs";

/// The ids by which the model decides what roles logged.
fn logged(root: &Path) -> Result<BTreeSet<String>, String> {
    let path = root.join(PLAYED);
    let named: BTreeMap<String, Vec<String>> = serde_json::from_str(&read(&path)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let mut found: BTreeSet<String> = named.into_keys().collect();
    let mut checker = kaika_trace::Checker::new(kaika_trace::CAP);
    for path in files(&root.join(WAY), "ndjson")? {
        let text = read(&path)?;
        let name = path.display().to_string();
        let taken = checker.read(&name, text.as_bytes());
        taken.map_err(|bad| bad.to_string())?;
    }
    let report = checker.finish(&[]);
    found.extend(report.requirements.keys().map(|id| (*id).to_owned()));
    Ok(found)
}

/// The ids that stand in quotes in the sources of a folder.
fn named(
    root: &Path,
    folder: &str,
    counts: impl Fn(&str) -> bool,
) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for path in sources(&root.join(folder))? {
        for line in read(&path)?.lines().filter(|line| counts(line)) {
            let words = line
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|word| is_id(word));
            found.extend(words.map(str::to_owned));
        }
    }
    Ok(found)
}

/// The ids that code outside tests cites.
fn cited(root: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for path in sources(&root.join("impl"))? {
        let text = path.to_string_lossy();
        if text.contains("/tests/") || text.ends_with("/tests.rs") {
            continue;
        }
        let text = read(&path)?;
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_start)
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .collect();
        for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
            if !next.ends_with("type=test") {
                found.extend(cited_in(line));
            }
        }
    }
    Ok(found)
}

fn cited_in(line: &str) -> Option<String> {
    let target = line.strip_prefix(concat!("//", "="))?.trim();
    let slug = target.strip_prefix("spec/")?.split_once('#')?.1;
    let mut words = slug.split('-');
    let id = format!("{}-{}", words.next()?.to_uppercase(), words.next()?);
    is_id(&id).then_some(id)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Every Rust source below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    files(folder, "rs")
}

/// Every file of a kind below a folder.
fn files(folder: &Path, kind: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            found.extend(files(&path, kind)?);
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
