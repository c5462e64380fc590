//! One small core behind real sockets: what the shell promises whatever the core is.
//!
//! `Counter` adds one for `POST /v1/count`, asks its peer before it adds for `POST /v1/ask`, and refuses
//! `POST /v1/refuse`, counting the refusal when the body says so.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kaika_node::clock::{Clock as _, System};
use kaika_node::keys::Key;
use kaika_node::log::Log;
use kaika_node::peers::{Message, Peer, Peers, http, send};
use kaika_node::server::Server;
use kaika_node::store::{Dump, Memory, Sqlite, Store};
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Call, Change, Core, Input, Refused, Resource, Rows, Write, read};
use kaika_wire::dice::Dice;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const KEY: [u8; 32] = [7; 32];

struct Counter;

const RESOURCES: &[Resource] = &[
    Resource {
        method: "POST",
        path: "/v1/count",
        callers: &[Role::Verifier],
    },
    Resource {
        method: "GET",
        path: "/v1/count",
        callers: &[Role::Verifier],
    },
    Resource {
        method: "POST",
        path: "/v1/ask",
        callers: &[Role::Verifier],
    },
    Resource {
        method: "POST",
        path: "/v1/refuse",
        callers: &[Role::Verifier],
    },
];

fn next(rows: &dyn Rows) -> u64 {
    read::<u64>(rows, "count", "n").unwrap_or(0) + 1
}

impl Core for Counter {
    fn role(&self) -> Role {
        Role::Issuer
    }
    fn resources(&self) -> &'static [Resource] {
        RESOURCES
    }
    fn caller_key(&self, caller: Role) -> Option<&[u8; 32]> {
        (caller == Role::Verifier).then_some(&KEY)
    }
    fn decide(
        &self,
        rows: &dyn Rows,
        _now: i64,
        dice: &mut Dice,
        input: &Input,
    ) -> Result<Change, Refused> {
        let add = || vec![Write::put("count", "n", &next(rows))];
        match input {
            Input::Answer {
                status: 200, body, ..
            } => Ok(Change::reply(
                201,
                json!({"n": next(rows), "told": body}),
                add(),
            )),
            Input::Answer { .. } => Err(Refusal::RangeExhausted.into()),
            Input::Request(request) => match (request.method, request.path.as_str()) {
                ("GET", _) => Ok(Change::reply(200, json!({"n": next(rows) - 1}), vec![])),
                (_, "/v1/count") => Ok(Change::reply(201, json!({"n": next(rows)}), add())),
                (_, "/v1/ask") => {
                    let call = Call {
                        id: dice.id(),
                        to: "identity".into(),
                        method: "POST".into(),
                        path: "/v1/tell".into(),
                        body: json!({}),
                    };
                    Ok(Change::call(call, vec![]))
                }
                _ if request.body == b"{\"counted\":true}" => {
                    Ok(Change::counted(Refusal::OtpWrong, add()))
                }
                _ => Err(Refusal::DuplicateCard.into()),
            },
        }
    }
}

/// A peer that answers with how often it was asked.
async fn peer() -> (String, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let app = axum::Router::new().fallback(move || {
        let times = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move { axum::Json(json!({ "times": times })) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

struct Running {
    url: String,
    address: std::net::SocketAddr,
    store: Arc<dyn Store>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

async fn start(store: Arc<dyn Store>, peer: &str) -> Running {
    let clock = Arc::new(System);
    let by_name = BTreeMap::from([(
        "identity",
        Peer {
            url: peer.into(),
            key: Some(Key::from(KEY)),
        },
    )]);
    let peers = Peers::new(Role::Issuer, by_name, clock.clone()).unwrap();
    let server = Server::new(
        Arc::new(Counter),
        Arc::clone(&store),
        clock,
        Arc::new(Log::Off),
        peers,
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        server
            .start(listener, async { drop(stopped.await) })
            .await
            .unwrap()
    });
    Running {
        url: format!("http://{address}"),
        address,
        store,
        stop: Some(stop),
        task,
    }
}

impl Running {
    async fn post(&self, path: &str, key: &str, body: Value) -> (u16, Value) {
        let message = Message {
            caller: Some(Role::Verifier),
            method: "POST",
            path,
            key: Some(&KEY),
            idempotency_key: key,
            body: &body,
        };
        send(&http().unwrap(), &self.url, System.now(), &message)
            .await
            .unwrap()
    }

    fn dump(&self) -> Dump {
        self.store.dump().unwrap()
    }

    /// Rows of the core, without the shell's memory of its answers.
    fn core_rows(&self) -> Dump {
        self.dump()
            .into_iter()
            .filter(|((table, _), _)| table == "count")
            .collect()
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }
}

fn key(n: u8) -> String {
    hex::encode([n; 16])
}

fn file(path: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(path).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_has_the_same_answer_even_after_a_restart() {
    //= spec/90-wire.md#wir-6-a-repeated-message-has-the-same-answer
    //= type=test
    //# A server MUST answer a message repeated under the same caller, route, key and body with the stored answer, and do nothing.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let running = start(file(&path), "http://127.0.0.1:1").await;
    let first = running.post("/v1/count", &key(1), json!({})).await;
    assert_eq!(first, (201, json!({"n": 1})));
    assert_eq!(running.post("/v1/count", &key(1), json!({})).await, first);
    assert_eq!(
        running.post("/v1/count", &key(2), json!({})).await,
        (201, json!({"n": 2}))
    );
    let before = running.dump();
    running.stop().await;

    let again = start(file(&path), "http://127.0.0.1:1").await;
    assert_eq!(again.post("/v1/count", &key(1), json!({})).await, first);
    assert_eq!(again.dump(), before);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_for_one_message() {
    //= spec/90-wire.md#wir-7-a-key-is-for-one-message
    //= type=test
    //# A server MUST refuse another body under the same caller, route and key as `idempotency-conflict`, and change nothing.
    let running = start(Arc::new(Memory::default()), "http://127.0.0.1:1").await;
    running.post("/v1/count", &key(1), json!({})).await;
    let before = running.dump();
    let (status, body) = running
        .post("/v1/count", &key(1), json!({"other": 1}))
        .await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("idempotency-conflict"))
    );
    assert_eq!(running.dump(), before);
    // The key's scope is the route: elsewhere the same key is new.
    assert_eq!(running.post("/v1/refuse", &key(1), json!({})).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_changes_nothing_and_a_counted_one_its_counter() {
    let running = start(Arc::new(Memory::default()), "http://127.0.0.1:1").await;
    running.post("/v1/count", &key(1), json!({})).await;
    let before = running.core_rows();
    let refused = running.post("/v1/refuse", &key(2), json!({})).await;
    assert_eq!((refused.0, &refused.1["code"]), (403, &json!("declined")));
    assert_eq!(running.core_rows(), before);
    let counted = running
        .post("/v1/refuse", &key(3), json!({"counted": true}))
        .await;
    assert_eq!((counted.0, &counted.1["code"]), (403, &json!("otp-wrong")));
    assert_ne!(running.core_rows(), before);
    // Repeating the counted refusal does not count again.
    let before = running.core_rows();
    assert_eq!(
        running
            .post("/v1/refuse", &key(3), json!({"counted": true}))
            .await,
        counted
    );
    assert_eq!(running.core_rows(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_wait_for_a_call() {
    let (url, asked) = peer().await;
    let running = start(Arc::new(Memory::default()), &url).await;
    let first = running.post("/v1/ask", &key(1), json!({})).await;
    assert_eq!(first, (201, json!({"n": 1, "told": {"times": 1}})));
    assert_eq!(running.post("/v1/ask", &key(1), json!({})).await, first);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(running.store.scan("outbox").unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_call_frees_the_key_when_the_answer_is_try_later() {
    let running = start(Arc::new(Memory::default()), "http://127.0.0.1:1").await;
    let (status, body) = running.post("/v1/ask", &key(1), json!({})).await;
    assert_eq!((status, &body["code"]), (503, &json!("try-later")));
    assert!(running.dump().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_body_was_not_read_is_not_used_again() {
    let running = start(Arc::new(Memory::default()), "http://127.0.0.1:1").await;
    let long = "POST /v1/count HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n{";
    let answer = raw(running.address, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_left_by_a_dead_process_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    // A peer that accepts and never answers: the process dies while it waits.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let dead = start(file(&path), &silent_url).await;
    let (url, address) = (dead.url.clone(), dead.address);
    tokio::spawn(async move {
        let body = json!({});
        let message = Message {
            caller: Some(Role::Verifier),
            method: "POST",
            path: "/v1/ask",
            key: Some(&KEY),
            idempotency_key: &key(1),
            body: &body,
        };
        let _ = send(&http().unwrap(), &url, System.now(), &message).await;
    });
    while dead.store.scan("outbox").unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let in_progress = dead.post("/v1/ask", &key(1), json!({})).await;
    assert_eq!(
        (in_progress.0, &in_progress.1["code"]),
        (409, &json!("in-progress"))
    );
    // What the disk holds at this moment is what a successor finds.
    let left = dead.dump();
    let copy: Arc<dyn Store> = Arc::new(Memory::default());
    kaika_node::store::run(&*copy, move |_| {
        let writes = left.into_iter().map(|((table, key), value)| Write {
            table: if table == "outbox" {
                "outbox"
            } else {
                "answers"
            },
            key,
            value: Some(value),
        });
        (writes.collect(), ())
    })
    .await
    .unwrap();
    let (peer_url, asked) = peer().await;
    let next = start(copy, &peer_url).await;
    assert_ne!(next.address, address);
    while !next.store.scan("outbox").unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(
        next.post("/v1/ask", &key(1), json!({})).await,
        (201, json!({"n": 1, "told": {"times": 1}}))
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

async fn raw(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    //= spec/90-wire.md#wir-2-bodies-are-bounded
    //= type=test
    //# A server MUST refuse a body longer than `BODY_MAX` as `too-large` without reading further.
    let running = start(Arc::new(Memory::default()), "http://127.0.0.1:1").await;
    let long = "x".repeat(1_048_577);
    let cases = [
        (
            "GET /nowhere HTTP/1.1\r\n\r\n".to_owned(),
            "404",
            "unknown-route",
        ),
        (
            "DELETE /v1/count HTTP/1.1\r\n\r\n".to_owned(),
            "405",
            "method-not-allowed",
        ),
        (
            "POST /v1/count HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
            "415",
            "unsupported-media-type",
        ),
        (
            "POST /v1/count HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n".to_owned(),
            "413",
            "too-large",
        ),
        (
            format!("POST /v1/count HTTP/1.1\r\ncontent-length: 1048577\r\n\r\n{long}"),
            "413",
            "too-large",
        ),
        (
            format!(
                "POST /v1/count HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n100001\r\n{long}\r\n0\r\n\r\n"
            ),
            "413",
            "too-large",
        ),
        (
            "GET /v1/count HTTP/1.1\r\nkaika-time: 5\r\n\r\n".to_owned(),
            "400",
            "stale-time",
        ),
        (
            "GET /v1/count HTTP/1.1\r\nkaika-time: soon\r\n\r\n".to_owned(),
            "400",
            "malformed",
        ),
    ];
    for (request, status, code) in cases {
        let request = request.replacen("\r\n", "\r\nhost: x\r\nconnection: close\r\n", 1);
        let answer = raw(running.address, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{code}: {answer}"
        );
        assert!(
            answer.contains("content-type: application/problem+json"),
            "{code}: {answer}"
        );
        assert!(
            answer.contains(&format!("\"code\":\"{code}\"")),
            "{code}: {answer}"
        );
    }
    assert!(running.dump().is_empty());
}
