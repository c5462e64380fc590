//! Any [`Core`] behind HTTP.
//!
//! A request is admitted by `kaika_wire::front`, judged inside one job of the store ([`crate::exchange`]), and
//! answered once what the answer says is durable. Calls that a decision wants are made after its commit; their
//! answers are inputs like any other. [`Server::start`] first makes the calls that an earlier process left.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request as HttpRequest, Response, StatusCode, header};
use kaika_spec::Refusal;
use kaika_spec::limit::BODY_MAX;
use kaika_wire::core::{Core, Refused, Reply, Request, Rows};
use kaika_wire::front::{self, Head};
use kaika_wire::problem;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clock::SharedClock;
use crate::connection::Bounded;
use crate::dice;
use crate::exchange::{self, Moment, OUTBOX, Outcome, Pending};
use crate::fault::Fault;
use crate::log::{Event, Log, Verdict};
use crate::peers::Peers;
use crate::store::{self, Store};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// One server role: its core and what the core is not allowed to have.
pub struct Server {
    core: Arc<dyn Core>,
    store: Arc<dyn Store>,
    clock: SharedClock,
    log: Arc<Log>,
    peers: Peers,
}

impl Server {
    /// Puts a core together with its store, clock, log and peers.
    pub fn new(
        core: Arc<dyn Core>,
        store: Arc<dyn Store>,
        clock: SharedClock,
        log: Arc<Log>,
        peers: Peers,
    ) -> Arc<Self> {
        Arc::new(Self {
            core,
            store,
            clock,
            log,
            peers,
        })
    }

    /// Takes up the calls that were left and serves until `stop`.
    ///
    /// # Errors
    /// When the store cannot be read or the listener fails.
    pub async fn start<S>(self: Arc<Self>, listener: TcpListener, stop: S) -> Result<(), Fault>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        self.resume()?;
        let served = axum::serve(Bounded::new(listener), router(self)).with_graceful_shutdown(stop);
        served.await.map_err(|error| Fault::net("serving", error))
    }

    /// Makes the calls again that no answer was stored for.
    fn resume(self: &Arc<Self>) -> Result<(), Fault> {
        let mut left = Event::decided(self.clock.now(), self.core.role(), "resume", None);
        let mut outcomes = Vec::new();
        for (key, row) in self.store.scan(OUTBOX)? {
            let pending = serde_json::from_slice::<Pending>(&row);
            let pending =
                pending.map_err(|error| Fault::Store(format!("row {OUTBOX}/{key}: {error}")))?;
            left.out.push(exchange::sent(&*self.core, &pending.call));
            outcomes.push(Outcome {
                reply: None,
                calls: vec![pending],
                event: None,
            });
        }
        if !outcomes.is_empty() {
            self.log.write(&left);
        }
        for outcome in outcomes {
            tokio::spawn(Arc::clone(self).pursue(outcome, None));
        }
        Ok(())
    }

    /// One HTTP request: its answer, and whether all of it was read.
    async fn handle(self: Arc<Self>, request: HttpRequest<Body>) -> (Reply, bool) {
        let (parts, body) = request.into_parts();
        let body = match bounded(&parts.headers, body).await {
            Ok(body) => body,
            Err(refused) => return (self.refuse(&refused), false),
        };
        let reply = match self.admit(&parts, body) {
            Ok((request, resource)) => self.answer(request, resource).await,
            Err(refused) => self.refuse(&refused),
        };
        (reply, true)
    }

    fn refuse(&self, refused: &Refused) -> Reply {
        self.log.write(&Event::decided(
            self.clock.now(),
            self.core.role(),
            "admission",
            Some(refused.refusal),
        ));
        problem::reply(refused.refusal, refused.detail.as_deref())
    }

    /// Admits the message, and says which resource it is for.
    fn admit(&self, parts: &Parts, body: Vec<u8>) -> Result<(Request, String), Refused> {
        let header = |name: &str| parts.headers.get(name).map(text_of);
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let head = Head {
            method,
            path,
            has_query: parts.uri.query().is_some(),
            header: &header,
        };
        let admitted = front::admit(&*self.core, self.clock.now(), &head, body)?;
        Ok((
            admitted.request,
            format!("{} {}", admitted.resource.method, admitted.resource.path),
        ))
    }

    /// Judges in the store, and goes on by itself even when the client does not wait.
    async fn answer(self: Arc<Self>, request: Request, resource: String) -> Reply {
        let (tell, told) = oneshot::channel();
        let server = Arc::clone(&self);
        tokio::spawn(async move {
            match server.decide(request, resource).await {
                Ok(outcome) => server.pursue(outcome, Some(tell)).await,
                Err(fault) => server.report(&fault),
            }
        });
        told.await.unwrap_or_else(|_| try_later())
    }

    async fn decide(&self, request: Request, resource: String) -> Result<Outcome, Fault> {
        let (core, clock) = (Arc::clone(&self.core), Arc::clone(&self.clock));
        //= spec/90-wire.md#wir-10-answers-survive
        //# A server MUST have stored durably what an answer says before the answer leaves.
        let job = move |rows: &dyn Rows| {
            let moment = Moment::asked(&*core, clock.now(), dice::fresh(), &resource, &request);
            exchange::on_request(moment, rows, request)
        };
        store::run_then(&*self.store, job, self.recorder()).await
    }

    async fn answered(&self, pending: Pending, status: u16, body: Value) -> Result<Outcome, Fault> {
        let (core, clock) = (Arc::clone(&self.core), Arc::clone(&self.clock));
        let job = move |rows: &dyn Rows| {
            let moment = Moment::answered(&*core, clock.now(), dice::fresh(), &pending, status);
            exchange::on_answer(moment, rows, &pending, status, body)
        };
        store::run_then(&*self.store, job, self.recorder()).await
    }

    /// Makes the calls of an outcome, and of the outcomes of their answers; gives the first reply to who waits.
    async fn pursue(self: Arc<Self>, first: Outcome, mut waiting: Option<oneshot::Sender<Reply>>) {
        let mut queue = VecDeque::new();
        let mut outcome = first;
        loop {
            if let Some(reply) = outcome.reply.take()
                && let Some(waiting) = waiting.take()
            {
                // The client may be gone; the answer is stored for its next try.
                let _ = waiting.send(reply);
            }
            queue.extend(outcome.calls);
            let Some(pending) = queue.pop_front() else {
                return;
            };
            let (status, body) = self.peers.call(&pending.call).await;
            outcome = match self.answered(pending, status, body).await {
                Ok(outcome) => outcome,
                Err(fault) => return self.report(&fault),
            };
        }
    }

    /// Writes down what came of a job.
    fn recorder(&self) -> impl FnOnce(&Outcome) + Send + use<> {
        let log = Arc::clone(&self.log);
        move |outcome| {
            if let Some(event) = &outcome.event {
                log.write(event);
            }
        }
    }

    fn report(&self, fault: &Fault) {
        eprintln!("{}: {fault}", self.core.role());
        let event = Event::decided(self.clock.now(), self.core.role(), "store", None);
        self.log.write(&event.with(Verdict::Fault));
    }
}

/// What is said when the world failed: nothing was decided, the same message may be sent again.
fn try_later() -> Reply {
    problem::reply(Refusal::RangeExhausted, None)
}

/// Every path leads to one handler: routing belongs to the front, which answers in problem documents.
fn router(server: Arc<Server>) -> axum::Router {
    axum::Router::new().fallback(move |request: HttpRequest<Body>| {
        let server = Arc::clone(&server);
        async move {
            let (reply, is_read) = server.handle(request).await;
            let mut response = respond(&reply);
            if !is_read {
                // What is left of the body cannot be told from a next request.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
    })
}

/// A reply as an HTTP response.
pub fn respond(reply: &Reply) -> Response<Body> {
    let kind = if reply.status >= 400 {
        "application/problem+json"
    } else {
        "application/json"
    };
    let mut response = Response::new(Body::from(reply.body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// The body, if it is not longer than it may be.
pub async fn bounded(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refused> {
    //= spec/90-wire.md#wir-2-bodies-are-bounded
    //# A server MUST refuse a body longer than `BODY_MAX` as `too-large` without reading further.
    let said = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let most = u64::try_from(BODY_MAX).unwrap_or(u64::MAX);
    if said.is_some_and(|length| length > most) || body.size_hint().lower() > most {
        return Err(Refusal::TooLarge.into());
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, collect(body)).await;
    read.unwrap_or_else(|_| Err(unreadable("the body did not arrive in time")))
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| unreadable("the body ended early"))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > BODY_MAX {
            return Err(Refusal::TooLarge.into());
        }
    }
    Ok(bytes)
}

/// A header that is no text is there, and has not its form.
fn text_of(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("\u{0}")
}

fn unreadable(detail: &str) -> Refused {
    Refused {
        refusal: Refusal::Malformed,
        detail: Some(detail.into()),
    }
}
