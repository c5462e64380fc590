//! A vector file damaged at any byte: refused with its place, or read as the same suite or as one that says something else in a text or a
//! number; never a panic, and never half a suite.

use kaika_conformance::format::File;
use serde_json::{Value, json};

fn small() -> Value {
    json!({
        "format": 1, "suite": "made", "spec": {"catalogueDigest": "sha256:00"},
        "generator": {"name": "hand", "criteria": ["one"]}, "notes": {"odd": "a note"}, "fixtures": {"card": "C1"},
        "parts": {"ask": [{"op": "send", "from": "verifier", "to": "issuer", "method": "GET", "path": ["v1", {"$ref": "id"}],
            "headers": {"Kaika-Time": null}, "expect": {"accept": {"state": {"$oneOf": ["a", "b"]}, "left": {"$optional": null}}}}]},
        "numberOfTests": 2,
        "tests": [
            {"id": "a", "tier": "smoke", "title": "asks", "sut": ["issuer"], "needs": ["hook:clock"], "result": "invalid", "flags": ["odd"],
             "requirements": ["WIR-1"], "origin": {"criterion": "hand", "modelPath": ["one"], "kills": []},
             "steps": [{"op": "let", "as": "id", "value": {"$fresh": {"len": 16}}}, {"op": "advance", "ms": 60001},
                       {"op": "do", "part": "ask", "refuse": "malformed"}],
             "post": [{"op": "do", "part": "ask"}]},
            {"id": "b", "tier": "standard", "title": "pays", "sut": ["chip"], "result": "valid", "requirements": ["APD-2", "TAP-1"],
             "origin": {"criterion": "flow"},
             "steps": [{"op": "insert", "as": "chip"}, {"op": "apdu", "command": "00a4040000", "sw": "9000", "data": {"$hex": {"len": 2}}},
                       {"op": "iso", "mti": "0100", "fields": {"4": {"$fixture": "card"}}, "expect": {"39": "00"}},
                       {"op": "send", "from": "terminal", "to": "verifier", "method": "POST", "path": ["v1"],
                        "body": {"mac": {"$calc": {"fn": "concat", "args": ["1", "2"]}}}, "expect": {"refuse": "malformed"}}]}
        ],
    })
}

fn read(text: &str) -> Result<File, String> {
    File::read("small.json", text).map_err(|error| error.to_string())
}

/// What a byte may become.
fn damages(byte: u8) -> impl Iterator<Item = Option<u8>> {
    let bits = (0..8).map(move |bit| Some(byte ^ (1 << bit)));
    bits.chain([None, Some(0), Some(b'"'), Some(b'}'), Some(b'9')])
}

/// A place that a reader of the error can go to.
fn has_place(error: &str) -> bool {
    let named = ["line ", "a: ", "b: ", "format ", "numberOfTests", "part"];
    error.starts_with("small.json: ") && named.iter().any(|place| error.contains(place))
}

#[test]
fn every_byte_of_a_small_file() {
    let whole = read(&small().to_string()).unwrap_or_else(|error| panic!("{error}"));
    let text = whole.write();
    let (mut refused, mut same, mut other) = (0, 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        for damage in damages(byte) {
            let mut bytes = text.clone().into_bytes();
            match damage {
                Some(byte) => bytes[at] = byte,
                None => drop(bytes.remove(at)),
            }
            // What is no UTF-8 is refused by whoever reads the file.
            let Ok(damaged) = String::from_utf8(bytes) else {
                refused += 1;
                continue;
            };
            match read(&damaged) {
                Ok(file) if file == whole => same += 1,
                Ok(file) => {
                    assert_eq!(file.tests.len(), file.number_of_tests);
                    assert_ne!(file.write(), text, "byte {at} of {text}");
                    other += 1;
                }
                Err(error) => {
                    assert!(has_place(&error), "byte {at}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(
        refused > 3 * (same + other),
        "{refused} refused, {same} the same, {other} other"
    );
    assert!(same > 0 && other > 0);
}

#[test]
fn every_cut_is_refused() {
    let text = small().to_string();
    for cut in 0..text.len() {
        assert!(
            read(&text[..cut]).is_err_and(|error| has_place(&error)),
            "{cut}"
        );
    }
}

/// A dense sample of a suite that is played.
#[test]
fn many_bytes_of_a_real_file() {
    let text = include_str!("../vectors/system.json");
    let whole = read(text).unwrap_or_else(|error| panic!("{error}"));
    for at in (0..text.len()).step_by(151) {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(damaged) = String::from_utf8(bytes) else {
            continue;
        };
        match read(&damaged) {
            Ok(file) => assert!(file == whole || file.write() != whole.write()),
            Err(error) => assert!(error.starts_with("small.json: "), "{error}"),
        }
    }
}
