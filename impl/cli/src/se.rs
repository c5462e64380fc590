//! `kaika se`: a chip with its memory in a file, over TCP.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use kaika_node::chip;
use kaika_node::keys::Keys;
use kaika_node::roles::listen;

use crate::OK;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen.
    #[arg(long, value_name = "HOST:PORT")]
    tcp: SocketAddr,
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
    let listener = listen(args.tcp).await?;
    eprintln!("chip {} at {}", args.se_id, listener.local_addr()?);
    tokio::select! {
        served = chip::serve(listener, chip) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(OK)
}
