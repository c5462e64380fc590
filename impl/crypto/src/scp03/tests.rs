//! Nine conversations recorded from a real card, as pySim's tests publish them (`test_globalplatform.py`): three key sizes at
//! three levels; what ends data in a channel, and what does not; the levels that were not recorded.

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
    size: KeySize,
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

const RECORDED: [Recorded; 9] = [
    Recorded {
        size: KeySize::Aes128,
        level: Level::MacBoth,
        host: "b13e5f938fc108c4",
        sequence: "000002",
        card: "3eb51047495b249f",
        cryptogram: "66c484c1d2ef1948",
        authenticate: "7d5f5826a993ebc89eea24957fa0b3ce",
        commands: [
            ["84e29100", "bf3e035c015a", "bf3e035c015a558d036518a28297"],
            ["84f22002", "", "63a63f8959827fb2"],
            ["84ca0066", "", "a0c6a4a74166f7ce"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "4f0212345c054f9f70c52249b50272656536",
            ],
            ["84f28002", "4f00", "4f00e91443f6dce6b8ed"],
        ],
        answer: [
            "bf3e125a1089882119900000000000000000000005971be68992dbbdfa",
            EID,
        ],
    },
    Recorded {
        size: KeySize::Aes128,
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
        answer: ["bf3e125a1089882119900000000000000000000005", EID],
    },
    Recorded {
        size: KeySize::Aes128,
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
    Recorded {
        size: KeySize::Aes192,
        level: Level::MacBoth,
        host: "7396430b768b085b",
        sequence: "000003",
        card: "8cfc23522ffdbf1e",
        cryptogram: "5df5542cac8fd866",
        authenticate: "2145ed30b146f5db252fb7e624cec244",
        commands: [
            ["84e29100", "bf3e035c015a", "bf3e035c015aff42cf801d143944"],
            ["84f22002", "", "4584e4f6784811ee"],
            ["84ca0066", "", "937776ebe190fa30"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "4f0212345c054f9f70c59a52bddf3040368c",
            ],
            ["84f28002", "4f00", "4f009804b11411f7393d"],
        ],
        answer: [
            "bf3e125a1089882119900000000000000000000005162fbd33e04940a9",
            EID,
        ],
    },
    Recorded {
        size: KeySize::Aes192,
        level: Level::Command,
        host: "69c65da8202bf19f",
        sequence: "000001",
        card: "b570a67be3844671",
        cryptogram: "7729d6dd3d2ec5b1",
        authenticate: "65df4f1a356a887905466516d9e5b7c1",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "d2c6fb477c5d4afe4fd4d21f17eff10d3578ec1774a12a2d",
            ],
            ["84f22002", "", "964e188f0b1bb697"],
            ["84ca0066", "", "f0820035a41d3e18"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "06b076ed452cd1fa84f77f5c08a146aa77a9286757dea791",
            ],
            [
                "84f28002",
                "4f00",
                "d06527e39222dce091fabdb8e9b898417a67a6852d3577db",
            ],
        ],
        answer: ["bf3e125a1089882119900000000000000000000005", EID],
    },
    Recorded {
        size: KeySize::Aes192,
        level: Level::Both,
        host: "9b3f2eef0e8c9374",
        sequence: "000002",
        card: "f6bb305a15bae1a6",
        cryptogram: "8f79fb08212fbed7",
        authenticate: "9100bc22d58b45b86a26365ce39ff3cf",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "8f7f946c84f70d17994bc6e8791251bb1bb1bf02cf8de589",
            ],
            ["84f22002", "", "d5d97754b6b3d2ba"],
            ["84ca0066", "", "516c82b8e30adbeb"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "cc247f4761e6944277a4e0d6e32e44025b1e31537e2fc668",
            ],
            [
                "84f28002",
                "4f00",
                "ba22b63d509bef5d093b43e5eaed03ed23144ab2d9cb51de",
            ],
        ],
        answer: [
            "c05176c1b6f72aae50c32cbee63b0e95998928fd4dfb2be9f27ffde8c8476f5909b4805cc4039599",
            EID,
        ],
    },
    Recorded {
        size: KeySize::Aes256,
        level: Level::MacBoth,
        host: "11666d57866c6f54",
        sequence: "000003",
        card: "53ea8847efa7674e",
        cryptogram: "41498a4d66cf0dee",
        authenticate: "2f2ad190eff2fafc4908996d1cebd310",
        commands: [
            ["84e29100", "bf3e035c015a", "bf3e035c015af4b680372542b59d"],
            ["84f22002", "", "d618b7da68d5fe52"],
            ["84ca0066", "", "8f3e055db23ad5e5"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "4f0212345c054f9f70c5b6e15cc42404915e",
            ],
            ["84f28002", "4f00", "4f00aa124aa74afe7f75"],
        ],
        answer: [
            "bf3e125a10898821199000000000000000000000058012dd7f01f1c4c1",
            EID,
        ],
    },
    Recorded {
        size: KeySize::Aes256,
        level: Level::Command,
        host: "c6066990fc426e1d",
        sequence: "000001",
        card: "8682cd81bbd8919f",
        cryptogram: "2de3f2664581f118",
        authenticate: "77c493b632edadaf865a1e64acc07ce9",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "3ddaa60594963befaada3525b492ede23c2ab2c1ce3afe44",
            ],
            ["84f22002", "", "480ddc8e419da38d"],
            ["84ca0066", "", "3e9d6a6c0b2d7320"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "3ebfef2da8b04af2a85f491f299b76973df76ff08a4031be",
            ],
            [
                "84f28002",
                "4f00",
                "783fff80990f5585b1055010ea95094a26e4a8f1ef4b18e1",
            ],
        ],
        answer: ["bf3e125a1089882119900000000000000000000005", EID],
    },
    Recorded {
        size: KeySize::Aes256,
        level: Level::Both,
        host: "97b2055fe58599fd",
        sequence: "000002",
        card: "a8439a22cedf045f",
        cryptogram: "a9f1903b2834f26e",
        authenticate: "508a0fd959d2e547c6b33154a6be2057",
        commands: [
            [
                "84e29100",
                "bf3e035c015a",
                "7a5ef717eaf1e135ae92fe54429d0e465decda65f5fe5aea",
            ],
            ["84f22002", "", "bcc5c17275545d93"],
            ["84ca0066", "", "04806aba9d543bb6"],
            [
                "84f22002",
                "4f0212345c054f9f70c5",
                "717222491556ec81a45f49ce48be33320024801a1c4cb0e0",
            ],
            [
                "84f28002",
                "4f00",
                "561f105bccd3a1642904b251ccc1228beb80a82370a86370",
            ],
        ],
        answer: [
            "ea90dbfa648a67c5eb6abc57f8530b97d0cd5647c5e8732016b55203b078dd2ace7f8bc5d1c1cd99",
            EID,
        ],
    },
];

fn session(recorded: &Recorded) -> SessionKeys {
    let (enc, mac) = (enc(recorded.size), mac(recorded.size));
    SessionKeys::derive(&enc, &mac, &array(recorded.host), &array(recorded.card))
}

/// The test keys repeat their first sixteen bytes.
fn enc(size: KeySize) -> AesKey {
    AesKey::from_blocks(size, [array("000102030405060708090a0b0c0d0e0f"); 2])
}

fn mac(size: KeySize) -> AesKey {
    AesKey::from_blocks(size, [array("101112131415161718191a1b1c1d1e1f"); 2])
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
            false,
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
        let drawn = card_challenge(&enc(recorded.size), &array(recorded.sequence), &aid);
        assert_eq!(drawn, array(recorded.card));
    }
}

/// Level 01 and 13 by both ends of ours, whose parts the recorded levels pin.
#[test]
fn the_other_levels_are_made_of_the_same_parts() {
    let recorded = &RECORDED[0];
    let (host, card) = (array(recorded.host), array(recorded.card));
    for level in Level::ALL {
        let (mut ours, sent) = Channel::host(session(recorded), level, &host, &card);
        let (Some(cryptogram), Some(mac)) = (sent.first_chunk(), sent.last_chunk()) else {
            panic!("two halves")
        };
        let theirs = Channel::card(session(recorded), level, false, cryptogram, mac);
        let mut theirs = theirs.unwrap_or_else(|| panic!("the MAC is wrong"));
        for plain in [&b""[..], b"one", &[7; 16], &[8; 40]] {
            let (mut field, mut out) = ([0; 80], [0; 80]);
            let length = ours.protect(header("84e29100"), plain, &mut field);
            let length = length.unwrap_or_else(|_| panic!("{level:?}"));
            let sealed = level.encrypts_commands() && !plain.is_empty();
            let blocks = (plain.len() / 16 + 1) * 16;
            let expected = if sealed { blocks } else { plain.len() } + MAC_LEN;
            assert_eq!(length, expected, "{level:?}");
            assert_eq!(field.starts_with(plain), !sealed || plain.is_empty());
            let opened = theirs.open_command(header("84e29100"), &field[..length], &mut out);
            assert_eq!(opened.map(|length| &out[..length]), Ok(plain), "{level:?}");
            let length = theirs.protect_response(plain, [0x90, 0], &mut field);
            let length = length.unwrap_or_else(|_| panic!("{level:?}"));
            let opened = ours.open_response(&field[..length], [0x90, 0], &mut out);
            assert_eq!(opened.map(|length| &out[..length]), Ok(plain), "{level:?}");
            if level.protects_answers() {
                let opened = ours.open_response(&field[..length], [0x63, 0x10], &mut out);
                assert_eq!(opened, Err(Broken::Mac), "{level:?}");
            }
        }
    }
}

/// The MAC covers Lc in the form that the command is in.
#[test]
fn an_extended_command_opens_the_channel_too() {
    let recorded = &RECORDED[0];
    let (host, card) = (array(recorded.host), array(recorded.card));
    let cryptogram = session(recorded).host_cryptogram(&host, &card);
    let said = [&[0; 16][..], &[0x84, 0x82, 0x03, 0, 0, 0, 16], &cryptogram].concat();
    let mac = first_half(aes_cmac(&session(recorded).mac, &[&said]));
    let opened = |extended| {
        let keys = session(recorded);
        Channel::card(keys, Level::Command, extended, &cryptogram, &mac).is_some()
    };
    assert!(opened(true) && !opened(false));
}

/// Some hosts encrypt no data as one block of padding.
#[test]
fn an_encryption_of_nothing_is_nothing() {
    let recorded = &RECORDED[1];
    let (host, card) = (array(recorded.host), array(recorded.card));
    let (mut ours, sent) = Channel::host(session(recorded), Level::Command, &host, &card);
    let (Some(cryptogram), Some(mac)) = (sent.first_chunk(), sent.last_chunk()) else {
        panic!("two halves")
    };
    let theirs = Channel::card(session(recorded), Level::Command, false, cryptogram, mac);
    let mut theirs = theirs.unwrap_or_else(|| panic!("the MAC is wrong"));
    ours.counter += 1;
    let mut mixed = ours.icv(1, 0);
    mixed[0] ^= 0x80;
    let text = encrypt_block(&ours.keys.enc, &mixed);
    let chaining = ours.command_mac(header("84f24002"), &text);
    let chaining = chaining.unwrap_or_else(|_| panic!("short"));
    let field = [&text[..], &first_half(chaining)].concat();
    let mut out = [0; 16];
    let opened = theirs.open_command(header("84f24002"), &field, &mut out);
    assert_eq!(opened, Ok(0));
}

#[test]
fn a_level_is_one_of_five() {
    let levels: Vec<u8> = (0..=u8::MAX)
        .filter(|byte| Level::from_byte(*byte).is_some_and(|level| level.byte() == *byte))
        .collect();
    assert_eq!(levels, [0x01, 0x03, 0x11, 0x13, 0x33]);
}
