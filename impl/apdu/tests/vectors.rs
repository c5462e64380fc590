//! Plays `conformance/vectors/hand/bytes`: what others' rules say of bytes is what these parsers say.

use kaika_apdu::tlv::{Form, walk};
use kaika_apdu::{Command, Dol};
use serde_json::{Value, json};

fn tests(name: &str) -> Vec<Value> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../conformance/vectors/hand/bytes"
    );
    let path = format!("{folder}/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let document: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let tests = document["tests"].as_array().cloned().unwrap_or_default();
    assert_eq!(document["numberOfTests"], json!(tests.len()), "{path}");
    tests
}

fn bytes(test: &Value) -> Vec<u8> {
    hex::decode(test["bytes"].as_str().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{}: {error}", test["id"]))
}

/// The verdict on every test of a file, and what is read of the good ones, against what the file says.
fn play(name: &str, good: usize, bad: usize, read: impl Fn(&[u8]) -> Option<Value>) {
    let mut seen = (0, 0);
    for test in tests(name) {
        match read(&bytes(&test)) {
            Some(found) => {
                assert_eq!(test["result"], "valid", "{}", test["id"]);
                for (field, value) in found.as_object().into_iter().flatten() {
                    assert_eq!(test[field], *value, "{} {field}", test["id"]);
                }
                seen.0 += 1;
            }
            None => {
                assert_eq!(test["result"], "invalid", "{}", test["id"]);
                seen.1 += 1;
            }
        }
    }
    assert_eq!(seen, (good, bad), "good and bad in {name}");
}

fn case(command: &Command<'_>) -> String {
    let number = match (command.data.is_empty(), command.expected) {
        (true, 0) => return "1".to_owned(),
        (true, _) => 2,
        (false, 0) => 3,
        (false, _) => 4,
    };
    format!("{number}{}", if command.extended { 'E' } else { 'S' })
}

#[test]
fn commands_are_the_seven_cases() {
    play("apdu", 22, 22, |bytes| {
        let command = Command::parse(bytes).ok()?;
        Some(json!({
            "case": case(&command),
            "data": hex::encode(command.data),
            "ne": command.expected,
        }))
    });
}

fn objects(bytes: &[u8], form: Form) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    walk(bytes, form, |depth, object| {
        let size = 2 * object.tag.size();
        let tag = format!("{:0size$x}", object.tag.number());
        found.push(json!([depth, tag, hex::encode(object.value)]));
    })
    .ok()?;
    Some(found)
}

#[test]
fn objects_are_read_by_the_rules_of_ber() {
    play("tlv", 25, 25, |bytes| {
        objects(bytes, Form::Any).map(|objects| json!({"objects": objects}))
    });
}

#[test]
fn lengths_in_more_bytes_than_they_need_are_refused_where_asked() {
    let mut longer = 0;
    for test in tests("tlv") {
        let minimal = objects(&bytes(&test), Form::Minimal).is_some();
        assert_eq!(test["minimal"] == "valid", minimal, "{}", test["id"]);
        longer += usize::from(test["result"] == "valid" && !minimal);
    }
    assert_eq!(longer, 6);
}

#[test]
fn lists_are_read_and_measured() {
    play("dol", 9, 7, |bytes| {
        let list = Dol::parse(bytes).ok()?;
        let entries: Vec<Value> = list
            .entries()
            .map(|entry| json!([hex::encode(tag(entry.tag)), entry.length]))
            .collect();
        Some(json!({"entries": entries, "length": list.answer_len()}))
    });
}

fn tag(tag: kaika_apdu::Tag) -> Vec<u8> {
    let bytes = tag.number().to_be_bytes();
    bytes[bytes.len() - tag.size()..].to_vec()
}
