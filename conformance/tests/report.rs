//! Reports of one run in which every verdict occurs and the subject says hostile things; and the size of the whole suite's page.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, SystemTime};

use kaika_conformance::again::Again;
use kaika_conformance::crypto::sha256;
use kaika_conformance::format::File;
use kaika_conformance::report::{Lines, Report, Subject, Suite};
use kaika_conformance::suite::Outcome;
use kaika_conformance::verdict::{Arrow, Failure, Played, Verdict};
use serde_json::Value;

const SUITES: &[&str] = &[
    include_str!("../vectors/issuer.json"),
    include_str!("../vectors/verifier.json"),
    include_str!("../vectors/chip.json"),
    include_str!("../vectors/system.json"),
    include_str!("../vectors/hand/chip.json"),
];

const SCHEMA: &str = include_str!("../../spec/schema/report.schema.json");

/// What a subject might say to whoever reads the report.
const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)> @run@ ]]> &amp; \u{1b}[31m \u{ffff} '\"`${x}";

/// Bytes of the page for one test that passed.
const PASSED_MAX: usize = 195;

/// Bytes that the page of the whole suite stays below.
const PAGE_MAX: usize = 5_000_000;

fn good<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn failure() -> Failure {
    Failure {
        step: 2,
        what: format!("terminal -> issuer : POST {HOSTILE}"),
        expected: r#"200 {"state":"active"}"#.to_owned(),
        seen: format!("400 {HOSTILE}"),
    }
}

/// One of each verdict, in the order of their names.
fn every_verdict() -> Vec<Verdict> {
    let reason = || HOSTILE.to_owned();
    vec![
        Verdict::Pass,
        Verdict::Lenient(reason()),
        Verdict::Fail(failure()),
        Verdict::ExpectedFail(failure(), reason()),
        Verdict::UnexpectedPass(reason()),
        Verdict::Skip(reason()),
        Verdict::Unimplemented(reason()),
        Verdict::Inconclusive(failure()),
        Verdict::Error(failure()),
    ]
}

fn played(id: &str, verdict: Verdict) -> Played {
    let arrow = |label: &str| Arrow {
        from: "terminal".to_owned(),
        to: "issuer".to_owned(),
        label: label.to_owned(),
    };
    let chart = match verdict.failure() {
        Some(_) => vec![arrow("first"), arrow(HOSTILE)],
        None => Vec::new(),
    };
    Played {
        id: id.to_owned(),
        title: HOSTILE.to_owned(),
        requirements: vec!["APP-9".to_owned(), "ZZZ-1".to_owned()],
        verdict,
        took: Duration::from_millis(3),
        chart,
    }
}

fn suite(played: Vec<Played>, stopped: Option<&str>) -> Suite {
    Suite {
        name: "issuer".to_owned(),
        digest: Report::catalogue(),
        took: Duration::from_millis(1500),
        outcome: Outcome {
            played,
            stopped: stopped.map(str::to_owned),
        },
    }
}

fn report(suites: Vec<Suite>) -> Report {
    Report {
        subject: Subject {
            name: HOSTILE.to_owned(),
            version: "1.2.3".to_owned(),
            roles: ["issuer".to_owned()].into(),
            hooks: ["clock".to_owned()].into(),
        },
        again: Again {
            subject: "my issuer.json".to_owned(),
            seed: 7,
            reader: None,
        },
        began: SystemTime::UNIX_EPOCH + Duration::from_millis(1_900_000_000_123),
        took: Duration::from_secs(2),
        suites,
    }
}

fn hostile() -> Report {
    let tests = every_verdict().into_iter().enumerate();
    let tests = tests.map(|(at, verdict)| played(&format!("issuer/{at}/it's {HOSTILE}"), verdict));
    report(vec![suite(tests.collect(), Some(HOSTILE))])
}

fn schema(definition: &str) -> jsonschema::Validator {
    let mut schema: Value = good(serde_json::from_str(SCHEMA));
    schema["$ref"] = format!("#/$defs/{definition}").into();
    good(jsonschema::validator_for(&schema))
}

#[test]
fn every_verdict_occurs() {
    let names: Vec<_> = every_verdict().iter().map(Verdict::name).collect();
    assert_eq!(names, Verdict::NAMES);
    assert!(hostile().totals().iter().all(|(_, count)| *count == 1));
}

#[test]
fn the_document_fits_its_schema_and_damage_does_not() {
    let schema = schema("report");
    let document = hostile().json();
    if let Err(error) = schema.validate(&document) {
        panic!("{} {error}", error.instance_path());
    }
    type Damage = fn(&mut Value);
    let damages: &[(&str, Damage)] = &[
        ("another version", |it| it["schema"] = 2.into()),
        ("a field nobody knows", |it| it["more"] = 1.into()),
        ("a tenth verdict", |it| it["totals"]["odd"] = 1.into()),
        ("a verdict nobody has", |it| {
            it["suites"][0]["tests"][0]["verdict"] = "fine".into()
        }),
        ("a failure without what was seen", |it| {
            drop(
                it["suites"][0]["tests"][2]
                    .as_object_mut()
                    .and_then(|test| test.remove("seen")),
            )
        }),
        ("a failure without its command", |it| {
            drop(
                it["suites"][0]["tests"][2]
                    .as_object_mut()
                    .and_then(|test| test.remove("again")),
            )
        }),
        ("a skip without its reason", |it| {
            drop(
                it["suites"][0]["tests"][5]
                    .as_object_mut()
                    .and_then(|test| test.remove("reason")),
            )
        }),
        ("a field that a pass has not", |it| {
            it["suites"][0]["tests"][0]["seen"] = "x".into()
        }),
        ("a digest that is none", |it| {
            it["catalogueDigest"] = "x".into()
        }),
    ];
    for (what, damage) in damages {
        let mut damaged = document.clone();
        damage(&mut damaged);
        assert!(!schema.is_valid(&damaged), "the schema takes {what}");
    }
}

#[test]
fn a_line_for_each_test_when_it_ends() {
    let dir = std::env::temp_dir().join(format!("kaika-lines-{}", std::process::id()));
    good(std::fs::create_dir_all(&dir));
    let path = dir.join("events.jsonl");
    let report = hostile();
    let lines = good(Lines::begin(&path, &report.subject, report.again.clone()));
    let suite = &report.suites[0];
    lines.suite(&suite.name, &suite.digest, suite.outcome.played.len());
    for played in suite.outcome.played.iter().take(8) {
        lines.test(&suite.name, played);
    }
    let events = |text: String| -> Vec<Value> {
        text.lines()
            .map(|line| good(serde_json::from_str(line)))
            .collect()
    };
    let cut = events(good(std::fs::read_to_string(&path)));
    assert_eq!(cut.len(), 2 + 8, "what ended is written at once");
    lines.suite_end(suite);
    good(lines.end(&report));
    let all = events(good(std::fs::read_to_string(&path)));
    good(std::fs::remove_dir_all(&dir));
    let kinds: Vec<_> = all
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let tests = vec!["test"; 9];
    assert_eq!(
        kinds,
        [&["run", "suite"][..], &tests, &["suite-end", "end"]].concat()
    );
    let schema = schema("event");
    for event in &all {
        if let Err(error) = schema.validate(event) {
            panic!("{event} {error}");
        }
        let mut damaged = event.clone();
        damaged["more"] = 1.into();
        assert!(!schema.is_valid(&damaged), "{damaged}");
    }
}

#[test]
fn text_counts_all_nine_and_steers_no_terminal() {
    let text = hostile().text();
    for name in Verdict::NAMES {
        assert!(text.contains(&format!("1 {name}")), "{name}: {text}");
    }
    assert!(
        text.contains("seed 7") && text.contains("began 2030-03-17T17:46:40.123Z"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for verdict in ["FAIL", "INCONCLUSIVE", "ERROR", "UNEXPECTED PASS"] {
        let told = text.split(&format!("  {verdict} issuer/")).nth(1);
        let told = told.unwrap_or_else(|| panic!("{verdict} is not told: {text}"));
        assert!(
            told.contains("again: kaika conform --subject 'my issuer.json' --tier all --only ")
        );
    }
}

/// A shell makes of the command the words that were meant.
#[test]
fn the_command_is_right_for_a_shell() {
    let again = hostile().again;
    for id in [
        "issuer/a/b",
        "issuer/it's (a) $HOME `x` \"y\" \\ * !/c",
        "issuer/</script>",
    ] {
        let command = again.command(id).replace("kaika conform", "printf '%s\\n'");
        let output = good(Command::new("sh").args(["-c", &command]).output());
        let words = String::from_utf8_lossy(&output.stdout);
        let words: Vec<&str> = words.lines().collect();
        assert_eq!(
            words,
            [
                "--subject",
                "my issuer.json",
                "--tier",
                "all",
                "--only",
                &format!("={id}"),
                "--seed",
                "7"
            ]
        );
    }
}

#[test]
fn junit_counts_as_its_readers_do() {
    let text = good(hostile().junit());
    assert!(
        !text.contains(['\u{1b}', '\u{ffff}']),
        "characters that XML has not"
    );
    let read = good(quick_junit::Report::deserialize_from_str(&text));
    assert_eq!(
        (read.tests, read.failures, read.errors),
        (9, 2, 2),
        "{text}"
    );
    let suite = &read.test_suites[0];
    assert_eq!(suite.skipped, 3, "known failure, skip, unimplemented");
    for (case, name) in suite.test_cases.iter().zip(Verdict::NAMES) {
        let has = |key: &str, value: &str| {
            let mut all = case.properties.iter();
            all.any(|one| one.name.as_str() == key && one.value.as_str() == value)
        };
        assert!(
            has("verdict", name) && has("requirement", "APP-9"),
            "{name}: {text}"
        );
    }
    assert!(text.contains("again: kaika conform --subject"), "{text}");
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text
        .split_once(from)
        .unwrap_or_else(|| panic!("no {from}"))
        .1;
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

#[test]
fn nothing_that_a_subject_says_ends_a_script() {
    let report = hostile();
    let page = report.html();
    assert_eq!(page.matches("<script").count(), 2, "data and script");
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(page.matches("</noscript").count(), 1);
    assert!(!page.contains("<img"), "an answer became an element");
    let data = between(
        &page,
        "<script type=\"application/json\" id=\"run\">",
        "</script>",
    );
    let data: Value = good(serde_json::from_str(data));
    assert_eq!(data["subject"]["name"], HOSTILE);
    let test = &data["suites"][0]["tests"][2];
    assert_eq!(test[7][3], format!("400 {HOSTILE}"));
    let command = data["commands"][good(usize::try_from(test[5].as_u64().unwrap_or(99)))].as_str();
    let id = &report.suites[0].outcome.played[2].id;
    let command = command.map(|command| command.replace("@id@", id));
    assert_eq!(command, Some(report.again.command(id)));
}

/// The page loads nothing, and runs nothing but its own script.
#[test]
fn the_policy_names_script_and_style_by_their_digests() {
    let page = hostile().html();
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let script = between(&page, "</script>\n<script>", "</script>");
    let style = between(&page, "<style>", "</style>");
    let base64 = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(sha256(&[text.as_bytes()]))
    };
    let wanted = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(script),
        base64(style)
    );
    assert_eq!(policy, wanted);
    for outside in ["http://", "https://", "//cdn", "@import", "url("] {
        let own = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains(outside), "{outside}");
    }
}

/// Every test of every suite with this verdict.
fn whole(files: &[File], verdict: &Verdict) -> Report {
    let chart = || played("", verdict.clone()).chart;
    let long: Vec<Arrow> = std::iter::repeat_with(chart).take(20).flatten().collect();
    let suites = files.iter().map(|file| {
        let tests = file.tests.iter().map(|test| Played {
            id: test.id.clone(),
            title: test.title.clone(),
            requirements: test.requirements.clone(),
            verdict: verdict.clone(),
            took: Duration::from_millis(12),
            chart: long.clone(),
        });
        suite(tests.collect(), None)
    });
    report(suites.collect())
}

#[test]
fn the_page_of_the_whole_suite_is_small() {
    let files: Vec<File> = SUITES
        .iter()
        .map(|text| good(serde_json::from_str(text)))
        .collect();
    let passed = whole(&files, &Verdict::Pass).html().len();
    let failed = whole(&files, &Verdict::Fail(failure())).html().len();
    println!("the page of the whole suite: {passed} bytes when all pass, {failed} when all fail");
    assert!(passed < PAGE_MAX && failed < PAGE_MAX, "{passed} {failed}");
    let tests: usize = files.iter().map(|file| file.tests.len()).sum();
    assert!(
        passed < PASSED_MAX * tests,
        "tests that passed are kept short: {passed} for {tests}"
    );
}

#[test]
fn a_badge_has_the_colour_of_the_worst() {
    let cases: &[(&[Verdict], &str, &str)] = &[
        (&every_verdict(), "2 of 9", "red"),
        (
            &[Verdict::Pass, Verdict::Inconclusive(failure())],
            "1 of 2",
            "yellow",
        ),
        (
            &[Verdict::Pass, Verdict::Skip(String::new())],
            "1 of 2",
            "brightgreen",
        ),
        (&[], "0 of 0", "yellow"),
    ];
    for (verdicts, message, colour) in cases {
        let tests = verdicts
            .iter()
            .map(|verdict| played("issuer/a/b", verdict.clone()));
        let badge = report(vec![suite(tests.collect(), None)]).badge();
        assert_eq!(
            (badge["message"].as_str(), badge["color"].as_str()),
            (Some(*message), Some(*colour))
        );
    }
}

/// What a requirement comes to: the worst of its tests.
#[test]
fn a_requirement_is_as_good_as_its_worst_test() {
    let skip = || Verdict::Skip(String::new());
    let cases: &[(Vec<Verdict>, &str)] = &[
        (
            vec![Verdict::Pass, Verdict::Fail(failure()), skip()],
            "fail",
        ),
        (
            vec![Verdict::Pass, Verdict::Inconclusive(failure())],
            "fail",
        ),
        (vec![skip(), Verdict::Pass], "pass"),
        (vec![skip(), Verdict::Unimplemented(String::new())], "skip"),
    ];
    for (verdicts, want) in cases {
        let tests = verdicts
            .iter()
            .map(|verdict| played("issuer/a/b", verdict.clone()));
        let report = report(vec![suite(tests.collect(), None)]);
        let all: BTreeMap<_, _> = report.requirements();
        assert_eq!(all.get("APP-9"), Some(want), "{verdicts:?}");
    }
}
