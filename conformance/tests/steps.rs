//! Steps of faults, races and clients, each damaged in every member: refused with place and cause, and never taken by the reader
//! where the schema refuses.

use kaika_conformance::format::File;
use serde_json::{Value, json};

fn message() -> Value {
    json!({"from": "verifier", "to": "issuer", "method": "POST", "path": ["v1", "issue"], "body": {"a": 1}, "expect": {"refuse": "malformed"}})
}

/// A good step of each kind, and members that it may leave out.
fn steps() -> Vec<(Value, &'static [&'static str])> {
    let outcomes = json!([[{"refuse": "malformed"}, {"accept": {"state": "none"}}]]);
    vec![
        (
            json!({"op": "again", "send": message(), "how": "lost"}),
            &[],
        ),
        (
            json!({"op": "again", "send": message(), "how": "both"}),
            &[],
        ),
        (
            json!({"op": "iso", "mti": "0100", "fields": {"4": "1"}, "how": "line", "expect": {"39": "00"}}),
            &["how"],
        ),
        (json!({"op": "restart"}), &[]),
        (
            json!({"op": "parallel", "branches": [message(), message()], "outcomes": outcomes}),
            &[],
        ),
        (
            json!({"op": "meanwhile", "send": message(), "at": "identity", "path": ["v1", "scores"], "having": "a", "steps": [{"op": "restart"}]}),
            &[],
        ),
        (
            json!({"op": "card", "as": "card", "kind": "80", "profile": "1c00", "fault": "gone", "proof": "taken"}),
            &["kind", "profile", "fault", "proof"],
        ),
        (json!({"op": "host", "as": "host"}), &[]),
        (
            json!({"op": "trigger", "action": "tap", "with": {"amount_minor": 1}}),
            &[],
        ),
        (
            json!({"op": "hear", "mti": "0100", "fields": {"4": "1"}, "as": "asked", "again": true}),
            &["as", "again"],
        ),
        (
            json!({"op": "reply", "mti": "0110", "fields": {"39": "00"}, "raw": "00", "twice": true}),
            &["mti", "fields", "raw", "twice"],
        ),
        (
            json!({"op": "shown", "expect": {"result": "approved"}}),
            &[],
        ),
        (
            json!({"op": "told", "ins": "82", "times": 1, "data": "00"}),
            &["data"],
        ),
        (json!({"op": "crash"}), &[]),
        (json!({"op": "verifier", "as": "verifier"}), &[]),
        (json!({"op": "chip", "as": "chip"}), &[]),
        (
            json!({"op": "asks", "method": "POST", "path": ["v1", "orders"], "body": {"a": 1}, "session": "00", "key": "new", "as": "asked"}),
            &["body", "session", "key", "as"],
        ),
        (
            json!({"op": "repeats", "query": ["v1", "orders"]}),
            &["query"],
        ),
        (
            json!({"op": "answer", "status": 200, "body": {"a": 1}, "raw": "x", "refuse": "malformed", "query": {"b": 1}}),
            &["status", "body", "raw", "refuse", "query"],
        ),
        (json!({"op": "hush", "query": ["v1", "orders"]}), &["query"]),
        (
            json!({"op": "sign", "kind": "payment", "digest": "00"}),
            &[],
        ),
        (json!({"op": "signed", "will": "leaves"}), &[]),
        (json!({"op": "pull", "ins": "82"}), &[]),
    ]
}

/// A file with one test of this step, which is its fourth: what it names is bound before it.
fn file(step: &Value) -> Value {
    json!({
        "format": 1, "suite": "made", "spec": {"catalogueDigest": "sha256:00"}, "generator": {"name": "hand", "criteria": ["one"]},
        "notes": {}, "fixtures": {}, "parts": {}, "numberOfTests": 1,
        "tests": [{
            "id": "the test", "tier": "fault", "title": "goes wrong", "sut": ["issuer"], "result": "valid", "requirements": ["WIR-10"],
            "needs": ["hook:restart", "hook:trigger", "hook:crash"], "origin": {"criterion": "hand"}, "steps": [step],
        }],
    })
}

fn read(value: &Value) -> Result<File, String> {
    File::read("made.json", &value.to_string()).map_err(|error| error.to_string())
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../spec/schema/vectors.schema.json");
    let parsed = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::validator_for(&parsed).unwrap_or_else(|error| panic!("{error}"))
}

/// A value of each other kind of JSON.
fn of_other_kinds(value: &Value) -> impl Iterator<Item = Value> {
    let all = [
        json!(null),
        json!(true),
        json!(7),
        json!("x"),
        json!([]),
        json!({}),
    ];
    let kind = std::mem::discriminant(value);
    all.into_iter()
        .filter(move |other| std::mem::discriminant(other) != kind)
}

/// Members of a phone's steps that are one of a few words.
const WORDS: &[(&str, &str)] = &[
    ("asks", "method"),
    ("asks", "key"),
    ("sign", "kind"),
    ("signed", "will"),
];

/// Every damage of a member and what it is called: left out, of another kind, another word, beside one that nobody knows; in
/// the messages inside too.
fn damages(step: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    each_object(step, "", &mut |pointer, object| {
        let put = |changed: Value| {
            let mut whole = step.clone();
            if let Some(place) = whole.pointer_mut(pointer) {
                *place = changed;
            }
            whole
        };
        let mut more = object.clone();
        more["nobody_knows"] = json!(1);
        all.push((format!("{pointer}/nobody_knows"), put(more)));
        for (name, value) in object.as_object().into_iter().flatten() {
            let mut less = object.clone();
            less.as_object_mut().and_then(|map| map.remove(name));
            all.push((format!("{pointer}/{name} left out"), put(less)));
            let is_word = WORDS.contains(&(step["op"].as_str().unwrap_or_default(), name));
            let other_word = is_word.then(|| json!("another"));
            for other in of_other_kinds(value).chain(other_word) {
                let mut changed = object.clone();
                changed[name] = other.clone();
                all.push((format!("{pointer}/{name} as {other}"), put(changed)));
            }
        }
    });
    all
}

/// The step and the messages in it: objects with members of their own, not values that a message carries.
fn each_object(step: &Value, pointer: &str, take: &mut dyn FnMut(&str, &Value)) {
    let at = step.pointer(pointer).cloned().unwrap_or_default();
    take(pointer, &at);
    if at.get("send").is_some() {
        each_object(step, &format!("{pointer}/send"), take);
    }
    for number in 0..at["branches"].as_array().map_or(0, Vec::len) {
        each_object(step, &format!("{pointer}/branches/{number}"), take);
    }
}

#[test]
fn a_good_step_of_each_kind_is_taken_by_both_and_written_again() {
    let schema = schema();
    for (step, _) in steps() {
        let file = file(&step);
        let taken = read(&file).unwrap_or_else(|error| panic!("{step}: {error}"));
        let written: Value = serde_json::from_str(&taken.write()).unwrap_or_default();
        assert_eq!(written["tests"][0]["steps"][0]["op"], step["op"]);
        if let Err(error) = schema.validate(&file) {
            panic!("{step}: {error}");
        }
    }
}

#[test]
fn what_may_be_left_out_is_taken_without_it() {
    let schema = schema();
    for (step, optional) in steps() {
        for name in optional {
            let mut less = step.clone();
            less.as_object_mut().and_then(|map| map.remove(*name));
            assert!(read(&file(&less)).is_ok(), "{less}");
            assert!(schema.is_valid(&file(&less)), "{less}");
        }
    }
}

#[test]
fn each_damaged_member_is_refused_with_place_and_cause() {
    let schema = schema();
    for (step, optional) in steps() {
        let (mut refused, mut taken) = (0, Vec::new());
        for (what, damaged) in damages(&step) {
            let file = file(&damaged);
            let by_schema = !schema.is_valid(&file);
            match read(&file) {
                Err(error) => {
                    assert!(error.starts_with("made.json: "), "{what}: {error}");
                    let has_place = error.contains("line ") || error.contains("the test: ");
                    assert!(has_place, "{} {what}: {error}", step["op"]);
                    refused += 1;
                }
                Ok(_) => {
                    // The reader takes null for an optional member that is not there; the schema does not.
                    let is_null = what.ends_with(" as null") && is_optional(&what, optional);
                    assert!(
                        !by_schema || is_null,
                        "only the schema refuses {} {what}",
                        step["op"]
                    );
                    taken.push(what);
                }
            }
        }
        // A member that takes any value takes every kind of it; an optional one may be null or not there.
        let may = |what: &str| {
            let is_gone = what.ends_with(" left out") || what.ends_with(" as null");
            // The body for whoever looks the order up; elsewhere a query is a path.
            let is_body = step["op"] == "answer" && member(what) == "query";
            ANY.contains(&member(what)) || is_body || is_gone && is_optional(what, optional)
        };
        taken.retain(|what| !may(what));
        assert_eq!(taken, Vec::<String>::new(), "{} takes", step["op"]);
        assert!(refused > 0);
    }
}

/// The member that a damage is of.
fn member(what: &str) -> &str {
    let pointer = what.split(' ').next().unwrap_or_default();
    pointer.rsplit('/').next().unwrap_or_default()
}

fn is_optional(what: &str, optional: &[&str]) -> bool {
    optional.contains(&member(what)) || LEFT_OUT.contains(&member(what))
}

/// Members whose value is any, and members of a message that may be left out.
const ANY: &[&str] = &[
    "having", "with", "body", "data", "raw", "proof", "mti", "fields", "session", "digest",
];
const LEFT_OUT: &[&str] = &["body"];

#[test]
fn causes_are_named() {
    let all = steps();
    let damaged = |op: &str, change: fn(&mut Value)| {
        let found = all.iter().find(|(step, _)| step["op"] == op);
        let mut step = found.map(|(step, _)| step.clone()).unwrap_or_default();
        change(&mut step);
        read(&file(&step)).err().unwrap_or_default()
    };
    type Case = (&'static str, fn(&mut Value), &'static str);
    let cases: &[Case] = &[
        (
            "again",
            |step| step["how"] = json!("thrice"),
            "unknown variant `thrice`",
        ),
        (
            "again",
            |step| step["how"] = json!("line"),
            "unknown variant `line`",
        ),
        (
            "again",
            |step| step["send"] = json!({}),
            "missing field `from`",
        ),
        (
            "restart",
            |step| step["when"] = json!("now"),
            "unknown field `when`",
        ),
        (
            "parallel",
            |step| step["branches"] = json!({}),
            "invalid type: map",
        ),
        (
            "parallel",
            |step| step["outcomes"] = json!([[{"refuse": "malformed"}]]),
            "an answer of each in each outcome",
        ),
        (
            "parallel",
            |step| step["outcomes"][0][0] = json!({"refuse": "because"}),
            "because is no refusal",
        ),
        (
            "again",
            |step| step["send"]["expect"] = json!({"refuse": "because"}),
            "because is no refusal",
        ),
        (
            "parallel",
            |step| step["outcomes"] = json!([[{"maybe": 1}]]),
            "unknown variant `maybe`",
        ),
        (
            "meanwhile",
            |step| step["steps"] = json!([{"op": "run"}]),
            "unknown variant `run`",
        ),
        (
            "trigger",
            |step| drop(step.as_object_mut().and_then(|map| map.remove("action"))),
            "missing field `action`",
        ),
        (
            "hear",
            |step| step["again"] = json!("yes"),
            "invalid type: string \"yes\"",
        ),
        (
            "told",
            |step| step["times"] = json!(-1),
            "invalid value: integer `-1`",
        ),
        (
            "shown",
            |step| step["expect"] = json!(["approved"]),
            "invalid type",
        ),
        ("crash", |step| step["at"] = json!(1), "unknown field `at`"),
        (
            "answer",
            |step| step["refuse"] = json!("because"),
            "because is no refusal",
        ),
        (
            "asks",
            |step| step["key"] = json!("another"),
            "unknown variant `another`",
        ),
        (
            "asks",
            |step| step["method"] = json!("PUT"),
            "unknown variant `PUT`",
        ),
        (
            "sign",
            |step| step["kind"] = json!("receipt"),
            "unknown variant `receipt`",
        ),
        (
            "signed",
            |step| step["will"] = json!("waits"),
            "unknown variant `waits`",
        ),
    ];
    for (op, change, says) in cases {
        let error = damaged(op, *change);
        assert!(error.contains(says), "{op}: {says}: {error:?}");
    }
}
