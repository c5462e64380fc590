//! What the event log says of a message and of the things that a message is about, without saying either.
//!
//! Start at [`mid`] and [`About`]. Both are digests of random ids; no content of a message goes into them, so that nothing
//! that could be guessed can be found by guessing (`spec/92-log.md`).

use std::collections::BTreeMap;

use kaika_wire::core::{Call, Caller, Reply, Request};
use kaika_wire::front::parameters;
use kaika_wire::iso8583::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Hex digits of a digest in the log.
const DIGITS: usize = 16;

/// What a message or a thing is called in the log.
pub type Id = String;

fn digest(parts: &[&str]) -> Id {
    //= spec/92-log.md#log-4-ids-are-digests-of-random-ids
    //# A message id and the id of a thing in an event MUST be the first 16 hex digits of the digest that the table below gives.
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part.as_bytes());
        sha.update(b"\n");
    }
    let mut hex = hex::encode(sha.finalize());
    hex.truncate(DIGITS);
    hex
}

/// Where a message stands: caller, method, path and idempotency key; a key is for one message (WIR-7).
pub fn place(caller: &str, method: &str, path: &str, key: &str) -> String {
    format!("{caller} {method} {path} {key}")
}

/// The place of a request as it arrived; none for a GET, which has no key and changes nothing.
pub fn place_of(request: &Request) -> Option<String> {
    let Request {
        method,
        path,
        idempotency_key: key,
        ..
    } = request;
    (!key.is_empty()).then(|| place(caller(request), method, path, key))
}

/// Who sent a request.
pub const fn caller(request: &Request) -> &'static str {
    match request.caller {
        Caller::Terminal => "terminal",
        Caller::Known(role) => role.name(),
    }
}

/// The id of the message at this place.
pub fn mid(place: &str) -> Id {
    digest(&["kaika/message/1", place])
}

/// The id of its answer.
pub fn answer(request: &str, status: u16) -> Id {
    digest(&["kaika/answer/1", request, &status.to_string()])
}

/// The id of the thing that has this id or name on the wire.
pub fn thing(kind: &str, id: &str) -> Id {
    digest(&["kaika/thing/1", kind, id])
}

/// The id of an ISO 8583 message: its type and what names it, of which nothing is secret.
pub fn iso(message: &Message) -> Id {
    let field = |number| message.text(number).unwrap_or_default();
    let kind = message.mti.map(char::from).iter().collect::<String>();
    digest(&[
        "kaika/iso8583/1",
        &kind,
        field(41),
        field(42),
        field(37),
        field(11),
        field(7),
    ])
}

/// The id of a chip's answer: of all that was said since its reset, headers of commands and status words alone.
pub fn session(before: Option<&str>, command: &[u8], answer: &[u8]) -> Id {
    let header = hex::encode(command.get(..4).unwrap_or(command));
    digest(&[
        "kaika/session/1",
        before.unwrap_or_default(),
        &header,
        &word_of(answer),
    ])
}

/// The status word of an answer, in hexadecimal.
pub fn word_of(answer: &[u8]) -> String {
    answer
        .last_chunk::<2>()
        .map(hex::encode)
        .unwrap_or_default()
}

/// The name of a transaction at a shop: terminal, shop, reference.
pub fn tap(message: &Message) -> String {
    let field = |number| message.text(number).unwrap_or_default();
    format!("{}|{}|{}", field(41), field(42), field(37))
}

/// What an event is about: kind → id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct About(BTreeMap<String, Id>);

impl About {
    /// Whether it is about nothing that has a name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// And about this.
    #[must_use]
    pub fn with(mut self, kind: &str, id: &str) -> Self {
        self.0.insert(kind.to_owned(), thing(kind, id));
        self
    }

    /// And about what a path names.
    #[must_use]
    pub fn path(self, template: &str, path: &str) -> Self {
        let names = template.split('/').filter(|part| part.starts_with('{'));
        let found = parameters(template, path).unwrap_or_default();
        names
            .zip(found)
            .fold(self, |about, (name, id)| match kind(name, template) {
                Some(kind) => about.with(kind, id),
                None => about,
            })
    }

    /// And about the request or order that a path of the verifier is for.
    #[must_use]
    pub fn route(self, path: &str) -> Self {
        let mut parts = path.split('/').skip(2);
        match (parts.next(), parts.next()) {
            (Some("requests"), Some(id)) => self.with("request", id),
            (Some("orders"), Some(id)) => self.with("order", id),
            _ => self,
        }
    }

    /// And about what a body names.
    #[must_use]
    pub fn body(self, body: &[u8]) -> Self {
        serde_json::from_slice::<Named>(body).map_or(self.clone(), |named| self.named(named))
    }

    /// And about what an answer names. What a refusal says names nothing.
    #[must_use]
    pub fn reply(self, reply: &Reply) -> Self {
        match Named::deserialize(&reply.body) {
            Ok(named) if reply.status < 400 => self.named(named),
            _ => self,
        }
    }

    /// And about what an answer names beside what it was about before: an answer about another thing changes nothing.
    #[must_use]
    pub fn learns(self, reply: &Reply) -> Self {
        let before = self.0.clone();
        let mut about = self.reply(reply);
        about.0.extend(before);
        about
    }

    fn named(self, named: Named) -> Self {
        let all = [
            ("request", named.request_id),
            ("order", named.order_id),
            ("account", named.account_id),
            ("card", named.card_code),
            ("token", named.token_ref),
            ("debit", named.debit_id),
            ("agreement", named.agreement),
            ("reference", named.reference),
        ];
        all.into_iter().fold(self, |about, (kind, id)| match id {
            Some(id) => about.with(kind, &id),
            None => about,
        })
    }
}

//= spec/92-log.md#log-6-no-secret-is-in-a-log
//# An event MUST NOT hold a password, a one-time code, a PIN, a key, a PAN, a token's digits, an agreement, a picture, a score, or a digest by which one of them could be found by guessing.
/// The members of a body that name things: nothing else of a body is looked at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    request_id: Option<String>,
    order_id: Option<String>,
    account_id: Option<String>,
    card_code: Option<String>,
    token_ref: Option<String>,
    debit_id: Option<String>,
    agreement: Option<String>,
    reference: Option<String>,
}

fn kind(name: &str, template: &str) -> Option<&'static str> {
    Some(match name {
        "{request_id}" => "request",
        "{token_ref}" => "token",
        "{debit_id}" => "debit",
        "{card_code}" => "card",
        "{agreement}" => "agreement",
        "{id}" if template.starts_with("/v1/requests") => "request",
        "{id}" if template.starts_with("/v1/orders") => "order",
        _ => return None,
    })
}

/// The members of an answer that say in a word what it says, the first that is there.
const WORDS: &[&str] = &[
    "next",
    "result",
    "outcome",
    "branch",
    "status",
    "state",
    "token_state",
];

/// What an answer says, in a word of the protocol.
pub fn word(reply: &Reply) -> String {
    let text = |name: &str| reply.body.get(name).and_then(Value::as_str);
    let said = match reply.status {
        400.. => text("code"),
        _ => WORDS.iter().find_map(|name| text(name)),
    };
    said.unwrap_or("done").to_owned()
}

/// What a call asks: method and path, with ids out of it.
pub fn asked(call: &Call) -> String {
    let named = |part: &str| part.len() >= 20;
    let parts = call.path.split('/');
    let path: Vec<_> = parts
        .map(|part| if named(part) { "{id}" } else { part })
        .collect();
    format!("{} {}", call.method, path.join("/"))
}

/// The states that a decision stored: kind of thing → state.
pub type States = BTreeMap<&'static str, String>;

/// Tables whose rows have a state that the log may tell, and what a row of them is.
const STATEFUL: &[(&str, &str)] = &[
    ("requests", "request"),
    ("orders", "order"),
    ("cards", "card"),
    ("tokens", "token"),
    ("debits", "debit"),
    ("taps", "tap"),
];

#[derive(Deserialize)]
struct Stated {
    #[serde(alias = "settled", alias = "status")]
    state: String,
}

/// The states in what is written.
pub fn states(writes: &[kaika_wire::core::Write]) -> States {
    let state = |write: &kaika_wire::core::Write| {
        let (_, kind) = STATEFUL.iter().find(|(table, _)| *table == write.table)?;
        let row: Stated = serde_json::from_slice(write.value.as_deref()?).ok()?;
        Some((*kind, row.state))
    };
    writes.iter().filter_map(state).collect()
}
