//! What hosts that follow the standard do: every level and key version, chains, the registry, what GET DATA shows, the next occurrence.

mod bench;

use bench::*;
use kaika_apdu::compact;
use kaika_apdu::tlv::{Form, walk};
use kaika_crypto::TokenKey;
use kaika_crypto::chip::wrap_token_key;
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_secure_element::ATR;
use kaika_secure_element::image::State;

const HOST: [u8; 8] = [9, 8, 7, 6, 5, 4, 3, 2];

/// The command is refused with this word and writes nothing.
fn check(bench: &mut Bench, command: &[u8], sw: u16) {
    let (memory, image) = (bench.memory(), *bench.chip.image());
    assert_eq!(bench.raw(command), (vec![], sw), "to {command:02X?}");
    assert!(bench.memory() == memory, "written by {command:02X?}");
    assert_eq!(*bench.chip.image(), image);
}

/// A channel under this key version.
fn channel(bench: &mut Bench, version: u8, level: Level) -> Channel {
    assert_eq!(bench.select(DOMAIN).1, 0x9000);
    let (answer, status) = bench.raw(&[&[0x80, 0x50, version, 0, 8], &HOST[..], &[0]].concat());
    assert_eq!(status, 0x9000);
    let keys = keys();
    let Some(set) = keys.set(version) else {
        panic!("no keys {version:02x}")
    };
    assert_eq!(answer[10..13], [set.version, 0x03, 0x70]);
    let card = answer[13..21].try_into().unwrap_or_default();
    let session = SessionKeys::derive(set.enc, set.mac, &HOST, &card);
    assert_eq!(answer[21..29], session.card_cryptogram(&HOST, &card));
    let (channel, data) = Channel::host(session, level, &HOST, &card);
    let opened = bench.raw(&[&[0x84, 0x82, level.byte(), 0, 16], &data[..]].concat());
    assert_eq!(opened, (vec![], 0x9000), "{level:?}");
    channel
}

fn sealed(channel: &mut Channel, header: [u8; 4], data: &[u8], extended: bool) -> Vec<u8> {
    let mut field = vec![0; data.len() + 24];
    let header = Header {
        bytes: header,
        extended,
    };
    let length = channel.protect(header, data, &mut field);
    let length = length.unwrap_or_else(|_| panic!("too long"));
    field.truncate(length);
    field
}

fn short(header: [u8; 4], field: &[u8]) -> Vec<u8> {
    let length = u8::try_from(field.len()).unwrap_or(0);
    [&header[..], &[length], field, &[0]].concat()
}

/// Says it in the channel.
fn say(bench: &mut Bench, channel: &mut Channel, header: &str, data: &[u8]) -> (Vec<u8>, u16) {
    let header: [u8; 4] = hex(header).try_into().unwrap_or_default();
    let field = sealed(channel, header, data, false);
    let (answer, status) = bench.raw(&short(header, &field));
    if !matches!(status >> 8, 0x90 | 0x62 | 0x63) {
        assert!(answer.is_empty());
        return (answer, status);
    }
    let mut out = [0; 256];
    let length = channel.open_response(&answer, status.to_be_bytes(), &mut out);
    let length = length.unwrap_or_else(|broken| panic!("{broken:?}"));
    (out[..length].to_vec(), status)
}

/// The template of token 1 for the channel keys of this version.
fn template_for(version: u8) -> Vec<u8> {
    let keys = keys();
    let Some(set) = keys.set(version) else {
        panic!("no keys {version:02x}")
    };
    let key = wrap_token_key(set.dek, &TokenKey::new(token_key(1)));
    around(&template_value(1, &key))
}

#[test]
fn every_key_size_at_every_level() {
    //= spec/60-provision.md#pro-2-the-chip-checks-who-writes
    //= type=test
    //# The chip MUST refuse STORE DATA outside an authenticated secure channel with command MAC and encryption, and every other
    //# personalisation command outside one with command MAC.
    for version in [0x00, 0x30, 0x31, 0x32] {
        for level in Level::ALL {
            let mut bench = factory();
            let mut host = channel(&mut bench, version, level);
            let stored = say(&mut bench, &mut host, "84E28000", &template_for(version));
            if !level.encrypts_commands() {
                assert_eq!(stored, (vec![], 0x6982), "{level:?}");
                let listed = say(&mut bench, &mut host, "84F28002", &hex("4F00"));
                assert_eq!(listed, (vec![], 0x6982), "the channel is gone");
                assert!(
                    bench
                        .chip
                        .image()
                        .slots
                        .iter()
                        .all(|slot| slot.state == State::Empty)
                );
                // What was staged elsewhere is committed and listed at any level.
                let mut other = channel(&mut bench, version, Level::Both);
                say(&mut bench, &mut other, "84E28000", &template_for(version));
                host = channel(&mut bench, version, level);
            } else {
                assert_eq!(stored, (vec![], 0x9000), "{version:02x} {level:?}");
            }
            let (committed, status) = say(&mut bench, &mut host, "84F0400F", &hex("4F00"));
            assert_eq!((committed.len(), status), (19, 0x9000), "{level:?}");
            assert_eq!(bench.chip.image().slots[0].key, token_key(1));
            let listed = say(&mut bench, &mut host, "84F24002", &hex("4F00"));
            assert_eq!((listed.0.len(), listed.1), (40, 0x9000));
            // No data, under a MAC, in the class of secure messaging.
            let shown = say(&mut bench, &mut host, "84CA00C1", &[]);
            let sequence = bench.chip.image().sequence.to_be_bytes();
            assert_eq!(shown, ([&hex("C103"), &sequence[1..]].concat(), 0x9000));
            // An error has no answer MAC, and leaves the channel.
            let none = say(&mut bench, &mut host, "84CA0042", &[]);
            assert_eq!(none, (vec![], 0x6a88));
            let gone = say(
                &mut bench,
                &mut host,
                "84E40000",
                &hex(&format!("4F08{SLOT}")),
            );
            assert_eq!(gone, (vec![0], 0x9000));
        }
    }
}

#[test]
fn keys_of_one_version_are_not_those_of_another() {
    let mut bench = factory();
    let mut host = channel(&mut bench, 0x31, Level::Both);
    say(&mut bench, &mut host, "84E28000", &template_for(0x30));
    assert_ne!(bench.chip.image().slots[0].key, token_key(1));
    bench.select(DOMAIN);
    let (answer, _) = bench.raw(&[&[0x80, 0x50, 0x32, 0, 8], &HOST[..]].concat());
    assert!(answer.is_empty());
    let (answer, _) = bench.raw(&hex("00C0000000"));
    let card = answer[13..21].try_into().unwrap_or_default();
    let keys = keys();
    let session = SessionKeys::derive(&keys.enc, &keys.mac, &HOST, &card);
    let (_, data) = Channel::host(session, Level::Both, &HOST, &card);
    assert_eq!(
        bench
            .raw(&[&[0x84, 0x82, 0x33, 0, 16], &data[..]].concat())
            .1,
        0x6982
    );
}

/// A chain of pieces of this size, and its last answer.
fn chained(bench: &mut Bench, header: [u8; 4], field: &[u8], size: usize) -> u16 {
    let pieces: Vec<&[u8]> = field.chunks(size).collect();
    let Some((last, before)) = pieces.split_last() else {
        panic!("no pieces")
    };
    let [_, ins, p1, p2] = header;
    for piece in before {
        let answer = bench.raw(&short([0x94, ins, p1, p2], piece));
        assert_eq!(answer, (vec![], 0x9000));
    }
    bench.raw(&short(header, last)).1
}

#[test]
fn a_chain_is_one_command() {
    //= spec/85-apdu.md#apd-9-a-chain-is-one-command
    //= type=test
    //# The chip MUST answer 6883 to a command that does not go on with the chain in progress, and drop the chain.
    let header = [0x84, 0xe2, 0x80, 0];
    for size in [1, 16, 50, 100, 255] {
        let mut bench = factory();
        let mut host = channel(&mut bench, 0x30, Level::Both);
        let field = sealed(&mut host, header, &template_for(0x30), false);
        assert_eq!(chained(&mut bench, header, &field, size), 0x9000, "{size}");
        assert_eq!(bench.chip.image().slots[0].state, State::Staged);
    }
    // More than 255 bytes are MACed with a long Lc; they are no template.
    let mut bench = factory();
    let mut host = channel(&mut bench, 0x30, Level::Both);
    let field = sealed(&mut host, header, &[0xe1; 300], true);
    assert_eq!(chained(&mut bench, header, &field, 200), 0x6a80);
    let listed = say(&mut bench, &mut host, "84F28002", &hex("4F00"));
    assert_eq!(listed.1, 0x9000, "the channel stands");
    // The same in one extended command.
    let field = sealed(&mut host, header, &[0xe1; 300], true);
    let length = u16::try_from(field.len()).unwrap_or(0).to_be_bytes();
    let whole = [&header[..], &[0], &length, &field].concat();
    assert_eq!(bench.raw(&whole).1, 0x6a80);
    let listed = say(&mut bench, &mut host, "84F28002", &hex("4F00"));
    assert_eq!(listed.1, 0x9000);
}

#[test]
fn a_chain_is_broken_by_anything_else() {
    let header = [0x84, 0xe2, 0x80, 0];
    let broken = [
        hex("80CA9F7F00"),
        hex("00C0000000"),
        hex("84E2800101FF"),
        hex("84E2000001FF"),
        hex("94E2000001FF"),
        hex("84F0400F01FF"),
        hex("8050300008 0102030405060708"),
    ];
    for (between, sw) in broken
        .map(|between| (between.to_vec(), 0x6883))
        .into_iter()
        .chain([
            (hex("10A4040000"), 0x6884),
            (hex("00EE000000"), 0x6d00),
            (hex("E0CA9F7F00"), 0x6e00),
            (hex("01CA9F7F00"), 0x6881),
            (hex("84E2"), 0x6700),
            (hex("00A404000AA00000000410100000"), 0x6700),
            (hex("00A4040005A000000004"), 0x6a82),
        ])
    {
        let mut bench = factory();
        let mut host = channel(&mut bench, 0x30, Level::Both);
        let field = sealed(&mut host, header, &template_for(0x30), false);
        let begin = short([0x94, 0xe2, 0x80, 0], &field[..40]);
        assert_eq!(bench.raw(&begin).1, 0x9000);
        check(&mut bench, &between, sw);
        // The chain is gone, the channel is not: the whole command is still the next one.
        check(&mut bench, &hex("80CADF2100"), 0x6a88);
        assert_eq!(
            bench.raw(&short(header, &field)).1,
            0x9000,
            "{between:02X?}"
        );
    }
    // An unsecured management command breaks both.
    let mut bench = factory();
    let mut host = channel(&mut bench, 0x30, Level::Both);
    let field = sealed(&mut host, header, &template_for(0x30), false);
    bench.raw(&short([0x94, 0xe2, 0x80, 0], &field[..40]));
    check(&mut bench, &hex("80F24002024F0000"), 0x6883);
    check(&mut bench, &short(header, &field), 0x6982);
}

#[test]
fn a_chain_is_bounded() {
    //= spec/85-apdu.md#apd-10-a-chain-is-bounded
    //= type=test
    //# The chip MUST answer 6700 to a chain whose data is longer than `DATA_MAX`, and drop the chain.
    let piece = short([0x94, 0xe2, 0x80, 0], &[0; 255]);
    let mut bench = open();
    for _ in 0..4 {
        assert_eq!(bench.raw(&piece).1, 0x9000);
    }
    // Four bytes are left of 1024.
    check(&mut bench, &short([0x94, 0xe2, 0x80, 0], &[0; 5]), 0x6700);
    check(&mut bench, &hex("80CADF2100"), 0x6a88);
    for _ in 0..4 {
        assert_eq!(bench.raw(&piece).1, 0x9000);
    }
    assert_eq!(bench.raw(&short([0x94, 0xe2, 0x80, 0], &[0; 4])).1, 0x9000);
    check(&mut bench, &hex("84E2800001FF"), 0x6700);
    // An empty piece is one; a chain of nothing has no MAC.
    assert_eq!(bench.raw(&hex("94E28000")).1, 0x9000);
    check(&mut bench, &hex("84E28000"), 0x6982);
}

/// A piece that was taken is a command: a rest does not outlast it.
#[test]
fn a_rest_is_lost_by_a_piece() {
    let mut bench = open();
    assert_eq!(bench.raw(&hex("80CA9F7F04")).1, 0x6107);
    assert_eq!(bench.raw(&hex("94E2800001FF")).1, 0x9000);
    check(&mut bench, &hex("00C0000000"), 0x6883);
    check(&mut bench, &hex("00C0000000"), 0x6985);
}

#[test]
fn a_chain_begins_only_where_data_may_be_stored() {
    let begin = hex("94E28000 08 0000000000000000");
    for at in [factory, domain, challenged, selected] {
        check(&mut at(), &begin, 0x6982);
    }
    for level in [Level::Mac, Level::MacBoth] {
        let mut bench = factory();
        let mut host = channel(&mut bench, 0x30, level);
        check(&mut bench, &begin, 0x6982);
        let listed = say(&mut bench, &mut host, "84F28002", &hex("4F00"));
        assert_eq!(listed.1, 0x6982);
    }
}

#[test]
fn the_registry_is_asked_as_the_standard_says() {
    let mut bench = full();
    let list = |bench: &mut Bench, header: &str, data: &str| bench.say(&secured(header, data));
    let entry = |n: u8| {
        let head = format!("E326 4F08F04B41494B4101{n:02X} 9F700107 C503000000 DF2210");
        [&hex(&head), &[n; 16][..]].concat()
    };
    let all = [entry(1), entry(2), entry(3), entry(4)].concat();
    for beginning in ["4F00", "4F01F0", "4F07F04B41494B4101"] {
        assert_eq!(
            list(&mut bench, "84F24002", beginning),
            (all.clone(), 0x9000)
        );
    }
    let third = list(&mut bench, "84F24002", "4F08F04B41494B410103");
    assert_eq!(third, (entry(3), 0x9000));
    let domain = hex("E312 4F07F04B41494B4100 9F70010F C503800080");
    assert_eq!(list(&mut bench, "84F28002", "4F00"), (domain, 0x9000));
    let short = hex("E30E 4F08F04B41494B410102 9F700107");
    assert_eq!(
        list(&mut bench, "84F24002", "4F08F04B41494B410102 5C034F9F70"),
        (short, 0x9000)
    );
    let named = hex("E30A 4F08F04B41494B410102");
    assert_eq!(
        list(&mut bench, "84F24002", "4F08F04B41494B410102 5C00"),
        (named, 0x9000)
    );
}

#[test]
fn a_long_registry_comes_in_pages() {
    let mut bench = full();
    let mut host = channel(&mut bench, 0x30, Level::Both);
    let mut page = |bench: &mut Bench, header: &str, le: u8| {
        let header: [u8; 4] = hex(header).try_into().unwrap_or_default();
        let field = sealed(&mut host, header, &hex("4F00"), false);
        let mut command = short(header, &field);
        command.pop();
        command.push(le);
        let (answer, status) = bench.raw(&command);
        if status >> 8 == 0x69 || status >> 8 == 0x61 {
            return (answer, status);
        }
        let mut out = [0; 256];
        let length = host.open_response(&answer, status.to_be_bytes(), &mut out);
        let length = length.unwrap_or_else(|broken| panic!("{broken:?}"));
        (out[..length].to_vec(), status)
    };
    // 40 bytes an entry; two and the answer MAC are 96 + 8 bytes.
    let mut seen = Vec::new();
    for (header, le, entries, status) in [
        ("84F24002", 104, 2, 0x6310),
        ("84F24003", 56, 1, 0x6310),
        ("84F24003", 0, 1, 0x9000),
    ] {
        let (answer, sw) = page(&mut bench, header, le);
        assert_eq!((answer.len(), sw), (40 * entries, status));
        seen.extend(answer);
    }
    assert_eq!(page(&mut bench, "84F24003", 0).1, 0x6985);
    assert_eq!(page(&mut bench, "84F24002", 0).0, seen);
    // An entry that does not fit at all waits.
    assert_eq!(page(&mut bench, "84F24002", 20).1, 0x6124);
    let (rest, sw) = bench.raw(&hex("00C0000000"));
    assert_eq!((rest.len(), sw), (36, 0x6310));
    // SELECT forgets where the listing stood.
    let mut host = channel(&mut bench, 0x30, Level::Both);
    assert_eq!(
        say(&mut bench, &mut host, "84F24003", &hex("4F00")).1,
        0x6985
    );
}

#[test]
fn the_domain_shows_what_hosts_ask_for() {
    let mut bench = factory();
    // SELECT without a name is the domain's.
    let (fci, status) = bench.raw(&hex("00A4040000"));
    assert_eq!(
        (fci, status),
        (hex("6F0F 8407F04B41494B4100 A504 9F6501FF"), 0x9000)
    );
    let data = "6631 732F 06072A864886FC6B01 600C060A2A864886FC6B02020301 63090607 2A864886FC6B03 640B06092A864886FC6B040370";
    assert_eq!(bench.good(&plain("80CA006600")), hex(data));
    let keys = (0x30..=0x32)
        .zip([0x10, 0x18, 0x20])
        .flat_map(|(version, length)| {
            (1..=3).flat_map(move |n| [0xc0, 4, n, version, 0x88, length])
        });
    let keys: Vec<u8> = [0xe0, 54].into_iter().chain(keys).collect();
    assert_eq!(bench.good(&plain("80CA00E000")), keys);
    assert_eq!(bench.good(&plain("80CA00C100")), hex("C103000000"));
    bench.challenge();
    assert_eq!(bench.good(&plain("80CA00C100")), hex("C103000001"));
    for answer in [hex(data), keys] {
        assert_eq!(walk(&answer, Form::Minimal, |_, _| {}), Ok(()));
    }
}

#[test]
fn the_next_occurrence_is_found() {
    let mut bench = full();
    bench.good(&secured("84E40000", "4F08F04B41494B410102"));
    let name = |answer: &[u8]| answer[4..4 + usize::from(answer[3])].to_vec();
    let mut found = Vec::new();
    let mut p2 = "00";
    loop {
        let (answer, status) = bench.raw(&hex(&format!("00A404{p2} 05 F04B41494B 00")));
        if status != 0x9000 {
            assert_eq!(status, 0x6a82);
            break;
        }
        found.push(name(&answer));
        assert!(found.len() < 6, "no end: {found:02X?}");
        p2 = "02";
    }
    let all = [DOMAIN, SLOT, "F04B41494B410103", "F04B41494B410104"].map(hex);
    assert_eq!(found, all);
    // What was found last is selected still.
    assert_eq!(bench.good(&plain("80CA9F3600")), hex("9F36020000"));
    let (answer, _) = bench.raw(&hex("00A40404 07 F04B41494B4101 00"));
    assert_eq!(name(&answer), hex(SLOT));
}

#[test]
fn a_rest_says_how_long_it_is() {
    let mut bench = domain();
    let whole = bench.good(&plain("80CA9F7F00"));
    // No Le and data: all of it waits, also under a longer Le.
    assert_eq!(bench.raw(&hex("80CA9F7F")), (vec![], 0x610b));
    assert_eq!(bench.raw(&hex("00C000000C")), (vec![], 0x6c0b));
    assert_eq!(bench.raw(&hex("00C0000003")), (whole[..3].to_vec(), 0x6108));
    assert_eq!(bench.raw(&hex("00C0000009")), (vec![], 0x6c08));
    assert_eq!(
        bench.raw(&hex("00C00000000000")),
        (whole[3..].to_vec(), 0x9000)
    );
    assert_eq!(bench.raw(&hex("00C0000008")), (vec![], 0x6985));
    // A warning is the word of the rest.
    let mut bench = suspended();
    let (_, status) = bench.raw(&hex(&format!("00A40400 08 {SLOT} 10")));
    assert_eq!(status >> 8, 0x61);
    assert_eq!(bench.raw(&hex("00C0000000")).1, 0x6283);
}

/// The answer to reset says in COMPACT-TLV what the chip can do.
#[test]
fn the_answer_to_reset_is_read() {
    assert_eq!(ATR[..2], [0x3b, 0x60 | 11]);
    assert_eq!(ATR.len(), 4 + 11);
    assert_eq!(ATR[4], 0x80);
    let objects: Result<Vec<_>, _> = compact::Reader::new(&ATR[5..]).collect();
    let objects = objects.unwrap_or_default();
    let read: Vec<_> = objects
        .iter()
        .map(|object| (object.tag, object.value))
        .collect();
    assert_eq!(read, [(7, &[0xc0, 0x01, 0xc0][..]), (5, b"KAIKA")]);
}
