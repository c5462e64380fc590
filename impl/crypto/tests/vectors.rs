//! Plays `conformance/vectors/hand/bytes/scp03.json` and `emv.json`: sessions and cryptograms that others computed.

use kaika_crypto::chip::token_key;
use kaika_crypto::emv::{self, CryptogramInput};
use kaika_crypto::scp03::{Broken, Channel, Header, Level, SessionKeys, card_challenge};
use kaika_crypto::{AesKey, IssuerMasterKey, emv10};
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

fn bytes(value: &Value) -> Vec<u8> {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"));
    hex::decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    let bytes = bytes(value).try_into();
    bytes.unwrap_or_else(|_| panic!("{value} is not {N} bytes"))
}

fn key(value: &Value) -> AesKey {
    AesKey::from_slice(&bytes(value)).unwrap_or_else(|| panic!("{value} is no AES key"))
}

fn level(test: &Value) -> Level {
    let [byte] = array::<1>(&test["level"]);
    Level::from_byte(byte).unwrap_or_else(|| panic!("level {byte:02x}"))
}

/// Both ends of an open session.
fn ends(test: &Value) -> (Channel, Channel) {
    let (host, card) = (array(&test["hostChallenge"]), array(&test["cardChallenge"]));
    let keys = || SessionKeys::derive(&key(&test["enc"]), &key(&test["mac"]), &host, &card);
    let cryptogram = array::<8>(&test["hostCryptogram"]);
    assert_eq!(keys().host_cryptogram(&host, &card), cryptogram);
    let of_card = keys().card_cryptogram(&host, &card);
    assert_eq!(of_card, array::<8>(&test["cardCryptogram"]));
    let (near, said) = Channel::host(keys(), level(test), &host, &card);
    assert_eq!(said, array::<16>(&test["externalAuthenticate"]));
    let [.., a, b, c, d, e, f, g, h] = said;
    let mac = [a, b, c, d, e, f, g, h];
    match Channel::card(keys(), level(test), false, &cryptogram, &mac) {
        Some(far) => (near, far),
        None => panic!("{}: the card does not know the host", test["id"]),
    }
}

/// What was written into a buffer of its own.
fn written(write: impl FnOnce(&mut [u8]) -> Result<usize, Broken>) -> Result<Vec<u8>, Broken> {
    let mut out = [0; 64];
    write(&mut out).map(|length| out[..length].to_vec())
}

#[test]
fn sessions_are_what_others_compute() {
    let all = tests("scp03");
    assert_eq!(all.len(), 3 * Level::ALL.len());
    for test in &all {
        let (enc, sequence) = (key(&test["enc"]), array(&test["sequence"]));
        let challenge = card_challenge(&enc, &sequence, &bytes(&test["aid"]));
        assert_eq!(challenge, array::<8>(&test["cardChallenge"]));
        let (mut host, mut card) = ends(test);
        for said in test["exchanges"].as_array().into_iter().flatten() {
            let header = Header {
                bytes: array(&said["header"]),
                extended: false,
            };
            let of = |name: &str| bytes(&said[name]);
            let (data, field, answer, back) =
                (of("data"), of("field"), of("answer"), of("answerField"));
            let good = [0x90, 0x00];
            let id = format!("{} {}", test["id"], said["header"]);
            let sent = written(|out| host.protect(header, &data, out));
            assert_eq!(sent.as_ref(), Ok(&field), "{id}");
            let read = written(|out| card.open_command(header, &field, out));
            assert_eq!(read, Ok(data), "{id}");
            let answered = written(|out| card.protect_response(&answer, good, out));
            assert_eq!(answered.as_ref(), Ok(&back), "{id}");
            let heard = written(|out| host.open_response(&back, good, out));
            assert_eq!(heard, Ok(answer), "{id}");
        }
    }
}

#[test]
fn cryptograms_are_what_others_compute() {
    let all = tests("emv");
    assert_eq!(all.len(), 24);
    for test in &all {
        let (id, objects) = (&test["id"], &test["objects"]);
        let token = test["token"].as_str().unwrap_or_default();
        let ([psn], [kind]) = (array::<1>(&test["psn"]), array::<1>(&objects["9c"]));
        let card = token_key(&IssuerMasterKey::new(array(&test["imk"])), token, psn);
        assert_eq!(*card.bytes(), array::<16>(&test["cardKey"]), "{id}");
        let atc = u16::from_be_bytes(array(&objects["9f36"]));
        let session = emv::session_key(&card, atc);
        assert_eq!(*session.bytes(), array::<16>(&test["sessionKey"]), "{id}");
        let of_version = |version: u8| [&[6, 1, version], &bytes(&test["cvr"])[..]].concat();
        let (eighteen, ten) = (of_version(0x12), of_version(0x0a));
        let input = CryptogramInput {
            amount: &array(&objects["9f02"]),
            amount_other: &array(&objects["9f03"]),
            country: &array(&objects["9f1a"]),
            tvr: &array(&objects["95"]),
            currency: &array(&objects["5f2a"]),
            date: &array(&objects["9a"]),
            kind,
            unpredictable_number: &array(&objects["9f37"]),
            interchange_profile: &array(&objects["82"]),
            atc,
            issuer_data: &eighteen,
        };
        let request = emv::cryptogram(&card, &input);
        assert_eq!(request, array::<8>(&test["cryptogram18"]), "{id}");
        let ten = CryptogramInput {
            issuer_data: &ten,
            ..input
        };
        let of_ten = emv10::cryptogram(&card, &ten);
        assert_eq!(of_ten, array::<8>(&test["cryptogram10"]), "{id}");
        let response =
            emv::response_cryptogram(&card, atc, &request, &array(&test["cardStatusUpdate"]));
        assert_eq!(response, array::<4>(&test["response"]), "{id}");
    }
}
