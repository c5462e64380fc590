//! A whole contactless payment in process, beside the cryptography in it, measured in the same run.
//!
//! `payment` is every command from the directory to the cryptogram; `its cryptography` is what no chip can do without: the session
//! key and the cryptogram, and for a payment that ends online the issuer's proof and the second cryptogram.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "benchmark"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kaika_crypto::chip::{ChipKeys, wrap_token_key};
use kaika_crypto::emv::{CryptogramInput, cryptogram, response_cryptogram};
use kaika_crypto::scp03::{Channel, Header, Level, SessionKeys};
use kaika_crypto::{ChipMasterKey, TokenKey};
use kaika_secure_element::Chip;
use kaika_secure_element::journal::MemoryFlash;

const SE_ID: [u8; 8] = [0x4b, 0, 0, 0, 0, 0, 0, 7];
const HOST: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const KEY: [u8; 16] = [0x11; 16];
const SALE: &str = "000000001250000000000000015600000000000156261124000A0B0C0D";

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

fn keys() -> ChipKeys {
    ChipKeys::derive(&ChipMasterKey::new([0x40; 16]), &SE_ID)
}

fn say(chip: &mut Chip<MemoryFlash>, command: &[u8], out: &mut [u8; 258]) -> usize {
    let length = chip.process(black_box(command), out);
    let good = out.get(length.saturating_sub(2)..length) == Some(&[0x90, 0x00]);
    assert!(good, "{command:02x?}");
    length
}

/// A chip with one active token.
fn personalised() -> Chip<MemoryFlash> {
    let mut chip = Chip::new(keys(), SE_ID, MemoryFlash::default()).unwrap();
    let mut out = [0; 258];
    say(&mut chip, &hex("00A4040007 F04B41494B4100 00"), &mut out);
    say(&mut chip, &hex("8050300008 0102030405060708 00"), &mut out);
    let card = out.get(13..21).unwrap().try_into().unwrap();
    let keys = keys();
    let session = SessionKeys::derive(&keys.enc, &keys.mac, &HOST, &card);
    let (mut channel, data) = Channel::host(session, Level::Command, &HOST, &card);
    say(
        &mut chip,
        &[&hex("8482030010")[..], &data].concat(),
        &mut out,
    );
    let key = wrap_token_key(&keys.dek, &TokenKey::new(KEY));
    let head = format!(
        "E161 DF2210{} 5A086299000000000009 5F2403301231 5F340101 DF3110",
        "07".repeat(16)
    );
    let tail = format!("DF330101 DF3520{}", "06".repeat(32));
    let template = [&hex(&head)[..], &key, &hex(&tail)].concat();
    for (header, data) in [
        ([0x84, 0xe2, 0x80, 0], template),
        ([0x84, 0xf0, 0x40, 0x0f], hex("4F00")),
    ] {
        let mut field = [0; 255];
        let seen = Header {
            bytes: header,
            extended: false,
        };
        let length = channel.protect(seen, &data, &mut field).unwrap();
        let lc = [u8::try_from(length).unwrap()];
        let command = [&header[..], &lc, field.get(..length).unwrap(), &[0]].concat();
        say(&mut chip, &command, &mut out);
    }
    chip
}

/// Directory, applet, options, both records, request cryptogram.
fn commands() -> Vec<Vec<u8>> {
    vec![
        hex("00A404000E 325041592E5359532E4444463031 00"),
        hex("00A4040008 F04B41494B410101 00"),
        hex(&format!("80A80000 23 8321 36000000{SALE} 00")),
        hex("00B2010C00"),
        hex("00B2020C00"),
        hex(&format!("80AE8000 1D {SALE} 00")),
    ]
}

fn pay(chip: &mut Chip<MemoryFlash>, commands: &[Vec<u8>], out: &mut [u8; 258]) -> usize {
    commands.iter().map(|command| say(chip, command, out)).sum()
}

fn input<'a>(atc: u16, issuer_data: &'a [u8; 7]) -> CryptogramInput<'a> {
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
        atc,
        issuer_data,
    }
}

/// Chips are made anew long before a counter ends.
fn contactless(c: &mut Criterion) {
    let mut group = c.benchmark_group("contactless payment");
    let commands = commands();
    let mut out = [0; 258];
    let mut chip = personalised();
    let mut left = 60_000_u32;
    group.bench_function("payment", |b| {
        b.iter(|| {
            left = left.checked_sub(1).unwrap_or_else(|| {
                chip = personalised();
                60_000
            });
            pay(&mut chip, &commands, &mut out)
        });
    });
    let key = TokenKey::new(KEY);
    let data = [6, 1, 0x12, 3, 0xa0, 0, 0];
    let mut atc = 0_u16;
    group.bench_function("its cryptography", |b| {
        b.iter(|| {
            atc = atc.wrapping_add(1);
            cryptogram(black_box(&key), black_box(&input(atc, &data)))
        });
    });
    group.finish();
}

/// The same that ends online: the issuer's proof and the second cryptogram too.
fn online(c: &mut Criterion) {
    let mut group = c.benchmark_group("payment that ends online");
    let commands = commands();
    let key = TokenKey::new(KEY);
    let data = [6, 1, 0x12, 3, 0xa0, 0, 0];
    let update = [0, 0x80, 0, 0];
    let second = hex(&format!("80AE4000 1F 3030{SALE} 00"));
    group.bench_function("payment", |b| {
        b.iter_batched_ref(
            || {
                let request = cryptogram(&key, &input(1, &data));
                let proof = response_cryptogram(&key, 1, &request, &update);
                let prove = [&hex("0082000008")[..], &proof, &update].concat();
                (personalised(), prove, [0; 258])
            },
            |(chip, prove, out)| {
                pay(chip, &commands, out) + say(chip, prove, out) + say(chip, &second, out)
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("its cryptography", |b| {
        b.iter(|| {
            let request = cryptogram(black_box(&key), black_box(&input(1, &data)));
            let proof = response_cryptogram(black_box(&key), 1, &request, &update);
            let second = cryptogram(black_box(&key), black_box(&input(1, &data)));
            (request, proof, second)
        });
    });
    group.finish();
}

/// Payment and cryptography by turns, and what the one is of the other: the least and the middle of many rounds, which a busy machine
/// moves less than two figures measured apart.
#[expect(clippy::disallowed_types, reason = "a benchmark measures time")]
fn ratio(_: &mut Criterion) {
    const ROUNDS: usize = 3_000;
    const TURNS: u16 = 10;
    let (commands, key, data) = (commands(), TokenKey::new(KEY), [6, 1, 0x12, 3, 0xa0, 0, 0]);
    let (mut chip, mut out) = (personalised(), [0; 258]);
    let (mut payments, mut macs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = std::time::Instant::now();
        for _ in 0..TURNS {
            black_box(pay(&mut chip, &commands, &mut out));
        }
        payments.push(begun.elapsed().as_nanos());
        let begun = std::time::Instant::now();
        for turn in 0..TURNS {
            black_box(cryptogram(black_box(&key), black_box(&input(turn, &data))));
        }
        macs.push(begun.elapsed().as_nanos());
    }
    payments.sort_unstable();
    macs.sort_unstable();
    for (name, at) in [("least", 0), ("middle", ROUNDS / 2)] {
        let percent = payments[at] * 100 / macs[at];
        let [payment, mac] = [payments[at], macs[at]].map(|all| all / u128::from(TURNS));
        println!("{name}: payment {payment} ns, its cryptography {mac} ns, {percent} %");
    }
}

criterion_group!(benches, contactless, online, ratio);
criterion_main!(benches);
