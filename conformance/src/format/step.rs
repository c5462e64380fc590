//! What a test does: one type for each kind of step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::{Card, Crash, Hear, Host, Reply, Shown, Told, Trigger};
use super::phone::{Answer, Asks, Chip, Hush, Pull, Repeats, Sign, Signed, Verifier};

/// What a test does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Step {
    /// An HTTP message to a server.
    Send(Send),
    /// A command to the chip.
    Apdu(Apdu),
    /// Power of the chip.
    Power(Power),
    /// A message to the issuer's POS port.
    Iso(Iso),
    /// A name for a value.
    Let(Let),
    /// Time passes; needs `hook:clock`.
    Advance(Advance),
    /// A named part.
    Do(Do),
    /// The code that was sent to a phone.
    Capture(Capture),
    /// What the runner answers as a peer of the subject.
    Arrange(Arrange),
    /// How often the subject asked a peer.
    Asked(Asked),
    /// A message, and what happens before the peer that it waits for has answered.
    Meanwhile(Meanwhile),
    /// A chip from the factory; needs `hook:chip`.
    Insert(Insert),
    /// INITIALIZE UPDATE: the beginning of a secure channel.
    Challenge(Challenge),
    /// EXTERNAL AUTHENTICATE: the rest of it.
    Authenticate(Authenticate),
    /// A command in a secure channel.
    Secure(Secure),
    /// Commands of the issuer, given to the chip one by one.
    Relay(Relay),
    /// A card is held at the subject.
    Card(Card),
    /// The port of an issuer for shops opens.
    Host(Host),
    /// The subject begins something; needs `hook:trigger`.
    Trigger(Trigger),
    /// What the subject says to that issuer.
    Hear(Hear),
    /// What that issuer says.
    Reply(Reply),
    /// What the subject shows in the end.
    Shown(Shown),
    /// What the card was told.
    Told(Told),
    /// The subject dies; needs `hook:crash`.
    Crash(Crash),
    /// The verifier of a phone opens a port.
    Verifier(Verifier),
    /// A chip is put into a reader of the phone.
    Chip(Chip),
    /// What the subject says to that verifier.
    Asks(Asks),
    /// It says that again.
    Repeats(Repeats),
    /// What that verifier says.
    Answer(Answer),
    /// It says nothing more.
    Hush(Hush),
    /// That chip is asked to sign.
    Sign(Sign),
    /// What it does about it.
    Signed(Signed),
    /// It leaves the reader.
    Pull(Pull),
    /// The same message twice, byte by byte.
    Again(Again),
    /// The subject is killed without a warning and started again on its store; needs `hook:restart`.
    Restart(Restart),
    /// Messages at the same time, from several connections.
    Parallel(Parallel),
}

/// A message that is said twice: what is expected is expected of the second answer, or of one of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// The message.
    pub send: Send,
    /// How it comes to be said twice.
    pub how: Twice,
}

/// How a message comes to be said twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Twice {
    /// The first answer is lost.
    Lost,
    /// Both are sent at once: one is answered as expected, the other so too, byte by byte, or by `in-progress`.
    Both,
}

/// How an ISO 8583 message comes to be said twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLines {
    /// The connection ends before the first answer; the second is asked for on another.
    Lost,
    /// On two connections at once.
    Both,
    /// On one connection, in one go.
    Line,
}

/// The subject goes down and comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {}

/// Messages at the same time: all answers together are one of the outcomes, each of them some order's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parallel {
    /// The messages; what they say themselves is expected of no one.
    pub branches: Vec<Send>,
    /// For each order that may have been, what each branch is answered.
    pub outcomes: Vec<Vec<Expect>>,
}

/// What the runner answers as a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrange {
    /// As whom.
    pub at: String,
    /// The path asked for.
    pub path: Vec<Value>,
    /// A text that path or body contains: what makes the question this test's.
    pub having: Value,
    /// The answer's body, with status 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// A refusal in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
}

/// How often the subject asked a peer since the test began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Whom.
    pub at: String,
    /// The beginning of the path.
    pub path: String,
    /// As in [`Arrange`].
    pub having: Value,
    /// How often.
    pub times: usize,
    /// A pattern that the body of each of these questions matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
}

/// A message whose answer waits for a peer that the runner plays, and is late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meanwhile {
    /// The message.
    pub send: Send,
    /// The peer that is asked because of it.
    pub at: String,
    /// The path of that question.
    pub path: Vec<Value>,
    /// As in [`Arrange`].
    pub having: Value,
    /// What is done between the question and its answer.
    pub steps: Vec<Step>,
}

/// A chip from the factory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// Name of its number.
    #[serde(rename = "as")]
    pub name: String,
}

/// INITIALIZE UPDATE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Name of the channel.
    pub channel: String,
    /// Number of the chip whose keys are meant.
    pub se_id: Value,
    /// Key version, hexadecimal.
    pub version: String,
    /// Status word.
    pub sw: String,
}

/// EXTERNAL AUTHENTICATE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticate {
    /// The channel.
    pub channel: String,
    /// Security level, hexadecimal.
    pub level: String,
    /// `cryptogram` or `mac`: one bit of it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Name for the bytes that were sent.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Status word.
    pub sw: String,
}

/// A command in a secure channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secure {
    /// The channel.
    pub channel: String,
    /// CLA INS P1 P2.
    pub header: String,
    /// Data in the clear, hexadecimal.
    pub data: Value,
    /// `mac`: one bit of it is wrong; `padding`: the MAC is right and the padding is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The command comes in a chain of pieces with so many bytes of data; all but the last are answered 9000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Name for the bytes that were sent.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Status word.
    pub sw: String,
    /// Pattern of the answer's data in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Value>,
}

/// Commands for the chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// A list of commands, hexadecimal.
    pub commands: Value,
    /// Name for the list of answers.
    #[serde(rename = "as")]
    pub name: String,
}

/// An HTTP message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// As whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Method.
    pub method: String,
    /// Segments of the path.
    pub path: Vec<Value>,
    /// Headers that differ from the right ones; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body's text, when it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
    /// The terminal's session key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
    /// What must come back.
    pub expect: Expect,
}

/// What must come back over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Expect {
    /// An answer of class 2xx, `application/json`, with these fields and no other.
    Accept(BTreeMap<String, Value>),
    /// A refusal, by its name in 95-refusals: `application/problem+json`.
    Refuse(String),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apdu {
    /// Hexadecimal.
    pub command: Value,
    /// The channel that the answer is read with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Status word.
    pub sw: String,
    /// Pattern of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Power of the chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// `reset`, `off` or `on`; `atr` asks what the chip says after reset; `leave` is another reader's coming.
    pub kind: String,
}

/// A message at the POS port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iso {
    /// Four digits.
    pub mti: String,
    /// Fields by number; 55 in hexadecimal; null leaves one out.
    pub fields: Value,
    /// How it comes to be said twice, when it is: what is expected is expected of the second answer, or of both, which are
    /// the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<OnLines>,
    /// Patterns of the answer's fields.
    pub expect: BTreeMap<String, Value>,
}

/// A name for a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Let {
    /// Name.
    #[serde(rename = "as")]
    pub name: String,
    /// Value.
    pub value: Value,
}

/// Time passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Milliseconds.
    pub ms: i64,
}

/// A named part; the override is for its last message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Do {
    /// Which.
    pub part: String,
    /// Refused instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
    /// Another status word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sw: Option<String>,
    /// Other fields of a good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<BTreeMap<String, Value>>,
}

/// The code that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// To which phone.
    pub phone: Value,
    /// Name.
    #[serde(rename = "as")]
    pub name: String,
}
