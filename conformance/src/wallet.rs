//! What a phone finds when the runner plays its verifier and its chip, each for one test.
//!
//! Both listen on loopback until they are dropped; then their connections end too.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::oneshot;

use crate::crypto::channel::DOMAIN;
use crate::format::Will;
use crate::softchip::{Fault, SoftChip};
use crate::stage::{Door, frame, framed};

/// An answer: status, media type, body.
pub type Told = (u16, &'static str, String);

/// A message that came to the verifier. It is answered once; dropped without an answer, its connection ends.
#[derive(Debug)]
pub struct Said {
    /// GET or POST.
    pub method: String,
    /// The path, with its query if it has one.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
    headers: HeaderMap,
    answer: oneshot::Sender<Told>,
}

impl Said {
    /// A header's text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// As text, for a report.
    pub fn text(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {} {body}", self.method, self.path)
    }

    /// Answers; false when whoever asked is gone.
    pub fn reply(self, told: Told) -> bool {
        self.answer.send(told).is_ok()
    }
}

#[derive(Debug)]
struct Counter {
    tell: Sender<Said>,
    lines: Mutex<Vec<TcpStream>>,
    hushed: AtomicBool,
}

impl Counter {
    fn lines(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every connection.
    fn cut(&self) {
        for line in self.lines().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }
}

/// The listener, which keeps a handle of each connection.
struct Listener {
    socket: tokio::net::TcpListener,
    counter: Arc<Counter>,
}

impl Listener {
    async fn one(&self) -> std::io::Result<(tokio::net::TcpStream, SocketAddr)> {
        let (stream, from) = self.socket.accept().await?;
        let stream = stream.into_std()?;
        self.counter.lines().push(stream.try_clone()?);
        Ok((tokio::net::TcpStream::from_std(stream)?, from))
    }
}

impl axum::serve::Listener for Listener {
    type Io = tokio::net::TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.one().await {
                Ok(accepted) => return accepted,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.socket.local_addr()
    }
}

/// The verifier of one phone: what it is asked waits to be heard, and to be answered.
#[derive(Debug)]
pub struct Verifier {
    address: SocketAddr,
    heard: Receiver<Said>,
    counter: Arc<Counter>,
    serving: tokio::task::JoinHandle<()>,
}

/// The threads of all such verifiers.
fn threads() -> std::io::Result<&'static tokio::runtime::Runtime> {
    static THREADS: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    if let Some(threads) = THREADS.get() {
        return Ok(threads);
    }
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    Ok(THREADS.get_or_init(|| threads))
}

impl Verifier {
    /// Opens a port.
    ///
    /// # Errors
    /// When there is none.
    pub fn open() -> std::io::Result<Self> {
        let threads = threads()?;
        let socket = threads.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = socket.local_addr()?;
        let (tell, heard) = channel();
        let counter = Arc::new(Counter {
            tell,
            lines: Mutex::default(),
            hushed: AtomicBool::new(false),
        });
        let listener = Listener {
            socket,
            counter: Arc::clone(&counter),
        };
        let router = Router::new()
            .fallback(listen)
            .with_state(Arc::clone(&counter));
        let serving = threads.spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            heard,
            counter,
            serving,
        })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next message; nothing when none comes in time.
    pub fn hear(&self, patience: Duration) -> Option<Said> {
        self.heard.recv_timeout(patience).ok()
    }

    /// Ends every connection, whatever was asked.
    pub fn cut(&self) {
        self.counter.cut();
    }

    /// From now on every message is heard and none is answered: its connection ends.
    pub fn hush(&self) {
        self.counter.hushed.store(true, Ordering::SeqCst);
        self.cut();
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.serving.abort();
        self.cut();
    }
}

async fn listen(
    State(counter): State<Arc<Counter>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (answer, told) = oneshot::channel();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let said = Said {
        method: method.to_string(),
        path: path.to_owned(),
        body: body.to_vec(),
        headers,
        answer,
    };
    let is_heard = counter.tell.send(said).is_ok();
    if counter.hushed.load(Ordering::SeqCst) || !is_heard {
        counter.cut();
    }
    match told.await {
        Ok((status, kind, text)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => {
            counter.cut();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// A wish to have something signed, which waits for what the chip does about it.
#[derive(Debug)]
pub struct Wish {
    /// 1 consent, 2 payment.
    pub kind: u8,
    /// What is signed, as it came.
    pub digest: Vec<u8>,
    will: Sender<Will>,
}

impl Wish {
    /// The chip makes up its mind.
    pub fn decide(&self, will: Will) {
        // Whoever asked may be gone; then nobody is answered.
        let _ = self.will.send(will);
    }
}

/// The chip of one phone at a port of its own, framed as in `spec/85-apdu.md`, Transport. It answers by rule; only what it is to
/// sign waits.
#[derive(Debug)]
pub struct Reader {
    door: Door,
    wishes: Receiver<Wish>,
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    chip: Mutex<SoftChip>,
    commands: Mutex<Vec<Vec<u8>>>,
    /// The chip leaves at the next command with this instruction.
    pulled_at: Mutex<Option<u8>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// Puts a chip into a reader.
    ///
    /// # Errors
    /// When there is no port.
    pub fn with(chip: SoftChip) -> std::io::Result<Self> {
        let (tell, wishes) = channel();
        let inside = Arc::new(Inside {
            chip: Mutex::new(chip),
            commands: Mutex::default(),
            pulled_at: Mutex::new(None),
        });
        let shared = Arc::clone(&inside);
        let door = Door::open(move |line| serve(line, &shared, &tell))?;
        Ok(Self {
            door,
            wishes,
            inside,
        })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.door.address
    }

    /// The next wish; nothing when none comes in time.
    pub fn wish(&self, patience: Duration) -> Option<Wish> {
        self.wishes.recv_timeout(patience).ok()
    }

    /// The chip leaves at the next command with this instruction, and is put in again.
    pub fn pull_at(&self, instruction: u8) {
        *locked(&self.inside.pulled_at) = Some(instruction);
    }

    /// The commands with this instruction, oldest first.
    pub fn commands(&self, instruction: u8) -> Vec<Vec<u8>> {
        let commands = locked(&self.inside.commands);
        let of = |command: &&Vec<u8>| command.get(1) == Some(&instruction);
        commands.iter().filter(of).cloned().collect()
    }
}

const GIVE_ATR: [u8; 1] = [4];
const ATR: [u8; 2] = [0x3B, 0x00];
/// SIGN EVIDENCE.
const SIGN: u8 = 0x2A;
/// Security domain not selected, or conditions not satisfied.
const NOT_NOW: [u8; 2] = [0x69, 0x85];

fn serve(mut line: TcpStream, inside: &Inside, tell: &Sender<Wish>) {
    let mut is_selected = false;
    while let Some(command) = frame(&mut line) {
        let answer = match command.as_slice() {
            _ if command == GIVE_ATR => Some(ATR.to_vec()),
            // Power, which is not answered: all that is volatile is gone.
            [_] => {
                is_selected = false;
                continue;
            }
            _ => inside.answer(&command, &mut is_selected, tell),
        };
        let sent = answer.and_then(|answer| framed(&mut line, &answer));
        if sent.is_none() {
            let _ = line.shutdown(Shutdown::Both);
            return;
        }
    }
}

impl Inside {
    /// Answers a command; nothing when the chip is gone.
    fn answer(
        &self,
        command: &[u8],
        is_selected: &mut bool,
        tell: &Sender<Wish>,
    ) -> Option<Vec<u8>> {
        locked(&self.commands).push(command.to_vec());
        if self.is_pulled(command.get(1).copied()) {
            return None;
        }
        match command {
            [0x00, 0xA4, 0x04, 0x00, _, name @ ..] => *is_selected = name.starts_with(&DOMAIN),
            [0x80, SIGN, kind @ (1 | 2), 0x00, 0x20, rest @ ..] if *is_selected => {
                return self.sign(*kind, rest, tell);
            }
            [_, SIGN, ..] => return Some(NOT_NOW.to_vec()),
            _ => {}
        }
        Some(locked(&self.chip).answer(command, Fault::None))
    }

    /// Whether the chip leaves now; it does so once.
    fn is_pulled(&self, instruction: Option<u8>) -> bool {
        let mut at = locked(&self.pulled_at);
        let now = at.is_some() && *at == instruction;
        if now {
            *at = None;
        }
        now
    }

    fn sign(&self, kind: u8, rest: &[u8], tell: &Sender<Wish>) -> Option<Vec<u8>> {
        let digest = rest.get(..0x20)?.to_vec();
        let (will, decided) = channel();
        let wish = Wish {
            kind,
            digest: digest.clone(),
            will,
        };
        tell.send(wish).ok()?;
        match decided.recv().ok()? {
            Will::Signs => Some(locked(&self.chip).evidence(kind, &digest)),
            Will::Refuses => Some(NOT_NOW.to_vec()),
            Will::Leaves => None,
        }
    }
}
