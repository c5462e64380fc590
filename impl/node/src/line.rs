//! A shop's line to the issuer: one connection for any number of requests, whose answers come in any order.
//!
//! [`Line::ask`] sends a request and waits for its own answer. The connection is opened, and signed on, when it is needed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kaika_pos::host::{self, Name};
use kaika_spec::limit::{IN_FLIGHT_MAX, ISO8583_MAX};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::clock::SharedClock;
use crate::{calendar, dice, frame};

/// Sign on (field 70).
const SIGN_ON: &str = "001";

/// Who waits for which answer. `None` once the connection has ended.
type Waiting = Arc<Mutex<Option<BTreeMap<Name, oneshot::Sender<Vec<u8>>>>>>;

/// A line that payments share.
pub struct Line {
    issuer: SocketAddr,
    patience: Duration,
    clock: SharedClock,
    open: tokio::sync::Mutex<Option<Arc<Open>>>,
}

/// A connection.
struct Open {
    requests: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Line {
    /// A line to the issuer at this address, on which an answer is waited for so long.
    pub fn new(issuer: SocketAddr, patience: Duration, clock: SharedClock) -> Self {
        Self {
            issuer,
            patience,
            clock,
            open: tokio::sync::Mutex::new(None),
        }
    }

    /// The answer to this request; nothing when none comes in time, or the connection fails.
    pub async fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let asked = async { self.opened().await?.ask(request).await };
        tokio::time::timeout(self.patience, asked).await.ok()?
    }

    /// Whether the issuer is there: opens the connection and signs on, unless it stands.
    pub async fn is_up(&self) -> bool {
        let opened = tokio::time::timeout(self.patience, self.opened()).await;
        matches!(opened, Ok(Some(_)))
    }

    /// The connection that stands, or a new one.
    async fn opened(&self) -> Option<Arc<Open>> {
        let mut place = self.open.lock().await;
        if let Some(open) = place.as_ref().filter(|open| open.stands()) {
            return Some(Arc::clone(open));
        }
        *place = None;
        let open = Arc::new(Open::connect(self.issuer).await?);
        let at = calendar::stamp(self.clock.now()).at;
        let trace = u32::from_be_bytes(dice::bytes()) % 1_000_000;
        let request = host::management(&at, &format!("{trace:06}"), SIGN_ON).ok()?;
        let answer = open.ask(&request).await?;
        host::is_accepted(&answer).then(|| Arc::clone(place.insert(open)))
    }
}

impl Open {
    async fn connect(issuer: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(issuer).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (requests, leaving) = mpsc::channel(IN_FLIGHT_MAX);
        let waiting: Waiting = Arc::new(Mutex::new(Some(BTreeMap::new())));
        Some(Self {
            requests,
            waiting: Arc::clone(&waiting),
            tasks: [
                tokio::spawn(hand_out(reader, Arc::clone(&waiting))),
                tokio::spawn(hand_in(writer, leaving, waiting)),
            ],
        })
    }

    fn stands(&self) -> bool {
        locked(&self.waiting).is_some()
    }

    /// Nothing when the connection ends first, or another request of the same name still waits.
    async fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let name = host::asked(request).ok()?;
        let (tell, told) = oneshot::channel();
        let place = Place::take(&self.waiting, name, tell)?;
        self.requests.send(request.to_vec()).await.ok()?;
        let answer = told.await.ok();
        drop(place);
        answer
    }
}

/// A place among those who wait, given up when nobody waits any more: a late answer then finds nobody.
struct Place<'a> {
    waiting: &'a Waiting,
    name: Name,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a Waiting, name: Name, tell: oneshot::Sender<Vec<u8>>) -> Option<Self> {
        let mut places = locked(waiting);
        let places = places.as_mut()?;
        if places.contains_key(&name) {
            return None;
        }
        places.insert(name.clone(), tell);
        Some(Self { waiting, name })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(places) = locked(self.waiting).as_mut() {
            places.remove(&self.name);
        }
    }
}

fn locked(
    waiting: &Waiting,
) -> std::sync::MutexGuard<'_, Option<BTreeMap<Name, oneshot::Sender<Vec<u8>>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives each answer to whoever waits for it, until the connection ends; then nobody waits any more.
async fn hand_out(mut reader: OwnedReadHalf, waiting: Waiting) {
    while let Ok(Some(answer)) = frame::read(&mut reader, ISO8583_MAX).await {
        let Ok(name) = host::answered(&answer) else {
            break;
        };
        let waits = locked(&waiting)
            .as_mut()
            .and_then(|places| places.remove(&name));
        if let Some(waits) = waits {
            drop(waits.send(answer));
        }
    }
    *locked(&waiting) = None;
}

/// Writes requests whole, whoever stops waiting meanwhile: half a frame would spoil those behind it.
async fn hand_in(
    mut writer: OwnedWriteHalf,
    mut leaving: mpsc::Receiver<Vec<u8>>,
    waiting: Waiting,
) {
    while let Some(request) = leaving.recv().await {
        if frame::write(&mut writer, &request).await.is_err() {
            break;
        }
    }
    *locked(&waiting) = None;
}
