//! The ISO 8583 codec against messages that another library wrote: `conformance/vectors/hand/iso8583.json`.

use std::collections::BTreeMap;

use kaika_wire::iso8583::{Malformed, Message};
use serde::Deserialize;

const FILE: &str = include_str!("../../../conformance/vectors/hand/iso8583.json");

#[derive(Deserialize)]
struct File {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    bytes: String,
    valid: bool,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

fn message(fields: &BTreeMap<String, String>) -> Message {
    let mut message = Message::default();
    for (name, value) in fields {
        let bytes = value.clone().into_bytes();
        match name.as_str() {
            "t" => message.mti = bytes.try_into().unwrap_or_default(),
            "55" => drop(
                message
                    .fields
                    .insert(55, hex::decode(value).unwrap_or_default()),
            ),
            _ => drop(
                message
                    .fields
                    .insert(name.parse().unwrap_or_default(), bytes),
            ),
        }
    }
    message
}

#[test]
fn what_another_library_wrote_is_read_and_written_alike() {
    let Ok(file) = serde_json::from_str::<File>(FILE) else {
        panic!("the file is not readable")
    };
    let mut counts = [0, 0];
    for test in &file.tests {
        let Ok(bytes) = hex::decode(&test.bytes) else {
            panic!("{}: not hexadecimal", test.name)
        };
        let read = Message::parse(&bytes);
        if test.valid {
            let want = message(&test.fields);
            assert_eq!(want.encode().as_deref(), Ok(&bytes[..]), "{}", test.name);
            assert_eq!(read, Ok(want), "{}", test.name);
        } else {
            assert_eq!(read, Err(Malformed), "{}", test.name);
        }
        counts[usize::from(test.valid)] += 1;
    }
    assert!(counts[0] >= 30 && counts[1] >= 15, "{counts:?}");
}
