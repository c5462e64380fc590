//! `kaika pay`: an order and its payment at servers that are running.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kaika_node::chip::Remote;
use kaika_node::client::Phone;
use kaika_node::clock::System;
use kaika_terminal::Effect;
use kaika_terminal::pay::{Kept, Pay, Wanted};
use serde_json::json;

use crate::apply::{diary, password, refused};
use crate::person::{AtTheKeyboard, forget, kept};
use crate::{NO, OK, WORLD};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The verifier.
    #[arg(long, value_name = "URL")]
    verifier: String,
    /// The chip that the card is in: it signs the payment.
    #[arg(long, value_name = "HOST:PORT")]
    chip: SocketAddr,
    /// Account.
    #[arg(long)]
    account: String,
    /// File whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Card code.
    #[arg(long)]
    card: String,
    /// Who is paid.
    #[arg(long)]
    payee: String,
    /// Amount in minor units.
    #[arg(long)]
    amount_minor: u64,
    /// Currency, ISO 4217 numeric.
    #[arg(long, default_value = "156")]
    currency: String,
    /// File that keeps a payment from before it is sent until it is answered; one that is found there is asked about.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where the event log is written.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let wanted = Wanted {
        account_id: args.account,
        password: password(&args.password_file)?,
        card_code: args.card,
        payee: args.payee,
        amount_minor: args.amount_minor,
        currency: args.currency,
    };
    let sent = args.state.as_deref().map(kept).transpose();
    let sent = sent.context("the file of --state")?.flatten();
    if let Some(sent) = &sent {
        is_same(sent, &wanted)?;
    }
    let mut person = AtTheKeyboard {
        front: None,
        back: None,
        frames: Default::default(),
        gateway: None,
        read: None,
        state: args.state.clone(),
        verbose: !args.json,
    };
    let mut chip = Remote::connect(args.chip).await?;
    let mut phone =
        Phone::new(&args.verifier, Arc::new(System))?.logged(diary(args.events.as_deref())?);
    let mut pay = match sent {
        Some(sent) => Pay::resume(wanted, sent),
        None => Pay::new(wanted),
    };
    let end = phone.pay(&mut pay, &mut chip, &mut person).await?;
    if let Some(path) = args.state.as_deref().filter(|_| end != Effect::Unknown) {
        forget(path)?;
    }
    let (text, json, code) = match end {
        Effect::Paid { auth_code } => (
            format!("paid: {auth_code}"),
            json!({"result": "paid", "auth_code": auth_code}),
            OK,
        ),
        Effect::Declined => ("declined".into(), json!({"result": "declined"}), NO),
        Effect::Unknown => (
            "unknown: ask again later".into(),
            json!({"result": "unknown"}),
            WORLD,
        ),
        Effect::Failed(failure) => return refused(&failure, args.json),
        other => bail!("the terminal stopped at {other:?}"),
    };
    println!("{}", if args.json { json.to_string() } else { text });
    Ok(code)
}

/// A payment without an answer comes before every other.
fn is_same(sent: &Kept, wanted: &Wanted) -> anyhow::Result<()> {
    let of_sent = (&sent.payee, sent.amount_minor, &sent.currency);
    if of_sent == (&wanted.payee, wanted.amount_minor, &wanted.currency) {
        return Ok(());
    }
    let (payee, amount, currency) = of_sent;
    bail!(
        "the file of --state holds a payment of {amount} ({currency}) to {payee} that has no answer yet: run `kaika pay` for that one first"
    )
}
