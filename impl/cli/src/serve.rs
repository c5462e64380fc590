//! `kaika serve`: one server, with its store in a directory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kaika_node::clock::System;
use kaika_node::keys::Keys;
use kaika_node::log::Log;
use kaika_node::operator::{Enrolment, Operator};
use kaika_node::pos_server::PosServer;
use kaika_node::roles::{
    Common, Stop, Stopper, Urls, issuer_peers, listen, make_dir, verifier_peers,
};
use kaika_node::sms::Gateway;
use kaika_node::world;
use kaika_spec::Role;

use crate::OK;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which.
    #[arg(value_enum)]
    role: Which,
    /// Where to listen.
    #[arg(long, value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Directory of the store and the event log.
    #[arg(long, value_name = "DIR", default_value = "kaika-data")]
    data: PathBuf,
    /// The deployment's keys, made when there is no such file; the same for every server. Default: DIR/keys.json.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The issuer, for the verifier.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7002")]
    issuer: String,
    /// The identity system, for verifier and issuer.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7003")]
    identity: String,
    /// The SMS gateway, for the verifier.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7004")]
    sms: String,
    /// Where the issuer listens for shop terminals.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7005")]
    pos: SocketAddr,
    /// People to enrol at this server once it runs: JSON with customers, accounts and persons.
    #[arg(long, value_name = "FILE")]
    enrol: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// The bank.
    Issuer,
    /// The wallet provider.
    Verifier,
    /// The identity system.
    Identity,
    /// The SMS gateway: prints the messages.
    Sms,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let (stopper, stop) = Stopper::new();
    let serving = tokio::spawn(serve(args, stop));
    tokio::select! {
        done = serving => done.context("the server stopped")??,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            stopper.stop();
        }
    }
    Ok(OK)
}

async fn serve(args: Args, stop: Stop) -> anyhow::Result<()> {
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    if args.role == Which::Sms {
        eprintln!("sms at http://{address}");
        let gateway = Gateway::new(Box::new(|message| {
            println!("to {}: {}", message.to, message.text)
        }));
        return Ok(gateway.serve(listener, stop.stopped()).await?);
    }
    make_dir(&args.data)?;
    let keys = Keys::load_or_create(args.keys.as_ref().unwrap_or(&args.data.join("keys.json")))?;
    let role = role(args.role);
    let log = Arc::new(Log::file(&args.data.join(format!("{role}.ndjson")))?);
    let common = Common {
        keys: keys.clone(),
        clock: Arc::new(System),
        log,
        data: Some(args.data.clone()),
    };
    let urls = Urls {
        issuer: args.issuer,
        identity: args.identity,
        sms: args.sms,
    };
    let store = common.store(role)?;
    let server = match args.role {
        Which::Issuer => {
            let issuer = Arc::new(world::issuer(&keys));
            let port = listen(args.pos).await?;
            eprintln!("issuer for shop terminals at {}", port.local_addr()?);
            let pos = PosServer {
                issuer: Arc::clone(&issuer),
                store: Arc::clone(&store),
                clock: common.clock.clone(),
                log: Arc::clone(&common.log),
            };
            tokio::spawn(Arc::new(pos).serve(port));
            common.server(issuer, store, issuer_peers(&keys, &urls))?
        }
        Which::Identity => {
            common.server(Arc::new(world::identity(&keys)), store, Default::default())?
        }
        Which::Verifier | Which::Sms => common.server(
            Arc::new(world::verifier(&keys)),
            store,
            verifier_peers(&keys, &urls),
        )?,
    };
    eprintln!("{role} at http://{address}");
    if let Some(path) = args.enrol {
        let people = Enrolment::load(&path)?;
        let key = match args.role {
            Which::Issuer => keys.operator_issuer,
            Which::Identity => keys.operator_identity,
            Which::Verifier | Which::Sms => keys.operator_verifier,
        };
        let operator = Operator::new(&format!("http://{address}"), key, common.clock.clone())?;
        tokio::spawn(async move {
            match operator.enrol(role, &people).await {
                Ok(()) => eprintln!("{role}: enrolled"),
                Err(fault) => eprintln!("{role}: {fault}"),
            }
        });
    }
    Ok(server.start(listener, stop.stopped()).await?)
}

const fn role(which: Which) -> Role {
    match which {
        Which::Issuer => Role::Issuer,
        Which::Verifier => Role::Verifier,
        Which::Identity => Role::Identity,
        Which::Sms => Role::Sms,
    }
}
