//! The steps of a test whose subject is a phone's terminal: the runner is its verifier and its chip.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The verifier of this phone opens a port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verifier {
    /// Name of its URL.
    #[serde(rename = "as")]
    pub name: String,
}

/// A chip for this phone, in a reader at a port of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// Name of its numbers: `tcp`, `se_id`.
    #[serde(rename = "as")]
    pub name: String,
}

/// What the subject says to that verifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Method.
    pub method: Method,
    /// Segments of the path.
    pub path: Vec<Value>,
    /// A pattern of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The session key that it is signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
    /// Its idempotency key is a new one unless this says otherwise.
    #[serde(default, skip_serializing_if = "Key::is_new")]
    pub key: Key,
    /// Name under which it is known later.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a phone asks its verifier with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// It asks.
    Get,
    /// It changes something.
    Post,
}

impl Method {
    /// As it stands in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// The idempotency key of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// None that was used at this path.
    #[default]
    New,
    /// A new one, or one that had this very body at this path.
    Any,
    /// One that had this very body at this path.
    Old,
}

impl Key {
    const fn is_new(&self) -> bool {
        matches!(self, Self::New)
    }
}

/// The subject says its last message again: the same route, key and body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// Segments of a path whose GET will do in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<Value>>,
}

/// What the verifier says to the message that was heard last; the end of its connection when it says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body's text, when it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// A refusal, by its name in 95-refusals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
    /// The body, with status 200, when the message was a GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Value>,
}

/// From now on the verifier hears and answers nothing: connections end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hush {
    /// Segments of a path whose GET may be asked too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Vec<Value>>,
}

/// The chip is asked to sign, and has not answered yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// What for.
    pub kind: Evidence,
    /// A pattern of the digest.
    pub digest: Value,
}

/// What a chip's evidence is for (85-apdu, SIGN EVIDENCE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// That a card is wanted.
    Consent,
    /// That an order is paid.
    Payment,
}

impl Evidence {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Payment => "payment",
        }
    }
}

/// What the chip does about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// One of three.
    pub will: Will,
}

/// What a chip does about a wish to have something signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Will {
    /// It signs.
    Signs,
    /// It refuses.
    Refuses,
    /// It leaves the reader.
    Leaves,
}

impl Will {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signs => "signs",
            Self::Refuses => "refuses",
            Self::Leaves => "leaves",
        }
    }
}

/// The chip leaves the reader at the next command with this instruction, and is put in again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// Instruction, hexadecimal.
    pub ins: String,
}
