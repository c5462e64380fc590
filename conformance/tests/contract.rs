//! The contract: manifests are read strictly and as the schema says, the control channel says one of three things by either carrier,
//! and the tables of the code are those of the documents.

mod subjects;

use std::collections::BTreeSet;
use std::time::Duration;

use kaika_conformance::contract::{
    CONTRACT, FEATURES, FLAGS, HOOKS, Level, PEERS, ROLES, level_of,
};
use kaika_conformance::control::{Control, Undone};
use kaika_conformance::explain::Reach;
use kaika_conformance::format::Step;
use kaika_conformance::manifest::{Carrier, Implementation, Manifest};
use serde_json::{Value, json};
use subjects::{answering, suites};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn subject_schema() -> Value {
    parsed(include_str!("../../spec/schema/subject.schema.json"))
}

fn control_schema() -> Value {
    parsed(include_str!("../../spec/schema/control.schema.json"))
}

/// Everything that a manifest may say.
fn whole() -> Value {
    json!({
        "contract": 1,
        "implementation": {"name": "a bank", "version": "2"},
        "roles": {"issuer": {"http": "http://127.0.0.1:1", "tcp": "127.0.0.1:2"}, "chip": {"reader": "a reader"}},
        "keys": {"verifier_issuer": "00ff"},
        "features": ["issue", "tap"],
        "parameters": {"answer_ms": 1000, "at_once": 4},
        "peers": {"identity": "127.0.0.1:3"},
        "hooks": {"control": {"http": "http://127.0.0.1:4"}, "offers": ["clock"]},
        "error_map": {"E1": "malformed"},
        "flag_policy": {"media-type-parameters": "accept"},
        "known_failures": [{"test": "issuer/tap/*", "step": 2, "reason": "later"}],
        "deny": {"issuer/x": "no"},
    })
}

#[test]
fn a_whole_manifest_is_read_and_written() {
    let text = whole().to_string();
    let manifest = Manifest::read(&text).unwrap_or_else(|error| panic!("{error}"));
    let again = serde_json::to_value(&manifest).unwrap_or_default();
    assert_eq!(again, whole());
    for control in [
        json!({"stdio": ["python3", "control.py"]}),
        json!("http://127.0.0.1:4"),
    ] {
        let mut other = whole();
        other["hooks"]["control"] = control;
        assert!(Manifest::read(&other.to_string()).is_ok(), "{other}");
    }
}

/// Each damage is refused by reader and schema, and the reader names the field.
#[test]
fn each_damage_is_refused_by_name() {
    type Damage = fn(&mut Value);
    let damages: &[(&str, Damage)] = &[
        ("contract: 2", |it| it["contract"] = json!(2)),
        ("contract: invalid type", |it| it["contract"] = json!("1")),
        ("more: unknown field", |it| it["more"] = json!(1)),
        ("missing field `roles`", |it| {
            drop(it.as_object_mut().and_then(|it| it.remove("roles")))
        }),
        ("missing field `implementation`", |it| {
            drop(
                it.as_object_mut()
                    .and_then(|it| it.remove("implementation")),
            );
        }),
        ("missing field `keys`", |it| {
            drop(it.as_object_mut().and_then(|it| it.remove("keys")))
        }),
        ("roles: names no role", |it| it["roles"] = json!({})),
        ("roles: \"bank\" is none of", |it| {
            it["roles"]["bank"] = json!({})
        }),
        ("roles.issuer.https: unknown field", |it| {
            it["roles"]["issuer"]["https"] = json!("x")
        }),
        ("roles.issuer.http", |it| {
            it["roles"]["issuer"]["http"] = json!("127.0.0.1:1")
        }),
        ("roles.issuer.http", |it| {
            it["roles"]["issuer"]["http"] = Value::Null
        }),
        ("roles.issuer.tcp", |it| {
            it["roles"]["issuer"]["tcp"] = json!("127.0.0.1")
        }),
        ("roles.issuer.tcp", |it| {
            it["roles"]["issuer"]["tcp"] = json!("127.0.0.1:70000")
        }),
        ("roles.issuer.tcp", |it| {
            it["roles"]["issuer"]["tcp"] = json!(7002)
        }),
        ("roles.chip.reader", |it| {
            it["roles"]["chip"]["reader"] = json!("")
        }),
        ("keys.verifier_issuer", |it| {
            it["keys"]["verifier_issuer"] = json!("FF")
        }),
        ("keys.verifier_issuer", |it| {
            it["keys"]["verifier_issuer"] = json!("0")
        }),
        ("features: \"swap\" is none of", |it| {
            it["features"] = json!(["swap"])
        }),
        ("parameters.answer_ms: 5 is not", |it| {
            it["parameters"]["answer_ms"] = json!(5)
        }),
        ("parameters.at_once: 65 is not", |it| {
            it["parameters"]["at_once"] = json!(65)
        }),
        ("parameters.wait: unknown field", |it| {
            it["parameters"]["wait"] = json!(5)
        }),
        ("peers: \"pos\" is none of", |it| {
            it["peers"]["pos"] = json!("127.0.0.1:1")
        }),
        ("peers.identity", |it| {
            it["peers"]["identity"] = json!("7003")
        }),
        ("hooks.control", |it| {
            it["hooks"]["control"] = json!({"grpc": "x"})
        }),
        ("hooks.control", |it| {
            it["hooks"]["control"] = json!({"http": "ftp://x"})
        }),
        ("hooks.control.stdio: names no command", |it| {
            it["hooks"]["control"] = json!({"stdio": []});
        }),
        ("hooks.control", |it| {
            it["hooks"]["control"] = json!({"stdio": "python3"})
        }),
        ("hooks.offers[0]: \"door\" is no hook", |it| {
            it["hooks"]["offers"] = json!(["door"])
        }),
        ("hooks.offers: there is no hooks.control", |it| {
            drop(
                it["hooks"]
                    .as_object_mut()
                    .and_then(|it| it.remove("control")),
            );
        }),
        ("error_map.E1: \"because\" is no code", |it| {
            it["error_map"]["E1"] = json!("because")
        }),
        ("flag_policy: \"odd\" is none of", |it| {
            it["flag_policy"]["odd"] = json!("accept")
        }),
        ("flag_policy.media-type-parameters", |it| {
            it["flag_policy"]["media-type-parameters"] = json!("maybe");
        }),
        ("known_failures[0].test: names every test", |it| {
            it["known_failures"][0]["test"] = json!("*")
        }),
        ("known_failures[0].step", |it| {
            it["known_failures"][0]["step"] = json!(0)
        }),
        ("known_failures[0].reason", |it| {
            it["known_failures"][0]["reason"] = json!("")
        }),
        ("known_failures[0].why: unknown field", |it| {
            it["known_failures"][0]["why"] = json!("x")
        }),
        ("known_failures", |it| it["known_failures"] = json!(7)),
        ("deny.issuer/x", |it| it["deny"]["issuer/x"] = json!(1)),
    ];
    let schema = jsonschema::validator_for(&subject_schema()).unwrap_or_else(|e| panic!("{e}"));
    assert!(schema.is_valid(&whole()));
    for (says, damage) in damages {
        let mut it = whole();
        damage(&mut it);
        assert!(!schema.is_valid(&it), "the schema takes {says}: {it}");
        let error = Manifest::read(&it.to_string()).err();
        let error = error.unwrap_or_else(|| panic!("the reader takes {says}: {it}"));
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
}

#[test]
fn a_manifest_that_is_no_json_is_refused_with_its_place() {
    let text = "{\n  \"implementation\": {\"name\": \"x\", \"version\": 3}\n}";
    let error = Manifest::read(text).err().map(|error| error.to_string());
    let error = error.unwrap_or_default();
    assert!(
        error.starts_with("implementation.version: invalid type"),
        "{error}"
    );
    assert!(error.contains("line 2 column"), "{error}");
    for cut in 0..text.len() {
        assert!(Manifest::read(&text[..cut]).is_err());
    }
    let twice = format!("{}{}", whole(), whole());
    assert!(Manifest::read(&twice).is_err());
}

/// Known failures may be in a file of their own, which is read as strictly.
#[test]
fn known_failures_may_be_in_a_file() {
    let dir = std::env::temp_dir().join(format!("kaika-known-{}", std::process::id()));
    assert!(std::fs::create_dir_all(&dir).is_ok());
    let mut it = whole();
    it["known_failures"] = json!("known.json");
    let read = |text: &str| {
        assert!(std::fs::write(dir.join("known.json"), text).is_ok());
        let mut manifest = Manifest::read(&it.to_string()).unwrap_or_else(|e| panic!("{e}"));
        manifest
            .gather(&dir)
            .map(|()| manifest)
            .map_err(|e| e.to_string())
    };
    let good = read(r#"[{"test": "issuer/a", "reason": "later"}]"#);
    assert!(good.is_ok_and(|manifest| manifest.known_failures.entries().len() == 1));
    let unknown = read(r#"[{"test": "issuer/a", "reason": "later", "when": 1}]"#);
    assert!(unknown.is_err_and(|error| error.contains("known.json") && error.contains("`when`")));
    assert!(read("[").is_err());
    assert!(std::fs::remove_dir_all(&dir).is_ok());
    let mut gone = Manifest::read(&it.to_string()).unwrap_or_else(|e| panic!("{e}"));
    assert!(gone.gather(&dir).is_err());
}

/// The schemas list what the code lists.
#[test]
fn the_tables_are_the_same_everywhere() {
    let names = |value: &Value| -> BTreeSet<String> {
        let all = value.as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let owned =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|n| (*n).to_owned()).collect() };
    let hooks: Vec<&str> = HOOKS.iter().map(|hook| hook.name).collect();
    let flags: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
    let codes: Vec<&str> = kaika_spec::Refusal::ALL
        .iter()
        .map(|one| one.seen())
        .collect();
    let schema = &subject_schema()["properties"];
    assert_eq!(schema["contract"]["const"], json!(CONTRACT));
    assert_eq!(
        names(&schema["roles"]["propertyNames"]["enum"]),
        owned(ROLES)
    );
    assert_eq!(
        names(&schema["peers"]["propertyNames"]["enum"]),
        owned(PEERS)
    );
    assert_eq!(names(&schema["features"]["items"]["enum"]), owned(FEATURES));
    assert_eq!(
        names(&schema["hooks"]["properties"]["offers"]["items"]["enum"]),
        owned(&hooks)
    );
    assert_eq!(
        names(&schema["flag_policy"]["propertyNames"]["enum"]),
        owned(&flags)
    );
    assert_eq!(
        names(&schema["error_map"]["additionalProperties"]["enum"]),
        owned(&codes)
    );
    for hook in &hooks {
        for way in ["ask", "answer"] {
            let place = format!("{hook}.{way}");
            assert!(
                control_schema()["$defs"][&place].is_object(),
                "{place} has no schema"
            );
        }
    }
    let page = include_str!("../subjects/README.md");
    for hook in HOOKS {
        let row = format!(
            "| {} | `{}` | {} |",
            hook.level.name(),
            hook.name,
            hook.does
        );
        assert!(page.contains(&row), "the page has no row {row}");
    }
    for flag in FLAGS {
        assert!(
            page.contains(&format!("| `{}` | {} |", flag.name, flag.says)),
            "{}",
            flag.name
        );
    }
}

/// Every hook that a step uses is in `needs`, and nothing else: a test says what it needs.
#[test]
fn every_test_says_what_it_needs() {
    fn hooks(steps: &mut dyn Iterator<Item = &Step>, into: &mut BTreeSet<String>) {
        for step in steps {
            match step {
                Step::Advance(_) => drop(into.insert("hook:clock".to_owned())),
                Step::Insert(_) => drop(into.insert("hook:chip".to_owned())),
                Step::Restart(_) => drop(into.insert("hook:restart".to_owned())),
                Step::Trigger(_) => drop(into.insert("hook:trigger".to_owned())),
                Step::Crash(_) => drop(into.insert("hook:crash".to_owned())),
                Step::Meanwhile(late) => hooks(&mut late.steps.iter(), into),
                _ => {}
            }
        }
    }
    for file in suites() {
        for test in &file.tests {
            let steps = file.expanded(test.all_steps()).unwrap_or_default();
            let mut used = BTreeSet::new();
            hooks(&mut steps.iter().map(|step| &**step), &mut used);
            let said: BTreeSet<String> = test.needs.iter().cloned().collect();
            let known = said.iter().all(|need| match need.split_once(':') {
                Some(("hook", hook)) => HOOKS.iter().any(|one| one.name == hook),
                Some(("feature", feature)) => FEATURES.contains(&feature),
                _ => false,
            });
            assert!(known, "{} needs {said:?}", test.id);
            assert!(
                used.is_subset(&said),
                "{} uses {used:?} and says {said:?}",
                test.id
            );
        }
    }
}

#[test]
fn levels_add_up() {
    assert_eq!(level_of([]), Level::L0);
    assert_eq!(level_of(["hook:chip"]), Level::L1);
    assert_eq!(level_of(["hook:chip", "hook:clock"]), Level::L2);
    assert_eq!(Level::from_name("l2"), Some(Level::L2));
    assert_eq!(Level::from_name("2"), Some(Level::L2));
    assert_eq!(Level::from_name("L7"), None);
    let files = suites();
    let reach = Reach::of(files);
    let all: usize = files.iter().map(|file| file.tests.len()).sum();
    assert_eq!(reach.tests_at(Level::L6), (all, all));
    assert!(reach.unreached(Level::L6).is_empty());
    assert!(
        reach.tests_at(Level::L0).0 * 2 > all,
        "most is within reach of a black box"
    );
    // A one-time code's end needs a clock.
    assert!(reach.unreached(Level::L1).contains("PRV-5"));
    assert!(!reach.unreached(Level::L2).contains("PRV-5"));
    assert!(reach.text(Some(Level::L1)).contains("PRV-5"));
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config
        .timeout_global(Some(Duration::from_secs(1)))
        .build()
        .into()
}

/// What the runner makes of an answer of the control channel.
#[test]
fn an_answer_is_one_of_three() {
    let good = [r#"{"ok":true}"#, r#"{"ok":true,"se_id":"00"}"#];
    let unimplemented = [
        (200, r#"{"unimplemented":true,"reason":"no clock"}"#),
        (404, "not found"),
        (501, "{}"),
    ];
    let failed = [
        (200, "{}"),
        (200, ""),
        (200, "yes"),
        (200, "[]"),
        (200, r#"{"ok":1}"#),
        (200, r#"{"ok":false}"#),
        (200, r#"{"ok":true,"error":{"message":"x"}}"#),
        (200, r#"{"error":"x"}"#),
        (200, r#"{"error":{"message":"no disk"}}"#),
        (200, r#"{"unimplemented":false}"#),
        (500, r#"{"ok":true}"#),
        (500, ""),
    ];
    let ask = |status: u16, body: &str| {
        let carrier = Carrier::Http(format!("http://{}", answering(status, body)));
        let control = Control::open(&carrier, agent(), Duration::from_secs(1));
        control
            .unwrap_or_else(|error| panic!("{error}"))
            .ask("clock", &json!({"advance_ms": 1}))
    };
    for body in good {
        assert!(ask(200, body).is_ok(), "{body}");
    }
    for (status, body) in unimplemented {
        let told = ask(status, body);
        assert!(
            matches!(told, Err(Undone::Unimplemented(_))),
            "{status} {body}: {told:?}"
        );
    }
    for (status, body) in failed {
        let told = ask(status, body);
        assert!(
            matches!(told, Err(Undone::Failed(_))),
            "{status} {body}: {told:?}"
        );
    }
}

/// The same by lines of JSON to a program that the runner starts.
#[test]
fn a_program_answers_by_lines() {
    let says = |script: &str| {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        Control::open(
            &Carrier::Stdio(command),
            agent(),
            Duration::from_millis(500),
        )
        .unwrap_or_else(|error| panic!("{error}"))
    };
    let ask = |control: &Control| control.ask("clock", &json!({"advance_ms": 1}));
    let good = says(r#"while read -r line; do n=$((n+1)); echo "{\"ok\":true,\"seq\":$n}"; done"#);
    assert!(ask(&good).is_ok() && ask(&good).is_ok());
    let cases = [
        (
            "an answer to something else",
            r#"while read -r line; do echo '{"ok":true,"seq":9}'; done"#,
        ),
        ("no answer in", "sleep 30"),
        ("has ended", "exit 0"),
        (
            "no answer of the contract",
            "while read -r line; do echo hello; done",
        ),
        ("no answer of the contract", "yes no | head -c 3000000"),
    ];
    for (wanted, script) in cases {
        match ask(&says(script)) {
            Err(Undone::Failed(what)) => assert!(what.contains(wanted), "{script}: {what}"),
            other => panic!("{script}: {other:?}"),
        }
    }
    let none = Carrier::Stdio(vec!["no-such-program-here".to_owned()]);
    assert!(Control::open(&none, agent(), Duration::from_secs(1)).is_err());
}

#[test]
fn who_speaks_for_another_is_noticed() {
    let us = Implementation {
        name: "a bank".to_owned(),
        version: "2".to_owned(),
    };
    let hello = |body: &str| {
        let carrier = Carrier::Http(format!("http://{}", answering(200, body)));
        let control = Control::open(&carrier, agent(), Duration::from_secs(1));
        control.unwrap_or_else(|error| panic!("{error}")).hello(&us)
    };
    assert_eq!(
        hello(r#"{"unimplemented":true,"reason":"no hello"}"#),
        Ok(())
    );
    assert_eq!(hello(r#"{"ok":true,"contract":1}"#), Ok(()));
    let ours = r#"{"ok":true,"contract":1,"implementation":{"name":"a bank","version":"2"}}"#;
    assert_eq!(hello(ours), Ok(()));
    assert!(hello(r#"{"ok":true,"contract":2}"#).is_err_and(|what| what.contains("contract")));
    let other = r#"{"ok":true,"contract":1,"implementation":{"name":"a bank","version":"3"}}"#;
    assert!(hello(other).is_err_and(|what| what.contains("a bank 2")));
    assert!(hello("garbage").is_err());
}
