//! A server role with everything it needs, ready to listen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kaika_spec::Role;
use kaika_wire::core::Core;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::fault::Fault;
use crate::keys::{Key, Keys};
use crate::log::Log;
use crate::peers::{Peer, Peers};
use crate::server::Server;
use crate::store::{Memory, Sqlite, Store};

/// Tells every part that holds one to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// The other end of [`Stop`]. Dropping it stops all as well.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// A pair of ends.
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Tells all to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Waits until told.
    pub async fn stopped(mut self) {
        // An error means that the other end is gone, which says the same.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// What every server role needs.
#[derive(Clone)]
pub struct Common {
    /// The deployment's keys.
    pub keys: Keys,
    /// The clock.
    pub clock: SharedClock,
    /// The event log.
    pub log: Arc<Log>,
    /// Where to keep rows: a directory, or nothing for memory only.
    pub data: Option<PathBuf>,
}

impl Common {
    /// The role's store: `ROLE.db` in the data directory.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn store(&self, role: Role) -> Result<Arc<dyn Store>, Fault> {
        match &self.data {
            None => Ok(Arc::new(Memory::default())),
            Some(dir) => {
                make_dir(dir)?;
                Ok(Arc::new(Sqlite::open(&dir.join(format!("{role}.db")))?))
            }
        }
    }

    /// A core as a server with its peers.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn server(
        &self,
        core: Arc<dyn Core>,
        store: Arc<dyn Store>,
        peers: BTreeMap<&'static str, Peer>,
    ) -> Result<Arc<Server>, Fault> {
        let peers = Peers::new(core.role(), peers, Arc::clone(&self.clock))?;
        Ok(Server::new(
            core,
            store,
            Arc::clone(&self.clock),
            Arc::clone(&self.log),
            peers,
        ))
    }
}

/// Where a role's peers are.
#[derive(Clone, Debug, Default)]
pub struct Urls {
    /// The issuer.
    pub issuer: String,
    /// The identity system.
    pub identity: String,
    /// The SMS gateway.
    pub sms: String,
}

/// The issuer's peers.
pub fn issuer_peers(keys: &Keys, urls: &Urls) -> BTreeMap<&'static str, Peer> {
    BTreeMap::from([peer(
        "identity",
        &urls.identity,
        Some(&keys.issuer_identity),
    )])
}

/// The verifier's peers.
pub fn verifier_peers(keys: &Keys, urls: &Urls) -> BTreeMap<&'static str, Peer> {
    BTreeMap::from([
        peer("issuer", &urls.issuer, Some(&keys.verifier_issuer)),
        peer("identity", &urls.identity, Some(&keys.verifier_identity)),
        peer("sms", &urls.sms, None),
    ])
}

fn peer(name: &'static str, url: &str, key: Option<&Key<32>>) -> (&'static str, Peer) {
    (
        name,
        Peer {
            url: url.trim_end_matches('/').to_owned(),
            key: key.cloned(),
        },
    )
}

/// Opens a listener.
///
/// # Errors
/// When the address cannot be used.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Fault> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Fault::net(format!("listening on {address}"), error))
}

/// Makes a directory that only its owner may read.
///
/// # Errors
/// When it cannot be made.
pub fn make_dir(dir: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| Fault::file(dir, error))
}
