//! `kaika tap`: a payment at a shop, with a chip and an issuer that are running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kaika_node::chip::Remote;
use kaika_node::clock::{Clock as _, System};
use kaika_node::log::Diary;
use kaika_node::roles::make_dir;
use kaika_node::store::Sqlite;
use kaika_node::till::Till;
use kaika_node::{calendar, dice};
use kaika_pos::{Kind, Outcome, Sale};
use kaika_spec::Role;
use serde_json::{Value, json};

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
    /// Asks to pay the shop at once (0200), not to hold the amount for it (0100).
    #[arg(long)]
    financial: bool,
    /// Directory of the terminal's store and event log: what is not decided yet is reversed from it, after a restart too.
    #[arg(long, value_name = "DIR", default_value = "kaika-data")]
    data: PathBuf,
    /// How long an answer of the issuer is waited for.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    patience_ms: u64,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// A sale now, under a fresh reference.
pub(crate) fn sale(kind: Kind, amount_minor: u64, currency: &str, shop: &str) -> Sale {
    let now = calendar::stamp(System.now());
    let number = u64::from_be_bytes(dice::bytes());
    Sale {
        kind,
        amount_minor,
        currency: currency.into(),
        country: "156".into(),
        at: now.at,
        date: now.date,
        unpredictable_number: dice::bytes(),
        stan: format!("{:06}", number % 1_000_000),
        reference: format!("{:012}", number % 1_000_000_000_000),
        terminal: "POS00001".into(),
        shop: shop.into(),
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    make_dir(&args.data)?;
    let store = Arc::new(Sqlite::open(&args.data.join("pos.db"))?);
    let patience = Duration::from_millis(args.patience_ms);
    let diary = Diary::open(&args.data.join("pos.ndjson"), Role::Pos, Arc::new(System))?;
    let till = Till::new(store, args.issuer, patience, Arc::new(System)).logged(diary);
    let settled = till.settle().await?;
    if settled > 0 {
        eprintln!("{settled} earlier payments without a known decision: reversed");
    }
    let mut chip = Remote::connect(args.chip).await?;
    let kind = if args.financial {
        Kind::Financial
    } else {
        Kind::Authorisation
    };
    let sale = sale(kind, args.amount_minor, &args.currency, &args.shop);
    let (outcome, _) = till.tap(sale, &mut chip).await?;
    let text = match &outcome {
        _ if args.json => shown(&outcome).to_string(),
        Outcome::Approved { auth_code } => format!("approved: {auth_code}"),
        Outcome::Declined { code } => format!("declined: {code}"),
        Outcome::CardUnusable => "this card cannot pay here".into(),
        Outcome::Reversed => "no decision that can be trusted: reversed".into(),
    };
    println!("{text}");
    let approved = matches!(outcome, Outcome::Approved { .. });
    Ok(if approved { OK } else { NO })
}

/// How a payment ended, for machines.
pub(crate) fn shown(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Approved { auth_code } => json!({"result": "approved", "auth_code": auth_code}),
        Outcome::Declined { code } => json!({"result": "declined", "code": code}),
        Outcome::CardUnusable => json!({"result": "card-unusable"}),
        Outcome::Reversed => json!({"result": "reversed"}),
    }
}
