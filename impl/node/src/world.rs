//! Every role on loopback, in one process: for the demonstration, for tests, and for the conformance suite.
//!
//! [`World::start`] opens a port for each role and enrols nobody; [`World::enrol`] does that.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kaika_crypto::{ChipMasterKey, IssuerMasterKey, SealKey};
use kaika_issuer::Vault;
use kaika_spec::Role;
use kaika_tokenization::Software;
use kaika_wire::core::Core;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chip::{self, Inserted};
use crate::clock::{Clock, Shifted};
use crate::fault::Fault;
use crate::keys::{Key, Keys};
use crate::log::{Diary, Log};
use crate::operator::{Enrolment, Operator};
use crate::peers::Peer;
use crate::pos_server::PosServer;
use crate::roles::{Common, Stopper, Urls, issuer_peers, listen, verifier_peers};
use crate::sms::Gateway;
use crate::store::Store;

const LISTEN_TRIES: u32 = 100;
const LISTEN_PAUSE: Duration = Duration::from_millis(10);

/// The chip's number.
pub const SE_ID: [u8; 8] = [0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00, 0x00, 0x01];

/// Where everybody is.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The verifier, HTTP.
    pub verifier: SocketAddr,
    /// The issuer, HTTP.
    pub issuer: SocketAddr,
    /// The issuer, ISO 8583.
    pub pos: SocketAddr,
    /// The identity system, HTTP.
    pub identity: SocketAddr,
    /// The SMS gateway, HTTP.
    pub sms: SocketAddr,
    /// The chip, TCP.
    pub chip: SocketAddr,
}

/// All roles, running. They stop when this is dropped.
pub struct World {
    /// Where they are.
    pub addresses: Addresses,
    /// The keys they share.
    pub keys: Keys,
    /// Their clock, which tests may shift.
    pub clock: Arc<Shifted>,
    /// The gateway, to read codes from.
    pub gateway: Arc<Gateway>,
    /// The issuer's store, for what must be searched in it.
    pub issuer_store: Arc<dyn Store>,
    tasks: Vec<JoinHandle<()>>,
    _stopper: Stopper,
}

impl Drop for World {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The verifier's core with its keys.
pub fn verifier(keys: &Keys) -> kaika_verifier::Verifier {
    kaika_verifier::Verifier::new(kaika_verifier::Config {
        operator_key: *keys.operator_verifier.bytes(),
        secret: *keys.verifier_secret.bytes(),
    })
}

/// The identity system's core with its keys.
pub fn identity(keys: &Keys) -> kaika_identity::Identity {
    let config = kaika_identity::Config {
        verifier_key: *keys.verifier_identity.bytes(),
        issuer_key: *keys.issuer_identity.bytes(),
        operator_key: *keys.operator_identity.bytes(),
    };
    kaika_identity::Identity::new(config, Box::new(kaika_identity::matcher::Simulator))
}

/// The issuer's core with its keys, the standard ranges and root keys in memory.
pub fn issuer(keys: &Keys) -> kaika_issuer::Issuer {
    issuer_with(keys, Vault::with(Arc::new(root_keys(keys))))
}

/// The root keys of a key file.
pub fn root_keys(keys: &Keys) -> Software {
    let key = |key: &Key<32>| SealKey::new(*key.bytes());
    let before = keys.vault_root_before.iter().map(key).collect();
    Software::new(key(&keys.vault_root), before)
}

/// The issuer's core with its keys and this vault.
pub fn issuer_with(keys: &Keys, vault: Vault) -> kaika_issuer::Issuer {
    kaika_issuer::Issuer::new(kaika_issuer::Config {
        verifier_key: *keys.verifier_issuer.bytes(),
        operator_key: *keys.operator_issuer.bytes(),
        kmc: ChipMasterKey::new(*keys.chip_master.bytes()),
        imk: IssuerMasterKey::new(*keys.token_master.bytes()),
        vault,
    })
}

/// A core, its store, its peers and its port.
type Part = (
    Arc<dyn Core>,
    Arc<dyn Store>,
    BTreeMap<&'static str, Peer>,
    TcpListener,
);

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

impl World {
    /// Starts every role with its store and the chip's memory in `data`.
    ///
    /// # Errors
    /// When a port or a file cannot be opened.
    pub async fn start(data: PathBuf) -> Result<Self, Fault> {
        Self::start_among(data, Urls::default()).await
    }

    /// As [`World::start`], but the servers ask the peers at these addresses; an empty one is the world's own.
    ///
    /// # Errors
    /// As [`World::start`].
    pub async fn start_among(data: PathBuf, peers: Urls) -> Result<Self, Fault> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::start_at(data, peers, [loopback; 6], Arc::default()).await
    }

    /// A world that has ended once more: at the same places, on what is stored in `data`, by the same clock.
    ///
    /// # Errors
    /// As [`World::start`].
    pub async fn start_again(
        data: PathBuf,
        peers: Urls,
        at: &Addresses,
        clock: Arc<Shifted>,
    ) -> Result<Self, Fault> {
        let places = [at.verifier, at.issuer, at.pos, at.identity, at.sms, at.chip];
        Self::start_at(data, peers, places, clock).await
    }

    async fn start_at(
        data: PathBuf,
        peers: Urls,
        places: [SocketAddr; 6],
        clock: Arc<Shifted>,
    ) -> Result<Self, Fault> {
        crate::roles::make_dir(&data)?;
        let keys = Keys::load_or_create(&data.join("keys.json"))?;
        let common = |role: Role| {
            Ok::<_, Fault>(Common {
                keys: keys.clone(),
                clock: clock.clone(),
                log: log(&data, role, &*clock)?,
                data: Some(data.clone()),
            })
        };
        let (for_issuer, for_identity, for_verifier) = (
            common(Role::Issuer)?,
            common(Role::Identity)?,
            common(Role::Verifier)?,
        );
        let mut ports = Vec::new();
        for place in places {
            ports.push(listen_soon(place).await?);
        }
        let Ok(
            [
                verifier_port,
                issuer_port,
                pos_port,
                identity_port,
                sms_port,
                chip_port,
            ],
        ) = <[TcpListener; 6]>::try_from(ports)
        else {
            return Err(Fault::Stopped("the loopback"));
        };
        let at = |port: &TcpListener| {
            port.local_addr()
                .map_err(|error| Fault::net("a port on loopback", error))
        };
        let addresses = Addresses {
            verifier: at(&verifier_port)?,
            issuer: at(&issuer_port)?,
            pos: at(&pos_port)?,
            identity: at(&identity_port)?,
            sms: at(&sms_port)?,
            chip: at(&chip_port)?,
        };
        let or = |given: String, own: SocketAddr| if given.is_empty() { url(own) } else { given };
        let urls = Urls {
            issuer: or(peers.issuer, addresses.issuer),
            identity: or(peers.identity, addresses.identity),
            sms: or(peers.sms, addresses.sms),
        };
        let diary =
            |role: Role| Diary::open(&data.join(format!("{role}.ndjson")), role, clock.clone());
        let gateway = Gateway::logged(Box::new(|_| {}), diary(Role::Sms)?);
        let chip = chip::open(&data.join("chip.bin"), keys.chip_master.bytes(), SE_ID)?;
        let chip = Inserted::from(chip).with_events(&hex::encode(SE_ID), diary(Role::Chip)?);
        let (stopper, stop) = Stopper::new();
        let issuer_core = Arc::new(issuer(&keys));
        let issuer_store = for_issuer.store(Role::Issuer)?;
        let pos = Arc::new(PosServer {
            issuer: Arc::clone(&issuer_core),
            store: Arc::clone(&issuer_store),
            clock: clock.clone(),
            log: Arc::clone(&for_issuer.log),
        });
        let mut tasks = vec![
            tokio::spawn(pos.serve(pos_port)),
            tokio::spawn(reported(
                "sms",
                Arc::clone(&gateway).serve(sms_port, stop.clone().stopped()),
            )),
            tokio::spawn(reported("chip", chip::serve(chip_port, chip))),
        ];
        let servers: [Part; 3] = [
            (
                issuer_core,
                Arc::clone(&issuer_store),
                issuer_peers(&keys, &urls),
                issuer_port,
            ),
            (
                Arc::new(identity(&keys)),
                for_identity.store(Role::Identity)?,
                Default::default(),
                identity_port,
            ),
            (
                Arc::new(verifier(&keys)),
                for_verifier.store(Role::Verifier)?,
                verifier_peers(&keys, &urls),
                verifier_port,
            ),
        ];
        let logs = [for_issuer, for_identity, for_verifier];
        for ((core, store, peers, port), common) in servers.into_iter().zip(logs) {
            let server = common.server(core, store, peers)?;
            tasks.push(tokio::spawn(reported(
                "server",
                server.start(port, stop.clone().stopped()),
            )));
        }
        Ok(Self {
            addresses,
            keys,
            clock,
            gateway,
            issuer_store,
            tasks,
            _stopper: stopper,
        })
    }

    /// Enrols everybody where they must be known.
    ///
    /// # Errors
    /// When a server refuses somebody.
    pub async fn enrol(&self, who: &Enrolment) -> Result<(), Fault> {
        for role in [Role::Issuer, Role::Identity, Role::Verifier] {
            self.operator(role)?.enrol(role, who).await?;
        }
        Ok(())
    }

    /// The operator of a server.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn operator(&self, role: Role) -> Result<Operator, Fault> {
        let (address, key) = match role {
            Role::Issuer => (self.addresses.issuer, &self.keys.operator_issuer),
            Role::Identity => (self.addresses.identity, &self.keys.operator_identity),
            Role::Terminal
            | Role::Chip
            | Role::Verifier
            | Role::Pos
            | Role::Sms
            | Role::Operator => (self.addresses.verifier, &self.keys.operator_verifier),
        };
        Operator::new(&url(address), key.clone(), self.clock.clone())
    }
}

/// Listens at a place that whoever listened before is just leaving.
async fn listen_soon(place: SocketAddr) -> Result<TcpListener, Fault> {
    for _ in 0..LISTEN_TRIES {
        match listen(place).await {
            Ok(listener) => return Ok(listener),
            Err(_) => tokio::time::sleep(LISTEN_PAUSE).await,
        }
    }
    listen(place).await
}

/// The event log of a role in a directory.
fn log(data: &Path, role: Role, clock: &dyn Clock) -> Result<Arc<Log>, Fault> {
    let path = data.join(format!("{role}.ndjson"));
    Log::open(&path, role, clock.now()).map(Arc::new)
}

async fn reported(who: &'static str, task: impl Future<Output = Result<(), Fault>>) {
    if let Err(fault) = task.await {
        eprintln!("{who}: {fault}");
    }
}
