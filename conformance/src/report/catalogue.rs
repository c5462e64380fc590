//! The requirements in the order of the prose, each with its heading and its sentences.

use crate::format::is_requirement;

/// A chapter of the specification that has requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chapter {
    /// Its file, e.g. `20-apply.md`.
    pub(super) file: &'static str,
    /// Its heading, e.g. `20 Apply`.
    pub(super) title: &'static str,
    /// Its requirements.
    pub(super) requirements: Vec<Requirement>,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    /// E.g. `APP-1`.
    pub(super) id: &'static str,
    /// The rest of its heading.
    pub(super) title: &'static str,
    /// What it says.
    pub(super) text: String,
}

/// Every chapter that has requirements, in order.
pub(super) fn chapters() -> Vec<Chapter> {
    let all = kaika_spec::PROSE.iter();
    let chapters = all.map(|(file, prose)| chapter(file, prose));
    chapters
        .filter(|chapter| !chapter.requirements.is_empty())
        .collect()
}

fn chapter(file: &'static str, prose: &'static str) -> Chapter {
    let mut chapter = Chapter {
        file,
        title: file,
        requirements: Vec::new(),
    };
    let mut inside = false;
    for line in prose.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            chapter.title = title;
        }
        if line.starts_with('#') {
            let heading = line.strip_prefix("### ").and_then(headed);
            inside = heading.is_some();
            chapter.requirements.extend(heading);
        } else if let Some(last) = chapter.requirements.last_mut().filter(|_| inside) {
            last.text.push_str(line);
            last.text.push('\n');
        }
    }
    for requirement in &mut chapter.requirements {
        requirement.text = requirement.text.trim().to_owned();
    }
    chapter
}

/// `APP-1 Password before anything`.
fn headed(heading: &'static str) -> Option<Requirement> {
    let (id, title) = heading.split_once(' ')?;
    is_requirement(id).then(|| Requirement {
        id,
        title,
        text: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::chapters;

    #[test]
    fn chapters_come_in_order_with_their_sentences() {
        let chapters = chapters();
        let first = &chapters.iter().find(|one| one.file == "20-apply.md");
        let first = first.unwrap_or_else(|| panic!("no chapter 20"));
        assert_eq!(first.title, "20 Apply");
        assert_eq!(first.requirements[0].id, "APP-1");
        assert_eq!(first.requirements[0].title, "Password before anything");
        assert!(
            first.requirements[0]
                .text
                .starts_with("The verifier MUST NOT ask the issuer")
        );
        let every = || chapters.iter().flat_map(|one| &one.requirements);
        assert!(every().all(|one| one.text.contains("MUST")));
        let ids: std::collections::BTreeSet<_> = every().map(|one| one.id).collect();
        assert_eq!(ids.len(), every().count(), "an id stands twice");
    }
}
