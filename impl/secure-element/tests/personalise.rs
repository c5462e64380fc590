//! A token is written, managed and paid with: what good answers say, at every level that there is.

mod bench;

use bench::*;
use kaika_crypto::TokenKey;
use kaika_crypto::chip::{Receipt, receipt, token_data_digest};
use kaika_crypto::emv::{CryptogramInput, cryptogram};
use kaika_crypto::scp03::Level;
use kaika_secure_element::image::{Image, RECORDS, Record, Slot, State};

const LEVELS: [Level; 2] = [Level::Command, Level::Both];

/// The receipt for token `n`, over what was written with its key in the clear.
fn receipt_of(n: u8) -> [u8; 16] {
    let data_digest = token_data_digest(&[&template_value(n, &token_key(n))]);
    let says = Receipt {
        se_id: &SE_ID,
        token_ref: &[n; 16],
        request_context: &[n ^ 0xff; 32],
        version: 1,
        data_digest: &data_digest,
    };
    receipt(&keys().receipt, &says)
}

fn tlv(head: &str, parts: &[&[u8]]) -> Vec<u8> {
    [hex(head), parts.concat()].concat()
}

#[test]
fn a_token_is_written_at_both_levels() {
    for level in LEVELS {
        let mut bench = factory();
        bench.open(level);
        assert_eq!(bench.stage(1), 0x9000);
        assert_eq!(bench.chip.image().slots[0].state, State::Staged);
        assert_eq!(bench.commit(), tlv("DF2310", &[&receipt_of(1)]));
        let listed = tlv("DF2126 DF2210", &[&[1; 16], &hex("DF2310"), &receipt_of(1)]);
        assert_eq!(bench.good(&plain("80CADF2100")), listed);
        let status = tlv(
            "E326 4F08F04B41494B410101 9F700107 C503000000 DF2210",
            &[&[1; 16]],
        );
        assert_eq!(bench.good(&secured("84F24002", "4F00")), status);
        let slot = bench.chip.image().slots[0];
        assert_eq!((slot.state, slot.key), (State::Active, token_key(1)));
    }
}

#[test]
fn no_other_level_opens() {
    for level in (0..=0xff).filter(|level| Level::from_byte(*level).is_none()) {
        let mut bench = challenged();
        let memory = bench.memory();
        let command = format!("8482{level:02X}00 10 {}", "00".repeat(16));
        assert_eq!(bench.say(&plain(&command)).1, 0x6a86);
        assert!(bench.memory() == memory);
        let again = format!("84823300 10 {}", "00".repeat(16));
        assert_eq!(bench.say(&plain(&again)).1, 0x6985);
    }
}

#[test]
fn blocks_of_any_length_make_the_same_token() {
    for size in [1, 2, 7, 16, 98, 99] {
        let mut bench = open();
        let template = template(1);
        let last = template.len().div_ceil(size) - 1;
        for (at, block) in template.chunks(size).enumerate() {
            let p1 = if at == last { 0x80 } else { 0 };
            let at = u8::try_from(at).unwrap_or(u8::MAX);
            bench.good(&Say::Secured([0x84, 0xe2, p1, at], block.to_vec()));
        }
        assert_eq!(bench.commit(), tlv("DF2310", &[&receipt_of(1)]));
    }
}

#[test]
fn a_later_template_replaces_the_staged_one() {
    let mut bench = staged();
    assert_eq!(bench.stage(2), 0x9000);
    assert_eq!(bench.stage(2), 0x9000);
    assert_eq!(bench.commit(), tlv("DF2310", &[&receipt_of(2)]));
    let states = bench.chip.image().slots.map(|slot| slot.state);
    assert_eq!(
        states,
        [State::Active, State::Empty, State::Empty, State::Empty]
    );
}

#[test]
fn a_stumble_loses_the_script_and_a_new_channel_too() {
    for stumble in [secured("84E20005", "E1"), secured("84E24001", "E1")] {
        let mut bench = begun();
        bench.say(&stumble);
        assert_eq!(bench.stage(1), 0x9000);
    }
    let mut bench = begun();
    let card = bench.challenge();
    assert_eq!(bench.authenticate(Level::Both, &card, None), 0x9000);
    assert_eq!(bench.stage(1), 0x9000);
}

#[test]
fn four_tokens_are_told_apart() {
    let mut bench = full();
    bench.good(&secured("84F04080", "4F08F04B41494B410102"));
    bench.good(&secured("84E40000", "4F08F04B41494B410103"));
    let states = bench.chip.image().slots.map(|slot| slot.state);
    assert_eq!(
        states,
        [
            State::Active,
            State::Suspended,
            State::Deleted,
            State::Active
        ]
    );
    let entry = |n: u8, state: &str| {
        let head = format!("E326 4F08F04B41494B4101{n:02X} 9F7001{state} C503000000 DF2210");
        tlv(&head, &[&[n; 16]])
    };
    let all = [
        entry(1, "07"),
        entry(2, "83"),
        entry(3, "FF"),
        entry(4, "07"),
    ]
    .concat();
    assert_eq!(bench.good(&secured("84F24002", "4F00")), all);
    let one = |n: u8| tlv("DF2210", &[&[n; 16], &hex("DF2310"), &receipt_of(n)]);
    let listed = tlv("DF2172", &[&one(1), &one(2), &one(4)]);
    assert_eq!(bench.good(&plain("80CADF2100")), listed);
    let entry = |n: u8| {
        hex(&format!(
            "6114 4F08F04B41494B4101{n:02X} 5005 4B41494B41 8701{n:02X}"
        ))
    };
    let (fci, _) = bench.select("325041592E5359532E4444463031");
    let head = "6F41 840E325041592E5359532E4444463031 A52F BF0C2C";
    assert_eq!(fci, tlv(head, &[&entry(1), &entry(4)]));
    let (fci, _) = bench.select("315041592E5359532E4444463031");
    assert_eq!(
        fci,
        hex("6F15 840E315041592E5359532E4444463031 A503 880101")
    );
    assert_eq!(bench.good(&plain("00B2020C00")), tlv("7016", &[&entry(4)]));
}

#[test]
fn a_deleted_slot_holds_no_key() {
    //= spec/80-manage.md#mng-8-the-chip-deletes-the-key
    //= type=test
    //# The chip MUST wipe the token's keys in the same transaction that deletes it.
    for mut bench in [staged(), active(), suspended()] {
        bench.good(&secured("84E40000", &format!("4F08{SLOT}")));
        let wiped = Slot {
            state: State::Deleted,
            token_ref: [1; 16],
            ..Slot::default()
        };
        assert_eq!(bench.chip.image().slots[0], wiped);
        let mut again = bench.again();
        again.open(Level::Both);
        let other = again.stage(1);
        assert_eq!((other, again.stage(2)), (0x6985, 0x9000));
    }
}

#[test]
fn select_takes_a_beginning() {
    let mut bench = full();
    let domain = hex("6F0F 8407F04B41494B4100 A504 9F6501FF");
    for aid in ["F04B41494B", "F04B41494B41", DOMAIN] {
        assert_eq!(bench.select(aid), (domain.clone(), 0x9000));
    }
    bench.good(&plain(&format!("00A4040008{SLOT}00")));
    let fci = |n: u8| {
        let head = format!("6F31 8408F04B41494B4101{n:02X} A525 50054B41494B41 8701{n:02X} 9F3818");
        tlv(
            &head,
            &[&hex("9F66049F02069F03069F1A0295055F2A029A039C019F3704")],
        )
    };
    assert_eq!(bench.select("F04B41494B4101").0, fci(1));
    assert_eq!(bench.select("F04B41494B410104").0, fci(4));
}

/// The cryptogram that token 1 must give over the sale.
fn cryptogram_of(atc: u16, verification: u8) -> [u8; 8] {
    let input = CryptogramInput {
        amount: &[0, 0, 0, 0, 0x12, 0x50],
        amount_other: &[0; 6],
        country: &[0x01, 0x56],
        tvr: &[0; 5],
        currency: &[0x01, 0x56],
        date: &[0x26, 0x11, 0x24],
        kind: 0,
        unpredictable_number: &[0x0a, 0x0b, 0x0c, 0x0d],
        interchange_profile: &[0x1c, 0x00],
        atc,
        issuer_data: &[0x06, 0x01, 0x12, 0x03, verification, 0, 0],
    };
    cryptogram(&TokenKey::new(token_key(1)), &input)
}

fn answer(kind: &str, atc: u16, verification: u8) -> Vec<u8> {
    let head = format!("771E 9F2701{kind} 9F3602{atc:04X} 9F2608");
    let tail = format!("9F1007 06011203{verification:02X}0000");
    tlv(&head, &[&cryptogram_of(atc, verification), &hex(&tail)])
}

#[test]
fn a_payment_is_what_the_specification_says() {
    let mut bench = selected();
    let counters = |bench: &mut Bench, atc: u16, last: u16| {
        let shown = bench.good(&plain("80CA9F3600"));
        assert_eq!(shown, hex(&format!("9F3602{atc:04X}")));
        let shown = bench.good(&plain("80CA9F1300"));
        assert_eq!(shown, hex(&format!("9F1302{last:04X}")));
    };
    counters(&mut bench, 0, 0);
    assert_eq!(bench.good(&gpo()), hex("770A 82021C00 940408010200"));
    assert_eq!(bench.good(&first("80")), answer("80", 1, 0xa0));
    counters(&mut bench, 1, 0);
    assert_eq!(bench.good(&second("40")), answer("40", 1, 0x60));
    counters(&mut bench, 1, 1);
    bench.options();
    assert_eq!(bench.good(&first("40")), answer("80", 2, 0xa0));
    assert_eq!(bench.good(&second("00")), answer("00", 2, 0x20));
    counters(&mut bench, 2, 2);
    bench.options();
    assert_eq!(bench.good(&first("00")), answer("00", 3, 0x80));
    counters(&mut bench, 3, 2);
    bench.options();
    bench.options();
    counters(&mut bench, 5, 2);
}

#[test]
fn the_records_hold_the_token() {
    let mut bench = selected();
    let first =
        "7027 570C6299000000000001D3012201 5A086299000000000001 5F2403301231 5F340101 5F28020156";
    assert_eq!(bench.good(&plain("00B2010C00")), hex(first));
    let lists = "9F02069F03069F1A0295055F2A029A039C019F3704";
    let head = format!("705E 8C15{lists} 8D178A02{lists} 8E0A00000000000000001F00");
    let tail = "9F0702FF00 9F08020001 9F0D05FFFFFFFFFF 9F0E050000000000 9F0F05FFFFFFFFFF";
    assert_eq!(
        bench.good(&plain("00B2020C00")),
        hex(&format!("{head}{tail}"))
    );
}

#[test]
fn nothing_volatile_survives() {
    //= spec/85-apdu.md#apd-4-nothing-volatile-survives
    //= type=test
    //# Session keys, pending answers and the payment in progress MUST NOT survive SELECT or reset.
    let reset = |bench: &mut Bench| bench.chip.reset();
    let selects = |bench: &mut Bench| assert_eq!(bench.select(DOMAIN).1, 0x9000);
    for end in [reset, selects] {
        let mut bench = active();
        end(&mut bench);
        assert_eq!(bench.say(&secured("84F24002", "4F00")).1, 0x6982);
        let mut bench = initiated();
        end(&mut bench);
        bench.select(SLOT);
        assert_eq!(bench.say(&first("80")).1, 0x6985);
        let mut bench = asked();
        end(&mut bench);
        bench.select(SLOT);
        assert_eq!(bench.say(&second("40")).1, 0x6985);
        let mut bench = begun();
        end(&mut bench);
        bench.open(Level::Both);
        assert_eq!(bench.stage(1), 0x9000);
    }
}

#[test]
fn a_recorded_script_is_worth_nothing() {
    //= spec/60-provision.md#pro-15-old-scripts-are-refused
    //= type=test
    //# The chip MUST refuse a script recorded in an earlier secure channel.
    let mut bench = domain();
    let card = bench.challenge();
    let authenticate = bench.host(Level::Both, &card);
    let authenticate = [&[0x84, 0x82, 0x33, 0, 16], &authenticate[..]].concat();
    assert_eq!(bench.raw(&authenticate).1, 0x9000);
    let store = bench.wrap([0x84, 0xe2, 0x80, 0], &template(1));
    assert_eq!(bench.raw(&store).1, 0x9000);
    bench.select(DOMAIN);
    assert_ne!(bench.challenge(), card);
    assert_eq!(bench.raw(&authenticate).1, 0x6982);
    bench.open(Level::Both);
    assert_eq!(bench.raw(&store).1, 0x6982);
    assert_eq!(bench.raw(&store).1, 0x6982);
}

#[test]
fn the_same_command_twice_ends_the_channel() {
    let mut bench = open();
    let block = bench.wrap([0x84, 0xe2, 0, 0], &template(1)[..50]);
    assert_eq!(bench.raw(&block).1, 0x9000);
    assert_eq!(bench.raw(&block).1, 0x6982);
    assert_eq!(bench.say(&secured("84F24002", "4F00")).1, 0x6982);
}

#[test]
fn an_image_is_read_as_it_was_written() {
    for mut bench in [
        factory(),
        staged(),
        suspended(),
        deleted(),
        full(),
        asked(),
        done(),
    ] {
        let image = *bench.chip.image();
        assert_eq!(*bench.again().chip.image(), image);
        for number in 0..RECORDS {
            let record = image.record(number);
            let read = Record::read(number, &record.payload());
            let mut alone = Image::default();
            let mut both = image;
            alone.apply(&record);
            both.apply(&record);
            assert_eq!(both, image);
            assert_eq!(
                read.map(|read| alone.record(read.number())),
                Some(alone.record(number))
            );
        }
    }
    for state in 5..=0xff {
        let mut bytes = Record::Token(0, Slot::default()).payload();
        bytes[0] = state;
        assert_eq!(Record::read(1, &bytes), None);
    }
}
