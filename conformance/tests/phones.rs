//! Phones that pay, by real sockets: two that are right in two ways pass, and each that is wrong in one thing fails there.

mod subjects;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use kaika_conformance::crypto::{labelled, password};
use kaika_conformance::format::File;
use kaika_conformance::manifest::{Carrier, Endpoint, Hooks, Implementation, Manifest};
use kaika_conformance::play::Runner;
use kaika_conformance::suite::{Filter, run};
use kaika_conformance::verdict::{Failure, Verdict};
use serde_json::{Value, json};
use subjects::{heard, http, listening, suites};

const PATIENCE: Duration = Duration::from_secs(2);
/// How often something is said again.
const TRIES: usize = 4;

/// How a phone pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It sends the payment again.
    Repeats,
    /// It looks the order up.
    LooksUp,
    /// It takes silence for a no.
    GivesUp,
    /// It says it again under another key.
    NewKeys,
    /// It signs what it is told, whatever was wanted.
    SignsAll,
    /// It takes the digest that it is told.
    Trusts,
    /// It takes the result of any order.
    Believes,
    /// It knows nothing of what it sent before it died.
    Forgets,
    /// It never forgets what it sent.
    Hoards,
    /// It takes an order that is open for one that nobody paid.
    Hurries,
}

/// What was shown, by number.
type Shown = Arc<(Mutex<BTreeMap<String, Value>>, Condvar)>;

/// What is left of payments when their phones die, by the phone's name.
type Stores = Arc<Mutex<BTreeMap<String, Sent>>>;

/// A payment that was sent: its order, its message and that one's key.
#[derive(Clone)]
struct Sent {
    id: String,
    body: Value,
    key: String,
}

/// One payment.
struct Phone {
    manner: Manner,
    wanted: Value,
    agent: ureq::Agent,
    /// The keys of one phone, in all its lives.
    keys: Arc<AtomicU64>,
    stores: Stores,
    is_dead: Arc<AtomicBool>,
}

/// All phones of one kind: what they were told to do and what came of it.
struct Shop {
    manner: Manner,
    shown: Shown,
    numbers: AtomicU64,
    keys: Arc<AtomicU64>,
    stores: Stores,
    living: Mutex<BTreeMap<String, Arc<AtomicBool>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|error| panic!("{error}"))
}

impl Phone {
    fn new(shop: &Shop, wanted: Value, is_dead: Arc<AtomicBool>) -> Self {
        let patience = wanted["patience_ms"].as_u64().unwrap_or_default();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_millis(patience)));
        Self {
            manner: shop.manner,
            wanted,
            agent: config.build().into(),
            keys: Arc::clone(&shop.keys),
            stores: Arc::clone(&shop.stores),
            is_dead,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.wanted[name].as_str().unwrap_or_default()
    }

    fn key(&self) -> String {
        format!("{:032x}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// One message; nothing when there is no whole answer of JSON, or the phone is dead.
    fn say(&self, path: &str, key: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        if self.is_dead.load(Ordering::SeqCst) {
            return None;
        }
        let url = format!("{}{path}", self.text("verifier"));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.ok()?.as_millis().to_string();
        let answer = match body {
            Some(body) => {
                let post = self.agent.post(&url).header("kaika-time", &now);
                let post = post
                    .header("idempotency-key", key)
                    .header("content-type", "application/json");
                post.send(body.to_string())
            }
            None => self.agent.get(&url).header("kaika-time", &now).call(),
        };
        let mut answer = answer.ok()?;
        let body = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&body).ok()?))
    }

    /// The order, when it is the one that is wanted, and the digest of it.
    fn order(&self) -> Result<(Value, String), Value> {
        let failed = || json!({"result": "failed"});
        let fields = ["account_id", "payee", "amount_minor", "currency"];
        let body: Value = fields
            .iter()
            .map(|name| ((*name).to_owned(), self.wanted[*name].clone()))
            .collect();
        let key = self.key();
        for _ in 0..TRIES {
            match self.say("/v1/orders", &key, Some(&body)) {
                Some((201, order)) => {
                    let same = fields.iter().all(|name| order[*name] == self.wanted[*name]);
                    let told = order["order_digest"].as_str().unwrap_or_default();
                    let own = digest(&order);
                    let known = order["challenge"]["m_kib"] == kaika_spec::limit::ARGON2_M_KIB;
                    let fits = match self.manner {
                        Manner::SignsAll => own == told,
                        Manner::Trusts => same,
                        _ => same && own == told,
                    };
                    return if fits && known {
                        Ok((order.clone(), told.to_owned()))
                    } else {
                        Err(failed())
                    };
                }
                Some((_, body)) if is_refusal(&body) => return Err(refused(&body)),
                _ => self.pause(),
            }
        }
        Err(failed())
    }

    fn pause(&self) {
        let pause = self.wanted["pause_ms"].as_u64().unwrap_or_default();
        std::thread::sleep(Duration::from_millis(pause));
    }

    /// What the chip signs.
    fn evidence(&self, digest: &str) -> Option<String> {
        let mut chip = TcpStream::connect(self.text("chip")).ok()?;
        let select = "00a4040007f04b41494b410000".to_owned();
        let mut last = Vec::new();
        for command in [select, format!("802a020020{digest}00")] {
            let command = hex::decode(command).ok()?;
            let length = u16::try_from(command.len()).ok()?.to_be_bytes();
            chip.write_all(&[&length[..], &command].concat()).ok()?;
            let mut length = [0; 2];
            chip.read_exact(&mut length).ok()?;
            last = vec![0; usize::from(u16::from_be_bytes(length))];
            chip.read_exact(&mut last).ok()?;
        }
        let (made, word) = last.split_at_checked(16)?;
        (word == [0x90, 0x00]).then(|| hex::encode(made))
    }

    fn keeps(&self, sent: &Sent) {
        if self.manner != Manner::Forgets {
            locked(&self.stores).insert(self.text("terminal").to_owned(), sent.clone());
        }
    }

    /// Pays, or asks about what it sent before it died.
    fn pays(&self) -> Value {
        let sent = locked(&self.stores).get(self.text("terminal")).cloned();
        match sent {
            Some(sent) => self.told(&sent, true),
            None => self.begins(),
        }
    }

    fn begins(&self) -> Value {
        let (order, order_digest) = match self.order() {
            Ok(ordered) => ordered,
            Err(shown) => return shown,
        };
        let id = order["order_id"].as_str().unwrap_or_default();
        let card = self.text("card_code");
        let digest = hex::encode(labelled("kaika/pay/1", &[&order_digest, card]));
        let Some(evidence) = self.evidence(&digest) else {
            return json!({"result": "failed"});
        };
        let challenge = &order["challenge"];
        let salt = challenge["salt"]
            .as_str()
            .and_then(|salt| hex::decode(salt).ok());
        let nonce = challenge["nonce"].as_str().unwrap_or_default();
        let proved = password::prove(
            self.text("password"),
            &salt.unwrap_or_default(),
            "pay",
            id,
            nonce,
            &digest,
        );
        let Ok(proved) = proved else {
            return json!({"result": "failed"});
        };
        let body = json!({
            "account_id": self.wanted["account_id"], "card_code": card, "order_digest": order_digest,
            "proof": hex::encode(proved.proof), "evidence": evidence,
        });
        let sent = Sent {
            id: id.to_owned(),
            body,
            key: self.key(),
        };
        self.keeps(&sent);
        self.told(&sent, false)
    }

    /// What is shown of an answer; nothing when it is none.
    fn shown(&self, id: &str, status: u16, body: &Value) -> Option<Value> {
        let ours = body["order_id"] == id || self.manner == Manner::Believes;
        match body["result"].as_str() {
            Some("paid") if status == 200 && ours => {
                let mut shown = json!({"result": "paid"});
                if let Some(code) = body.get("auth_code") {
                    shown["auth_code"] = code.clone();
                }
                Some(shown)
            }
            Some("declined") if status == 200 && ours => Some(json!({"result": "declined"})),
            Some("expired") if status == 200 && ours => {
                Some(json!({"result": "refused", "code": "order-closed"}))
            }
            Some("open") if self.manner == Manner::Hurries => Some(json!({"result": "failed"})),
            _ if is_refusal(body) => Some(refused(body)),
            _ => None,
        }
    }

    /// Asks until there is an answer, or there have been enough; of one that was sent before it died it asks only.
    fn told(&self, sent: &Sent, is_again: bool) -> Value {
        let Sent { id, body, key } = sent;
        let path = format!("/v1/orders/{id}/pay");
        let mut key = key.clone();
        if is_again && self.manner == Manner::NewKeys {
            key = self.key();
        }
        let looks_up = matches!(self.manner, Manner::LooksUp | Manner::Hurries);
        for attempt in 0..TRIES {
            let answer = if looks_up && (is_again || attempt > 0) {
                self.say(&format!("/v1/orders/{id}"), "", None)
            } else {
                self.say(&path, &key, Some(body))
            };
            let shown = answer.and_then(|(status, body)| self.shown(id, status, &body));
            if let Some(shown) = shown {
                if self.manner != Manner::Hoards {
                    locked(&self.stores).remove(self.text("terminal"));
                }
                return shown;
            }
            match self.manner {
                Manner::GivesUp => return json!({"result": "failed"}),
                Manner::NewKeys => key = self.key(),
                _ => {}
            }
            self.pause();
        }
        json!({"result": "unknown"})
    }
}

/// The digest of what an order says.
fn digest(order: &Value) -> String {
    let text = |name: &str| match &order[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = [
        "order_id",
        "account_id",
        "payee",
        "amount_minor",
        "currency",
        "expires_at",
        "nonce",
    ]
    .map(text);
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    hex::encode(labelled("kaika/order/1", &fields))
}

fn is_refusal(body: &Value) -> bool {
    body["code"]
        .as_str()
        .is_some_and(|code| code != "in-progress")
}

fn refused(body: &Value) -> Value {
    json!({"result": "refused", "code": body["code"]})
}

/// The control channel of such a phone.
fn control(mut stream: TcpStream, shop: &Arc<Shop>) {
    let Some((head, body)) = heard(&mut stream) else {
        return;
    };
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let shown = &shop.shown;
    let answer = if head.starts_with("POST /ctl/v1/trigger ") {
        let id = shop.numbers.fetch_add(1, Ordering::SeqCst).to_string();
        let is_dead = Arc::new(AtomicBool::new(false));
        locked(&shop.living).insert(id.clone(), Arc::clone(&is_dead));
        let (shop, name) = (Arc::clone(shop), id.clone());
        std::thread::spawn(move || {
            let end = Phone::new(&shop, asked, is_dead).pays();
            locked(&shop.shown.0).insert(name, end);
            shop.shown.1.notify_all();
        });
        json!({"ok": true, "id": id})
    } else if head.starts_with("POST /ctl/v1/crash ") {
        let id = asked["id"].as_str().unwrap_or_default();
        if let Some(is_dead) = locked(&shop.living).remove(id) {
            is_dead.store(true, Ordering::SeqCst);
        }
        json!({"ok": true})
    } else if head.starts_with("POST /ctl/v1/outcome ") {
        let id = asked["id"].as_str().unwrap_or_default();
        let wait = Duration::from_millis(asked["wait_ms"].as_u64().unwrap_or_default());
        let all = locked(&shown.0);
        let absent = |all: &mut BTreeMap<String, Value>| !all.contains_key(id);
        let waited = shown.1.wait_timeout_while(all, wait, absent);
        let (all, _) = waited.unwrap_or_else(|error| panic!("{error}"));
        match all.get(id) {
            Some(end) => json!({"ok": true, "outcome": end}),
            None => json!({"ok": true}),
        }
    } else {
        json!({"ok": true, "contract": 1})
    };
    let _ = stream.write_all(&http(200, "application/json", &answer.to_string()));
}

fn runner(manner: Manner) -> Runner {
    let shop = Arc::new(Shop {
        manner,
        shown: Shown::default(),
        numbers: AtomicU64::new(1),
        keys: Arc::new(AtomicU64::new(1)),
        stores: Stores::default(),
        living: Mutex::default(),
    });
    let at = listening(move |stream| control(stream, &shop));
    let manifest = Manifest {
        implementation: Implementation {
            name: format!("{manner:?}"),
            version: "0".to_owned(),
        },
        roles: [("terminal".to_owned(), Endpoint::default())].into(),
        hooks: Hooks {
            control: Some(Carrier::Http(format!("http://{at}"))),
            offers: Some(vec!["trigger".to_owned(), "crash".to_owned()]),
        },
        ..Manifest::default()
    };
    Runner::new(manifest, PATIENCE)
}

fn suite() -> &'static File {
    let found = suites().iter().find(|file| file.suite == "terminal");
    found.unwrap_or_else(|| panic!("no suite of the terminal"))
}

#[test]
fn who_pays_right_passes_in_either_way() {
    let paying = Filter {
        only: vec!["terminal/pay/".to_owned()],
        ..Filter::default()
    };
    for manner in [Manner::Repeats, Manner::LooksUp] {
        let outcome = run(&runner(manner), suite(), &paying, 8, &|_, _, _| {});
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        let bad = outcome
            .played
            .iter()
            .find(|played| played.verdict != Verdict::Pass);
        assert!(bad.is_none(), "{manner:?}: {bad:?}");
        assert!(outcome.played.len() > 30, "{}", outcome.played.len());
    }
}

/// The failure of one test.
fn failure(manner: Manner, way: &str) -> Failure {
    let id = format!("terminal/pay/{way}");
    let test = suite().tests.iter().find(|test| test.id == id);
    let test = test.unwrap_or_else(|| panic!("no {id}"));
    match runner(manner).play(suite(), test).verdict {
        Verdict::Fail(failure) => failure,
        other => panic!("{manner:?}: {other:?}"),
    }
}

#[test]
fn who_pays_wrong_fails_where_it_is_wrong() {
    for (manner, way, what, seen) in [
        (
            Manner::GivesUp,
            "pay order(ok) chip(signs) time-out",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            Manner::NewKeys,
            "pay order(ok) chip(signs) answer(cut)",
            "subject -> verifier : the same again",
            "POST",
        ),
        (
            Manner::SignsAll,
            "pay order(other-amount)",
            "subject -> runner : what is shown",
            "SIGN EVIDENCE",
        ),
        (
            Manner::Trusts,
            "pay order(other-digest)",
            "subject -> runner : what is shown",
            "SIGN EVIDENCE",
        ),
        (
            Manner::Believes,
            "pay order(ok) chip(signs) told(other-order)",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            Manner::Forgets,
            "pay order(ok) chip(signs) crash",
            "subject -> verifier : the same again",
            "POST /v1/orders, key",
        ),
        (
            Manner::NewKeys,
            "pay order(ok) chip(signs) crash",
            "subject -> verifier : the same again",
            "POST",
        ),
        (
            Manner::Hurries,
            "pay order(ok) chip(signs) answer(cut) answer(open)",
            "subject -> verifier : the same again",
            "nothing",
        ),
        (
            Manner::Hoards,
            "pay order(ok) chip(signs) told(paid) pay",
            "subject -> verifier : POST /v1/orders",
            "POST /v1/orders/",
        ),
    ] {
        let failure = failure(manner, way);
        assert_eq!(failure.what, what, "{manner:?}: {failure:?}");
        assert!(failure.seen.starts_with(seen), "{manner:?}: {failure:?}");
    }
}
