//! Every quote of a requirement stands where it is cited, and every requirement is met somewhere.
//!
//! Start at [`quotes_stand`] and [`every_requirement_is_met_or_listed`]. The form of a citation is duvet's:
//! a target line, marks (`type=test`), then quoted lines.

mod paper;

use std::collections::{BTreeMap, BTreeSet};

use paper::{Requirement, Section, files, none, read, requirements, sections, squeezed, table};

const TARGET: &str = concat!("//", "=");
const QUOTED: &str = concat!("//", "#");

/// One citation in a source file.
struct Citation {
    file: String,
    line: usize,
    /// `spec/40-issue.md#iss-1-…`.
    target: String,
    quote: String,
    test: bool,
    /// Whether it stands below `#[cfg(test)]` or in a file of tests.
    among_tests: bool,
}

impl Citation {
    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Reads the citations of one source text.
fn citations_in(file: &str, text: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut open = false;
    let mut among_tests = is_test_file(file);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        among_tests |= line.starts_with("#[cfg(test)]");
        match (line.strip_prefix(TARGET), line.strip_prefix(QUOTED)) {
            (Some(mark), _) => match (mark.trim().strip_prefix("type="), found.last_mut()) {
                (Some(kind), Some(last)) if open => last.test = kind.trim() == "test",
                _ => {
                    let target = mark.trim().to_owned();
                    found.push(Citation {
                        file: file.into(),
                        line: number + 1,
                        target,
                        quote: String::new(),
                        test: false,
                        among_tests,
                    });
                }
            },
            (_, Some(words)) if open => {
                if let Some(last) = found.last_mut() {
                    last.quote.push(' ');
                    last.quote.push_str(words);
                }
            }
            _ => {}
        }
        open = line.starts_with(TARGET) || (open && line.starts_with(QUOTED));
    }
    found
}

fn is_test_file(file: &str) -> bool {
    file.starts_with("tests/")
        || file.contains("/tests/")
        || file.ends_with("/tests.rs")
        || file.starts_with("fuzz/")
}

fn citations() -> Vec<Citation> {
    files("rs")
        .iter()
        .flat_map(|file| citations_in(file, &read(file)))
        .collect()
}

fn by_target() -> BTreeMap<String, Section> {
    sections()
        .into_iter()
        .map(|section| (format!("{}#{}", section.file, section.slug()), section))
        .collect()
}

fn complaint(citation: &Citation, sections: &BTreeMap<String, Section>) -> Option<String> {
    let quote = squeezed(&citation.quote);
    let place = citation.place();
    let Some(section) = sections.get(&citation.target) else {
        return Some(format!("{place}: there is no {}", citation.target));
    };
    if quote.is_empty() {
        return Some(format!(
            "{place}: cites {} without a quote",
            citation.target
        ));
    }
    if !squeezed(&section.body).contains(&quote) {
        return Some(format!(
            "{place}: {} does not say: {quote}",
            citation.target
        ));
    }
    (citation.among_tests && !citation.test)
        .then(|| format!("{place}: a citation among tests is marked type=test"))
}

#[test]
fn quotes_stand() {
    let sections = by_target();
    none(
        &citations()
            .iter()
            .filter_map(|citation| complaint(citation, &sections))
            .collect::<Vec<_>>(),
    );
}

/// The ids that code outside tests cites with their whole sentence, and those that tests cite.
fn cited(requirements: &[Requirement]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut met, mut tested) = (BTreeSet::new(), BTreeSet::new());
    let citations = citations();
    for requirement in requirements {
        let target = format!(
            "{}#{}",
            requirement.section.file,
            requirement.section.slug()
        );
        for citation in citations
            .iter()
            .filter(|citation| citation.target == target)
        {
            if citation.test {
                tested.insert(requirement.id.clone());
            } else if citation.file.starts_with("impl/") && citation.quote.contains("MUST") {
                met.insert(requirement.id.clone());
            }
        }
    }
    (met, tested)
}

/// `id → reason` of `spec/unmet.md`; the table may be empty.
fn unmet() -> BTreeMap<String, String> {
    let text = read("spec/unmet.md") + "\n";
    if text.lines().filter(|line| line.starts_with('|')).count() <= 2 {
        return BTreeMap::new();
    }
    table(&text, "requirement")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}

#[test]
fn every_requirement_is_met_or_listed() {
    let requirements = requirements();
    let (met, tested) = cited(&requirements);
    let unmet = unmet();
    let ids: BTreeSet<String> = requirements
        .iter()
        .map(|requirement| requirement.id.clone())
        .collect();
    let mut complaints = Vec::new();
    for id in &ids {
        match (met.contains(id), unmet.get(id)) {
            (false, None) => complaints.push(format!(
                "{id}: no code cites it, and spec/unmet.md does not list it"
            )),
            (true, Some(_)) => {
                complaints.push(format!("{id}: spec/unmet.md lists it, but code cites it"))
            }
            (false, Some(reason)) if reason.is_empty() => {
                complaints.push(format!("{id}: unmet without a reason"))
            }
            _ => {}
        }
    }
    complaints.extend(
        unmet
            .keys()
            .filter(|id| !ids.contains(*id))
            .map(|id| format!("{id}: unmet, but not required")),
    );
    println!(
        "{} requirements, {} met, {} unmet, {} cited by tests",
        ids.len(),
        met.len(),
        unmet.len(),
        tested.len()
    );
    let untested: Vec<&String> = ids.difference(&tested).collect();
    println!("no test cites: {untested:?}");
    none(&complaints);
}

#[test]
fn requirements_are_numbered_and_say_must_once() {
    let mut complaints = Vec::new();
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for requirement in requirements() {
        let id = &requirement.id;
        let number: u32 = id[4..].parse().unwrap_or_default();
        let before = last.insert(id[..3].to_owned(), number).unwrap_or(0);
        if number != before + 1 {
            complaints.push(format!("{id}: follows number {before}"));
        }
        if requirement.section.body.matches("MUST").count() != 1 {
            complaints.push(format!("{id}: has not exactly one MUST"));
        }
    }
    let numbered = |section: &Section| {
        section.level == 3 && paper::is_id(section.heading.split(' ').next().unwrap_or(""))
    };
    let loose = sections()
        .into_iter()
        .filter(|section| !numbered(section) && section.body.contains("MUST"));
    complaints.extend(loose.map(|section| {
        format!(
            "{}: a MUST without a number under {:?}",
            section.file, section.heading
        )
    }));
    none(&complaints);
}

#[test]
fn a_citation_is_read_as_written() {
    let text = format!(
        "{TARGET} spec/a.md#x\n{QUOTED} One\n{QUOTED} two.\ncode\n    {TARGET} spec/b.md#y\n    {TARGET} type=test\n    {QUOTED} Three.\n"
    );
    let read = citations_in("impl/a.rs", &text);
    let seen: Vec<_> = read
        .iter()
        .map(|c| (c.target.as_str(), squeezed(&c.quote), c.test))
        .collect();
    assert_eq!(
        seen,
        [
            ("spec/a.md#x", "One two.".into(), false),
            ("spec/b.md#y", "Three.".into(), true)
        ]
    );
}

#[test]
fn a_wrong_quote_is_a_complaint() {
    let sections = by_target();
    let place = "spec/40-issue.md#iss-10-one-card-for-one-request";
    let complains = |target: &str, quote: &str| {
        let text = format!("{TARGET} {target}\n{QUOTED} {quote}\n");
        citations_in("impl/a.rs", &text)
            .iter()
            .any(|citation| complaint(citation, &sections).is_some())
    };
    assert!(!complains(
        place,
        "The issuer MUST NOT create more than one card for one request."
    ));
    assert!(complains(
        place,
        "The issuer MUST NOT create more than two cards for one request."
    ));
    assert!(complains(
        "spec/40-issue.md#iss-10",
        "The issuer MUST NOT create more than one card for one request."
    ));
}
