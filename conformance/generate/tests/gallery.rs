//! The gallery `docs/attacks/`: one page and one picture for each weakness. `UPDATE=1 cargo test -p kaika-generate
//! --test gallery` rewrites it. The stories are told by hand in `model/gallery/stories.json`; all else is the model's,
//! the vectors' and the specification's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, iter, thread};

use kaika_conformance::format::File;
use kaika_model::check::Attack;
use kaika_model::worth::{unjustified, worth};
use kaika_model::{chart, svg};
use kaika_spec::Weakness;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is told by hand about one weakness.
struct Story {
    title: String,
    story: String,
    seen: String,
    requirements: Vec<String>,
    elsewhere: Option<String>,
}

fn stories() -> BTreeMap<String, Story> {
    let text = read("model/gallery/stories.json");
    let Ok(Value::Object(all)) = serde_json::from_str(&text) else {
        panic!("model/gallery/stories.json is no object")
    };
    all.into_iter()
        .map(|(name, story)| (name, told(&story)))
        .collect()
}

fn told(story: &Value) -> Story {
    let text = |name: &str| story[name].as_str().unwrap_or_default().to_owned();
    let ids = story["requirements"].as_array().into_iter().flatten();
    Story {
        title: text("title"),
        story: text("story"),
        seen: text("seen"),
        requirements: ids.filter_map(Value::as_str).map(str::to_owned).collect(),
        elsewhere: story["elsewhere"].as_str().map(str::to_owned),
    }
}

/// Whole sentences: each ends with a full stop before a space or at the end.
fn sentences(story: &str) -> usize {
    let whole = story.ends_with(['.', '!', '?']);
    story.matches(". ").count() + story.matches("? ").count() + usize::from(whole)
}

/// The headings of requirements by id: file, and anchor.
fn requirements() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let chapters = fs::read_dir(root().join("spec"))
        .into_iter()
        .flatten()
        .flatten();
    for chapter in chapters.filter(|one| one.path().extension().is_some_and(|ext| ext == "md")) {
        let name = chapter.file_name().to_string_lossy().into_owned();
        for heading in read(&format!("spec/{name}"))
            .lines()
            .filter_map(|l| l.strip_prefix("### "))
        {
            let id = heading.split(' ').next().unwrap_or_default();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -".contains(*c));
            let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
            found.insert(
                id.to_owned(),
                format!("[{heading}](../../spec/{name}#{slug})"),
            );
        }
    }
    found
}

/// The cells of the rows of a table of `spec/15-gaps.md`.
fn gaps() -> Vec<Vec<String>> {
    let text = read("spec/15-gaps.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| G"));
    rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// `APP-1 to APP-5, PAY-3` as ids.
fn ids(cell: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for part in cell.split(", ") {
        let (first, last) = part.split_once(" to ").unwrap_or((part, part));
        let split = |id: &str| {
            let (name, number) = id.split_once('-')?;
            Some((name.to_owned(), number.parse::<u32>().ok()?))
        };
        if let (Some((name, from)), Some((_, to))) = (split(first), split(last)) {
            all.extend((from..=to).map(|number| format!("{name}-{number}")));
        }
    }
    all
}

/// The requirements that the specification's gaps tie to a weakness; `None` when the claims do not have it.
fn tied(weakness: Weakness) -> Option<BTreeSet<String>> {
    let name = format!("`{weakness}`");
    let rows: Vec<_> = gaps()
        .into_iter()
        .filter(|row| row[4].contains(&name))
        .collect();
    (!rows.is_empty()).then(|| rows.iter().flat_map(|row| ids(&row[3])).collect())
}

/// The vectors that tell each weakness.
fn vectors() -> BTreeMap<String, Vec<String>> {
    let files = kaika_generate::all().unwrap_or_else(|error| panic!("{error}"));
    let mut kills: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in files {
        let file = File::read(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        for test in file.tests {
            for weakness in test.origin.kills {
                kills.entry(weakness).or_default().push(test.id.clone());
            }
        }
    }
    kills
}

fn complaints(
    weakness: Weakness,
    story: &Story,
    killed: bool,
    known: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut all = Vec::new();
    if sentences(&story.story) != 3 {
        all.push(format!(
            "{weakness}: the story has {} sentences, not three",
            sentences(&story.story)
        ));
    }
    if story.title.is_empty() || story.seen.is_empty() || story.requirements.is_empty() {
        all.push(format!(
            "{weakness}: title, seen and requirements must be told"
        ));
    }
    let tied = tied(weakness);
    for id in &story.requirements {
        if !known.contains_key(id) {
            all.push(format!("{weakness}: there is no requirement {id}"));
        } else if tied.as_ref().is_some_and(|tied| !tied.contains(id)) {
            all.push(format!(
                "{weakness}: no gap of spec/15-gaps.md ties {id} to it"
            ));
        }
    }
    match (killed, story.elsewhere.is_some()) {
        (false, false) => all.push(format!(
            "{weakness}: no vector tells it, and elsewhere does not say what does"
        )),
        (true, true) => all.push(format!(
            "{weakness}: a vector tells it, so elsewhere must go"
        )),
        _ => {}
    }
    all
}

fn page(
    weakness: Weakness,
    story: &Story,
    found: &[Attack],
    killed: &[String],
    known: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("# {}\n\n`{weakness}`\n\n{}\n\n", story.title, story.story);
    text.push_str(
        "| breaks | in | against | steps of the shortest counterexample |\n|---|---|---|---|\n",
    );
    for one in found {
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} |",
            one.property,
            one.property.title(),
            one.scope,
            one.tier.name(),
            one.trace.actions.len()
        );
    }
    if let Some(first) = found.first() {
        let _ = write!(
            text,
            "\n## How {} breaks\n\n{}\n\n![sequence chart]({weakness}.svg)\n\n```text\n{}```\n",
            first.property,
            first.trace.opening,
            chart::draw(&first.trace.hops)
        );
    }
    let stops: Vec<&str> = story
        .requirements
        .iter()
        .filter_map(|id| known.get(id))
        .map(String::as_str)
        .collect();
    let _ = write!(
        text,
        "\n## What it corresponds to\n\n{}\n\n## What stops it\n\n{}\n\n",
        story.seen,
        stops.join("; ")
    );
    let _ = write!(
        text,
        "## What tests an implementation for it\n\n{}\n",
        tested(story, killed)
    );
    let _ = write!(
        text,
        "\nBy hand: `kaika attack {weakness}`. Generated by a test from the model; [all attacks](README.md).\n"
    );
    text
}

fn tested(story: &Story, killed: &[String]) -> String {
    match (killed, &story.elsewhere) {
        ([first], _) => format!("The vector `{first}`."),
        ([first, rest @ ..], _) => format!("The vector `{first}`, and {} more.", rest.len()),
        ([], elsewhere) => format!("No vector. {}", elsewhere.as_deref().unwrap_or_default()),
    }
}

fn index(all: &[(Weakness, Vec<Attack>)], stories: &BTreeMap<String, Story>) -> String {
    let mut text = String::from(
        "# Attacks\n\n\
         What goes wrong when one countermeasure is left out: a page for each weakness of [15-gaps](../../spec/15-gaps.md), found by the model\n\
         and drawn from its shortest counterexample. Generated by a test: `UPDATE=1 cargo test -p kaika-generate --test gallery`.\n\n\
         | attack | weakness | breaks | least attacker |\n|---|---|---|---|\n",
    );
    for (weakness, found) in all {
        let title = stories
            .get(weakness.name())
            .map_or("", |story| story.title.as_str());
        let broken: BTreeSet<&str> = found.iter().map(|one| one.property.name()).collect();
        let broken: Vec<&str> = broken.into_iter().collect();
        let tier = found.first().map_or("", |one| one.tier.name());
        let _ = writeln!(
            text,
            "| [{title}]({weakness}.md) | `{weakness}` | {} | {tier} |",
            broken.join(" ")
        );
    }
    text
}

/// Every file of the gallery.
fn gallery(all: &[(Weakness, Vec<Attack>)]) -> BTreeMap<String, String> {
    let (stories, vectors, known) = (stories(), vectors(), requirements());
    let mut wrong: Vec<String> = unjustified(all);
    let mut files = BTreeMap::from([("README.md".to_owned(), index(all, &stories))]);
    for (weakness, found) in all {
        let Some(story) = stories.get(weakness.name()) else {
            wrong.push(format!(
                "{weakness} has no story: tell it in model/gallery/stories.json"
            ));
            continue;
        };
        let killed = vectors.get(weakness.name()).map_or(&[][..], Vec::as_slice);
        wrong.extend(complaints(*weakness, story, !killed.is_empty(), &known));
        files.insert(
            format!("{weakness}.md"),
            page(*weakness, story, found, killed, &known),
        );
        if let Some(first) = found.first() {
            files.insert(
                format!("{weakness}.svg"),
                svg::draw(&story.title, &first.trace.hops),
            );
        }
    }
    let strangers = stories
        .keys()
        .filter(|name| Weakness::from_name(name).is_none());
    wrong.extend(strangers.map(|name| format!("a story is told of {name}, which is no weakness")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    files
}

/// What each countermeasure is worth, by two workers.
fn all_worth() -> Vec<(Weakness, Vec<Attack>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = iter::from_fn(|| Weakness::ALL.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|one| (*one, worth(*one))).collect::<Vec<_>>()
    };
    let mut all = thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut all = work();
        all.extend(other.join().unwrap_or_default());
        all
    });
    all.sort_by_key(|(weakness, _)| *weakness as usize);
    all
}

#[test]
fn every_countermeasure_is_worth_something_and_the_gallery_is_fresh() {
    let all = all_worth();
    let files = gallery(&all);
    let folder = root().join("docs/attacks");
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        let _ = fs::remove_dir_all(&folder);
        assert!(fs::create_dir_all(&folder).is_ok(), "{}", folder.display());
    }
    for (name, text) in &files {
        let path = folder.join(name);
        assert!(
            !update || fs::write(&path, text).is_ok(),
            "{}",
            path.display()
        );
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == *text,
            "docs/attacks/{name} is stale: UPDATE=1 cargo test -p kaika-generate --test gallery"
        );
    }
    let there = fs::read_dir(&folder).into_iter().flatten().flatten();
    for file in there.map(|one| one.file_name().to_string_lossy().into_owned()) {
        assert!(
            files.contains_key(&file),
            "docs/attacks/{file} belongs to no weakness"
        );
    }
}

/// A countermeasure whose absence breaks nothing is named.
#[test]
fn a_countermeasure_that_buys_nothing_is_unjustified() {
    let nothing = [(Weakness::AtcUnchecked, Vec::new())];
    let said = unjustified(&nothing);
    assert!(
        said.len() == 1 && said[0].starts_with("unjustified: leaving out"),
        "{said:?}"
    );
    assert!(said[0].contains("atc-unchecked"), "{said:?}");
}
