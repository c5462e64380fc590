//! Plays of taps at an issuer with one card and one token, against a ledger of a few variables.
//!
//! The play's bytes say what a shop and whoever sits on its line send: good requests, damaged ones, repeats, reversals, anything.
//! [`Twin`] says by `spec/75-tap.md` and `spec/90-wire.md` what must be answered, and what is left on the card.

use std::collections::{BTreeMap, BTreeSet};

use kaika_apdu::{Tag, tlv};
use kaika_conformance::crypto as host;
use kaika_crypto::chip::token_key;
use kaika_crypto::emv::{CryptogramInput, cryptogram};
use kaika_crypto::{ChipMasterKey, IssuerMasterKey, TokenKey};
use kaika_issuer::rows::{CARDS, Card, NUMBERS, POSTINGS, TOKENS, Token};
use kaika_issuer::{Config, Issuer, Vault};
use kaika_spec::limit;
use kaika_wire::core::{Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::Message;
use kaika_wire::memory::MemoryRows;
use kaika_wire::messages::issuer::CardStatus;

use crate::bytes::Reader;
use crate::iso::{Frame, by_table};

const TOKEN: &str = "6299000000000007";
const CARD: &str = "CAAAAAAAAAAAAAAAAAAAA";
const REFERENCE: &str = "77777777777777777777777777777777";
const NOW: i64 = 1_800_000_000_000;
/// What the card holds: more than one tap may take, less than a play can ask for.
const START: u64 = 250_000;
/// Messages in one play.
const MESSAGES_MAX: usize = 40;

/// An issuer that is shown frames: the answer, or nothing when it closes the connection. It stores into the rows.
pub type Subject<'a> = &'a mut dyn FnMut(&mut MemoryRows, &[u8]) -> Option<Vec<u8>>;

/// Fuzz body.
pub fn taps(data: &[u8]) {
    let mut dice = Dice::new([7; 32]);
    play(data, &mut |rows, bytes| {
        let frame = issuer().authorise(rows, NOW, &mut dice, bytes).ok()?;
        rows.apply(&frame.writes);
        Some(frame.answer)
    });
}

/// The issuer of every play.
pub fn issuer() -> Issuer {
    Issuer::new(Config {
        verifier_key: [1; 32],
        operator_key: [2; 32],
        kmc: ChipMasterKey::new([3; 16]),
        imk: IssuerMasterKey::new([4; 16]),
        vault: vault(),
    })
}

fn vault() -> Vault {
    Vault::standard([5; 32])
}

/// Plays, and panics when the subject answers or stores what the twin does not.
pub fn play(data: &[u8], subject: Subject<'_>) {
    let mut reader = Reader::new(data);
    let (mut rows, mut twin) = (rows(), Twin::default());
    let key = token_key(&IssuerMasterKey::new([4; 16]), TOKEN, 1);
    let mut last = Vec::new();
    for _ in 0..MESSAGES_MAX {
        if reader.is_empty() {
            return;
        }
        let bytes = said(&mut reader, &key, &mut twin, &last);
        let answer = subject(&mut rows, &bytes);
        twin.judge(&bytes, answer.as_deref());
        twin.compare(&rows);
        last = bytes;
    }
}

/// The next message of the play.
fn said(reader: &mut Reader<'_>, key: &TokenKey, twin: &mut Twin, last: &[u8]) -> Vec<u8> {
    match reader.byte() % 8 {
        0..=2 => request(reader, key, twin).encode().unwrap_or_default(),
        3 => {
            let mut bytes = request(reader, key, twin).encode().unwrap_or_default();
            let place = usize::from(reader.word()) % bytes.len();
            bytes[place] ^= reader.byte();
            bytes
        }
        4 => reversal(reader).encode().unwrap_or_default(),
        5 => last.to_vec(),
        6 => {
            let changed = Message::parse(last).unwrap_or_default();
            let number = reader.byte() % 91;
            let length = usize::from(reader.byte() % 44);
            changed
                .with(number, reader.slice(length))
                .encode()
                .unwrap_or_default()
        }
        _ => {
            let length = usize::from(reader.byte());
            reader.slice(length).to_vec()
        }
    }
}

fn named(message: Message, number: u8) -> Message {
    message
        .with(2, TOKEN)
        .with(3, *b"000000")
        .with(7, *b"1124120000")
        .with(11, format!("{number:06}"))
        .with(37, format!("{number:012}"))
        .with(41, *b"POS00001")
        .with(42, *b"SHOP           ")
        .with(49, *b"156")
}

fn kind(bits: u8) -> [u8; 4] {
    if bits & 1 == 0 { *b"0100" } else { *b"0200" }
}

/// A good request, but for its entry mode now and then: name, counter, amount and type by the play.
fn request(reader: &mut Reader<'_>, key: &TokenKey, twin: &mut Twin) -> Message {
    let (number, bits) = (reader.byte() % 16, reader.byte());
    let atc = match bits & 2 {
        0 => u16::from(reader.byte()),
        _ => reader.word(),
    };
    let amount = u64::from(reader.word()) * 2;
    let digits = format!("{amount:012}");
    let bcd: [u8; 6] = hex::decode(&digits)
        .unwrap_or_default()
        .try_into()
        .unwrap_or_default();
    let input = CryptogramInput {
        amount: &bcd,
        amount_other: &[0; 6],
        country: &[0x01, 0x56],
        tvr: &[0; 5],
        currency: &[0x01, 0x56],
        date: &[0x26, 0x11, 0x24],
        kind: 0,
        unpredictable_number: &[1, 2, 3, 4],
        interchange_profile: &[0x18, 0],
        atc,
        issuer_data: &[6, 1, 0x12, 3, 0xa0, 0, 0],
    };
    let chip = chip_data(&input, &cryptogram(key, &input));
    twin.made.insert(chip.clone(), (atc, amount));
    named(Message::new(kind(bits)), number)
        .with(4, digits)
        .with(14, *b"9912")
        .with(
            22,
            if bits & 0xc0 == 0xc0 {
                *b"051"
            } else {
                *b"071"
            },
        )
        .with(55, chip)
}

fn chip_data(input: &CryptogramInput<'_>, cryptogram: &[u8; 8]) -> Vec<u8> {
    let mut buffer = [0; 255];
    let mut writer = tlv::Writer::new(&mut buffer);
    for (tag, value) in [
        (Tag::CRYPTOGRAM, &cryptogram[..]),
        (Tag::CRYPTOGRAM_INFORMATION, &[0x80]),
        (Tag::IAD, input.issuer_data),
        (Tag::UNPREDICTABLE_NUMBER, input.unpredictable_number),
        (Tag::ATC, &input.atc.to_be_bytes()),
        (Tag::TVR, input.tvr),
        (Tag::DATE, input.date),
        (Tag::TYPE, &[0]),
        (Tag::AMOUNT, input.amount),
        (Tag::CURRENCY, input.currency),
        (Tag::AIP, input.interchange_profile),
        (Tag::COUNTRY, input.country),
        (Tag::AMOUNT_OTHER, input.amount_other),
        (Tag::PSN, &[1]),
    ] {
        assert!(writer.put(tag, value).is_ok());
    }
    writer.written().to_vec()
}

fn reversal(reader: &mut Reader<'_>) -> Message {
    let (number, bits) = (reader.byte() % 16, reader.byte());
    let amount = u64::from(reader.word()) * 2;
    let [a, b, c, d] = kind(bits).map(char::from);
    let mti = if bits & 2 == 0 { *b"0400" } else { *b"0401" };
    named(Message::new(mti), number)
        .with(4, format!("{amount:012}"))
        .with(
            90,
            format!("{a}{b}{c}{d}{number:06}1124120000{}", "0".repeat(22)),
        )
}

/// The rows of an issuer with one card and one token that pays.
pub fn rows() -> MemoryRows {
    let empty = MemoryRows::default();
    let opened = vault().work(&empty, &mut Dice::new([8; 32]), |draft| {
        draft.open_account()
    });
    let (par, account) = opened.unwrap_or_else(|refusal| panic!("no account: {refusal}"));
    let card = Card {
        par: par.as_str().into(),
        more_tokens: vec![],
        request_id: REFERENCE.into(),
        person: "resident-id/1".into(),
        product: "debit".into(),
        status: CardStatus::Active,
        agreement: "AAAAAAAAAAAAAAAAAAAAA".into(),
        token_ref: REFERENCE.into(),
        available_minor: START,
        currency: "156".into(),
    };
    let token = Token {
        digits: TOKEN.into(),
        par: par.as_str().into(),
        requestor: limit::REQUESTOR_ID.into(),
        assurance: "10".into(),
        card_code: CARD.into(),
        se_id: "4b41494b41000001".into(),
        request_context: "88".repeat(32),
        state: "active".into(),
        suspended_by: vec![],
        minted_at: 0,
        expires_at: NOW + 1,
        expiry: "991231".into(),
        binding_id: None,
        session: None,
    };
    let mut rows = empty;
    rows.apply(&account);
    rows.apply(&[
        Write::put(CARDS, CARD, &card),
        Write::put(TOKENS, REFERENCE, &token),
        Write::put(NUMBERS, TOKEN, &REFERENCE),
    ]);
    rows
}

/// A transaction that is known.
struct Known {
    /// What it came with, and what was answered; nothing for a tombstone.
    came: Option<(Vec<u8>, Vec<u8>)>,
    /// What a reversal must say of it.
    original: Vec<u8>,
    amount: u64,
    taken: bool,
    buried: bool,
}

/// The naive issuer.
#[derive(Default)]
struct Twin {
    /// Field 55 of every good request, with its counter and amount.
    made: BTreeMap<Vec<u8>, (u16, u64)>,
    taps: BTreeMap<[Vec<u8>; 3], Known>,
    last: u16,
    spent: u64,
    postings: usize,
}

type Fields = BTreeMap<u8, Vec<u8>>;

fn number(fields: &Fields, field: u8) -> Option<u64> {
    core::str::from_utf8(fields.get(&field)?).ok()?.parse().ok()
}

fn name(fields: &Fields) -> Option<[Vec<u8>; 3]> {
    let field = |number| fields.get(&number).cloned();
    Some([field(41)?, field(42)?, field(37)?])
}

fn has(fields: &Fields, all: &[u8]) -> bool {
    all.iter().all(|field| fields.contains_key(field))
}

/// Where the request cryptogram stands in field 55: behind its tag and length, first of all.
const REQUEST_CRYPTOGRAM: core::ops::Range<usize> = 3..11;

/// The issuer's proof, by the runner's own computation.
fn proof(counter: u16, request: &[u8], approved: bool) -> Vec<u8> {
    let key = host::emv::token_key(&[4; 16], TOKEN, "01");
    let update = [0, if approved { 0x80 } else { 0 }, 0, 0];
    host::emv10::proof_18(&key, counter, request, &update)
}

impl Twin {
    fn judge(&mut self, bytes: &[u8], answer: Option<&[u8]>) {
        let taken = by_table(bytes)
            .filter(|(mti, _)| ["0100", "0200", "0400", "0401", "0800"].contains(&mti.as_str()));
        let Some((mti, fields)) = taken else {
            assert_eq!(answer, None, "an answer to what is no message");
            return;
        };
        let Some(answer) = answer else {
            panic!("no answer to {mti}")
        };
        let Some(told) = by_table(answer) else {
            panic!("the answer is no message")
        };
        is_formed(&mti, &fields, &told);
        let code = String::from_utf8_lossy(&told.1[&39]).into_owned();
        match mti.as_str() {
            "0800" => assert_eq!(code == "00", has(&fields, &[7, 11])),
            "0400" | "0401" => assert_eq!(code, self.reverse(&fields)),
            _ => self.tap(bytes, &mti, &fields, answer, &told.1, &code),
        }
    }

    fn tap(
        &mut self,
        bytes: &[u8],
        mti: &str,
        fields: &Fields,
        answer: &[u8],
        told: &Fields,
        code: &str,
    ) {
        let all = [2, 3, 4, 7, 11, 14, 22, 37, 41, 42, 49, 55];
        let Some(name) = name(fields).filter(|_| has(fields, &all)) else {
            assert_eq!(code, "30");
            return;
        };
        let made = self.made.get(&fields[&55]).copied();
        if made.is_none() && code == "30" {
            return; // A chip object is missing.
        }
        if let Some(known) = self.taps.get(&name) {
            match &known.came {
                Some((came, was)) if came == bytes => assert_eq!(answer, was, "another answer"),
                _ => assert_eq!(code, if known.buried { "05" } else { "94" }),
            }
            return;
        }
        let (wanted, proven) = self.wanted(fields, made);
        assert_eq!(code, wanted);
        assert_eq!(told.contains_key(&55), proven, "a proof with {code}");
        if proven {
            let request = &fields[&55][REQUEST_CRYPTOGRAM];
            let proof = proof(self.last, request, code == "00");
            assert_eq!(told[&55][2..], proof, "another proof with {code}");
        }
        if code == "14" {
            return;
        }
        let amount = number(fields, 4).unwrap_or_default();
        if code == "00" {
            self.spent += amount;
            self.postings += 1;
        }
        self.taps.insert(
            name,
            Known {
                came: Some((bytes.to_vec(), answer.to_vec())),
                original: [mti.as_bytes(), &fields[&11], &fields[&7], &[b'0'; 22]].concat(),
                amount,
                taken: code == "00",
                buried: false,
            },
        );
    }

    /// The code of a complete request whose name is new, and whether the answer proves the issuer.
    fn wanted(&mut self, fields: &Fields, made: Option<(u16, u64)>) -> (&'static str, bool) {
        let is = |field: u8, value: &str| fields[&field] == value.as_bytes();
        let amount = number(fields, 4).unwrap_or(u64::MAX);
        if !is(2, TOKEN) {
            return ("14", false);
        }
        if !is(14, "9912") {
            return ("54", false);
        }
        if !is(22, "071") || !is(49, "156") {
            return ("57", false);
        }
        let Some((atc, _)) = made.filter(|(_, signed)| *signed == amount) else {
            return ("82", false);
        };
        if atc <= self.last || atc - self.last > limit::ATC_WINDOW {
            return ("82", false);
        }
        self.last = atc;
        if amount > limit::TAP_LIMIT_MINOR {
            return ("61", true);
        }
        if amount > START - self.spent {
            return ("51", true);
        }
        ("00", true)
    }

    fn reverse(&mut self, fields: &Fields) -> &'static str {
        let Some(name) = name(fields).filter(|_| has(fields, &[2, 3, 4, 7, 11, 49, 90])) else {
            return "30";
        };
        let known = self.taps.entry(name).or_insert_with(|| Known {
            came: None,
            original: vec![],
            amount: 0,
            taken: false,
            buried: true,
        });
        let same = known.original == fields[&90] && Some(known.amount) == number(fields, 4);
        if known.came.is_some() && !same {
            return "64";
        }
        if known.taken {
            known.taken = false;
            self.spent -= known.amount;
            self.postings += 1;
        } else if !known.was_taken() {
            known.buried = true;
        }
        "00"
    }

    /// What is stored is what is remembered.
    fn compare(&self, rows: &MemoryRows) {
        let card = read::<Card>(rows, CARDS, CARD).map(|card| card.available_minor);
        assert_eq!(card, Some(START - self.spent), "left on the card");
        assert_eq!(rows.table(POSTINGS).count(), self.postings, "postings");
    }
}

impl Known {
    /// Whether it was approved once: the answer says so.
    fn was_taken(&self) -> bool {
        let answer = self.came.as_ref().and_then(|(_, answer)| by_table(answer));
        answer.is_some_and(|(_, fields)| fields.get(&39).is_some_and(|code| code == b"00"))
    }
}

/// An answer's type and fields: what is repeated, and nothing that was not asked for.
fn is_formed(mti: &str, fields: &Fields, (answered, told): &Frame) {
    assert_eq!(*answered, format!("{}10", &mti[..2]));
    for (number, value) in told {
        match number {
            38 => assert_eq!(told[&39], b"00", "an authorisation code with a refusal"),
            39 => {}
            55 => assert!(value.len() == 10 && value.starts_with(&[0x91, 8])),
            _ => assert_eq!(fields.get(number), Some(value), "field {number}"),
        }
    }
    let repeated = [2, 3, 4, 7, 11, 37, 41, 42, 49, 70];
    let missing: BTreeSet<_> = repeated
        .iter()
        .filter(|field| fields.contains_key(field) && !told.contains_key(field))
        .collect();
    assert!(missing.is_empty(), "not repeated: {missing:?}");
}
