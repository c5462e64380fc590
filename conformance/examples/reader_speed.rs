//! How fast a chip in a reader of PC/SC pays: whole payments, from PPSE to the cryptogram, and single commands.
//!
//! ```text
//! cargo run --release -p kaika-conformance --features pcsc --example reader_speed -- "Virtual PCD 00 00" [SECONDS]
//! ```
//! In one run and in turns, so that the two numbers compare: rounds of a tenth of a second, and the best and the middle round.

use std::error::Error;
use std::ffi::CString;
use std::time::{Duration, Instant};

use pcsc::{Card, Context, Protocols, Scope, ShareMode};

type Done<T> = Result<T, Box<dyn Error>>;

const ROUND: Duration = Duration::from_millis(100);
/// A command that is judged by its class alone: the way there and back.
const NOTHING: &str = "ffca000000";
/// PPSE, the first token, its options, its two records, its request cryptogram.
const PAYMENT: &[&str] = &[
    "00a404000e325041592e5359532e444446303100",
    "00a4040008f04b41494b41010100",
    "80a80000238321360000000000000012500000000000000156000000000001562611270012345678",
    "00b2010c00",
    "00b2020c00",
    "80ae80001d0000000012500000000000000156000000000001562611270012345678",
];

fn main() -> Done<()> {
    let mut words = std::env::args().skip(1);
    let reader = words.next().ok_or("expected the name of a reader")?;
    let seconds: u64 = words.next().map_or(Ok(2), |word| word.parse())?;
    let card = Context::establish(Scope::User)?.connect(
        &CString::new(reader)?,
        ShareMode::Exclusive,
        Protocols::T0,
    )?;
    let payment = commands(PAYMENT)?;
    let nothing = hex::decode(NOTHING).map_err(|error| error.to_string())?;
    let (mut payments, mut single) = (Vec::new(), Vec::new());
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        payments.push(rate(|| {
            payment
                .iter()
                .try_for_each(|command| transmit(&card, command, &[0x90, 0x00]))
        })?);
        single.push(rate(|| transmit(&card, &nothing, &[0x6E, 0x00]))?);
    }
    println!(
        "whole payments of {} commands: {}",
        payment.len(),
        told(&mut payments, "payments")
    );
    println!("single commands: {}", told(&mut single, "commands"));
    Ok(())
}

/// Commands with Le 00 at the end of those that have data.
fn commands(texts: &[&str]) -> Done<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for text in texts {
        let mut command = hex::decode(text).map_err(|error| error.to_string())?;
        let length = command.get(4).copied().map_or(0, usize::from);
        if command.len() == 5 + length && length > 0 {
            command.push(0);
        }
        all.push(command);
    }
    Ok(all)
}

fn transmit(card: &Card, command: &[u8], word: &[u8]) -> Done<()> {
    let mut buffer = [0; 258];
    let answer = card.transmit(command, &mut buffer)?;
    if answer.ends_with(word) {
        Ok(())
    } else {
        let (command, answer) = (hex::encode(command), hex::encode(answer));
        Err(format!("{command} was answered {answer}").into())
    }
}

/// How many times a second.
fn rate(mut what: impl FnMut() -> Done<()>) -> Done<u64> {
    let began = Instant::now();
    let mut times: u64 = 0;
    while began.elapsed() < ROUND {
        what()?;
        times += 1;
    }
    let micros = u64::try_from(began.elapsed().as_micros())?;
    Ok(times * 1_000_000 / micros.max(1))
}

fn told(rates: &mut [u64], of: &str) -> String {
    rates.sort_unstable();
    let middle = rates.get(rates.len() / 2).copied().unwrap_or_default();
    let best = rates.last().copied().unwrap_or_default();
    format!(
        "{middle} {of} a second (best round {best}, {} rounds)",
        rates.len()
    )
}
