//! Every status word of `spec/85-apdu.md`: one line a case, and memory is the same before and after.

mod bench;

use bench::*;
use kaika_crypto::scp03::Level;
use kaika_secure_element::image::{Image, Slot, State};

/// The command is refused with this word and writes nothing.
fn check(at: fn() -> Bench, say: &Say, sw: u16) {
    check_on(&mut at(), say, sw);
}

fn check_on(bench: &mut Bench, say: &Say, sw: u16) {
    let (memory, image) = (bench.memory(), *bench.chip.image());
    let (data, status) = bench.say(say);
    assert_eq!(status, sw, "{status:04X}, not {sw:04X}, to {say:02X?}");
    assert!(data.is_empty(), "data beside {sw:04X} to {say:02X?}");
    assert!(bench.memory() == memory, "written by {say:02X?}");
    assert_eq!(*bench.chip.image(), image);
}

/// A run of plain commands that are refused alike.
fn all(at: fn() -> Bench, sw: u16, commands: &[&str]) {
    for command in commands {
        check(at, &plain(command), sw);
    }
}

#[test]
fn lengths_are_checked_first() {
    //= spec/85-apdu.md#apd-1-every-length-is-checked
    //= type=test
    //# The chip MUST answer 6700 to a command that is not one of the seven cases of ISO 7816-3 or is longer than `APDU_MAX`.
    all(
        selected,
        0x6700,
        &[
            "",
            "FF",
            "00A4",
            "FFEE04",
            "00A404000AF04B",
            "00A4040002F04B0000",
            "00A40400 00 00",
            "00A40400 00 0000 F0",
            "00A40400 00 0002 F0",
            "00A40400 00 0001 F0 00",
            "00A40400 00 0001 F0 000000",
        ],
    );
    let long = |length: usize| {
        let data = "00".repeat(length);
        plain(&format!("00A40400 00 {length:04X} {data} 0000"))
    };
    check(factory, &long(1033 - 9), 0x6a82);
    check(factory, &long(1033 - 8), 0x6700);
}

#[test]
fn then_class_channel_and_instruction() {
    all(
        factory,
        0x6e00,
        &[
            "FFA4040000",
            "FFEE000000",
            "E0A4040000",
            "40A4040000",
            "20A4040000",
            "08A4040000",
            "04A4040000",
            "88CA9F7F00",
            "C0CA9F7F00",
        ],
    );
    all(
        factory,
        0x6e00,
        &[
            "80A4040000",
            "80B2010C00",
            "80C0000000",
            "0050300008010203040506070800",
            "84503000080102030405060708 00",
            "80200080082412 34FFFFFFFFFF",
            "84200080082412 34FFFFFFFFFF",
            "80823300 10 00000000000000000000000000000000",
            "00E20000 01 00",
            "00F04080",
            "00E40000",
            "00F24002",
            "00CA9F7F00",
            "00A8000000",
            "00AE800000",
            "002A0100",
            "842A0100",
        ],
    );
    all(
        factory,
        0x6881,
        &[
            "01A4040000",
            "02A4040000",
            "03A4040000",
            "82EE000000",
            "87E2000000",
        ],
    );
    all(
        factory,
        0x6884,
        &["10A4040000", "90EE000000", "94F0400F00", "1020008000"],
    );
    all(factory, 0x6d00, &["00EE000000", "80EE000000", "84A5000000"]);
}

#[test]
fn then_secure_messaging() {
    let outside = [
        "84E2000508FFFFFFFFFFFFFFFF",
        "84F0FFFF",
        "84E4FFFF00",
        "84F2FFFF00",
        "80E2800003FFFFFF",
        "84CA9F7F00",
        "84CA9F7F08FFFFFFFFFFFFFFFF00",
        "94E2000008FFFFFFFFFFFFFFFF",
        "90E2000003FFFFFF",
    ];
    for at in [factory, domain, challenged, selected] {
        all(at, 0x6982, &outside);
    }
    all(
        open,
        0x6982,
        &[
            "80E2000003FFFFFF",
            "80F0400F024F00",
            "80E40000",
            "80F24002024F00",
        ],
    );
    all(
        open,
        0x6982,
        &[
            "84E20000",
            "84E2000007FFFFFFFFFFFFFF",
            "84E2000008FFFFFFFFFFFFFFFF",
            "84CA9F7F00",
            "90E2000003FFFFFF",
        ],
    );
    for broken in [
        "80E2000003FFFFFF",
        "84E2000008FFFFFFFFFFFFFFFF",
        "84CA9F7F08FFFFFFFFFFFFFFFF00",
        "90E2000003FFFFFF",
    ] {
        let mut bench = open();
        check_on(&mut bench, &plain(broken), 0x6982);
        check_on(&mut bench, &secured("84F24002", "4F00"), 0x6982);
    }
}

#[test]
fn then_parameters() {
    all(
        factory,
        0x6a86,
        &[
            "00A4000000",
            "00A4040100",
            "00A4040300",
            "00A4040C00",
            "00A40C0000",
            "00C0010000",
            "00C0000100",
        ],
    );
    all(
        factory,
        0x6a86,
        &[
            "00B2000C00",
            "00B2010800",
            "00B2010D00",
            "8050300107 01020304050607",
        ],
    );
    let data = "0102030405060708090A0B0C0D0E0F10";
    for header in ["84820000", "84820200", "84823000", "84823100", "84823301"] {
        check(challenged, &plain(&format!("{header} 10 {data}")), 0x6a86);
        check(factory, &plain(&format!("{header} 01 00")), 0x6a86);
    }
    all(
        factory,
        0x6a86,
        &[
            "80A8010000",
            "80A8000100",
            "80AE810000",
            "80AEC00000",
            "80AE800100",
        ],
    );
    for header in ["84E20100", "84E28100", "84E24000"] {
        check(open, &secured(header, "FF"), 0x6a86);
    }
    all(
        factory,
        0x6a86,
        &[
            "0020008100",
            "0020018008 241234FFFFFFFFFF",
            "0020000008 241234FFFFFFFFFF",
            "0082010008 0000000000000000",
            "0082000108 0000000000000000",
        ],
    );
    for header in ["84F04002", "84F0000F", "84F08080", "84F0407F"] {
        check(active, &secured(header, &format!("4F08{SLOT}")), 0x6a86);
    }
    check(active, &secured("84E40100", &format!("4F08{SLOT}")), 0x6a86);
    check(active, &secured("84E40001", &format!("4F08{SLOT}")), 0x6a86);
    for header in ["84F24000", "84F24001", "84F24102", "84F20002", "84F2C002"] {
        check(active, &secured(header, "4F00"), 0x6a86);
    }
}

#[test]
fn select_finds_what_is_there() {
    let select = |aid: &str| plain(&format!("00A40400{:02X}{aid}00", aid.len() / 2));
    check(active, &plain("00A4040200"), 0x6a82);
    let next = |aid: &str| plain(&format!("00A40402{:02X}{aid}00", aid.len() / 2));
    for aid in ["F04B4149", "325041592E5359532E4444463031", DOMAIN] {
        check(domain, &next(aid), 0x6a82);
    }
    check(selected, &next(SLOT), 0x6a82);
    check(selected, &next("F04B41494B"), 0x6a82);
    let none = [
        "F04B4149",
        "F04B41494C",
        "F04B41494B410102",
        "F04B41494B41010101",
        "F04B41494B4102",
    ];
    for aid in none {
        check(active, &select(aid), 0x6a82);
    }
    for at in [factory, staged, deleted] {
        check(at, &select(SLOT), 0x6a82);
        check(at, &select("F04B41494B4101"), 0x6a82);
    }
    check(active, &select("A0000000041010"), 0x6a82);
    check(active, &select("315041592E5359532E44444630"), 0x6a82);
}

#[test]
fn a_channel_is_opened_in_order() {
    all(
        domain,
        0x6700,
        &[
            "8050300007 01020304050607 00",
            "80503000",
            "8050300009 010203040506070809",
        ],
    );
    all(
        factory,
        0x6985,
        &[
            "8050300008 0102030405060708 00",
            "8050330008 0102030405060708 00",
        ],
    );
    check(selected, &plain("8050300008 0102030405060708 00"), 0x6985);
    for version in ["01", "2F", "33", "FF"] {
        let command = format!("8050{version}0008 0102030405060708 00");
        check(domain, &plain(&command), 0x6a88);
    }
    let data = "00".repeat(16);
    for at in [factory, domain, open] {
        check(at, &plain(&format!("84823300 10 {data}")), 0x6985);
    }
    check(
        challenged,
        &plain(&format!("84823300 0F {}", "00".repeat(15))),
        0x6700,
    );
    check(
        challenged,
        &plain(&format!("84823300 11 {}", "00".repeat(17))),
        0x6700,
    );
    let mut bench = Bench::over(flash_with(&Image {
        sequence: 0x00ff_ffff,
        ..Image::default()
    }));
    bench.select(DOMAIN);
    check_on(&mut bench, &plain("8050310008 0102030405060708 00"), 0x6985);
}

#[test]
fn failed_openings_are_counted_and_nothing_else() {
    //= spec/60-provision.md#pro-4-failed-openings-are-counted
    //= type=test
    //# The chip MUST refuse to open a channel after `CHANNEL_TRIES_MAX` failed EXTERNAL AUTHENTICATEs in a row.
    let mut bench = active();
    bench.select(DOMAIN);
    for tries in 1..=10 {
        let card = bench.challenge();
        let before = *bench.chip.image();
        let (spoil, sw) = if tries % 2 == 0 {
            (0, 0x6982)
        } else {
            (8, 0x6982)
        };
        assert_eq!(bench.authenticate(Level::Both, &card, Some(spoil)), sw);
        let failures = tries;
        assert_eq!(*bench.chip.image(), Image { failures, ..before });
    }
    check_on(&mut bench, &plain("8050330008 0102030405060708 00"), 0x6a88);
    check_on(&mut bench, &plain("8050300008 0102030405060708 00"), 0x6983);
    let mut bench = bench.again();
    bench.select(DOMAIN);
    check_on(&mut bench, &plain("8050300008 0102030405060708 00"), 0x6983);
}

#[test]
fn a_wrong_cryptogram_under_a_right_mac_counts_too() {
    let mut bench = domain();
    for failures in 1..=9 {
        let card = bench.challenge();
        assert_eq!(bench.wrong_cryptogram(&card), 0x6300);
        assert_eq!(bench.chip.image().failures, failures);
        check_on(
            &mut bench,
            &plain(&format!("84823300 10 {}", "00".repeat(16))),
            0x6985,
        );
    }
    let card = bench.challenge();
    assert_eq!(bench.authenticate(Level::Both, &card, None), 0x9000);
    assert_eq!(bench.chip.image().failures, 0);
}

#[test]
fn blocks_come_in_order() {
    check(open, &secured("84E20001", "E1"), 0x6985);
    check(open, &secured("84E28001", "E1"), 0x6985);
    check(begun, &secured("84E20000", "E1"), 0x6985);
    check(begun, &secured("84E20002", "E1"), 0x6985);
    let mut bench = begun();
    check_on(&mut bench, &secured("84E28005", "E1"), 0x6985);
    check_on(&mut bench, &secured("84E28001", "E1"), 0x6985);
    let mut bench = open();
    for n in 0..17 {
        bench.good(&secured(&format!("84E200{n:02X}"), &"00".repeat(15)));
    }
    check_on(&mut bench, &secured("84E20011", "00"), 0x6a80);
    let mut bench = open();
    for n in 0..255 {
        bench.good(&secured(&format!("84E200{n:02X}"), ""));
    }
    check_on(&mut bench, &secured("84E200FF", ""), 0x6a80);
}

/// What a template may not be: one byte changed, left out or added at a place that matters.
#[test]
fn a_template_is_exactly_one() {
    let whole = template(1);
    let refused = |bytes: &[u8]| {
        let say = Say::Secured([0x84, 0xe2, 0x80, 0], bytes.to_vec());
        check(open, &say, 0x6a80);
    };
    for end in 0..whole.len() {
        refused(&whole[..end]);
    }
    refused(&[&whole[..], &[0]].concat());
    for at in [
        0, 1, 2, 3, 4, 21, 22, 31, 32, 33, 37, 38, 39, 41, 42, 43, 60, 61, 62, 64, 65, 66,
    ] {
        let mut other = whole.clone();
        other[at] ^= 1;
        refused(&other);
    }
    // Another object behind the last one, and one of another length in its place.
    let mut longer = [&whole[..], &[0x50, 0]].concat();
    longer[1] += 2;
    refused(&longer);
    let mut shorter = whole[..whole.len() - 1].to_vec();
    shorter[1] -= 1;
    shorter[66] -= 1;
    refused(&shorter);
    // Lengths that are not the shortest, outside and inside, and the indefinite form.
    refused(&[&[0xe1, 0x81], &whole[1..]].concat());
    refused(&[&[0xe1, whole[1] + 1, 0xdf, 0x22, 0x81], &whole[4..]].concat());
    refused(&[&[0xe1, 0x80], &whole[2..], &[0, 0]].concat());
}

#[test]
fn a_reference_is_taken_once_and_slots_are_four() {
    //= spec/60-provision.md#pro-11-one-slot
    //= type=test
    //# The chip MUST refuse a token reference that one of its slots holds in state active, suspended or deleted.
    for at in [active, suspended, deleted, full] {
        let say = Say::Secured([0x84, 0xe2, 0x80, 0], template(1));
        check(at, &say, 0x6985);
    }
    let say = Say::Secured([0x84, 0xe2, 0x80, 0], template(5));
    check(full, &say, 0x6a84);
    let mut bench = full();
    bench.good(&secured("84E40000", &format!("4F08{SLOT}")));
    check_on(&mut bench, &say, 0x6a84);
}

#[test]
fn slots_are_named_and_change_only_as_they_may() {
    //= spec/80-manage.md#mng-1-only-these-changes
    //= type=test
    //# A token MUST change state only as inactive → active, active ⇄ suspended, and any → deleted.
    let named = format!("4F08{SLOT}");
    let commands = ["84F0400F", "84F04001", "84F04080", "84F04000", "84E40000"];
    for header in commands {
        for data in [
            "",
            "4F",
            "4F08",
            "5008F04B41494B410101",
            "4F0100 00",
            "FFFFFF",
            "4F80F04B0000",
        ] {
            check(active, &secured(header, data), 0x6a80);
        }
        for data in [
            "4F08F04B41494B410102",
            "4F08F04B41494B410100",
            "4F08F04B41494B410105",
            "4F07F04B41494B4101",
        ] {
            check(active, &secured(header, data), 0x6a88);
        }
        check(open, &secured(header, &named), 0x6a88);
    }
    for header in &commands[2..] {
        check(staged, &secured(header, "4F00"), 0x6a80);
    }
    for header in &commands[..2] {
        check(open, &secured(header, "4F00"), 0x6a88);
        for at in [active, suspended, deleted] {
            check(at, &secured(header, "4F00"), 0x6985);
            check(at, &secured(header, &named), 0x6985);
        }
    }
    for at in [staged, suspended, deleted] {
        check(at, &secured("84F04080", &named), 0x6985);
    }
    for at in [staged, active, deleted] {
        check(at, &secured("84F04000", &named), 0x6985);
    }
    check(deleted, &secured("84E40000", &named), 0x6a88);
    check(open, &secured("84F24002", "4F00"), 0x6a88);
    for data in [
        "",
        "4F",
        "5C014F",
        "4F005C019F",
        "4F005C024F9F",
        "4F0000",
        "4F005C014F00",
        "4F00 9F7000",
        "4F02F0",
    ] {
        check(active, &secured("84F24002", data), 0x6a80);
    }
    for data in ["4F01F1", "4F08F04B41494B410102", "4F09F04B41494B41010100"] {
        check(active, &secured("84F24002", data), 0x6a88);
    }
    check(active, &secured("84F28002", "4F01F1"), 0x6a88);
    check(active, &secured("84F22002", "4F00"), 0x6a88);
    check(active, &secured("84F21002", "4F00"), 0x6a88);
    check(active, &secured("84F24003", "4F00"), 0x6985);
}

#[test]
fn data_and_records_are_there_or_not() {
    all(
        factory,
        0x6a88,
        &[
            "80CADF2100",
            "80CA9F3600",
            "80CA9F1300",
            "80CA000000",
            "80CA005A00",
            "80CA9F1F00",
            "80CAFFFF00",
            "80CA006600",
            "80CA00E000",
            "80CA00C100",
            "80CA9F1700",
        ],
    );
    for tag in ["0066", "00E0", "00C1", "9F17", "9F4F", "0042"] {
        check(selected, &plain(&format!("80CA{tag}00")), 0x6a88);
    }
    for at in [staged, deleted] {
        check(at, &plain("80CADF2100"), 0x6a88);
    }
    check(active, &plain("80CA9F3600"), 0x6a88);
    check(selected, &plain("80CA9F2600"), 0x6a88);
    all(
        selected,
        0x6a82,
        &["00B2010400", "00B2011400", "00B201FC00"],
    );
    all(selected, 0x6a83, &["00B2030C00", "00B2FF0C00"]);
    for at in [factory, domain] {
        check(at, &plain("00B2010C00"), 0x6985);
    }
    let mut bench = active();
    bench.select("325041592E5359532E4444463031");
    check_on(&mut bench, &plain("00B2010C00"), 0x6985);
    bench.select("315041592E5359532E4444463031");
    check_on(&mut bench, &plain("00B2020C00"), 0x6a83);
    check_on(&mut bench, &plain("00B2011400"), 0x6a82);
}

#[test]
fn only_an_active_token_pays() {
    //= spec/75-tap.md#tap-6-active-only
    //= type=test
    //# The chip MUST refuse GET PROCESSING OPTIONS for a token that is not active.
    for at in [factory, domain, active] {
        check(at, &gpo(), 0x6985);
    }
    let mut bench = suspended();
    assert_eq!(bench.select(SLOT).1, 0x6283);
    check_on(&mut bench, &gpo(), 0x6985);
    check_on(&mut bench, &first("80"), 0x6985);
    let sale = format!("36000000{SALE}");
    for data in [
        "",
        "83",
        &format!("8421{sale}"),
        &format!("8320{}", &sale[2..]),
        &format!("8322{sale}00"),
        &format!("8321{sale}00"),
    ] {
        let say = plain(&format!("80A80000 {:02X} {data}", data.len() / 2));
        check(selected, &say, 0x6a80);
    }
    check(selected, &plain("80A80000"), 0x6a80);
    let slot = Slot {
        state: State::Active,
        atc: u16::MAX,
        ..Slot::default()
    };
    let mut image = Image::default();
    image.slots[0] = slot;
    let mut bench = Bench::over(flash_with(&image));
    assert_eq!(bench.select(SLOT).1, 0x9000);
    check_on(&mut bench, &gpo(), 0x6985);
}

#[test]
fn cryptograms_come_in_order_and_once() {
    //= spec/75-tap.md#tap-5-one-request-cryptogram-per-counter
    //= type=test
    //# The chip MUST store that a cryptogram is given before it computes it, and give at most one first cryptogram for one
    //# counter.
    for at in [factory, domain, selected, done] {
        for kind in ["00", "40", "80"] {
            check(at, &first(kind), 0x6985);
            check(at, &second(kind), 0x6985);
        }
        check(at, &plain("80AE8000"), 0x6985);
    }
    check(asked, &second("80"), 0x6985);
    check(asked, &plain("80AE8000 01 00"), 0x6985);
    for kind in ["00", "40", "80"] {
        check(initiated, &second(kind), 0x6700);
        check(
            initiated,
            &plain(&format!("80AE{kind}00 1C {}", &SALE[2..])),
            0x6700,
        );
        check(initiated, &plain(&format!("80AE{kind}00")), 0x6700);
    }
    for kind in ["00", "40"] {
        check(asked, &first(kind), 0x6700);
        check(
            asked,
            &plain(&format!("80AE{kind}00 20 00 3030{SALE}")),
            0x6700,
        );
    }
    let mut declined = initiated();
    declined.good(&first("00"));
    check_on(&mut declined, &second("00"), 0x6985);
    check_on(&mut declined, &first("80"), 0x6985);
}

#[test]
fn a_rest_waits_for_one_command() {
    check(factory, &plain("00C0000000"), 0x6985);
    let mut bench = selected();
    let whole = bench.good(&plain("80CA9F7F00"));
    assert_eq!(
        bench.say(&plain("80CA9F7F04")),
        (whole[..4].to_vec(), 0x6107)
    );
    assert_eq!(
        bench.say(&plain("00C0000005")),
        (whole[4..9].to_vec(), 0x6102)
    );
    assert_eq!(
        bench.say(&plain("00C0000000")),
        (whole[9..].to_vec(), 0x9000)
    );
    check_on(&mut bench, &plain("00C0000000"), 0x6985);
    for between in ["80CA9F3600", "80CADF2200", &format!("00A4040008{SLOT}00")] {
        bench.say(&plain("80CA9F7F04"));
        bench.say(&plain(between));
        check_on(&mut bench, &plain("00C0000000"), 0x6985);
    }
    bench.say(&plain("80CA9F7F04"));
    bench.chip.reset();
    check_on(&mut bench, &plain("00C0000000"), 0x6985);
}

#[test]
fn evidence_is_of_two_kinds_and_over_a_digest() {
    let digest = "88".repeat(32);
    let bad = ["802A0000", "802A0300", "802AFF00", "802A0101", "802A0201"];
    for header in bad {
        check(domain, &plain(&format!("{header} 20 {digest} 00")), 0x6a86);
        check(factory, &plain(&format!("{header} 01 00")), 0x6a86);
    }
    for length in [0, 1, 16, 31, 33, 64, 255] {
        let data = "88".repeat(length);
        let data = match length {
            0 => "00".to_owned(),
            _ => format!("{length:02X} {data} 00"),
        };
        check(domain, &plain(&format!("802A0100 {data}")), 0x6700);
        check(factory, &plain(&format!("802A0200 {data}")), 0x6700);
    }
    for at in [factory, selected, initiated] {
        check(at, &plain(&format!("802A0100 20 {digest} 00")), 0x6985);
    }
}
