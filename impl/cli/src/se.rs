//! `kaika se`: a chip with its memory in a file, over TCP or in the virtual reader of PC/SC.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kaika_node::chip::{self, FileFlash, Inserted, Log};
use kaika_node::clock::System;
use kaika_node::keys::Keys;
use kaika_node::log::Diary;
use kaika_node::roles::listen;
use kaika_node::vpcd;
use kaika_spec::Role;

use crate::OK;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("transport").required(true).args(["tcp", "vpcd"])))]
pub(crate) struct Args {
    /// Where to listen.
    #[arg(long, value_name = "HOST:PORT")]
    tcp: Option<SocketAddr>,
    /// The reader to go into: vsmartcard's vpcd, through which pcscd and its clients see the chip.
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:35963")]
    vpcd: Option<SocketAddr>,
    /// Where every command and its answer are written, one JSON document a line. It will hold the token, and PINs.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Where the event log is written: headers and status words, and nothing of what is in a command.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The chip's memory; a new file is a new chip.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The chip's number.
    #[arg(long, default_value = "4b41494b41000001")]
    se_id: String,
    /// The deployment's keys: the chip's are derived from its chip master key.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let mut se_id = [0; 8];
    hex::decode_to_slice(&args.se_id, &mut se_id)
        .ok()
        .context("--se-id: expected 16 hex digits")?;
    let keys = Keys::load_or_create(&args.keys)?;
    let chip = chip::open(&args.file, keys.chip_master.bytes(), se_id)?;
    let log = args.log.as_deref().map(Log::open).transpose()?;
    let diary = |path: &PathBuf| Diary::open(path, Role::Chip, Arc::new(System));
    let diary = args
        .events
        .as_ref()
        .map(diary)
        .transpose()?
        .unwrap_or_default();
    let chip = Inserted::logged(chip, log).with_events(&args.se_id, diary);
    tokio::select! {
        served = answer(args.tcp, args.vpcd, &args.se_id, chip) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(OK)
}

/// Answers readers for as long as there are any.
async fn answer(
    tcp: Option<SocketAddr>,
    vpcd: Option<SocketAddr>,
    number: &str,
    chip: Inserted<FileFlash>,
) -> anyhow::Result<()> {
    if let Some(address) = vpcd {
        return Ok(vpcd::serve(address, chip, vpcd::PATIENCE).await?);
    }
    let listener = listen(tcp.context("--tcp or --vpcd is needed")?).await?;
    eprintln!("chip {number} at {}", listener.local_addr()?);
    Ok(chip::serve(listener, chip).await?)
}
