//! Messages to servers and what must come back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kaika_spec::Refusal;
use serde_json::{Map, Value, json};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::{ANSWER_MAX, KEPT, Outcome, Runner, Scene, Wrong, broken, unanswered, wrong};
use crate::contract::{MEDIA_TYPE_PARAMETERS, OWN_CODES};
use crate::crypto::kaika_mac;
use crate::format::{Expect, Meanwhile, Send};
use crate::manifest::Policy;
use crate::transcript::Exchange;

/// A client that follows no redirect, keeps its connections, and gives a whole answer so much time.
pub(super) fn agent(patience: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(2 * KEPT)
        .max_idle_connections_per_host(KEPT)
        .timeout_global(Some(patience))
        .build();
    ureq::Agent::with_parts(config, DefaultConnector::default(), Numbers::default())
}

/// Looks names up, and numbers not: the usual way takes a thread for each message.
#[derive(Debug, Default)]
struct Numbers(DefaultResolver);

impl Resolver for Numbers {
    fn resolve(
        &self,
        uri: &axum::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<std::net::IpAddr>() {
            Ok(number) => {
                let mut found = self.0.empty();
                found.push((number, uri.port_u16().unwrap_or(80)).into());
                Ok(found)
            }
            Err(_) => self.0.resolve(uri, config, timeout),
        }
    }
}

/// A message, ready to be sent.
#[derive(Clone)]
pub(super) struct Request {
    from: String,
    to: String,
    http: axum::http::Request<String>,
}

/// An answer over HTTP.
pub(super) struct Heard {
    status: u16,
    /// Its media type, without parameters.
    kind: String,
    /// Whether there were parameters.
    parameters: bool,
    body: Map<String, Value>,
}

/// The members of a problem document; all but the last must be there.
const PROBLEM: &[&str] = &["type", "title", "status", "code", "class", "detail"];

impl Heard {
    /// Status and body are the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.status, &self.body) == (other.status, &other.body)
    }

    fn is_problem(&self) -> Outcome {
        let text = |name: &str| self.body.get(name).is_some_and(Value::is_string);
        let status = self.body.get("status").and_then(Value::as_u64);
        let whole = text("type") && text("title") && status == Some(u64::from(self.status));
        let known = self
            .body
            .keys()
            .all(|name| PROBLEM.contains(&name.as_str()));
        let detail = !self.body.contains_key("detail") || text("detail");
        (whole && known && detail).then_some(()).ok_or_else(|| {
            wrong(
                "type, title, status, code, class and no more than detail",
                self,
            )
        })
    }
}

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = serde_json::to_string(&self.body).unwrap_or_default();
        write!(f, "{} {body}", self.status)
    }
}

/// `Application/JSON; charset=utf-8` is `application/json`.
fn essence(kind: &str) -> String {
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

impl Runner {
    pub(super) fn exchange(&self, request: Request) -> Result<Heard, Wrong> {
        let (method, uri) = (request.http.method().clone(), request.http.uri().clone());
        let sent = request.http.body().clone();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.agent.run(request.http);
        let mut answer = answer.map_err(|error| unanswered(&error))?;
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let parameters = kind.contains(';');
        let kind = essence(kind);
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_string();
        let text = text.map_err(|error| unanswered(&error))?;
        let body = serde_json::from_str(&text)
            .map_err(|_| wrong("a JSON object", format!("{status} {text:.80}")))?;
        let heard = Heard {
            status,
            kind,
            parameters,
            body,
        };
        if let Some(transcript) = &self.transcript {
            let exchange = Exchange {
                by: "runner",
                from: &request.from,
                to: &request.to,
                method: method.as_str(),
                path: uri.path(),
                sent: &sent,
                status,
                kind: &heard.kind,
                body: &Value::Object(heard.body.clone()),
            };
            let noted = transcript.note(&exchange);
            noted.map_err(|e| broken("a transcript", e))?;
        }
        Ok(heard)
    }
}

impl Runner {
    /// How long the same client takes for so many bare round trips, `threads` at a time: `GET` of a resource that does not exist,
    /// whatever is answered. What playing vectors costs beside it is the subject's work and the runner's.
    ///
    /// # Errors
    /// When a role has no address or does not answer.
    pub fn bare(&self, role: &str, count: usize, threads: usize) -> Result<Duration, String> {
        let base = self.address(role, false).map_err(|wrong| wrong.expected)?;
        let url = format!("{}/v1/nothing", base.trim_end_matches('/'));
        let left = AtomicUsize::new(count);
        let take = |left: usize| left.checked_sub(1);
        let trip = || -> Result<(), String> {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
            {
                let answer = self.agent.get(&url).call();
                let answer = answer.map_err(|error| error.to_string())?;
                let read = answer.into_body().read_to_string();
                read.map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        let began = Instant::now();
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(trip)).collect();
            let panicked = |_| Err("a panic".to_owned());
            all.into_iter()
                .try_for_each(|one| one.join().unwrap_or_else(panicked))
        })?;
        Ok(began.elapsed())
    }
}

impl Scene<'_> {
    pub(super) fn send(&mut self, send: &Send) -> Outcome {
        let request = self.request(send)?;
        let heard = self.runner.exchange(request)?;
        self.judge(&send.expect, &heard)
    }

    /// Sends a message, does something else once its peer was asked, and only then lets the peer answer.
    pub(super) fn meanwhile(&mut self, step: &Meanwhile) -> Outcome {
        let (runner, path) = (self.runner, self.path(&step.path)?);
        let having = self.text(&step.having)?;
        let late = self.peers()?.hold(&step.at, &path, &having);
        let request = self.request(&step.send)?;
        let heard = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runner.exchange(request));
            let done = late
                .asked(runner.patience)
                .then_some(())
                .ok_or_else(|| wrong(format!("{} asked", step.at), "nothing"))
                .and_then(|()| step.steps.iter().try_for_each(|step| self.step(step)));
            drop(late);
            let heard = waiting.join().map_err(|_| broken("an answer", "a panic"))?;
            done.and(heard)
        })?;
        self.judge(&step.send.expect, &heard)
    }

    pub(super) fn request(&mut self, send: &Send) -> Result<Request, Wrong> {
        let path = self.path(&send.path)?;
        let body = match (&send.raw, &send.body) {
            (Some(raw), _) => self.text(raw)?,
            (None, Some(body)) => self.value(body)?.to_string(),
            (None, None) => String::new(),
        };
        let mut headers =
            BTreeMap::from([("Kaika-Time".to_owned(), self.runner.now().to_string())]);
        if send.method == "POST" {
            headers.insert("Content-Type".to_owned(), "application/json".to_owned());
            headers.insert(
                "Idempotency-Key".to_owned(),
                hex::encode(self.dice.bytes(16)),
            );
        }
        if send.from != "terminal" {
            headers.insert("Kaika-Caller".to_owned(), send.from.clone());
        }
        let mut given_mac = None;
        for (name, value) in &send.headers {
            match value {
                Value::Null => drop(headers.remove(name)),
                value => {
                    let text = self.text(value)?;
                    if name == "Kaika-Mac" {
                        given_mac = Some(text);
                    } else {
                        headers.insert(name.clone(), text);
                    }
                }
            }
        }
        let key = match &send.session {
            Some(session) => hex::decode(self.text(session)?).ok(),
            None => self.runner.key(&send.from, &send.to),
        };
        if let Some(key) = key.filter(|_| !send.headers.contains_key("Kaika-Mac")) {
            let of = |name: &str| headers.get(name).map_or("", String::as_str);
            let mac = kaika_mac(
                &key,
                &send.from,
                &send.method,
                &path,
                of("Kaika-Time"),
                of("Idempotency-Key"),
                body.as_bytes(),
            );
            given_mac = Some(hex::encode(mac));
        }
        headers.extend(given_mac.map(|mac| ("Kaika-Mac".to_owned(), mac)));
        let host = self.runner.address(&send.to, false)?.trim_end_matches('/');
        let mut request = axum::http::Request::builder()
            .method(send.method.as_str())
            .uri(format!("{host}{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let http = request.body(body).map_err(|e| broken("a request", e))?;
        let (from, to) = (send.from.clone(), send.to.clone());
        Ok(Request { from, to, http })
    }

    pub(super) fn judge(&mut self, expect: &Expect, heard: &Heard) -> Outcome {
        match expect {
            Expect::Accept(fields) => {
                if !(200..300).contains(&heard.status) {
                    return Err(wrong("accepted", heard));
                }
                self.is_of(heard, "application/json")?;
                let wanted = |key: &str| fields.contains_key(key);
                self.fields(fields.iter(), wanted, &heard.body)
            }
            Expect::Refuse(name) => {
                let refusal = Refusal::from_name(name).ok_or_else(|| broken("a refusal", name))?;
                let text = |field: &str| heard.body.get(field).and_then(Value::as_str);
                let said = text("code").unwrap_or_default();
                let known = self.runner.subject.error_map.get(said);
                let code = known.map_or(said, String::as_str);
                let right = code == refusal.seen()
                    && heard.status == refusal.http_status()
                    && text("class") == Some(refusal.class().name());
                if !right {
                    let (status, seen) = (refusal.http_status(), refusal.seen());
                    let problem = json!({"class": refusal.class().name(), "code": seen});
                    let masked = if seen == name.as_str() {
                        String::new()
                    } else {
                        format!("{name}: ")
                    };
                    let expected = format!("{masked}{status} {problem}");
                    return Err(wrong(expected, heard));
                }
                if said != refusal.seen() {
                    self.let_pass(OWN_CODES, Policy::Accept, refusal.seen(), said)?;
                }
                self.is_of(heard, "application/problem+json")?;
                heard.is_problem()
            }
        }
    }

    /// The media type is this one; parameters are a matter of policy.
    fn is_of(&mut self, heard: &Heard, kind: &str) -> Outcome {
        if heard.kind != kind {
            return Err(wrong(kind, &heard.kind));
        }
        if heard.parameters {
            let seen = format!("{kind} with parameters");
            self.let_pass(MEDIA_TYPE_PARAMETERS, Policy::Reject, kind, &seen)?;
        }
        Ok(())
    }

    /// Lets pass what a flag stands for, when the manifest says that the subject does so, and remembers that.
    fn let_pass(
        &mut self,
        flag: &'static str,
        usual: Policy,
        expected: &str,
        seen: &str,
    ) -> Outcome {
        match self.runner.subject.policy(flag).unwrap_or(usual) {
            Policy::Accept => {
                self.lenient.insert(flag);
                Ok(())
            }
            Policy::Reject => Err(wrong(
                expected,
                format!("{seen}; flag_policy {flag:?} does not accept it"),
            )),
        }
    }
}
