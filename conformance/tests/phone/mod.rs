//! Phones for tests: what every one of them has, whatever it wants. Each pays or applies in a manner, right or wrong.

pub(crate) mod apply;
pub(crate) mod pay;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use kaika_conformance::crypto::kaika_mac;
use serde_json::{Value, json};

use crate::subjects::{heard, http};

/// How often something is said before a phone gives up.
pub(crate) const TRIES: usize = 4;
/// SELECT of the issuer's security domain.
const SELECT: &str = "00a4040007f04b41494b410000";

/// How all phones of a kind do one thing; the other they do right.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Pays(pay::Manner),
    Applies(apply::Manner),
}

/// What is left of what they did when phones die, by their names.
type Stores = Arc<Mutex<BTreeMap<String, Value>>>;

/// All phones of one kind: what they were told to do, what was shown, what they keep.
pub(crate) struct Shop {
    kind: Kind,
    shown: (Mutex<BTreeMap<String, Value>>, Condvar),
    numbers: AtomicU64,
    keys: Arc<AtomicU64>,
    stores: Stores,
    living: Mutex<BTreeMap<String, Arc<AtomicBool>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|error| panic!("{error}"))
}

impl Shop {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            shown: Default::default(),
            numbers: AtomicU64::new(1),
            keys: Arc::new(AtomicU64::new(1)),
            stores: Stores::default(),
            living: Mutex::default(),
        }
    }

    /// What is shown in the end.
    fn ends(&self, line: Line) -> Value {
        let (pays, applies) = match self.kind {
            Kind::Pays(manner) => (manner, apply::Manner::AsksAgain),
            Kind::Applies(manner) => (pay::Manner::Repeats, manner),
        };
        match line.text("action") {
            "pay" => pay::Phone { manner: pays, line }.pays(),
            _ => apply::Phone::new(applies, line).applies(),
        }
    }

    fn triggered(self: &Arc<Self>, asked: Value) -> Value {
        let id = self.numbers.fetch_add(1, Ordering::SeqCst).to_string();
        let line = Line::new(self, asked);
        locked(&self.living).insert(id.clone(), Arc::clone(&line.is_dead));
        let (shop, name) = (Arc::clone(self), id.clone());
        std::thread::spawn(move || {
            let end = shop.ends(line);
            locked(&shop.shown.0).insert(name, end);
            shop.shown.1.notify_all();
        });
        json!({"ok": true, "id": id})
    }

    fn crashed(&self, id: &str) -> Value {
        if let Some(is_dead) = locked(&self.living).remove(id) {
            is_dead.store(true, Ordering::SeqCst);
        }
        json!({"ok": true})
    }

    fn outcome(&self, id: &str, wait: Duration) -> Value {
        let all = locked(&self.shown.0);
        let absent = |all: &mut BTreeMap<String, Value>| !all.contains_key(id);
        let waited = self.shown.1.wait_timeout_while(all, wait, absent);
        let (all, _) = waited.unwrap_or_else(|error| panic!("{error}"));
        match all.get(id) {
            Some(end) => json!({"ok": true, "outcome": end}),
            None => json!({"ok": true}),
        }
    }

    /// The control channel of all of them.
    pub(crate) fn control(self: &Arc<Self>, mut stream: TcpStream) {
        let Some((head, body)) = heard(&mut stream) else {
            return;
        };
        let asked: Value = serde_json::from_str(&body).unwrap_or_default();
        let id = asked["id"].as_str().unwrap_or_default();
        let wait = Duration::from_millis(asked["wait_ms"].as_u64().unwrap_or_default());
        let answer = match head.split(' ').nth(1) {
            Some("/ctl/v1/trigger") => self.triggered(asked),
            Some("/ctl/v1/crash") => self.crashed(id),
            Some("/ctl/v1/outcome") => self.outcome(id, wait),
            _ => json!({"ok": true, "contract": 1}),
        };
        let _ = stream.write_all(&http(200, "application/json", &answer.to_string()));
    }
}

/// One life of a phone: its way to verifier and chip, and what it keeps.
pub(crate) struct Line {
    wanted: Value,
    agent: ureq::Agent,
    /// The keys of all phones of a kind, in all their lives.
    keys: Arc<AtomicU64>,
    stores: Stores,
    is_dead: Arc<AtomicBool>,
}

impl Line {
    fn new(shop: &Shop, wanted: Value) -> Self {
        let patience = wanted["patience_ms"].as_u64().unwrap_or_default();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_millis(patience)));
        Self {
            wanted,
            agent: config.build().into(),
            keys: Arc::clone(&shop.keys),
            stores: Arc::clone(&shop.stores),
            is_dead: Arc::default(),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.wanted[name].as_str().unwrap_or_default()
    }

    fn key(&self) -> String {
        format!("{:032x}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    fn pause(&self) {
        let pause = self.wanted["pause_ms"].as_u64().unwrap_or_default();
        std::thread::sleep(Duration::from_millis(pause));
    }

    fn kept(&self) -> Option<Value> {
        locked(&self.stores).get(self.text("terminal")).cloned()
    }

    /// Keeps something, unless it is dead.
    fn keeps(&self, what: Value) {
        if !self.is_dead.load(Ordering::SeqCst) {
            locked(&self.stores).insert(self.text("terminal").to_owned(), what);
        }
    }

    fn forgets(&self) {
        if !self.is_dead.load(Ordering::SeqCst) {
            locked(&self.stores).remove(self.text("terminal"));
        }
    }

    /// One message, under a session key if there is one; nothing when there is no whole answer of JSON, or the phone is dead.
    fn say(
        &self,
        path: &str,
        key: &str,
        session: Option<&[u8]>,
        body: Option<&str>,
    ) -> Option<(u16, Value)> {
        if self.is_dead.load(Ordering::SeqCst) {
            return None;
        }
        let url = format!("{}{path}", self.text("verifier"));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.ok()?.as_millis().to_string();
        let answer = match body {
            Some(body) => {
                let mut post = self.agent.post(&url).header("kaika-time", &now);
                if let Some(session) = session {
                    let said = body.as_bytes();
                    let mac = kaika_mac(session, "terminal", "POST", path, &now, key, said);
                    post = post.header("kaika-mac", hex::encode(mac));
                }
                let post = post.header("idempotency-key", key);
                post.header("content-type", "application/json").send(body)
            }
            None => self.agent.get(&url).header("kaika-time", &now).call(),
        };
        let mut answer = answer.ok()?;
        let body = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&body).ok()?))
    }

    /// What the chip answers, command by command; nothing when it is gone.
    fn chip(&self, commands: &[String]) -> Option<Vec<Vec<u8>>> {
        let mut chip = TcpStream::connect(self.text("chip")).ok()?;
        let mut answers = Vec::new();
        for command in commands {
            let command = hex::decode(command).ok()?;
            let length = u16::try_from(command.len()).ok()?.to_be_bytes();
            chip.write_all(&[&length[..], &command].concat()).ok()?;
            let mut length = [0; 2];
            chip.read_exact(&mut length).ok()?;
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            chip.read_exact(&mut answer).ok()?;
            answers.push(answer);
        }
        Some(answers)
    }

    /// What the chip signs: 1 a consent, 2 a payment.
    fn evidence(&self, kind: u8, digest: &str) -> Option<String> {
        let sign = format!("802a{kind:02x}0020{digest}00");
        let answers = self.chip(&[SELECT.to_owned(), sign])?;
        let (made, word) = answers.last()?.split_at_checked(16)?;
        (word == [0x90, 0x00]).then(|| hex::encode(made))
    }
}

fn failed() -> Value {
    json!({"result": "failed"})
}

/// A problem document that ends it.
fn is_refusal(status: u16, body: &Value) -> bool {
    let code = body["code"].as_str();
    status < 500 && code.is_some_and(|code| code != "in-progress")
}

fn refused(body: &Value) -> Value {
    json!({"result": "refused", "code": body["code"]})
}
