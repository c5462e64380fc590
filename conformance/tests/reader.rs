//! The reader is strict: what it does not know, it refuses, and says what and where.

use kaika_conformance::format::{Criterion, File};
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "format": 1, "suite": "made", "spec": {"catalogueDigest": "sha256:00"},
        "generator": {"name": "hand", "criteria": ["one"]}, "notes": {}, "fixtures": {},
        "parts": {"ask": [{"op": "send", "from": "verifier", "to": "issuer", "method": "GET",
            "path": ["v1", {"$ref": "id"}], "expect": {"accept": {"state": "none"}}}]},
        "numberOfTests": 1,
        "tests": [{
            "id": "a", "tier": "standard", "title": "asks", "sut": ["issuer"], "result": "invalid", "requirements": ["WIR-1"],
            "origin": {"criterion": "hand"},
            "steps": [{"op": "let", "as": "id", "value": {"$fresh": {"len": 16}}}, {"op": "do", "part": "ask", "refuse": "malformed"}],
            "post": [{"op": "do", "part": "ask"}],
        }],
    })
}

fn read(value: &Value) -> Result<File, String> {
    File::read("made.json", &value.to_string()).map_err(|error| error.to_string())
}

#[test]
fn a_good_file_is_read_and_written_again_byte_by_byte() {
    let file = read(&good()).unwrap_or_else(|error| panic!("{error}"));
    let text = file.write();
    let again = File::read("made.json", &text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.write(), text);
}

#[test]
fn each_damage_is_refused_by_name() {
    type Damage = fn(&mut Value);
    let damages: [(&str, Damage); 16] = [
        ("format", |file| file["format"] = json!(2)),
        ("unknown field", |file| file["more"] = json!(1)),
        ("numberOfTests", |file| file["numberOfTests"] = json!(2)),
        ("invalid without post", |file| {
            file["tests"][0]["post"] = json!([])
        }),
        ("no requirement id", |file| {
            file["tests"][0]["requirements"] = json!(["wir1"])
        }),
        ("is no role", |file| {
            file["tests"][0]["sut"] = json!(["bank"])
        }),
        ("has no note", |file| {
            file["tests"][0]["flags"] = json!(["odd"])
        }),
        ("no part", |file| {
            file["tests"][0]["steps"][1]["part"] = json!("other")
        }),
        ("is no refusal", |file| {
            file["tests"][0]["steps"][1]["refuse"] = json!("because")
        }),
        ("is not bound", |file| {
            file["tests"][0]["steps"][0]["as"] = json!("other")
        }),
        ("unknown operator", |file| {
            file["tests"][0]["steps"][0]["value"] = json!({"$regex": "a"})
        }),
        ("is not an operator here", |file| {
            file["tests"][0]["steps"][0]["value"] = json!({"$now": null, "$any": null});
        }),
        ("no function", |file| {
            file["tests"][0]["steps"][0]["value"] = json!({"$calc": {"fn": "evil", "args": {}}})
        }),
        ("missing field `tier`", |file| {
            drop(
                file["tests"][0]
                    .as_object_mut()
                    .and_then(|test| test.remove("tier")),
            );
        }),
        ("unknown variant `nightly`", |file| {
            file["tests"][0]["tier"] = json!("nightly")
        }),
        ("unknown variant", |file| {
            file["tests"][0]["steps"][0] = json!({"op": "run"})
        }),
    ];
    for (says, damage) in damages {
        let mut file = good();
        damage(&mut file);
        let error = read(&file).err().unwrap_or_default();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn the_same_id_twice_is_refused() {
    let mut file = good();
    file["tests"] = json!([file["tests"][0], file["tests"][0]]);
    file["numberOfTests"] = json!(2);
    assert!(read(&file).err().unwrap_or_default().contains("twice"));
}

/// What no symbol of the model stands for is written by hand, and in the same form.
#[test]
fn what_is_written_by_hand_is_read_and_in_canonical_form() {
    let text = include_str!("../vectors/hand/chip.json");
    let file = File::read("hand/chip.json", text).unwrap_or_else(|error| panic!("{error}"));
    assert!(file.write() == text, "hand/chip.json is in another form");
    for test in &file.tests {
        assert!(test.id.starts_with("chip/hand/"), "{}", test.id);
        assert_eq!(test.origin.criterion, Criterion::Hand, "{}", test.id);
        assert!(!test.post.is_empty(), "{} has no post", test.id);
    }
}
