//! `kaika explore`: Stateright's own explorer, in a browser.

use std::net::SocketAddr;

use kaika_model::browse::serve;
use kaika_model::{Config, Tier};
use kaika_spec::Scope;

use crate::{OK, check};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One scope: issuance, provisioning, pay, tap, manage or whole.
    #[arg(value_parser = check::scope, default_value = "issuance")]
    scope: Scope,
    /// Against whom: T0 to T5.
    #[arg(long, value_parser = check::tier, default_value = "T0")]
    tier: Tier,
    /// Countermeasures to leave out, by their weakness, with commas between; or as-claimed.
    #[arg(long, value_name = "NAME,…", default_value = "")]
    weaken: String,
    /// How much may happen in one run: default, deep, or a JSON file of budgets.
    #[arg(long, value_name = "default|deep|FILE", default_value = "default")]
    bounds: String,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    let config = Config {
        weak: check::weak(&args.weaken)?,
        tier: args.tier,
        bounds: check::bounds(&args.bounds)?,
    };
    // The explorer panics on a port in use; a clear error instead.
    drop(std::net::TcpListener::bind(args.listen)?);
    println!(
        "open http://{}/ in a browser; ends with Ctrl-C",
        args.listen
    );
    serve(args.scope, config, args.listen);
    Ok(OK)
}
