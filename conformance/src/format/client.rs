//! The steps of a test whose subject is a client: the runner triggers it, and plays its servers and its card.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

fn asks_issuer() -> String {
    "80".to_owned()
}

fn checks_issuer() -> String {
    "1c00".to_owned()
}

/// A card at the shop's terminal, with a token and a cryptogram of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name of its numbers: `tcp`, `token`, `expiry`, `cryptogram`, `counter`, `profile`, `kind`, `issuer_data`.
    #[serde(rename = "as")]
    pub name: String,
    /// Cryptogram information data, hexadecimal: `80` asks the issuer.
    #[serde(default = "asks_issuer")]
    pub kind: String,
    /// Interchange profile, hexadecimal: `1c00` checks the issuer's answer.
    #[serde(default = "checks_issuer")]
    pub profile: String,
    /// `no-directory`, `no-application`, `suspended`, `twice`, `no-list` or `gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What it thinks of the issuer's proof: `taken`, `refused` or `gone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Value>,
}

/// The port of an issuer for shops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Name of its address.
    #[serde(rename = "as")]
    pub name: String,
}

/// Something that the subject is told to do, over the control channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// What.
    pub action: String,
    /// With what.
    pub with: Value,
}

/// A message at the issuer's port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hear {
    /// Four digits.
    pub mti: String,
    /// A pattern for each field that it has, and no other.
    pub fields: BTreeMap<String, Value>,
    /// Name of its fields.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// It may come as a repetition too: 0401 for 0400.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What the issuer says on the line of the last message; the end of the line when it is neither.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mti: Option<Value>,
    /// Fields by number; null leaves one out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Value>,
    /// Any bytes, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
    /// It is said twice, in one go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
}

/// What the subject shows when it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// A pattern for each field, and no other.
    pub expect: BTreeMap<String, Value>,
}

/// What the card was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Instruction, hexadecimal.
    pub ins: String,
    /// How often.
    pub times: usize,
    /// A pattern of the data of each, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The end of the process that does what was triggered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {}
