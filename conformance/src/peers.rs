//! The peers that the runner plays before a subject: issuer, identity system and SMS gateway, over HTTP.
//!
//! A test arranges answers; a question belongs to the test whose text it contains. What was not arranged is refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use kaika_spec::Refusal;
use serde_json::{Value, json};

use crate::crypto::kaika_mac;
use crate::transcript::{Exchange, Transcript};

/// An answer that a test arranged.
#[derive(Clone, Debug)]
pub struct Answer {
    /// As whom.
    pub at: String,
    /// The path.
    pub path: String,
    /// What path or body contains.
    pub having: String,
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Value,
}

/// A question that the subject asked.
#[derive(Clone, Debug)]
struct Question {
    at: String,
    path: String,
    body: String,
}

/// A question that is answered late.
#[derive(Clone, Debug)]
struct Hold {
    at: String,
    path: String,
    having: String,
    /// Told when the question has come.
    came: std::sync::mpsc::Sender<()>,
    /// Open for as long as the answer is held back.
    held: tokio::sync::watch::Receiver<()>,
}

/// An answer that is held back until this is dropped.
#[derive(Debug)]
pub struct Late {
    came: std::sync::mpsc::Receiver<()>,
    _held: tokio::sync::watch::Sender<()>,
}

impl Late {
    /// Waits for the question; false when it does not come.
    pub fn asked(&self, patience: Duration) -> bool {
        self.came.recv_timeout(patience).is_ok()
    }
}

#[derive(Debug, Default)]
struct Desk {
    answers: Vec<Answer>,
    holds: Vec<Hold>,
    questions: Vec<Question>,
    /// The texts of messages by phone, oldest first.
    messages: BTreeMap<String, Vec<String>>,
    keys: BTreeMap<String, Vec<u8>>,
    transcript: Option<Transcript>,
}

/// The peers, listening until this is dropped.
#[derive(Debug)]
pub struct Peers {
    /// Where each listens.
    pub addresses: BTreeMap<String, SocketAddr>,
    desk: Arc<Mutex<Desk>>,
    _runtime: tokio::runtime::Runtime,
}

/// A problem document, as a peer would send it.
pub fn problem(refusal: Refusal) -> (u16, Value) {
    let status = refusal.http_status();
    let body = json!({
        "type": format!("urn:kaika:problem:{}", refusal.seen()),
        "title": refusal.seen(),
        "status": status,
        "code": refusal.seen(),
        "class": refusal.class().name(),
    });
    (status, body)
}

impl Peers {
    /// Listens at each address as the role it is given for; port 0 takes a free one.
    ///
    /// # Errors
    /// When an address cannot be listened at.
    pub fn start(at: &BTreeMap<String, String>) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let desk = Arc::new(Mutex::new(Desk::default()));
        let mut addresses = BTreeMap::new();
        for (role, address) in at {
            let listener = runtime
                .block_on(tokio::net::TcpListener::bind(address))
                .map_err(|error| format!("listening at {address} as {role}: {error}"))?;
            let bound = listener.local_addr().map_err(|error| error.to_string())?;
            addresses.insert(role.clone(), bound);
            let router = Router::new()
                .fallback(answer)
                .with_state((role.clone(), Arc::clone(&desk)));
            runtime.spawn(async move { axum::serve(listener, router).await });
        }
        Ok(Self {
            addresses,
            desk,
            _runtime: runtime,
        })
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys with which callers sign, by `caller_role`.
    pub fn know(&self, keys: &BTreeMap<String, String>) {
        let known = |(name, key): (&String, &String)| Some((name.clone(), hex::decode(key).ok()?));
        self.desk().keys = keys.iter().filter_map(known).collect();
    }

    /// Writes down what is asked and answered from now on.
    pub fn write_down(&self, transcript: Transcript) {
        self.desk().transcript = Some(transcript);
    }

    /// Arranges an answer; the latest that fits is given.
    pub fn arrange(&self, answer: Answer) {
        self.desk().answers.push(answer);
    }

    /// Holds back the answer to the next question to `at` at a path, with a text.
    pub fn hold(&self, at: &str, path: &str, having: &str) -> Late {
        let (came, question) = std::sync::mpsc::channel();
        let (open, held) = tokio::sync::watch::channel(());
        self.desk().holds.push(Hold {
            at: at.to_owned(),
            path: path.to_owned(),
            having: having.to_owned(),
            came,
            held,
        });
        Late {
            came: question,
            _held: open,
        }
    }

    /// Forgets what the tests with this text arranged and asked.
    pub fn forget(&self) {
        let mut desk = self.desk();
        desk.answers.clear();
        desk.holds.clear();
        desk.questions.clear();
        desk.messages.clear();
    }

    /// How many questions came so far: a test's own come after it began.
    pub fn came(&self) -> usize {
        self.desk().questions.len()
    }

    /// What `at` was asked for a path with this beginning and text, after so many questions; null for a body that is no JSON.
    pub fn asked(&self, after: usize, at: &str, path: &str, having: &str) -> Vec<Value> {
        let fits = |question: &&Question| {
            question.at == at && question.path.starts_with(path) && question.contains(having)
        };
        let body = |question: &Question| serde_json::from_str(&question.body).unwrap_or_default();
        let desk = self.desk();
        desk.questions
            .iter()
            .skip(after)
            .filter(fits)
            .map(body)
            .collect()
    }

    /// The texts of the messages to a phone, oldest first.
    pub fn messages(&self, phone: &str) -> Vec<String> {
        self.desk().messages.get(phone).cloned().unwrap_or_default()
    }
}

impl Question {
    fn contains(&self, text: &str) -> bool {
        self.path.contains(text) || self.body.contains(text)
    }
}

fn noted(
    transcript: &Transcript,
    role: &str,
    (method, uri): (&Method, &Uri),
    headers: &HeaderMap,
    body: &[u8],
    answer: &(u16, Value),
) -> std::io::Result<()> {
    let caller = headers.get("kaika-caller");
    transcript.note(&Exchange {
        by: "subject",
        from: caller
            .and_then(|caller| caller.to_str().ok())
            .unwrap_or_default(),
        to: role,
        method: method.as_str(),
        path: uri.path(),
        sent: &String::from_utf8_lossy(body),
        status: answer.0,
        kind: kind_of(answer.0),
        body: &answer.1,
    })
}

const fn kind_of(status: u16) -> &'static str {
    if status < 300 {
        "application/json"
    } else {
        "application/problem+json"
    }
}

type Desked = (String, Arc<Mutex<Desk>>);

async fn answer(
    State((role, desk)): State<Desked>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let ((status, body), hold) = {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = desk.judge(&role, &method, uri.path(), &headers, &body);
        if let Some(transcript) = &desk.transcript {
            let said = noted(transcript, &role, (&method, &uri), &headers, &body, &answer);
            if let Err(error) = said {
                // The subject is not to blame, and the answer goes on; the runner's own lines fail its tests.
                eprintln!("transcript: {error}");
            }
        }
        (answer, desk.held(&role))
    };
    if let Some(mut hold) = hold {
        // Whoever waits may be gone already; the other end is dropped when the answer may go.
        let _ = hold.came.send(());
        while hold.held.changed().await.is_ok() {}
    }
    let kind = kind_of(status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", kind)], body.to_string())
}

impl Desk {
    fn judge(
        &mut self,
        role: &str,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (u16, Value) {
        if role != "sms" && !self.is_signed(role, method, path, headers, body) {
            return problem(Refusal::BadSignature);
        }
        let question = Question {
            at: role.to_owned(),
            path: path.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        };
        let found = self.answers.iter().rev().find(|answer| {
            answer.at == role && answer.path == path && question.contains(&answer.having)
        });
        let answer = match found {
            Some(answer) => (answer.status, answer.body.clone()),
            None if role == "sms" => (200, json!({})),
            None => problem(Refusal::UnknownRoute),
        };
        if role == "sms" {
            self.deliver(&question);
        }
        self.questions.push(question);
        answer
    }

    /// Keeps a message for who reads that phone.
    fn deliver(&mut self, question: &Question) {
        let body: Value = serde_json::from_str(&question.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(phone), Some(text)) = (text("to"), text("text")) {
            self.messages.entry(phone).or_default().push(text);
        }
    }

    /// The hold on the question that came last; it holds no other.
    fn held(&mut self, role: &str) -> Option<Hold> {
        let question = self.questions.last().filter(|asked| asked.at == role)?;
        let fits = |hold: &Hold| {
            hold.at == role && question.path == hold.path && question.contains(&hold.having)
        };
        let place = self.holds.iter().position(fits)?;
        Some(self.holds.swap_remove(place))
    }

    fn is_signed(
        &self,
        role: &str,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> bool {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let caller = text("kaika-caller");
        let Some(key) = self.keys.get(&format!("{caller}_{role}")) else {
            return false;
        };
        let (time, idempotency) = (text("kaika-time"), text("idempotency-key"));
        let mac = kaika_mac(key, caller, method.as_str(), path, time, idempotency, body);
        hex::encode(mac) == text("kaika-mac")
    }
}
