//! The SMS gateway: takes messages for phones and shows them to whoever holds the phone.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, Response};
use axum::routing::any;
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Refused, Reply};
use kaika_wire::problem;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use crate::connection::Bounded;
use crate::fault::Fault;
use crate::log::{Diary, Event, Heard, Sent, Verdict};
use crate::server::{bounded, respond};
use crate::trail::{self, About, Id};

/// Messages kept; the oldest goes first.
const KEPT_MAX: usize = 10_000;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// 32 hex digits; the same id is the same message.
    pub message_id: String,
    /// The phone.
    pub to: String,
    /// What the person reads.
    pub text: String,
}

/// Called with every new message.
pub type Show = Box<dyn Fn(&Message) + Send + Sync>;

/// The gateway.
pub struct Gateway {
    kept: Mutex<VecDeque<Message>>,
    show: Show,
    diary: Diary,
}

impl Gateway {
    /// A gateway that shows every new message.
    pub fn new(show: Show) -> Arc<Self> {
        Self::logged(show, Diary::default())
    }

    /// The same, and it writes down what it decides.
    pub fn logged(show: Show, diary: Diary) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::default(),
            show,
            diary,
        })
    }

    /// The messages for a phone, oldest first.
    pub fn messages(&self, to: &str) -> Vec<Message> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .filter(|message| message.to == to)
            .cloned()
            .collect()
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve<S>(self: Arc<Self>, listener: TcpListener, stop: S) -> Result<(), Fault>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let nowhere = || async { respond(&problem::reply(Refusal::UnknownRoute, None)) };
        let router = Router::new()
            .route("/v1/messages", any(handle))
            .fallback(nowhere)
            .with_state(self);
        let served = axum::serve(Bounded::new(listener), router).with_graceful_shutdown(stop);
        served.await.map_err(|error| Fault::net("serving", error))
    }

    /// Takes a message that came under this id.
    fn take(&self, message: Message, mid: Option<Id>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept
            .iter()
            .any(|known| known.message_id == message.message_id)
        {
            return self
                .diary
                .write(taken(&message, mid).with(Verdict::Repeated));
        }
        self.diary.write(taken(&message, mid));
        (self.show)(&message);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(message);
    }
}

/// What the log says of a message. The text has the code in it, and the number is whose it is.
fn taken(message: &Message, mid: Option<Id>) -> Event {
    let answer = mid.as_deref().map(|mid| trail::answer(mid, 200));
    Event {
        about: About::default().with("message", &message.message_id),
        out: vec![Sent::answers(Role::Verifier, "done", answer, mid.clone())],
        heard: Some(Heard::request(Role::Verifier, mid)),
        ..Event::decided(0, Role::Sms, POSTED, None)
    }
}

const POSTED: &str = "POST /v1/messages";

/// The id of a message, by the key that it came under.
fn mid(headers: &HeaderMap) -> Option<Id> {
    let key = headers.get("idempotency-key")?.to_str().ok()?;
    let place = trail::place(Role::Verifier.name(), "POST", "/v1/messages", key);
    Some(trail::mid(&place))
}

#[derive(Deserialize)]
struct To {
    to: String,
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let done = match *request.method() {
        Method::POST => post(&gateway, request).await,
        Method::GET => get(&gateway, &request),
        _ => Err(Refusal::MethodNotAllowed.into()),
    };
    respond(
        &done.unwrap_or_else(|refused| problem::reply(refused.refusal, refused.detail.as_deref())),
    )
}

async fn post(gateway: &Gateway, request: Request) -> Result<Reply, Refused> {
    let (parts, body) = request.into_parts();
    let mid = mid(&parts.headers);
    let refused = |refused: &Refused| {
        gateway.diary.write(Event {
            heard: Some(Heard::request(Role::Verifier, mid.clone())),
            ..Event::decided(0, Role::Sms, POSTED, Some(refused.refusal))
        });
    };
    let body = bounded(&parts.headers, body).await.inspect_err(refused)?;
    let read = |error: serde_json::Error| Refused {
        refusal: Refusal::Malformed,
        detail: Some(error.to_string()),
    };
    let message = serde_json::from_slice(&body)
        .map_err(read)
        .inspect_err(refused)?;
    gateway.take(message, mid);
    Ok(Reply {
        status: 200,
        body: json!({}),
    })
}

fn get(gateway: &Gateway, request: &Request) -> Result<Reply, Refused> {
    let asked = Query::<To>::try_from_uri(request.uri());
    let asked = asked.map_err(|error| Refused {
        refusal: Refusal::Malformed,
        detail: Some(error.to_string()),
    })?;
    Ok(Reply {
        status: 200,
        body: json!(gateway.messages(&asked.to)),
    })
}

/// The code in a text: its only run of six digits.
pub fn code(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|run| run.len() == kaika_spec::limit::OTP_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_run_of_six_digits() {
        assert_eq!(
            code("Kaika: 482913 opens a card of 2026 for a***1. Valid 10 minutes."),
            Some("482913")
        );
        assert_eq!(code("no code 12345 here 1234567"), None);
    }

    #[test]
    fn a_repeated_message_is_shown_once() {
        let shown = Arc::new(Mutex::new(0));
        let count = Arc::clone(&shown);
        let gateway = Gateway::new(Box::new(move |_| {
            *count.lock().unwrap_or_else(PoisonError::into_inner) += 1
        }));
        let message = Message {
            message_id: "1".into(),
            to: "+86".into(),
            text: "482913".into(),
        };
        gateway.take(message.clone(), None);
        gateway.take(message.clone(), None);
        assert_eq!(gateway.messages("+86"), vec![message]);
        assert!(gateway.messages("+87").is_empty());
        assert_eq!(*shown.lock().unwrap_or_else(PoisonError::into_inner), 1);
    }
}
