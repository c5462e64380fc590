//! Who holds the card and whether the issuer answered: VERIFY, EXTERNAL AUTHENTICATE in class 00, and what the cryptogram says of both.

mod bench;

use bench::*;
use kaika_crypto::TokenKey;
use kaika_crypto::chip::{Receipt, receipt, token_data_digest};
use kaika_crypto::emv::{CryptogramInput, cryptogram, response_cryptogram};
use kaika_crypto::emv10;

/// The command is refused with this word and writes nothing.
fn check(bench: &mut Bench, say: &Say, sw: u16) {
    let (memory, image) = (bench.memory(), *bench.chip.image());
    let (data, status) = bench.say(say);
    assert_eq!(status, sw, "{status:04X}, not {sw:04X}, to {say:02X?}");
    assert!(data.is_empty(), "data beside {sw:04X} to {say:02X?}");
    assert!(bench.memory() == memory, "written by {say:02X?}");
    assert_eq!(*bench.chip.image(), image);
}

fn input(issuer_data: &[u8]) -> CryptogramInput<'_> {
    CryptogramInput {
        amount: &[0, 0, 0, 0, 0x12, 0x50],
        amount_other: &[0; 6],
        country: &[0x01, 0x56],
        tvr: &[0; 5],
        currency: &[0x01, 0x56],
        date: &[0x26, 0x11, 0x24],
        kind: 0,
        unpredictable_number: &[0x0a, 0x0b, 0x0c, 0x0d],
        interchange_profile: &[0x1c, 0x00],
        atc: 1,
        issuer_data,
    }
}

fn answer(kind: &str, mac: &[u8], issuer_data: &str) -> Vec<u8> {
    let head = hex(&format!("771E 9F2701{kind} 9F36020001 9F2608"));
    [&head, mac, &hex(&format!("9F1007{issuer_data}"))].concat()
}

/// The answer of token 1, which must be under these verification results.
fn eighteen(kind: &str, results: &str) -> Vec<u8> {
    let issuer_data = format!("06011203{results}00");
    let made = cryptogram(&TokenKey::new(token_key(1)), &input(&hex(&issuer_data)));
    answer(kind, &made, &issuer_data)
}

fn ten(kind: &str, results: &str) -> Vec<u8> {
    let issuer_data = format!("06010A03{results}00");
    let made = emv10::cryptogram(&TokenKey::new(token_key(1)), &input(&hex(&issuer_data)));
    answer(kind, &made, &issuer_data)
}

#[test]
fn the_cryptogram_says_what_was_verified() {
    //= spec/85-apdu.md#apd-12-what-was-verified-is-inside
    //= type=test
    //# Whether the chip verified a PIN, and whether the PIN or the issuer's proof was wrong, MUST be part of what the cryptogram
    //# covers.
    let mut bench = pin_initiated();
    assert_eq!(bench.good(&first("80")), eighteen("80", "A000"));
    let mut bench = pin_initiated();
    assert_eq!(bench.good(&verify(PIN)), []);
    assert_eq!(bench.good(&first("80")), eighteen("80", "A400"));
    assert_eq!(bench.good(&second("40")), eighteen("40", "6400"));
    let mut bench = pin_initiated();
    assert_eq!(bench.say(&verify(OTHER_PIN)), (vec![], 0x63c2));
    assert_eq!(bench.good(&first("00")), eighteen("00", "8600"));
    // The last one counts.
    let mut bench = pin_initiated();
    bench.say(&verify(OTHER_PIN));
    bench.good(&verify(PIN));
    assert_eq!(bench.good(&first("40")), eighteen("80", "A400"));
    let mut bench = pin_initiated();
    for left in [2, 1, 0] {
        assert_eq!(bench.say(&verify(OTHER_PIN)).1, 0x63c0 | left);
    }
    check(&mut bench, &verify(PIN), 0x6983);
    assert_eq!(bench.good(&first("80")), eighteen("80", "A640"));
}

#[test]
fn a_pin_is_verified_in_a_payment_before_its_cryptogram() {
    for at in [factory, domain, active, selected, asked, done] {
        check(&mut at(), &verify(PIN), 0x6985);
    }
    check(&mut initiated(), &verify(PIN), 0x6984);
    check(&mut initiated(), &verify("00"), 0x6700);
    let mut bench = pin_initiated();
    for block in [
        "142234FFFFFFFFFF",
        "231234FFFFFFFFFF",
        "2D1234567890123F",
        "24123FFFFFFFFFFF",
        "2412340FFFFFFFFF",
        "24123AFFFFFFFFFF",
        "241234FFFFFFFFF0",
        "0000000000000000",
    ] {
        check(&mut bench, &verify(block), 0x6a80);
    }
    for data in ["", "241234FFFFFFFF", "241234FFFFFFFFFFFF"] {
        let length = data.len() / 2;
        check(
            &mut bench,
            &plain(&format!("00200080{length:02X}{data}")),
            0x6700,
        );
    }
    bench.good(&first("80"));
    check(&mut bench, &verify(PIN), 0x6985);
    // A new payment forgets what was verified.
    let mut bench = pin_initiated();
    bench.good(&verify(PIN));
    bench.options();
    let answer = bench.good(&first("80"));
    assert_eq!(answer[answer.len() - 4..], hex("03A00000"));
}

#[test]
fn a_pin_shows_in_the_list_and_its_tries_can_be_asked_for() {
    let mut bench = pin_initiated();
    let tries = |bench: &mut Bench| bench.good(&plain("80CA9F1700"));
    assert_eq!(tries(&mut bench), hex("9F170103"));
    bench.say(&verify(OTHER_PIN));
    assert_eq!(tries(&mut bench), hex("9F170102"));
    bench.good(&verify(PIN));
    assert_eq!(tries(&mut bench), hex("9F170103"));
    let record = bench.good(&plain("00B2020C00"));
    let list = hex("8E0C000000000000000041031F00");
    assert!(record.windows(list.len()).any(|window| window == list));
    let mut bench = selected();
    check(&mut bench, &plain("80CA9F1700"), 0x6a88);
    let record = bench.good(&plain("00B2020C00"));
    let list = hex("8E0A00000000000000001F00");
    assert!(record.windows(list.len()).any(|window| window == list));
}

/// Tag 91 for the request cryptogram in `answer`.
fn proof(answer: &[u8], update: [u8; 4]) -> Vec<u8> {
    let request = answer[14..22].try_into().unwrap_or_default();
    let made = response_cryptogram(&TokenKey::new(token_key(1)), 1, &request, &update);
    [&made[..], &update].concat()
}

fn given(data: &[u8]) -> Say {
    Say::Plain(
        [
            &[0, 0x82, 0, 0, u8::try_from(data.len()).unwrap_or(0)],
            data,
        ]
        .concat(),
    )
}

#[test]
fn an_approval_is_not_given_against_the_issuer() {
    //= spec/85-apdu.md#apd-13-no-approval-against-the-issuer
    //= type=test
    //# The chip MUST NOT give an approval cryptogram after a wrong or declining issuer authentication.
    let approves = [0x00, 0x80, 0x00, 0x00];
    let asked = || {
        let mut bench = initiated();
        let answer = bench.good(&first("80"));
        (bench, answer)
    };
    let (mut bench, answer) = asked();
    assert_eq!(bench.good(&given(&proof(&answer, approves))), []);
    check(&mut bench, &given(&proof(&answer, approves)), 0x6985);
    assert_eq!(bench.good(&second("40")), eighteen("40", "6000"));
    let (mut bench, answer) = asked();
    assert_eq!(bench.good(&given(&proof(&answer, [0; 4]))), []);
    assert_eq!(bench.good(&second("40")), eighteen("00", "2000"));
    for at in 0..8 {
        let (mut bench, answer) = asked();
        let mut wrong = proof(&answer, approves);
        wrong[at] ^= 1;
        check(&mut bench, &given(&wrong), 0x6300);
        // Once for each request, right or wrong.
        check(&mut bench, &given(&proof(&answer, approves)), 0x6985);
        assert_eq!(bench.good(&second("40")), eighteen("00", "2800"));
    }
    let (mut bench, answer) = asked();
    bench.good(&second("40"));
    check(&mut bench, &given(&proof(&answer, approves)), 0x6985);
    // Without a proof the terminal decides.
    let (mut bench, _) = asked();
    assert_eq!(bench.good(&second("40")), eighteen("40", "6000"));
}

#[test]
fn the_issuer_is_verified_after_a_request() {
    let eight = given(&[0; 8]);
    for at in [factory, domain, challenged, open, selected, initiated, done] {
        check(&mut at(), &eight, 0x6985);
        check(&mut at(), &given(&[0; 10]), 0x6985);
    }
    for length in [0, 7, 9, 11, 16] {
        check(&mut asked(), &given(&vec![0; length]), 0x6700);
        check(&mut factory(), &given(&vec![0; length]), 0x6700);
    }
    check(&mut asked(), &given(&[0; 10]), 0x6700);
    check(&mut ten_asked(), &eight, 0x6700);
    let mut declined = initiated();
    declined.good(&first("00"));
    check(&mut declined, &eight, 0x6985);
    // It is not the EXTERNAL AUTHENTICATE of the channel: that stands.
    let mut bench = open();
    check(&mut bench, &eight, 0x6985);
    assert_eq!(bench.say(&secured("84F28002", "4F00")).1, 0x9000);
}

#[test]
fn version_ten_is_another_cryptogram() {
    let begun = || {
        let mut bench = ten_asked();
        bench.options();
        bench
    };
    let mut bench = begun();
    assert_eq!(bench.chip.image().slots[0].atc, 2);
    let answer = bench.good(&first("80"));
    assert_eq!(answer[answer.len() - 7..], hex("06010A03A00000"));
    let mut bench = open();
    let [_, value] = longer_template(1, None, Some(0x0a));
    assert_eq!(bench.stage_this(&around(&value)), 0x9000);
    bench.commit();
    bench.select(SLOT);
    bench.options();
    let answer = bench.good(&first("80"));
    assert_eq!(answer, ten("80", "A000"));
    let request: [u8; 8] = answer[14..22].try_into().unwrap_or_default();
    let key = || TokenKey::new(token_key(1));
    let code = |code: &[u8; 2]| {
        [
            &emv10::response_cryptogram(&key(), &request, code)[..],
            code,
        ]
        .concat()
    };
    let mut wrong = code(b"00");
    wrong[0] ^= 1;
    check(&mut bench, &given(&wrong), 0x6300);
    assert_eq!(bench.good(&second("40")), ten("00", "2800"));
    for (said, kind, results) in [(b"00", "40", "6000"), (b"05", "00", "2000")] {
        let mut bench = bench.again();
        bench.select(SLOT);
        bench.options();
        let answer = bench.good(&first("80"));
        let request = answer[14..22].try_into().unwrap_or_default();
        let proof = emv10::response_cryptogram(&key(), &request, said);
        bench.good(&given(&[&proof[..], said].concat()));
        let answer = bench.good(&second("40"));
        assert_eq!(answer[5..6], hex(kind));
        assert_eq!(answer[answer.len() - 3..], hex(&format!("{results}00")));
    }
}

#[test]
fn the_receipt_covers_pin_and_version_in_the_clear() {
    for (pin, version) in [
        (Some(PIN), None),
        (None, Some(0x0a)),
        (Some(PIN), Some(0x12)),
    ] {
        let [clear, sealed] = longer_template(1, pin, version);
        let mut bench = open();
        assert_eq!(bench.stage_this(&around(&sealed)), 0x9000);
        let says = Receipt {
            se_id: &SE_ID,
            token_ref: &[1; 16],
            request_context: &[0xfe; 32],
            version: 1,
            data_digest: &token_data_digest(&[&clear]),
        };
        let made = receipt(&keys().receipt, &says);
        assert_eq!(bench.commit(), [&hex("DF2310"), &made[..]].concat());
    }
}

/// What the optional objects may not be.
#[test]
fn a_longer_template_is_exactly_one_too() {
    let refused = |value: &[u8]| {
        let say = Say::Secured([0x84, 0xe2, 0x80, 0], around(value));
        check(&mut open(), &say, 0x6a80);
    };
    let [_, whole] = longer_template(1, Some(PIN), Some(0x0a));
    let [_, short] = longer_template(1, None, None);
    let end = short.len();
    // Another PIN block than one of format 2, another padding, other versions.
    for block in ["141234FFFFFFFFFF", "0000000000000000", "24123FFFFFFFFFFF"] {
        refused(&longer_template(1, Some(block), None)[1]);
    }
    for version in [0x00, 0x11, 0x13, 0xff] {
        refused(&longer_template(1, None, Some(version))[1]);
    }
    let mut other = whole.clone();
    other[end + 3] ^= 1;
    refused(&other);
    // Cut, twice, in another order, of another length.
    for cut in (end + 1..whole.len()).filter(|cut| *cut != end + 19) {
        refused(&whole[..cut]);
    }
    let (pin, version) = (&whole[end..end + 19], &whole[end + 19..]);
    refused(&[&short, pin, pin].concat());
    refused(&[&short, version, version].concat());
    refused(&[&short, version, pin].concat());
    refused(&[&short, &hex("DF360F"), &pin[4..]].concat());
    refused(&[&short, &hex("DF370212 12")[..]].concat());
    refused(&[&short, &hex("DF3600")[..]].concat());
}

/// A PIN goes with its token, and with the template that had it, from both copies of the memory.
#[test]
fn a_pin_that_is_gone_is_nowhere() {
    let holds = |bench: &mut Bench| {
        let memory = bench.memory();
        memory.windows(8).any(|window| window == hex(PIN))
    };
    let ends = ["84F04001", "84E40000"].map(|header| secured(header, &format!("4F08{SLOT}")));
    let replaced = Say::Secured([0x84, 0xe2, 0x80, 0], template(1));
    for end in ends.into_iter().chain([replaced]) {
        let mut bench = open();
        assert_eq!(bench.stage_this(&pin_template(1)), 0x9000);
        assert!(holds(&mut bench));
        bench.good(&end);
        assert!(!holds(&mut bench), "{end:02X?}");
    }
}
