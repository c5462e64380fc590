//! A conversation recorded from a real card, as pySim's tests publish it (`test_globalplatform.py`); what ends data in a
//! channel, and what does not.

extern crate std;

use std::vec::Vec;

use super::*;

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap_or_else(|_| panic!("{text}"))
}

/// One recorded session under the card's test keys.
struct Recorded {
    level: Level,
    host: &'static str,
    sequence: &'static str,
    card: &'static str,
    cryptogram: &'static str,
    authenticate: &'static str,
    /// Header, data in the clear, data field as sent.
    commands: [[&'static str; 3]; 5],
    /// The answer to the first command, as sent and in the clear.
    answer: [&'static str; 2],
}

const EID: &str = "bf3e125a1089882119900000000000000000000005";

const RECORDED: [Recorded; 2] = [
    Recorded {
        level: Level::Command,
        host: "8e1552d0513c60f3",
        sequence: "000001",
        card: "30760cd2c47c1dd3",
        cryptogram: "95065fe5ead8a9d7",
        authenticate: "fd4721a14d9b07003c451d2f8ae6bb21",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "ca9c00f6713d79bc8baa642bdff51c3f6a4082d3bd9ad26c",
            ],
            ["84f22002", "", "c9811b11f1264cf1"],
            ["84ca0066", "", "e10ab60b30547988"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "4e2908bdb48b2315a55482e9e936ca122d6ecfae7d17416e",
            ],
            [
                "84f28002",
                "4f00",
                "0dd10a6b6193e5340b9e77d32d5a179cd710ac2773aefb28",
            ],
        ],
        answer: [EID, EID],
    },
    Recorded {
        level: Level::Both,
        host: "fdf38259a1e0de44",
        sequence: "000003",
        card: "3b1aca81e821f219",
        cryptogram: "081cdc01c26b372d",
        authenticate: "8c36f96bcc00724a4e13ad591d7da3f0",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "267a85dfe4a98fca6fb0527e0dfecce4914e40401433c87f",
            ],
            ["84f22002", "", "ac6a59024bed84cc"],
            ["84ca0066", "", "409912ad8fb7aed0"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "5f3dafc3ac14c381536a488bf44e06d056df9d74dbd21e5a",
            ],
            [
                "84f28002",
                "4f00",
                "65165105be3373347d0424d4400af2ac393f569ec779389e",
            ],
        ],
        answer: [
            "f3ba2b1013aa6224f5e1c138d71805c569e5439b47576260b75fc021b25097cb2e68f8a0144975b9",
            EID,
        ],
    },
];

fn session(recorded: &Recorded) -> SessionKeys {
    SessionKeys::derive(&enc(), &mac(), &array(recorded.host), &array(recorded.card))
}

fn enc() -> AesKey {
    AesKey::new(array("000102030405060708090a0b0c0d0e0f"))
}

fn mac() -> AesKey {
    AesKey::new(array("101112131415161718191a1b1c1d1e1f"))
}

fn header(text: &str) -> Header {
    Header {
        bytes: array(text),
        extended: false,
    }
}

#[test]
fn the_card_proves_itself_as_a_real_one_did() {
    for recorded in &RECORDED {
        let (host, card) = (array(recorded.host), array(recorded.card));
        let keys = session(recorded);
        assert_eq!(
            keys.card_cryptogram(&host, &card),
            array(recorded.cryptogram)
        );
        let (_, sent) = Channel::host(keys, recorded.level, &host, &card);
        assert_eq!(sent, array(recorded.authenticate));
    }
}

#[test]
fn both_ends_say_what_was_recorded() {
    for recorded in &RECORDED {
        let (host, card) = (array(recorded.host), array(recorded.card));
        let (mut ours, sent) = Channel::host(session(recorded), recorded.level, &host, &card);
        let (cryptogram, mac) = sent.split_at(8);
        let card = Channel::card(
            session(recorded),
            recorded.level,
            &array(&hex::encode(cryptogram)),
            &array(&hex::encode(mac)),
        );
        let mut theirs = card.unwrap_or_else(|| panic!("the MAC is wrong"));
        for (at, [head, plain, field]) in recorded.commands.iter().enumerate() {
            let mut out = [0; 64];
            let length = ours.protect(header(head), &bytes(plain), &mut out);
            assert_eq!(
                length.map(|length| hex::encode(&out[..length])),
                Ok((*field).into())
            );
            let length = theirs.open_command(header(head), &bytes(field), &mut out);
            assert_eq!(
                length.map(|length| hex::encode(&out[..length])),
                Ok((*plain).into())
            );
            if at == 0 {
                answered(recorded, &ours, &theirs);
            }
        }
    }
}

fn answered(recorded: &Recorded, ours: &Channel, theirs: &Channel) {
    let [field, plain] = recorded.answer;
    let mut out = [0; 64];
    let length = theirs.protect_response(&bytes(plain), [0x90, 0x00], &mut out);
    assert_eq!(
        length.map(|length| hex::encode(&out[..length])),
        Ok(field.into())
    );
    let length = ours.open_response(&bytes(field), [0x90, 0x00], &mut out);
    assert_eq!(
        length.map(|length| hex::encode(&out[..length])),
        Ok(plain.into())
    );
}

#[test]
fn the_mark_stands_in_the_last_block_and_only_zeros_follow() {
    let plain = |marked: &[(usize, u8)]| {
        let mut plain = [0; 32];
        for (at, byte) in marked {
            if let Some(place) = plain.get_mut(*at) {
                *place = *byte;
            }
        }
        plain
    };
    for at in 16..32 {
        assert_eq!(unpadded(&plain(&[(0, 7), (at, 0x80)])), Some(at));
        assert_eq!(unpadded(&plain(&[(0, 7), (at, 0x81)])), None);
    }
    // A mark a whole block too early, and none at all.
    assert_eq!(unpadded(&plain(&[(15, 0x80)])), None);
    assert_eq!(unpadded(&plain(&[])), None);
    assert_eq!(unpadded(&plain(&[(16, 0x80), (31, 1)])), None);
}

#[test]
fn the_challenge_follows_from_the_counter() {
    // The card is an eUICC: the AID of its ISD-R.
    let aid = bytes("a0000005591010ffffffff8900000100");
    for recorded in &RECORDED {
        let drawn = card_challenge(&enc(), &array(recorded.sequence), &aid);
        assert_eq!(drawn, array(recorded.card));
    }
}
