//! The reference as a subject: its roles on loopback among the peers that the runner plays, and a control channel.
//!
//! The control channel exists only here; `kaika serve` and `kaika se` have none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use kaika_conformance::contract::CONTRACT;
use kaika_conformance::manifest::{Carrier, Endpoint, Hooks, Implementation, Manifest, Parameters};
use kaika_conformance::peers::Peers;
use kaika_conformance::report::Subject;
use kaika_conformance::verdict::{Failure, Verdict};
use kaika_node::Fault;
use kaika_node::chip;
use kaika_node::clock::Shifted;
use kaika_node::roles::{Urls, listen};
use kaika_node::vpcd;
use kaika_node::world::{Addresses, World};
use kaika_trace::{CAP, Checker, Word};
use serde_json::{Value, json};

use self::chips::Chips;
use crate::logged::Logged;

mod chips;
mod phone;
mod trigger;

/// How the name of an event log ends.
const LOG: &str = "ndjson";

/// The roles that can be a subject.
pub(crate) const ROLES: &[&str] = &[
    "issuer", "verifier", "identity", "chip", "pos", "terminal", "system",
];

/// The reference, running as a subject.
pub(crate) struct Reference {
    /// What the runner is told of it.
    pub(crate) manifest: Manifest,
    /// What the runner plays before it.
    pub(crate) peers: Option<Peers>,
    world: Running,
    data: tempfile::TempDir,
}

/// The world and what runs it; nothing while it is between two lives.
type Running = Arc<Mutex<Option<Life>>>;

/// One life of the world. What runs it is its own, so that it can end all at once.
struct Life {
    world: World,
    runtime: tokio::runtime::Runtime,
}

impl Life {
    /// Begins a life, or the next one after it at the same places.
    ///
    /// # Errors
    /// When a port or a file cannot be opened.
    fn begin(
        data: PathBuf,
        peers: Urls,
        again: Option<(Addresses, Arc<Shifted>)>,
    ) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::net("threads", error))?;
        let world = match again {
            None => runtime.block_on(World::start_among(data, peers)),
            Some((at, clock)) => runtime.block_on(World::start_again(data, peers, &at, clock)),
        };
        world.map(|world| Self { world, runtime })
    }

    /// Ends everything where it stands; gives what the next life needs of it.
    fn end(self) -> (Addresses, Arc<Shifted>) {
        let left = (self.world.addresses.clone(), Arc::clone(&self.world.clock));
        drop(self.world);
        self.runtime.shutdown_timeout(LAST_BREATH);
        left
    }
}

/// How long threads that are in the middle of a write are waited for.
const LAST_BREATH: Duration = Duration::from_secs(5);

struct Control {
    world: Running,
    peers: Urls,
    clock: Arc<Shifted>,
    chip_master: [u8; 16],
    data: PathBuf,
    chips: AtomicU64,
    inserted: Chips,
    /// The reader that chips go into, one at a time; without it each has a port of its own.
    reader: Option<String>,
    /// What clients were told to do.
    begun: trigger::Begun,
}

/// Tests at once. Its servers judge in one thread each, which commits what waits together: many at once are judged and stored with
/// fewer switches between threads.
const AT_ONCE: usize = 16;

/// The peers that the runner plays before a role.
pub(crate) const fn peers_of(role: &str) -> &'static [&'static str] {
    match role.as_bytes() {
        b"issuer" => &["identity"],
        b"verifier" => &["issuer", "identity", "sms"],
        _ => &[],
    }
}

impl Reference {
    /// Starts what a suite for `role` needs. With a reader, chips go into that one, which must be vpcd's at its usual port.
    pub(crate) async fn start(role: &str, reader: Option<&str>) -> anyhow::Result<Self> {
        let data = place().context("a directory for the stores")?;
        let at: BTreeMap<String, String> = peers_of(role)
            .iter()
            .map(|peer| ((*peer).to_owned(), "127.0.0.1:0".to_owned()))
            .collect();
        let peers = match at.is_empty() {
            true => None,
            false => Some(
                tokio::task::spawn_blocking(move || Peers::start(&at))
                    .await?
                    .map_err(anyhow::Error::msg)?,
            ),
        };
        let url = |peer: &str| {
            let address = peers.as_ref().and_then(|peers| peers.addresses.get(peer));
            address.map_or_else(String::new, |address| format!("http://{address}"))
        };
        let urls = Urls {
            issuer: url("issuer"),
            identity: url("identity"),
            sms: url("sms"),
        };
        let (place, known) = (data.path().to_owned(), urls.clone());
        let life = tokio::task::spawn_blocking(|| Life::begin(place, known, None)).await??;
        let keys = serde_json::from_value(json!(life.world.keys))?;
        let addresses = life.world.addresses.clone();
        let clock = Arc::clone(&life.world.clock);
        let chip_master = *life.world.keys.chip_master.bytes();
        let world: Running = Arc::new(Mutex::new(Some(life)));
        let control = control(Control {
            world: Arc::clone(&world),
            peers: urls,
            clock,
            chip_master,
            data: data.path().to_owned(),
            chips: AtomicU64::new(1),
            inserted: Chips::default(),
            reader: reader.map(str::to_owned),
            begun: trigger::Begun::default(),
        });
        let manifest = manifest(role, &addresses, keys, control.await?);
        Ok(Self {
            manifest,
            peers,
            world,
            data,
        })
    }
}

impl Reference {
    /// Checks what the roles under test wrote down while they were played with, and notes which requirements it shows; what is wrong
    /// with it, if anything is. The chips that a suite has made write nothing.
    ///
    /// # Errors
    /// When there is no log.
    pub(crate) fn traced(&self, role: &str, logged: &Logged) -> anyhow::Result<Option<Verdict>> {
        let mut checker = Checker::new(CAP);
        for path in self.logs(role)? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let file = File::open(&path).with_context(|| path.display().to_string())?;
            if let Err(bad) = checker.read(&name, BufReader::new(file)) {
                return Ok(Some(Verdict::Fail(unfit(bad.to_string()))));
            }
        }
        let report = checker.finish(&[]);
        logged.note(&report.requirements);
        Ok(match report.word() {
            Word::Conforms | Word::Vacuous => None,
            Word::Violates => Some(Verdict::Fail(unfit(report.text()))),
            Word::Inconclusive => Some(Verdict::Inconclusive(unfit(report.text()))),
        })
    }
}

impl Reference {
    /// The logs of the roles under test: one of each server, one of each shop's terminal and phone that was told to do something.
    fn logs(&self, role: &str) -> anyhow::Result<Vec<PathBuf>> {
        let data = self.data.path();
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| data.join(name).with_extension(LOG))
                .collect()
        };
        Ok(match role {
            "issuer" | "verifier" | "identity" => of(&[role]),
            "system" => of(&["issuer", "verifier", "identity", "sms"]),
            "pos" => begin_with(data, "pos-")?,
            "terminal" => begin_with(data, "phone-")?,
            _ => Vec::new(),
        })
    }
}

/// The logs whose names begin so, in order.
fn begin_with(data: &Path, beginning: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data).with_context(|| data.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(beginning) && path.extension().is_some_and(|ends| ends == LOG) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn unfit(seen: String) -> Failure {
    Failure {
        step: 0,
        what: "what the reference wrote down".to_owned(),
        expected: "what the model allows".to_owned(),
        seen,
    }
}

/// A directory for stores that end with the run: in memory where the system has such a place, unless `TMPDIR` names another.
fn place() -> std::io::Result<tempfile::TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    match std::env::var_os("TMPDIR") {
        None if memory.is_dir() => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        _ => tempfile::tempdir(),
    }
}

/// The hooks of the reference.
const OFFERS: [&str; 5] = ["chip", "clock", "trigger", "crash", "restart"];

/// What a report says of the reference.
pub(crate) fn subject(roles: &[&str]) -> Subject {
    let own = implementation();
    Subject {
        name: own.name,
        version: own.version,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        hooks: OFFERS.map(str::to_owned).into(),
    }
}

fn implementation() -> Implementation {
    Implementation {
        name: "kaika reference".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn manifest(
    role: &str,
    at: &Addresses,
    keys: BTreeMap<String, String>,
    control: SocketAddr,
) -> Manifest {
    let http = |address: SocketAddr| Endpoint {
        http: Some(format!("http://{address}")),
        ..Endpoint::default()
    };
    let issuer = Endpoint {
        tcp: Some(at.pos.to_string()),
        ..http(at.issuer)
    };
    let chip = Endpoint {
        tcp: Some(at.chip.to_string()),
        ..Endpoint::default()
    };
    let all = [
        ("issuer", issuer),
        ("verifier", http(at.verifier)),
        ("identity", http(at.identity)),
        ("sms", http(at.sms)),
        ("chip", chip),
        ("pos", Endpoint::default()),
        ("terminal", Endpoint::default()),
        ("system", Endpoint::default()),
    ];
    let roles = all
        .into_iter()
        .filter(|(name, _)| role == "system" || *name == role)
        .map(|(name, endpoint)| (name.to_owned(), endpoint))
        .collect();
    Manifest {
        implementation: implementation(),
        roles,
        keys,
        hooks: Hooks {
            control: Some(Carrier::Http(format!("http://{control}"))),
            offers: Some(OFFERS.map(str::to_owned).to_vec()),
        },
        parameters: Parameters {
            at_once: Some(AT_ONCE),
            ..Parameters::default()
        },
        ..Manifest::default()
    }
}

async fn control(control: Control) -> anyhow::Result<SocketAddr> {
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/ctl/v1/hello", post(hello))
        .route("/ctl/v1/clock", post(advance))
        .route("/ctl/v1/chip", post(insert))
        .route("/ctl/v1/trigger", post(trigger::trigger))
        .route("/ctl/v1/outcome", post(trigger::outcome))
        .route("/ctl/v1/crash", post(trigger::crash))
        .route("/ctl/v1/restart", post(restart))
        .fallback(unknown)
        .with_state(Arc::new(control));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// `{"ok": true}` and these members.
fn done(mut members: Value) -> Json<Value> {
    members["ok"] = json!(true);
    Json(members)
}

fn failed(what: &str) -> Json<Value> {
    Json(json!({"error": {"message": what}}))
}

async fn hello(_: Json<Value>) -> Json<Value> {
    done(json!({"contract": CONTRACT, "implementation": implementation()}))
}

async fn advance(State(control): State<Arc<Control>>, Json(asked): Json<Value>) -> Json<Value> {
    match asked.get("advance_ms").and_then(Value::as_i64) {
        Some(ms) => {
            control.clock.advance(ms);
            done(json!({}))
        }
        None => failed("advance_ms is missing"),
    }
}

/// Everything ends where it stands and starts again on its stores.
async fn restart(State(control): State<Arc<Control>>, _: Json<Value>) -> Json<Value> {
    let restarted = tokio::task::spawn_blocking(move || {
        let mut world = locked(&control.world);
        let before = world
            .take()
            .ok_or_else(|| "an earlier restart failed".to_owned())?;
        let left = before.end();
        let again = Life::begin(control.data.clone(), control.peers.clone(), Some(left));
        *world = Some(again.map_err(|fault| fault.to_string())?);
        Ok::<_, String>(())
    });
    match restarted.await {
        Ok(Ok(())) => done(json!({})),
        Ok(Err(what)) => failed(&what),
        Err(error) => failed(&error.to_string()),
    }
}

fn locked(world: &Running) -> std::sync::MutexGuard<'_, Option<Life>> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Its threads must not be waited for where nothing may wait.
        if let Some(life) = locked(&self.world).take() {
            drop(life.world);
            life.runtime.shutdown_background();
        }
    }
}

async fn unknown(uri: axum::http::Uri) -> Json<Value> {
    Json(json!({"unimplemented": true, "reason": format!("no {}", uri.path())}))
}

/// A chip from the factory, on a port of its own or alone in the reader.
///
/// The body is read although it says nothing: what is not read when the answer is ready ends the connection, and the
/// next question on it is lost.
async fn insert(State(control): State<Arc<Control>>, _: Json<Value>) -> Json<Value> {
    let number = control.chips.fetch_add(1, Ordering::SeqCst);
    let mut se_id = number.to_be_bytes();
    se_id[0] = 0x4b;
    let file = control.data.join(format!("chip-{number}.bin"));
    let left = Arc::new(AtomicBool::new(false));
    let made = async {
        let chip = chip::open(&file, &control.chip_master, se_id)?;
        match &control.reader {
            Some(reader) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, vpcd::PORT));
                // It holds one.
                control.inserted.clear();
                let chip = tokio::spawn(vpcd::serve(address, chip, vpcd::PATIENCE));
                control.inserted.keep(chip, left);
                Ok(("reader", reader.clone()))
            }
            None => {
                let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
                let address = listener
                    .local_addr()
                    .map_err(|error| Fault::net("a port", error))?;
                let told = Arc::clone(&left);
                let tell = move |is_read: bool| told.store(!is_read, Ordering::Relaxed);
                let chip = tokio::spawn(chip::serve_telling(listener, chip, tell));
                control.inserted.keep(chip, left);
                Ok::<_, Fault>(("tcp", address.to_string()))
            }
        }
    };
    match made.await {
        Ok((way, address)) => done(json!({way: address, "se_id": hex::encode(se_id)})),
        Err(fault) => failed(&fault.to_string()),
    }
}
