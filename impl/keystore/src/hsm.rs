//! One thread owns the session with the module; everybody else sends it orders and waits.
//!
//! A PKCS#11 module may serve one thread at a time only, and some break when two ask at once. So there is one queue, and
//! it is bounded: when the module does not keep up, or does not answer, whoever asks is told so and decides nothing.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use kaika_tokenization::{KeyFault, KeyId, KeyService};
use zeroize::Zeroizing;

use crate::session::Session;

/// Orders that may wait.
const QUEUE_MAX: usize = 64;
/// How long an order may take, waiting included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the module and the keys are. The PIN does not print.
pub struct Settings {
    /// The module: a shared library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// PIN of the user.
    pub pin: Zeroizing<String>,
    /// Label of the root key that wraps from now on. It is made when there is none.
    pub root: KeyId,
}

/// Why an HSM cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HsmFault {
    /// The module says no.
    #[error("PKCS#11 module {module}: {what}: {error}")]
    Module {
        /// Which module.
        module: String,
        /// What was tried.
        what: &'static str,
        /// What it said.
        error: cryptoki::error::Error,
    },
    /// No token has this label.
    #[error("PKCS#11 module {module}: no token is labelled {token:?}")]
    NoToken {
        /// Which module.
        module: String,
        /// Which label.
        token: String,
    },
    /// The root key has gone.
    #[error(
        "the token holds no key labelled {root:?} any more; restore it before anything is wrapped"
    )]
    NoKey {
        /// Its label.
        root: String,
    },
    /// Nobody knows which of them wrapped what.
    #[error("the token holds several keys labelled {root:?}; remove or rename all but one")]
    ManyKeys {
        /// Their label.
        root: String,
    },
    /// The thread could not be started, or ended.
    #[error("the thread of the PKCS#11 module does not run")]
    Stopped,
}

/// What an order gives back.
pub(crate) type Answer = Result<Zeroizing<Vec<u8>>, KeyFault>;

/// What the thread is asked to do.
pub(crate) struct Order {
    pub(crate) seals: bool,
    pub(crate) key: KeyId,
    pub(crate) nonce: [u8; 12],
    pub(crate) name: Vec<u8>,
    pub(crate) text: Zeroizing<Vec<u8>>,
    tell: SyncSender<Answer>,
}

/// Root keys in an HSM.
pub struct Hsm {
    root: KeyId,
    queue: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Hsm {
    /// Opens the module, logs in and finds the root key, or makes it: AES-256, sensitive, not extractable.
    ///
    /// # Errors
    /// [`HsmFault`] says what the module said.
    pub fn open(settings: Settings) -> Result<Self, HsmFault> {
        let root = settings.root.clone();
        let (queue, orders) = sync_channel(QUEUE_MAX);
        let (tell, told) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("hsm".into())
            .spawn(move || match Session::open(&settings, true) {
                Ok(session) => {
                    drop(tell.send(Ok(())));
                    work(&settings, session, &orders);
                }
                Err(fault) => drop(tell.send(Err(fault))),
            })
            .map_err(|_| HsmFault::Stopped)?;
        told.recv().unwrap_or(Err(HsmFault::Stopped))?;
        Ok(Self {
            root,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    fn order(
        &self,
        seals: bool,
        key: &KeyId,
        nonce: &[u8; 12],
        name: &[u8],
        text: &[u8],
    ) -> Answer {
        let (tell, told) = sync_channel(1);
        let order = Order {
            seals,
            key: key.clone(),
            nonce: *nonce,
            name: name.to_vec(),
            text: Zeroizing::new(text.to_vec()),
            tell,
        };
        let queue = self.queue.as_ref().ok_or(KeyFault::Unavailable)?;
        queue.try_send(order).map_err(|_| KeyFault::Unavailable)?;
        told.recv_timeout(PATIENCE)
            .unwrap_or(Err(KeyFault::Unavailable))
    }
}

/// Serves until nobody can ask any more. A session that failed is opened anew for the next order.
fn work(settings: &Settings, first: Session, orders: &Receiver<Order>) {
    let mut session = Some(first);
    while let Ok(order) = orders.recv() {
        if session.is_none() {
            session = Session::open(settings, false).ok();
        }
        let answer = session
            .as_ref()
            .map_or(Err(KeyFault::Unavailable), |session| session.done(&order));
        if answer.as_ref().err() == Some(&KeyFault::Unavailable) {
            session = None;
        }
        // Whoever asked may have lost patience.
        drop(order.tell.try_send(answer));
    }
}

impl KeyService for Hsm {
    fn newest(&self) -> KeyId {
        self.root.clone()
    }

    fn seal(
        &self,
        key: &KeyId,
        nonce: &[u8; 12],
        name: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, KeyFault> {
        let sealed = self.order(true, key, nonce, name, text)?;
        Ok(sealed.to_vec())
    }

    fn open(&self, key: &KeyId, nonce: &[u8; 12], name: &[u8], sealed: &[u8]) -> Answer {
        self.order(false, key, nonce, name, sealed)
    }
}

impl Drop for Hsm {
    /// Lets the thread finish what is queued and close the session.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
