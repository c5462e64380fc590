//! The phone app: collects, relays to its chip, pays. No I/O.
//!
//! [`apply::Apply`] carries a card request from the password to the chip's receipt; [`pay::Pay`] an order from what is
//! shown to what the issuer said. Each takes one [`Input`] and says in one [`Effect`] what must be done next.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub mod apply;
mod evidence;
pub mod password;
pub mod pay;

/// One HTTP request to the verifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Http {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path.
    pub path: String,
    /// Body; null for GET.
    pub body: Value,
    /// Key of the message's MAC, once there is one.
    pub key: Option<[u8; 32]>,
    /// The idempotency key, where a terminal that is started again must find the same one; a new one elsewhere.
    pub again: Option<String>,
}

/// Bodies hold codes, photos and proofs: only the route is printed.
impl core::fmt::Debug for Http {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Whatever happens to the terminal.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person starts.
    Start,
    /// The verifier answered.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body.
        body: Value,
    },
    /// The verifier did not answer.
    Silence,
    /// The chip answered, one answer for each command.
    Chip(Vec<Vec<u8>>),
    /// The person typed the code.
    Code(String),
    /// The person asks for another code.
    AnotherCode,
    /// The person photographed the document: front and back.
    Photos(Vec<u8>, Vec<u8>),
    /// The person did what was asked: one picture for each action.
    Frames(Vec<Vec<u8>>),
}

/// Whatever the terminal wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this, under a new idempotency key unless it names its own.
    Send(Http),
    /// Send the last message again, under the same key.
    SendAgain,
    /// Give these commands of the issuer to the chip, in order.
    Chip(Vec<Vec<u8>>),
    /// Give these to the chip, in order: it is asked to sign. Answered as [`Effect::Chip`] is.
    Sign(Vec<Vec<u8>>),
    /// Ask the person for the code that was sent to this phone.
    AskCode {
        /// The phone, masked.
        phone_mask: String,
    },
    /// Ask the person for photos of the document.
    AskPhotos,
    /// Ask the person for a video of these actions.
    AskFrames {
        /// The actions, in order.
        actions: Vec<String>,
    },
    /// The card is in the chip.
    Ready(Card),
    /// Paid, says the issuer.
    Paid {
        /// Authorisation code.
        auth_code: String,
    },
    /// Declined, says the issuer.
    Declined,
    /// Nobody knows yet: ask again later.
    Unknown,
    /// It ends here.
    Failed(Failure),
}

/// A card as the terminal knows it: no PAN, no token, no agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Card code.
    pub card_code: String,
    /// Token reference.
    pub token_ref: String,
}

/// Why something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The verifier refuses: code and class of the problem document.
    Refused {
        /// Code.
        code: String,
        /// Class.
        class: String,
    },
    /// The verifier said what nobody may say now.
    Unexpected,
    /// The password cannot be derived with the parameters of the challenge.
    Password,
    /// What was ordered is not what the person wanted.
    OrderDiffers,
    /// The chip does not sign.
    Unsigned,
}

/// A problem document as a failure.
fn refused(body: &Value) -> Failure {
    let text = |name| {
        body.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Failure::Refused {
        code: text("code"),
        class: text("class"),
    }
}

/// Whether an answer is a refusal of the verifier's, and no accident on the way to it.
fn is_refusal(status: u16, body: &Value) -> bool {
    (400..500).contains(&status) && body.get("code").is_some_and(Value::is_string)
}

/// Whether a refusal only says: the same again, later.
fn is_retry(body: &Value) -> bool {
    body.get("class").and_then(Value::as_str) == Some("retry")
        && body.get("code").and_then(Value::as_str) == Some("in-progress")
}
