//! Other people's implementations of the same standards, asked the same questions: ISO 8583 by `pyiso8583`, EMV by `pyemv`.
//!
//! The Python environment is made by `tests/clients/venv.sh`. Without Python the tests say so and pass, except where `CI` is set.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use kaika_crypto::emv::{CryptogramInput, cryptogram, response_cryptogram};
use kaika_crypto::{IssuerMasterKey, chip};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::Message;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The interpreter that has the clients. None when there is no Python and nobody insists.
fn python() -> Option<String> {
    let made = Command::new("sh")
        .arg(format!("{ROOT}/tests/clients/venv.sh"))
        .output();
    let Ok(made) = made else { panic!("no shell") };
    let said = String::from_utf8_lossy(&made.stderr);
    match made.status.code() {
        Some(0) => Some(String::from_utf8_lossy(&made.stdout).trim().to_owned()),
        Some(3) if std::env::var_os("CI").is_none() => {
            eprintln!("NOT COMPARED with other implementations: {said}");
            None
        }
        other => panic!("tests/clients/venv.sh ended with {other:?}: {said}"),
    }
}

/// A script that answers a line for each line.
struct Script {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Script {
    fn start(python: &str, name: &str) -> Self {
        let child = Command::new(python)
            .arg(format!("{ROOT}/tests/clients/{name}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            panic!("{name} does not start")
        };
        let Some(out) = child.stdout.take() else {
            panic!("{name} has no output")
        };
        Self {
            child,
            answers: BufReader::new(out),
        }
    }

    fn ask(&mut self, question: &Value) -> Value {
        let mut line = String::new();
        let asked = self
            .child
            .stdin
            .as_mut()
            .is_some_and(|input| writeln!(input, "{question}").is_ok());
        assert!(asked && self.answers.read_line(&mut line).is_ok());
        match serde_json::from_str(&line) {
            Ok(answer) => answer,
            Err(error) => panic!("{question}: {line:?}: {error}"),
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Length and digits only, of each field; a length that is not fixed is the greatest one.
const FIELDS: [(u8, usize, bool, bool); 16] = [
    (2, 19, false, true),
    (3, 6, true, true),
    (4, 12, true, true),
    (7, 10, true, true),
    (11, 6, true, true),
    (14, 4, true, true),
    (22, 3, true, true),
    (37, 12, true, false),
    (38, 6, true, false),
    (39, 2, true, false),
    (41, 8, true, false),
    (42, 15, true, false),
    (49, 3, true, true),
    (55, 255, false, false),
    (70, 3, true, true),
    (90, 42, true, true),
];

fn drawn(dice: &mut Dice, below: usize) -> usize {
    let below = u64::try_from(below).unwrap_or(u64::MAX);
    usize::try_from(dice.below(below)).unwrap_or_default()
}

/// Any message of this protocol.
fn any_message(dice: &mut Dice) -> Message {
    let mti = core::array::from_fn(|_| b'0' + u8::try_from(drawn(dice, 10)).unwrap_or_default());
    let mut message = Message::new(mti);
    for (number, most, fixed, digits) in FIELDS {
        if drawn(dice, 2) == 0 {
            continue;
        }
        let length = if fixed { most } else { drawn(dice, most + 1) };
        let (first, kinds) = match (number, digits) {
            (55, _) => (0, 256),
            (_, true) => (b'0', 10),
            (_, false) => (b' ', 95),
        };
        let value: Vec<u8> = (0..length)
            .map(|_| first.wrapping_add(u8::try_from(drawn(dice, kinds)).unwrap_or_default()))
            .collect();
        message = message.with(number, value);
    }
    message
}

/// As the script has it: field 55 in upper-case hexadecimal.
fn as_text(message: &Message) -> Value {
    let text = |number: u8, value: &[u8]| match number {
        55 => hex::encode(value).to_uppercase(),
        _ => String::from_utf8_lossy(value).into_owned(),
    };
    let mut fields: BTreeMap<String, String> = message
        .fields
        .iter()
        .map(|(number, value)| (number.to_string(), text(*number, value)))
        .collect();
    fields.insert("t".into(), String::from_utf8_lossy(&message.mti).into());
    json!(fields)
}

/// Whether a field that the script read holds what its place may hold in this protocol.
fn is_of_its_kind(name: &str, value: &str) -> bool {
    let digits = FIELDS
        .iter()
        .any(|(number, _, _, digits)| *digits && number.to_string() == name);
    match name {
        "55" => true,
        _ if digits || name == "t" => value.bytes().all(|byte| byte.is_ascii_digit()),
        _ => value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
    }
}

#[test]
fn iso_8583_is_read_and_written_as_pyiso8583_does() {
    let Some(python) = python() else { return };
    let mut script = Script::start(&python, "iso8583.py");
    let mut dice = Dice::new([83; 32]);
    for _ in 0..400 {
        let message = any_message(&mut dice);
        let bytes = message.encode().unwrap_or_default();
        let fields = as_text(&message);
        let written = script.ask(&json!({ "encode": fields }));
        assert_eq!(written["hex"], hex::encode(&bytes), "{fields}");
        let read = script.ask(&json!({ "decode": hex::encode(&bytes) }));
        assert_eq!(read["fields"], fields);
    }
}

/// Ours takes what the other one takes, writes alike, and finds of the right kind; and nothing else.
fn judged_alike(script: &mut Script, bytes: &[u8]) -> bool {
    let theirs = script.ask(&json!({ "decode": hex::encode(bytes) }));
    let written = match &theirs["fields"] {
        Value::Null => Value::Null,
        fields => script.ask(&json!({ "encode": fields })),
    };
    let kinds = theirs["fields"].as_object().is_some_and(|fields| {
        let mut all = fields.iter();
        all.all(|(name, value)| is_of_its_kind(name, value.as_str().unwrap_or_default()))
    });
    let theirs_takes = kinds && written["hex"] == hex::encode(bytes);
    let ours = Message::parse(bytes);
    assert_eq!(ours.is_ok(), theirs_takes, "{bytes:02x?}: {theirs}");
    if let Ok(ours) = ours {
        assert_eq!(as_text(&ours), theirs["fields"]);
    }
    theirs_takes
}

#[test]
fn damaged_iso_8583_is_judged_as_pyiso8583_does() {
    let Some(python) = python() else { return };
    let mut script = Script::start(&python, "iso8583.py");
    let mut dice = Dice::new([38; 32]);
    let mut taken = 0;
    for _ in 0..1_200 {
        let mut bytes = any_message(&mut dice).encode().unwrap_or_default();
        let place = drawn(&mut dice, bytes.len());
        match drawn(&mut dice, 4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, b'0'),
            // Another digit, mostly in type and bitmaps.
            2 => bytes[place.min(35)] = b"0123456789ABCDEFf"[drawn(&mut dice, 17)],
            _ => bytes[place] = u8::try_from(drawn(&mut dice, 256)).unwrap_or_default(),
        }
        taken += u32::from(judged_alike(&mut script, &bytes));
    }
    assert!((50..1_150).contains(&taken), "{taken} were taken");
}

#[test]
fn the_vectors_by_hand_are_what_pyiso8583_writes() {
    let Some(python) = python() else { return };
    let made = Command::new(python)
        .arg(format!("{ROOT}/tests/clients/iso8583.py"))
        .arg("vectors")
        .output();
    let Ok(made) = made else { panic!("no output") };
    assert!(made.status.success(), "{made:?}");
    let here = include_str!("../conformance/vectors/hand/iso8583.json");
    assert!(
        String::from_utf8_lossy(&made.stdout) == here,
        "conformance/vectors/hand/iso8583.json is not what tests/clients/iso8583.py vectors prints"
    );
}

#[test]
fn keys_and_cryptograms_are_those_of_pyemv() {
    let Some(python) = python() else { return };
    let mut script = Script::start(&python, "emv.py");
    let mut dice = Dice::new([18; 32]);
    for turn in 0..200_u16 {
        let master: [u8; 16] = dice.bytes();
        let length = 12 + drawn(&mut dice, 8);
        let number: String = (0..length)
            .map(|_| drawn(&mut dice, 10).to_string())
            .collect();
        let psn = drawn(&mut dice, 100);
        let bcd = u8::try_from(psn / 10 * 16 + psn % 10).unwrap_or_default();
        let key = chip::token_key(&IssuerMasterKey::new(master), &number, bcd);
        let atc = turn.wrapping_mul(331);
        let data: [u8; 29] = dice.bytes();
        let (amount, rest) = data.split_at(6);
        let [un_0, un_1, un_2, un_3, ..] = *rest else {
            panic!("long enough")
        };
        let input = CryptogramInput {
            amount: amount.try_into().unwrap_or(&[0; 6]),
            amount_other: &[0; 6],
            country: &[0x01, 0x56],
            tvr: &[0; 5],
            currency: &[0x01, 0x56],
            date: &[0x26, 0x11, 0x24],
            kind: 0,
            unpredictable_number: &[un_0, un_1, un_2, un_3],
            interchange_profile: &[0x18, 0],
            atc,
            issuer_data: &rest[..7],
        };
        let covered = [
            amount,
            &[0; 6],
            &[0x01, 0x56],
            &[0; 5],
            &[0x01, 0x56],
            &[0x26, 0x11, 0x24],
            &[0],
            input.unpredictable_number,
            &[0x18, 0],
            &atc.to_be_bytes(),
            &rest[..7],
        ]
        .concat();
        let update = [0, 0x80, 0, 0];
        let made = cryptogram(&key, &input);
        let response = response_cryptogram(&key, atc, &made, &update);
        let theirs = script.ask(&json!({
            "imk": hex::encode(master), "number": number, "psn": format!("{psn:02}"), "atc": format!("{atc:04x}"),
            "data": hex::encode(covered), "update": hex::encode(update),
        }));
        let ours = json!({
            "key": hex::encode(key.bytes()), "cryptogram": hex::encode(made), "response": hex::encode(response),
        });
        assert_eq!(ours, theirs, "{number} {psn:02} {atc}");
    }
}
