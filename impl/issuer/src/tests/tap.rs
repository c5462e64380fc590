//! Taps at the issuer, frame by frame.

use super::*;
use kaika_apdu::{Tag, tlv};
use kaika_crypto::emv::{CryptogramInput, cryptogram, response_cryptogram};
use kaika_crypto::{TokenKey, chip::token_key};
use kaika_spec::limit::{ATC_WINDOW, CARD_LIMIT_MINOR, TAP_LIMIT_MINOR, TOKEN_LIFE_MS};
use kaika_wire::core::{Write, read};
use kaika_wire::iso8583::Message;

use crate::rows::{CARDS, COUNTERS, Card, POSTINGS, Posting, TAPS, TOKENS, Token};

/// What the chip and the shop say.
#[derive(Clone)]
struct Said {
    mti: [u8; 4],
    number: u8,
    amount: u64,
    atc: u16,
    chip_currency: u16,
    kind: u8,
    forged: bool,
}

const SAID: Said = Said {
    mti: *b"0100",
    number: 1,
    amount: 1_000,
    atc: 1,
    chip_currency: 0x0156,
    kind: 0x80,
    forged: false,
};

/// A bench with one token that is active, and its key.
struct Shop {
    bench: Bench,
    token_ref: String,
    token: Token,
    key: TokenKey,
}

fn shop() -> Shop {
    let mut bench = bench();
    let issued = bench.issued(1);
    let token_ref = issued["token_ref"].as_str().unwrap_or_default().to_owned();
    let Some(token) = read::<Token>(&bench.rows, TOKENS, &token_ref) else {
        panic!("a token was issued")
    };
    let key = token_key(&config().imk, &token.digits, 1);
    let mut shop = Shop {
        bench,
        token_ref,
        token,
        key,
    };
    shop.token.state = "active".into();
    shop.keep();
    shop
}

impl Shop {
    /// Stores the token as it is now.
    fn keep(&mut self) {
        let write = Write::put(TOKENS, self.token_ref.clone(), &self.token);
        self.bench.rows.apply(&[write]);
    }

    fn cryptogram(&self, said: &Said) -> [u8; 8] {
        let mut made = cryptogram(&self.key, &input(said, &digits(said.amount)));
        if said.forged {
            made[7] ^= 1;
        }
        made
    }

    fn request(&self, said: &Said) -> Message {
        let amount = digits(said.amount);
        let mut buffer = [0; 255];
        let mut writer = tlv::Writer::new(&mut buffer);
        for (tag, value) in [
            (Tag::AMOUNT, &amount[..]),
            (Tag::AMOUNT_OTHER, &[0; 6]),
            (Tag::COUNTRY, &[0x01, 0x56]),
            (Tag::TVR, &[0; 5]),
            (Tag::CURRENCY, &said.chip_currency.to_be_bytes()),
            (Tag::DATE, &[0x27, 0x01, 0x15]),
            (Tag::TYPE, &[0]),
            (Tag::UNPREDICTABLE_NUMBER, &[1, 2, 3, 4]),
            (Tag::AIP, &[0x1c, 0]),
            (Tag::ATC, &said.atc.to_be_bytes()),
            (Tag::IAD, &IAD),
            (Tag::CRYPTOGRAM, &self.cryptogram(said)),
            (Tag::CRYPTOGRAM_INFORMATION, &[said.kind]),
            (Tag::PSN, &[1]),
        ] {
            assert!(writer.put(tag, value).is_ok());
        }
        named(Message::new(said.mti), said.number)
            .with(2, self.token.digits.clone())
            .with(3, *b"000000")
            .with(4, format!("{:012}", said.amount))
            .with(14, self.token.expiry[..4].to_owned())
            .with(22, *b"071")
            .with(49, *b"156")
            .with(55, writer.written())
    }

    fn reversal(&self, said: &Said) -> Message {
        let original = [&said.mti[..], b"0000420115080000", &[b'0'; 22]].concat();
        named(Message::new(*b"0400"), said.number)
            .with(2, self.token.digits.clone())
            .with(3, *b"000000")
            .with(4, format!("{:012}", said.amount))
            .with(49, *b"156")
            .with(90, original)
    }

    /// What is answered, and why.
    fn told(&mut self, message: &Message) -> (Message, Option<Refusal>) {
        let (bytes, _, refusal) = self.bench.frame(message);
        (Message::parse(&bytes).unwrap_or_default(), refusal)
    }

    fn available(&self) -> u64 {
        read::<Card>(&self.bench.rows, CARDS, &self.token.card_code)
            .map(|card| card.available_minor)
            .unwrap_or_default()
    }

    /// The last counter that was verified.
    fn counter(&self) -> Option<u16> {
        read(&self.bench.rows, COUNTERS, &self.token_ref)
    }

    fn postings(&self) -> Vec<Posting> {
        let rows = self.bench.rows.table(POSTINGS);
        rows.filter_map(|(_, row)| serde_json::from_slice(row).ok())
            .collect()
    }

    /// Refused with this code, for this reason; no money moved, and the counter is as it was unless it was `counted`.
    fn refuses(&mut self, message: &Message, code: &str, why: Refusal, counted: bool) {
        let before = (self.available(), self.postings());
        let last = self.counter();
        let (answer, refusal) = self.told(message);
        assert_eq!((answer.text(39), refusal), (Some(code), Some(why)));
        assert_eq!(answer.field(38), None, "{why}");
        assert_eq!(answer.field(55).is_some(), counted, "{why}");
        assert_eq!((self.available(), self.postings()), before, "{why}");
        assert_eq!(self.counter() != last, counted, "{why}");
    }
}

/// Field 55 with each object missing, twice, shorter and longer, and with something cut off at its end.
fn wrong_chip_data(good: &[u8]) -> Vec<Vec<u8>> {
    let objects: Vec<_> = tlv::Reader::new(good).flatten().collect();
    let written = |objects: &[(Tag, &[u8])]| {
        let mut buffer = [0; 255];
        let mut writer = tlv::Writer::new(&mut buffer);
        for (tag, value) in objects {
            assert!(writer.put(*tag, value).is_ok());
        }
        writer.written().to_vec()
    };
    let mut wrong = Vec::new();
    for at in 0..objects.len() {
        let mut others: Vec<_> = objects.iter().map(|one| (one.tag, one.value)).collect();
        let (tag, value) = others.remove(at);
        let longer = [value, &[0]].concat();
        for values in [vec![], vec![value; 2], vec![&value[1..]], vec![&longer[..]]] {
            let changed = values.into_iter().map(|value| (tag, value));
            wrong.push(written(
                &others.iter().copied().chain(changed).collect::<Vec<_>>(),
            ));
        }
    }
    let cut = [&[0x9f][..], &[0x9f, 0x33], &[0x9f, 0x33, 3, 0xe0, 0xf8]];
    wrong.extend(cut.map(|cut| [good, cut].concat()));
    assert_eq!(wrong.len(), 14 * 4 + 3);
    wrong
}

#[test]
fn the_key_is_of_the_sequence_number_in_the_message() {
    let mut shop = shop();
    let good = shop.request(&SAID);
    let data = good.field(55).unwrap_or_default();
    let (other, beside) = (
        [&data[..data.len() - 1], &[2]].concat(),
        [data, &[0x9f, 0x33, 3, 0xe0, 0xf8, 0xc8]].concat(),
    );
    assert!(data.ends_with(&[0x5f, 0x34, 1, 1]));
    let other = shop.request(&SAID).with(55, other);
    shop.refuses(&other, "82", Refusal::CryptogramBad, false);
    let good = good.with(37, *b"000000000077").with(55, beside);
    assert_eq!(shop.told(&good).0.text(39), Some("00"));
}

const IAD: [u8; 7] = [6, 1, 0x12, 3, 0xa0, 0, 0];

fn digits(amount: u64) -> [u8; 6] {
    hex::decode(format!("{amount:012}"))
        .unwrap_or_default()
        .try_into()
        .unwrap_or_default()
}

fn input<'a>(said: &Said, amount: &'a [u8; 6]) -> CryptogramInput<'a> {
    let currency: &[u8; 2] = if said.chip_currency == 0x0156 {
        &[0x01, 0x56]
    } else {
        &[0x08, 0x40]
    };
    CryptogramInput {
        amount,
        amount_other: &[0; 6],
        country: &[0x01, 0x56],
        tvr: &[0; 5],
        currency,
        date: &[0x27, 0x01, 0x15],
        kind: 0,
        unpredictable_number: &[1, 2, 3, 4],
        interchange_profile: &[0x1c, 0],
        atc: said.atc,
        issuer_data: &IAD,
    }
}

fn named(message: Message, number: u8) -> Message {
    message
        .with(7, *b"0115080000")
        .with(11, *b"000042")
        .with(37, format!("{number:012}"))
        .with(41, *b"SHOP0001")
        .with(42, *b"SHOP           ")
}

impl Bench {
    /// The answer's bytes, what it says, and what it hides.
    fn frame(&mut self, message: &Message) -> (Vec<u8>, String, Option<Refusal>) {
        let bytes = message.encode().unwrap_or_default();
        let frame = self
            .issuer
            .authorise(&self.rows, self.now, &mut self.dice, &bytes);
        let Ok(frame) = frame else {
            panic!("{message:?} is malformed");
        };
        self.rows.apply(&frame.writes);
        let answer = Message::parse(&frame.answer).unwrap_or_default();
        let says = answer.text(39).unwrap_or_default().to_owned();
        (frame.answer, says, frame.refusal)
    }
}

#[test]
fn a_declined_tap_that_is_reversed_is_a_tombstone_and_its_repeat_is_answered_alike() {
    let mut shop = shop();
    shop.token.state = "inactive".into();
    shop.keep();
    let (request, other) = (
        shop.request(&SAID),
        shop.request(&Said {
            amount: 2_000,
            ..SAID
        }),
    );
    let reversal = shop.reversal(&SAID);
    let bench = &mut shop.bench;

    let declined = bench.frame(&request);
    let why = Some(Refusal::TokenNotActive);
    assert_eq!((declined.1.as_str(), declined.2), ("62", why));
    let conflict = bench.frame(&other);
    let why = Some(Refusal::IdempotencyConflict);
    assert_eq!((conflict.1.as_str(), conflict.2), ("94", why));

    assert_eq!(bench.frame(&reversal).1, "00");
    assert_eq!(bench.frame(&other).2, Some(Refusal::DebitTombstoned));
    assert_eq!(bench.frame(&request).0, declined.0);
    let before = bench.rows.clone();
    assert_eq!(bench.frame(&reversal).1, "00");
    assert_eq!(bench.rows, before);
}

//= spec/75-tap.md#tap-16-a-financial-request-pays-at-once
//= type=test
//# The issuer MUST credit the shop for an approved financial request, and the shop's hold for an approved authorisation request.
#[test]
fn an_authorisation_is_held_and_a_financial_request_is_paid() {
    for (mti, answered, credited) in [
        (*b"0100", *b"0110", "held SHOP"),
        (*b"0200", *b"0210", "SHOP"),
    ] {
        let mut shop = shop();
        let said = Said { mti, ..SAID };
        let (answer, refusal) = shop.told(&shop.request(&said));
        assert_eq!(
            (answer.mti, answer.text(39), refusal),
            (answered, Some("00"), None)
        );
        assert_eq!(shop.available(), CARD_LIMIT_MINOR - 1_000);
        let [posting] = &shop.postings()[..] else {
            panic!("one posting")
        };
        assert_eq!(
            (posting.debit.as_str(), posting.credit.as_str()),
            (shop.token.card_code.as_str(), credited)
        );
        assert_eq!(shop.told(&shop.reversal(&said)).0.text(39), Some("00"));
        assert_eq!(shop.available(), CARD_LIMIT_MINOR);
        let back = shop
            .postings()
            .into_iter()
            .find(|one| one.debit == credited);
        assert_eq!(
            back.map(|one| one.credit),
            Some(shop.token.card_code.clone())
        );
    }
}

//= spec/75-tap.md#tap-17-the-issuer-proves-itself
//= type=test
//# The issuer MUST answer a tap that it decides with a response cryptogram over its decision exactly when it verified the tap's cryptogram.
#[test]
fn the_answer_proves_the_issuer_and_its_decision() {
    let mut shop = shop();
    let over = Said {
        number: 2,
        atc: 2,
        amount: TAP_LIMIT_MINOR + 1,
        ..SAID
    };
    for (said, update) in [(&SAID, [0, 0x80, 0, 0]), (&over, [0; 4])] {
        let arqc = shop.cryptogram(said);
        let proof = response_cryptogram(&shop.key, said.atc, &arqc, &update);
        let want = [&[0x91, 8][..], &proof, &update].concat();
        let answer = shop.told(&shop.request(said)).0;
        assert_eq!(answer.field(55), Some(&want[..]));
    }
}

//= spec/90-wire.md#wir-13-a-refusal-has-one-response-code
//= type=test
//# The issuer MUST answer a refused ISO 8583 request with the response code that the table below gives its refusal.
//= spec/75-tap.md#tap-15-the-expiry-is-the-tokens
//= type=test
//# The issuer MUST refuse a tap whose expiry field is not that of the token.
//= spec/75-tap.md#tap-23-the-currency-is-the-cards
//= type=test
//# The issuer MUST refuse a tap in another currency than that of the card.
#[test]
fn every_refusal_has_its_code_and_books_nothing() {
    let mut shop = shop();
    let good = shop.request(&SAID);
    let forged = shop.request(&Said {
        forged: true,
        ..SAID
    });
    let dollars = shop.request(&Said {
        chip_currency: 0x0840,
        ..SAID
    });
    let by_itself = shop.request(&Said { kind: 0x40, ..SAID });
    let counted = Said { atc: 2, ..SAID };
    let over = shop.request(&Said {
        amount: TAP_LIMIT_MINOR + 1,
        ..counted
    });
    let mut number = 10;
    let mut fresh = |message: &Message| {
        number += 1;
        message.clone().with(37, format!("{number:012}"))
    };
    let cases = [
        (fresh(&forged), "82", Refusal::CryptogramBad),
        (
            fresh(&good).with(4, *b"000000001001"),
            "82",
            Refusal::CryptogramBad,
        ),
        (fresh(&dollars), "82", Refusal::CryptogramBad),
        (fresh(&by_itself), "82", Refusal::CryptogramBad),
        (
            fresh(&dollars).with(49, *b"840"),
            "57",
            Refusal::DomainViolation,
        ),
        (
            fresh(&good).with(22, *b"051"),
            "57",
            Refusal::DomainViolation,
        ),
        (fresh(&good).with(14, *b"2912"), "54", Refusal::TokenExpired),
    ];
    for (message, code, why) in cases {
        shop.refuses(&message, code, why, false);
    }
    let unknown = fresh(&good).with(2, *b"6299000000000000");
    shop.refuses(&unknown, "14", Refusal::UnknownToken, false);
    for missing in [2, 3, 4, 7, 11, 14, 22, 37, 41, 42, 49, 55] {
        let mut message = fresh(&good);
        message.fields.remove(&missing);
        shop.refuses(&message, "30", Refusal::Malformed, false);
    }
    for bytes in wrong_chip_data(good.field(55).unwrap_or_default()) {
        shop.refuses(
            &fresh(&good).with(55, bytes),
            "30",
            Refusal::Malformed,
            false,
        );
    }
    let undo = shop.reversal(&SAID);
    for missing in [2, 3, 4, 7, 11, 37, 41, 42, 49, 90] {
        let mut message = fresh(&undo);
        message.fields.remove(&missing);
        shop.refuses(&message, "30", Refusal::Malformed, false);
    }
    shop.refuses(&over, "61", Refusal::LimitExceeded, true);
    assert_eq!(
        shop.told(&good.with(37, *b"000000000099")).1,
        Some(Refusal::AtcReplay)
    );
}

#[test]
fn a_token_or_card_that_may_not_pay_is_refused_with_its_code() {
    for (state, code, why) in [
        ("suspended", "62", Refusal::TokenNotActive),
        ("deleted", "62", Refusal::TokenNotActive),
    ] {
        let mut shop = shop();
        shop.token.state = state.into();
        if state == "suspended" {
            shop.token.suspended_by = vec![kaika_wire::messages::issuer::Suspender::User];
        }
        shop.keep();
        shop.refuses(&shop.request(&SAID), code, why, false);
    }
    let mut blocked = shop();
    let path = format!("/v1/cards/{}/status", blocked.token.card_code);
    assert!(
        blocked
            .bench
            .operator(&path, &json!({"status": "blocked"}))
            .is_ok()
    );
    blocked.refuses(&blocked.request(&SAID), "62", Refusal::CardNotActive, false);
    let mut old = shop();
    old.bench.now = NOW + TOKEN_LIFE_MS;
    old.refuses(&old.request(&SAID), "54", Refusal::TokenExpired, false);
    let mut poor = shop();
    let write = read::<Card>(&poor.bench.rows, CARDS, &poor.token.card_code).map(|card| {
        let spent = Card {
            available_minor: 999,
            ..card
        };
        Write::put(CARDS, poor.token.card_code.clone(), &spent)
    });
    poor.bench.rows.apply(write.as_slice());
    poor.refuses(&poor.request(&SAID), "51", Refusal::Insufficient, true);
}

//= spec/75-tap.md#tap-14-a-counter-is-near
//= type=test
//# The issuer MUST NOT approve a transaction counter of a token that is more than `ATC_WINDOW` above the last one it saw verified.
#[test]
fn a_counter_is_above_the_last_one_and_within_the_window() {
    let mut shop = shop();
    let mut number = 0;
    let mut tapped = |shop: &mut Shop, atc: u16, approved: bool| {
        number += 1;
        let message = shop.request(&Said {
            atc,
            number,
            ..SAID
        });
        if approved {
            let (answer, refusal) = shop.told(&message);
            assert_eq!((answer.text(39), refusal), (Some("00"), None), "{atc}");
        } else {
            shop.refuses(&message, "82", Refusal::AtcReplay, false);
        }
    };
    tapped(&mut shop, 0, false);
    tapped(&mut shop, ATC_WINDOW + 1, false);
    tapped(&mut shop, ATC_WINDOW, true);
    tapped(&mut shop, ATC_WINDOW, false);
    tapped(&mut shop, ATC_WINDOW - 1, false);
    tapped(&mut shop, 2 * ATC_WINDOW + 1, false);
    tapped(&mut shop, u16::MAX, false);
    tapped(&mut shop, 2 * ATC_WINDOW, true);
    let write = Write::put(COUNTERS, shop.token_ref.clone(), &(u16::MAX - 1));
    shop.bench.rows.apply(&[write]);
    tapped(&mut shop, u16::MAX, true);
    tapped(&mut shop, 0, false);
    tapped(&mut shop, 1, false);
}

//= spec/75-tap.md#tap-18-a-reversal-names-its-request
//= type=test
//# The issuer MUST refuse a reversal whose amount, or whose original type, trace number or time, is not that of the request it
//# names.
#[test]
fn a_reversal_of_something_else_gives_nothing_back() {
    let mut shop = shop();
    assert_eq!(shop.told(&shop.request(&SAID)).1, None);
    let good = shop.reversal(&SAID);
    let original = |text: &str| format!("{text}{}", "0".repeat(22));
    let wrong = [
        good.clone().with(4, *b"000000000999"),
        good.clone().with(90, original("02000000420115080000")),
        good.clone().with(90, original("01000000430115080000")),
        good.clone().with(90, original("01000000420115080001")),
        good.clone().with(90, [b'0'; 42]),
    ];
    for message in &wrong {
        let before = shop.bench.rows.clone();
        let (answer, refusal) = shop.told(message);
        let why = Some(Refusal::ReversalMismatch);
        assert_eq!((answer.text(39), refusal), (Some("64"), why), "{message:?}");
        assert_eq!(shop.bench.rows, before);
    }
    assert_eq!(shop.told(&good).1, None);
    assert_eq!(shop.available(), CARD_LIMIT_MINOR);
    let before = shop.bench.rows.clone();
    assert_eq!(shop.told(&wrong[0]).1, Some(Refusal::ReversalMismatch));
    let repeated = Message {
        mti: *b"0401",
        ..good
    };
    assert_eq!(shop.told(&repeated).0.mti, *b"0410");
    assert_eq!(shop.bench.rows, before);
    assert_eq!(shop.bench.rows.table(TAPS).count(), 1);
}

#[test]
fn the_line_is_managed_and_its_form_is_judged() {
    let mut shop = shop();
    let echo = Message::new(*b"0800")
        .with(7, *b"0115080000")
        .with(11, *b"000001")
        .with(70, *b"301");
    let before = shop.bench.rows.clone();
    let (answer, refusal) = shop.told(&echo);
    let want = Message {
        mti: *b"0810",
        ..echo.clone()
    };
    assert_eq!((answer, refusal), (want.with(39, *b"00"), None));
    let mut bare = echo;
    bare.fields.remove(&11);
    assert_eq!(shop.told(&bare).1, Some(Refusal::Malformed));
    assert_eq!(shop.bench.rows, before);
}
