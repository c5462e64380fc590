//! `kaika tap`: a payment at a shop, with a chip and an issuer that are running.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use kaika_node::chip::Remote;
use kaika_node::{client, dice};
use kaika_pos::{Outcome, Sale};
use serde_json::json;

use crate::{NO, OK};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The issuer's port for shop terminals.
    #[arg(long, value_name = "HOST:PORT")]
    issuer: SocketAddr,
    /// The chip.
    #[arg(long, value_name = "HOST:PORT")]
    chip: SocketAddr,
    /// Amount in minor units.
    #[arg(long)]
    amount_minor: u64,
    /// Currency, ISO 4217 numeric.
    #[arg(long, default_value = "156")]
    currency: String,
    /// Shop, at most fifteen characters.
    #[arg(long, default_value = "CORNER-SHOP")]
    shop: String,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// A sale now, under a fresh reference.
pub(crate) fn sale(amount_minor: u64, currency: &str, shop: &str) -> Sale {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let [year, month, day] = civil(seconds / 86_400);
    let time = seconds % 86_400;
    let number = u64::from_be_bytes(dice::bytes());
    Sale {
        amount_minor,
        currency: currency.into(),
        country: "156".into(),
        at: format!(
            "{month:02}{day:02}{:02}{:02}{:02}",
            time / 3600,
            time / 60 % 60,
            time % 60
        ),
        date: format!("{:02}{month:02}{day:02}", year % 100),
        unpredictable_number: dice::bytes(),
        stan: format!("{:06}", number % 1_000_000),
        reference: format!("{:012}", number % 1_000_000_000_000),
        terminal: "POS00001".into(),
        shop: shop.into(),
    }
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(days: u64) -> [u64; 3] {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    [year, month, left + 1]
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let mut chip = Remote::connect(args.chip).await?;
    let sale = sale(args.amount_minor, &args.currency, &args.shop);
    let (outcome, _) = client::tap(sale, &mut chip, args.issuer).await?;
    let (text, json, code) = match outcome {
        Outcome::Approved { auth_code } => (
            format!("approved: {auth_code}"),
            json!({"result": "approved", "auth_code": auth_code}),
            OK,
        ),
        Outcome::Declined { code } => (
            format!("declined: {code}"),
            json!({"result": "declined", "code": code}),
            NO,
        ),
        Outcome::CardUnusable => (
            "this card cannot pay here".into(),
            json!({"result": "card-unusable"}),
            NO,
        ),
        Outcome::Reversed => (
            "no answer in time: reversed".into(),
            json!({"result": "reversed"}),
            NO,
        ),
    };
    println!("{}", if args.json { json.to_string() } else { text });
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        for (days, want) in [
            (0, [1970, 1, 1]),
            (59, [1970, 3, 1]),
            (11_016, [2000, 2, 29]),
            (20_781, [2026, 11, 24]),
        ] {
            assert_eq!(civil(days), want);
        }
    }
}
