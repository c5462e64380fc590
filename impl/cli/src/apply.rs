//! `kaika apply`: a card request at servers that are running.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kaika_node::chip::Remote;
use kaika_node::client::Phone;
use kaika_node::clock::System;
use kaika_node::log::Diary;
use kaika_node::{Fault, dice};
use kaika_spec::Role;
use kaika_terminal::apply::{Apply, Kept, Profile};
use kaika_terminal::{Effect, Failure};
use serde_json::json;

use crate::person::AtTheKeyboard;
use crate::{NO, OK};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The verifier.
    #[arg(long, value_name = "URL")]
    verifier: String,
    /// The chip.
    #[arg(long, value_name = "HOST:PORT")]
    chip: SocketAddr,
    /// The chip's number.
    #[arg(long, default_value = "4b41494b41000001")]
    se_id: String,
    /// Account.
    #[arg(long)]
    account: String,
    /// File whose first line is the password.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// Name on the document.
    #[arg(long)]
    name: String,
    /// Kind of document: resident-id or passport.
    #[arg(long, default_value = "resident-id")]
    id_type: String,
    /// Number of the document.
    #[arg(long)]
    id_no: String,
    /// Last day of its validity, YYYY-MM-DD.
    #[arg(long)]
    id_valid_to: String,
    /// Product.
    #[arg(long, default_value = "debit")]
    product: String,
    /// Front of the document, for a first card.
    #[arg(long, value_name = "FILE")]
    front: Option<PathBuf>,
    /// Back of the document, for a first card.
    #[arg(long, value_name = "FILE")]
    back: Option<PathBuf>,
    /// A picture of an action, for a first card; once for each action.
    #[arg(long, value_name = "ACTION=FILE", value_parser = frame)]
    frame: Vec<(String, PathBuf)>,
    /// SMS gateway to read the code from, instead of the keyboard.
    #[arg(long, value_name = "URL", requires = "phone")]
    sms: Option<String>,
    /// The phone whose messages to read.
    #[arg(long)]
    phone: Option<String>,
    /// File that keeps where the request stands; a request found there is taken up again.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where the event log is written.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

fn frame(text: &str) -> Result<(String, PathBuf), String> {
    let (action, file) = text.split_once('=').ok_or("expected ACTION=FILE")?;
    Ok((action.to_owned(), file.into()))
}

/// The first line of a password file.
pub(crate) fn password(path: &PathBuf) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the password file {}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The terminal's event log, if there is to be one.
pub(crate) fn diary(path: Option<&Path>) -> Result<Diary, Fault> {
    path.map_or(Ok(Diary::off()), |path| {
        Diary::open(path, Role::Terminal, Arc::new(System))
    })
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let applicant = json!({
        "name": args.name, "id_type": args.id_type, "id_no": args.id_no, "id_valid_to": args.id_valid_to,
    });
    let profile = Profile {
        account_id: args.account,
        password: password(&args.password_file)?,
        device_id: "command-line".into(),
        se_id: args.se_id,
        product: args.product,
        tos_version: "1".into(),
        applicant: serde_json::from_value(applicant)
            .context("--name, --id-type, --id-no or --id-valid-to")?,
    };
    let kept = args
        .state
        .as_ref()
        .and_then(|path| std::fs::read(path).ok());
    let kept: Option<Kept> = kept
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .context("the file of --state")?;
    let mut apply = match kept {
        Some(kept) => Apply::resume(profile, kept),
        None => Apply::new(profile, dice::bytes()),
    };
    let mut person = AtTheKeyboard {
        front: args.front,
        back: args.back,
        frames: args.frame.into_iter().collect(),
        gateway: args.sms.zip(args.phone),
        read: None,
        state: args.state,
        verbose: !args.json,
    };
    let mut chip = Remote::connect(args.chip).await?;
    let mut phone =
        Phone::new(&args.verifier, Arc::new(System))?.logged(diary(args.events.as_deref())?);
    let end = phone.apply(&mut apply, &mut chip, &mut person).await?;
    report(end, args.json)
}

fn report(end: Effect, as_json: bool) -> anyhow::Result<u8> {
    match end {
        Effect::Ready(card) if as_json => println!("{}", json!({"result": "ready", "card": card})),
        Effect::Ready(card) => println!(
            "ready: card {} with token {} in the chip",
            card.card_code, card.token_ref
        ),
        Effect::Failed(failure) => return refused(&failure, as_json),
        other => bail!("the terminal stopped at {other:?}"),
    }
    Ok(OK)
}

/// Says why something ended.
pub(crate) fn refused(failure: &Failure, as_json: bool) -> anyhow::Result<u8> {
    let why = match failure {
        Failure::Refused { code, .. } => code.as_str(),
        Failure::Unexpected => "unexpected-answer",
        Failure::Password => "password-parameters",
        Failure::OrderDiffers => "order-differs",
        Failure::Unsigned => "chip-does-not-sign",
    };
    if as_json {
        println!("{}", json!({"result": "refused", "code": why}));
    } else {
        eprintln!("refused: {why}{}", advice(why));
    }
    Ok(NO)
}

/// What to do about a refusal, where something can be done.
fn advice(code: &str) -> &'static str {
    match code {
        "rate-limited" => " (a code was sent a moment ago; run the same again in a minute)",
        "idempotency-conflict" => {
            " (other photos than the ones that were sent; start a new request)"
        }
        "chip-does-not-sign" => " (is --chip a chip of this issuer? `kaika se` plays one)",
        "policy-expired" => " (the photos or the video came too late; start a new request)",
        _ => "",
    }
}
