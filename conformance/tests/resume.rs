//! A run that was interrupted goes on, one that is played again says the same, and a filter takes what it names.

mod subjects;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kaika_conformance::format::{File, Tier};
use kaika_conformance::journal::{Head, Journal};
use kaika_conformance::manifest::{Endpoint, Implementation, Manifest};
use kaika_conformance::play::Runner;
use kaika_conformance::suite::{Filter, Outcome, run};
use serde_json::{Value, json};
use subjects::{heard, http, listening};

const SUBJECT: &str = "a subject";

fn suite() -> File {
    let post = json!({"op": "send", "from": "verifier", "to": "issuer", "method": "POST", "path": ["v1"],
        "body": {"who": {"$fresh": {"len": 8}}, "code": {"$fresh": {"type": "digits", "len": 6}}}, "expect": {"accept": {}}});
    let test = |number: usize, tier: &str, requirement: &str| {
        json!({
            "id": format!("issuer/wire/{number}"), "tier": tier, "title": "asks", "sut": ["issuer"], "result": "valid",
            "requirements": [requirement], "origin": {"criterion": "hand"}, "steps": [post, post],
        })
    };
    let mut tests: Vec<Value> = (0..8)
        .map(|number| test(number, "smoke", "WIR-8"))
        .collect();
    tests.push(test(8, "standard", "WIR-1"));
    tests.push(test(10, "race", "WIR-1"));
    let file = json!({
        "format": 1, "suite": "made", "spec": {"catalogueDigest": "sha256:00"}, "generator": {"name": "hand", "criteria": ["one"]},
        "notes": {}, "fixtures": {}, "parts": {}, "numberOfTests": tests.len(), "tests": tests,
    });
    File::read("made.json", &file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// A subject that keeps what it heard: key and body of each message.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<String>>>);

impl Ears {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn subject(&self) -> Manifest {
        let ears = self.clone();
        let address = listening(move |mut stream| {
            use std::io::Write as _;
            if let Some((head, body)) = heard(&mut stream) {
                let key = head
                    .lines()
                    .find(|line| line.to_ascii_lowercase().starts_with("idempotency-key"));
                let said = format!("{} {body}", key.unwrap_or_default());
                ears.0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(said);
                let _ = stream.write_all(&http(200, "application/json", "{}"));
            }
        });
        let endpoint = Endpoint {
            http: Some(format!("http://{address}")),
            ..Endpoint::default()
        };
        Manifest {
            implementation: Implementation {
                name: SUBJECT.to_owned(),
                version: "0".to_owned(),
            },
            roles: [("issuer".to_owned(), endpoint)].into(),
            ..Manifest::default()
        }
    }

    fn runner(&self, seed: u64) -> Runner {
        Runner::new(self.subject(), Duration::from_secs(5)).with_seed(seed)
    }
}

fn all(runner: &Runner, filter: &Filter) -> Outcome {
    run(runner, &suite(), filter, 1, &|_, _, _| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn only(part: &str) -> Filter {
    Filter {
        only: vec![part.to_owned()],
        ..Filter::default()
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let ears = Ears::default();
    let said = |seed: u64, filter: &Filter| {
        let outcome = all(&ears.runner(seed), filter);
        assert!(outcome.is_good());
        ears.heard()
    };
    let first = said(7, &Filter::default());
    assert_eq!(first, said(7, &Filter::default()));
    let other = said(8, &Filter::default());
    assert!(first.iter().all(|line| !other.contains(line)));
    // Nothing is said twice in one run: each test has people of its own, and so have both sanity conversations.
    let different: std::collections::BTreeSet<&String> = first.iter().collect();
    assert_eq!(different.len(), first.len());
    // Alone, a test says what it said among others.
    let alone = said(7, &only("=issuer/wire/3"));
    assert_eq!(alone[2..4], first[2 + 2 * 3..2 + 2 * 4]);
}

#[test]
fn a_filter_takes_what_it_names() {
    let file = suite();
    let taken = |filter: Filter| file.tests.iter().filter(|test| filter.takes(test)).count();
    let requirement = |id: &str| Filter {
        requirements: vec![id.to_owned()],
        ..Filter::default()
    };
    let tier = |tier: Tier| Filter {
        tier: Some(tier),
        ..Filter::default()
    };
    assert_eq!(taken(Filter::default()), 10);
    assert_eq!(taken(only("wire/1")), 2);
    assert_eq!(taken(only("=issuer/wire/1")), 1);
    assert_eq!(taken(only("=wire/1")), 0);
    assert_eq!(taken(requirement("WIR-1")), 2);
    assert_eq!(taken(requirement("WIR-9")), 0);
    assert_eq!(taken(tier(Tier::Smoke)), 8);
    assert_eq!(taken(tier(Tier::Standard)), 9);
    assert_eq!(taken(tier(Tier::Race)), 1);
}

/// A journal in a folder of its own.
fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kaika-{name}-{}.jsonl", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn head(seed: u64) -> Head {
    Head::new(seed, SUBJECT, [("made.json", suite().write().as_str())])
}

#[test]
fn an_interrupted_run_goes_on() {
    let (ears, path) = (Ears::default(), file("goes-on"));
    let runner = |seed: u64| {
        Journal::open(&path, &head(seed)).map(|journal| ears.runner(seed).with_journal(journal))
    };
    let first = runner(7).unwrap_or_else(|error| panic!("{error}"));
    assert!(all(&first, &Filter::default()).is_good());
    assert_eq!(ears.heard().len(), 2 * 12);
    drop(first);
    // Killed while it wrote its sixth test.
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let cut: usize = text.lines().take(6).map(|line| line.len() + 1).sum();
    assert!(std::fs::write(&path, &text[..cut + 20]).is_ok());
    assert_eq!(Journal::seed_of(&path), Ok(Some(7)));
    let second = runner(7).unwrap_or_else(|error| panic!("{error}"));
    let outcome = all(&second, &Filter::default());
    assert!(outcome.is_good());
    assert_eq!(outcome.count("pass"), 10);
    assert_eq!(
        ears.heard().len(),
        2 * (2 + 5),
        "both conversations and what was not written"
    );
    let whole = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(whole.lines().count(), 11);
    assert!(
        whole
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_journal_of_another_run_is_refused() {
    let path = file("refused");
    assert_eq!(Journal::seed_of(&path), Ok(None));
    drop(Journal::open(&path, &head(7)));
    let refused = |head: &Head| Journal::open(&path, head).err().unwrap_or_default();
    assert!(refused(&head(8)).contains("another seed"));
    assert!(
        refused(&Head::new(
            7,
            "another",
            [("made.json", suite().write().as_str())]
        ))
        .contains("another subject")
    );
    assert!(refused(&Head::new(7, SUBJECT, [("made.json", "{}")])).contains("another suite"));
    assert_eq!(refused(&head(7)), "");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(std::fs::write(&path, format!("{text}{{\"suite\": 1}}\n")).is_ok());
    assert!(refused(&head(7)).contains("line 2"));
    assert!(std::fs::write(&path, "hello\n").is_ok());
    assert!(refused(&head(7)).contains("line 1"));
    assert!(Journal::seed_of(&path).is_err());
    let _ = std::fs::remove_file(&path);
}

/// What has no verdict is played again.
#[test]
fn what_has_no_verdict_is_played_again() {
    let path = file("again");
    let dead = Manifest {
        roles: [(
            "issuer".to_owned(),
            Endpoint {
                http: Some("http://127.0.0.1:1".to_owned()),
                ..Endpoint::default()
            },
        )]
        .into(),
        ..Manifest::default()
    };
    let open = || Journal::open(&path, &head(7)).unwrap_or_else(|error| panic!("{error}"));
    let journal = open();
    let played = Runner::new(dead, Duration::from_millis(200)).play(&suite(), &suite().tests[0]);
    assert_eq!(played.verdict.name(), "inconclusive");
    assert!(journal.note("made", &played).is_ok());
    assert!(open().had("made", "issuer/wire/0").is_none());
    let good = Ears::default().runner(7).play(&suite(), &suite().tests[0]);
    assert!(journal.note("made", &good).is_ok());
    assert!(open().had("made", "issuer/wire/0").is_some());
    assert!(open().had("other", "issuer/wire/0").is_none());
    let _ = std::fs::remove_file(&path);
}
