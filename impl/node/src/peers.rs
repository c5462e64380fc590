//! Calls to other roles: signed, bounded, tried again under the same key.

use std::collections::BTreeMap;
use std::time::Duration;

use kaika_spec::Role;
use kaika_spec::limit::BODY_MAX;
use kaika_wire::core::Call;
use kaika_wire::front::Signed;
use serde_json::Value;

use crate::clock::SharedClock;
use crate::fault::Fault;
use crate::keys::Key;

/// How often a call is made before it counts as never answered.
const TRIES: u32 = 3;
/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(150);

/// Another server: where it is, and the key shared with it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `http://host:port`, without a slash at the end.
    pub url: String,
    /// The pairwise key; the SMS gateway has none.
    pub key: Option<Key<32>>,
}

/// The servers that one role calls, by the names in [`Call::to`].
#[derive(Clone)]
pub struct Peers {
    own: Role,
    by_name: BTreeMap<&'static str, Peer>,
    http: reqwest::Client,
    clock: SharedClock,
}

impl Peers {
    /// The peers of `own`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(
        own: Role,
        by_name: BTreeMap<&'static str, Peer>,
        clock: SharedClock,
    ) -> Result<Self, Fault> {
        Ok(Self {
            own,
            by_name,
            http: http()?,
            clock,
        })
    }

    /// Makes a call until it is answered; status 0 when it never was.
    pub async fn call(&self, call: &Call) -> (u16, Value) {
        let Some(peer) = self.by_name.get(call.to.as_str()) else {
            return (0, Value::Null);
        };
        let mut pause = PAUSE;
        for last in (0..TRIES).rev() {
            match self.attempt(peer, call).await {
                Some((status, body)) if last == 0 || !is_in_progress(status, &body) => {
                    return (status, body);
                }
                _ if last > 0 => tokio::time::sleep(pause).await,
                _ => {}
            }
            pause = pause.saturating_mul(2);
        }
        (0, Value::Null)
    }

    async fn attempt(&self, peer: &Peer, call: &Call) -> Option<(u16, Value)> {
        let message = Message {
            caller: Some(self.own),
            method: &call.method,
            path: &call.path,
            key: peer.key.as_ref().map(Key::bytes),
            idempotency_key: if call.method == "POST" { &call.id } else { "" },
            body: &call.body,
        };
        send(&self.http, &peer.url, self.clock.now(), &message)
            .await
            .ok()
    }
}

/// The peer is still busy with this very message: its answer comes later.
fn is_in_progress(status: u16, body: &Value) -> bool {
    status == 409 && body.get("code").and_then(Value::as_str) == Some("in-progress")
}

/// An HTTP client for loopback and private networks: no proxy, no redirects, nothing waits for ever.
///
/// # Errors
/// When no client can be made.
pub fn http() -> Result<reqwest::Client, Fault> {
    patient(TRY_TIMEOUT)
}

/// The same, with a bound of its own on each answer.
///
/// # Errors
/// When no client can be made.
pub fn patient(patience: Duration) -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(patience)
        .build()
        .map_err(|error| Fault::Peer(format!("no HTTP client: {error}")))
}

/// One message to a server.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The caller to name; a terminal names none.
    pub caller: Option<Role>,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path.
    pub path: &'a str,
    /// The key to sign with, if any.
    pub key: Option<&'a [u8; 32]>,
    /// The idempotency key; empty for GET.
    pub idempotency_key: &'a str,
    /// The body; null for GET.
    pub body: &'a Value,
}

/// Sends one message and reads the answer.
///
/// # Errors
/// When there was no answer, or none that can be read.
pub async fn send(
    http: &reqwest::Client,
    url: &str,
    now: i64,
    message: &Message<'_>,
) -> Result<(u16, Value), Fault> {
    let body = if message.body.is_null() {
        vec![]
    } else {
        message.body.to_string().into_bytes()
    };
    let request = headed(http, url, now, message, &body)?;
    let lost =
        |error: reqwest::Error| Fault::Peer(format!("{url} does not answer: {}", chain(&error)));
    let mut response = request.body(body).send().await.map_err(lost)?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_MAX {
            return Err(Fault::Peer(format!(
                "{url} answers more than {BODY_MAX} bytes"
            )));
        }
    }
    match serde_json::from_slice(&bytes) {
        Ok(body) => Ok((status, body)),
        Err(_) => Err(Fault::Peer(format!(
            "{url} answers {status} with something that is not JSON"
        ))),
    }
}

fn headed(
    http: &reqwest::Client,
    url: &str,
    now: i64,
    message: &Message<'_>,
    body: &[u8],
) -> Result<reqwest::RequestBuilder, Fault> {
    let method = message
        .method
        .parse()
        .map_err(|_| Fault::Peer(format!("no such method: {}", message.method)))?;
    let mut request = http
        .request(method, format!("{url}{}", message.path))
        .header("kaika-time", now.to_string());
    if !message.idempotency_key.is_empty() {
        request = request.header("idempotency-key", message.idempotency_key);
    }
    if !message.body.is_null() {
        request = request.header("content-type", "application/json");
    }
    if let Some(caller) = message.caller {
        request = request.header("kaika-caller", caller.name());
    }
    if let Some(key) = message.key {
        let caller = message.caller.unwrap_or(Role::Terminal).name();
        let signed = Signed {
            caller,
            method: message.method,
            path: message.path,
            time: now,
            idempotency_key: message.idempotency_key,
            body,
        };
        let mac = signed.mac(key);
        request = request.header("kaika-mac", hex::encode(mac));
    }
    Ok(request)
}

/// An error with its reasons, which `reqwest` keeps apart.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text
}
