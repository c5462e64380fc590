//! `kaika serve`: one server, with its store in a directory.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kaika_node::clock::{Clock as _, System};
use kaika_node::keys::Keys;
use kaika_node::log::{Diary, Log};
use kaika_node::operator::{Enrolment, Operator};
use kaika_node::pos_server::PosServer;
use kaika_node::roles::{
    Common, Stop, Stopper, Urls, issuer_peers, listen, make_dir, verifier_peers,
};
use kaika_node::sms::{Gateway, Message};
use kaika_node::vault::Settings;
use kaika_node::{Vault, world};
use kaika_spec::Role;
use kaika_spec::limit::{PAN_BIN, REQUESTOR_ID, TOKEN_BIN};
use kaika_tokenization::{Generation, KeyService};

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
    /// First digits of a token range of the issuer; may be given more than once. They are used in order.
    #[arg(long, value_name = "DIGITS", default_value = TOKEN_BIN)]
    token_range: Vec<String>,
    /// First digits of a PAN range of the issuer; may be given more than once.
    #[arg(long, value_name = "DIGITS", default_value = PAN_BIN)]
    pan_range: Vec<String>,
    /// Who draws the issuer's token numbers.
    #[arg(long, value_enum, default_value = "random")]
    generator: Draws,
    /// The verifier as a token requestor.
    #[arg(long, value_name = "DIGITS", default_value = REQUESTOR_ID)]
    requestor: String,
    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    hsm: Hsm,
    /// Where the SMS gateway writes its event log; the other servers write DIR/ROLE.ndjson.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// People to enrol at this server once it runs: JSON with customers, accounts and persons.
    #[arg(long, value_name = "FILE")]
    enrol: Option<PathBuf>,
}

/// Where the issuer's root key is, when it is in an HSM.
#[cfg(feature = "pkcs11")]
#[derive(clap::Args)]
struct Hsm {
    /// PKCS#11 module that keeps the issuer's root key. Without it the key is in the key file.
    #[arg(long, value_name = "FILE", requires = "hsm_pin_file")]
    hsm_module: Option<PathBuf>,
    /// Label of its token.
    #[arg(long, value_name = "LABEL", default_value = "kaika")]
    hsm_token: String,
    /// File with the PIN of its user.
    #[arg(long, value_name = "FILE")]
    hsm_pin_file: Option<PathBuf>,
    /// Label of the root key; it is made when there is none. Another one, and a rotation, leave the old one behind.
    #[arg(long, value_name = "LABEL", default_value = "kaika-root-1")]
    hsm_key: String,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Draws {
    /// At random.
    Random,
    /// FF1 over a serial number.
    Ff1,
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
        let diary = |path: &PathBuf| Diary::open(path, Role::Sms, Arc::new(System));
        let diary = args.events.as_ref().map(diary).transpose()?;
        let show = |message: &Message| println!("to {}: {}", message.to, message.text);
        let gateway = Gateway::logged(Box::new(show), diary.unwrap_or_default());
        return Ok(gateway.serve(listener, stop.stopped()).await?);
    }
    make_dir(&args.data)?;
    let keys = Keys::load_or_create(args.keys.as_ref().unwrap_or(&args.data.join("keys.json")))?;
    let role = role(args.role);
    let path = args.data.join(format!("{role}.ndjson"));
    let log = Arc::new(Log::open(&path, role, System.now())?);
    let common = Common {
        keys: keys.clone(),
        clock: Arc::new(System),
        log,
        data: Some(args.data.clone()),
    };
    let vault = vault(&args, &keys)?;
    let urls = Urls {
        issuer: args.issuer,
        identity: args.identity,
        sms: args.sms,
    };
    let store = common.store(role)?;
    let server = match args.role {
        Which::Issuer => {
            let issuer = Arc::new(world::issuer_with(&keys, vault));
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

/// The issuer's vault as the command line says.
fn vault(args: &Args, keys: &Keys) -> anyhow::Result<Vault> {
    let settings = Settings {
        token_ranges: args.token_range.clone(),
        pan_ranges: args.pan_range.clone(),
        generation: match args.generator {
            Draws::Random => Generation::Random,
            Draws::Ff1 => Generation::Ff1,
        },
        requestor: args.requestor.clone(),
    };
    Ok(settings.vault(root(args, keys)?)?)
}

#[cfg(feature = "pkcs11")]
fn root(args: &Args, keys: &Keys) -> anyhow::Result<Arc<dyn KeyService>> {
    match (&args.hsm.hsm_module, &args.hsm.hsm_pin_file) {
        (Some(module), Some(pin)) if args.role == Which::Issuer => Ok(kaika_node::vault::hsm(
            module,
            &args.hsm.hsm_token,
            pin,
            &args.hsm.hsm_key,
        )?),
        _ => Ok(Arc::new(world::root_keys(keys))),
    }
}

#[cfg(not(feature = "pkcs11"))]
fn root(_: &Args, keys: &Keys) -> anyhow::Result<Arc<dyn KeyService>> {
    Ok(Arc::new(world::root_keys(keys)))
}

const fn role(which: Which) -> Role {
    match which {
        Which::Issuer => Role::Issuer,
        Which::Verifier => Role::Verifier,
        Which::Identity => Role::Identity,
        Which::Sms => Role::Sms,
    }
}
