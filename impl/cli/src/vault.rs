//! `kaika vault`: the operator's work at the issuer's vault, while the issuer serves.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kaika_node::clock::System;
use kaika_node::keys::Keys;
use kaika_node::operator::Operator;
use serde_json::{Value, json};

use crate::{NO, OK};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The issuer.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7002")]
    issuer: String,
    /// The deployment's keys: the operator's is among them.
    #[arg(long, value_name = "FILE", default_value = "kaika-data/keys.json")]
    keys: PathBuf,
    #[command(subcommand)]
    work: Work,
}

#[derive(clap::Subcommand)]
enum Work {
    /// Makes another vault key and moves every PAN to it, some at a time; goes on with a move that was cut off.
    Rotate,
    /// Gives a card another PAN; its tokens stay and stand for the new one.
    Replace {
        /// The card's code.
        card_code: String,
    },
    /// Mints tokens for other chips of cards, all or none.
    Mint {
        /// JSON as the body of POST /v1/tokens: card code, chip, request context and the chip's consent of each.
        file: PathBuf,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let keys = Keys::load(&args.keys)?;
    let operator = Operator::new(&args.issuer, keys.operator_issuer, Arc::new(System))?;
    match args.work {
        Work::Rotate => rotate(&operator).await,
        Work::Replace { card_code } => {
            let path = format!("/v1/cards/{card_code}/replace");
            told(operator.post(&path, &json!({})).await?)
        }
        Work::Mint { file } => {
            let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
            let body: Value =
                serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
            told(operator.post("/v1/tokens", &body).await?)
        }
    }
}

/// Makes a new vault key and moves every PAN to it. A move that was cut off is brought to its end first: it began under the keys of
/// then.
async fn rotate(operator: &Operator) -> anyhow::Result<u8> {
    loop {
        let began = operator.post("/v1/vault/rotate", &json!({})).await?;
        let is_left_over = began.1["code"] == "wrong-order";
        if began.0 >= 300 && !is_left_over {
            return told(began);
        }
        let (status, body) = reseal(operator).await?;
        if status >= 300 || !is_left_over {
            return told((status, body));
        }
    }
}

async fn reseal(operator: &Operator) -> anyhow::Result<(u16, Value)> {
    loop {
        let (status, body) = operator.post("/v1/vault/reseal", &json!({})).await?;
        if status >= 300 || body["left"] == 0 {
            return Ok((status, body));
        }
        eprintln!("{} PANs left", body["left"]);
    }
}

/// Prints an answer; a refusal is a no.
fn told((status, body): (u16, Value)) -> anyhow::Result<u8> {
    println!("{body}");
    Ok(if status < 300 { OK } else { NO })
}
