//! Reads the repository's own text: files, requirements, tables. Start at [`requirements`] and [`table`].
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of this module"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", "node_modules", "corpus", "artifacts", "coverage"];

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, named from the top of the repository.
pub fn read(path: &str) -> String {
    match fs::read_to_string(root().join(path)) {
        Ok(text) => text,
        Err(error) => panic!("{path} cannot be read: {error}"),
    }
}

/// Every file with this extension, named from the top of the repository, sorted.
pub fn files(extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(root(), extension, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<String>) {
    for path in entries(folder) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, extension, found);
        } else if path.extension().is_some_and(|given| given == extension) {
            found.push(from_root(&path));
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect(),
        Err(error) => panic!("{} cannot be listed: {error}", folder.display()),
    }
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// One heading and what stands under it up to the next heading of any level.
pub struct Section {
    /// File, from the top of the repository.
    pub file: String,
    /// Heading without its marks.
    pub heading: String,
    /// How many `#` it has.
    pub level: usize,
    /// The text below it.
    pub body: String,
}

impl Section {
    /// The anchor of the heading: lower case, punctuation dropped, spaces to `-`.
    pub fn slug(&self) -> String {
        let kept = self
            .heading
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    }
}

/// The sections of every chapter of the specification.
pub fn sections() -> Vec<Section> {
    let chapters = files("md")
        .into_iter()
        .filter(|path| path.starts_with("spec/"));
    chapters.flat_map(|path| sections_of(&path)).collect()
}

fn sections_of(path: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut fenced = false;
    for line in read(path).lines() {
        fenced ^= line.starts_with("```");
        let level = line.chars().take_while(|c| *c == '#').count();
        if level > 0 && !fenced {
            let heading = line[level..].trim().to_owned();
            sections.push(Section {
                file: path.to_owned(),
                heading,
                level,
                body: String::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.body.push_str(line);
            section.body.push('\n');
        }
    }
    sections
}

/// A numbered requirement.
pub struct Requirement {
    /// `ISS-1`.
    pub id: String,
    /// Where it stands.
    pub section: Section,
}

/// Every numbered requirement of the specification, in the order of the chapters.
pub fn requirements() -> Vec<Requirement> {
    let numbered = sections().into_iter().filter(|section| section.level == 3);
    numbered
        .filter_map(|section| {
            let id = section
                .heading
                .split(' ')
                .next()
                .filter(|word| is_id(word))?
                .to_owned();
            Some(Requirement { id, section })
        })
        .collect()
}

/// Whether a word is shaped like `ISS-12`.
pub fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(area, number)| {
        area.len() == 3
            && area.chars().all(|c| c.is_ascii_uppercase())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// The words shaped like requirement ids in a text; `ISS-2 to ISS-4` names three.
pub fn ids_in(text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|w| !w.is_empty())
        .collect();
    let mut ids = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if !is_id(word) {
            continue;
        }
        let from = place
            .checked_sub(2)
            .filter(|_| place > 0 && words[place - 1] == "to")
            .map(|place| words[place]);
        match from.filter(|from| is_id(from)) {
            Some(from) => ids.extend(between(from, word)),
            None => ids.push((*word).to_owned()),
        }
    }
    ids
}

fn between(from: &str, to: &str) -> Vec<String> {
    let number = |id: &str| {
        id.split_once('-')
            .and_then(|(_, n)| n.parse::<u32>().ok())
            .unwrap_or_default()
    };
    let area = &to[..3];
    assert_eq!(&from[..3], area, "{from} to {to} spans two chapters");
    (number(from) + 1..=number(to))
        .map(|n| format!("{area}-{n}"))
        .collect()
}

/// The rows of the first table whose first column is headed `first`, without head and rule, cells trimmed.
pub fn table(text: &str, first: &str) -> Vec<Vec<String>> {
    let head = format!("| {first} |");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with(&head))
        .take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows.skip(2).map(cells).collect();
    assert!(!rows.is_empty(), "no table headed {first:?}");
    rows
}

fn cells(line: &str) -> Vec<String> {
    let inner = line
        .trim()
        .trim_start_matches('|')
        .trim_end_matches('|')
        .replace("\\|", "\u{1}");
    inner
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect()
}

/// A cell without its code marks.
pub fn plain(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// One space for any run of white space.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fails with all complaints at once.
pub fn none(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaint(s):\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}
