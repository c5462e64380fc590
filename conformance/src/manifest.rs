//! `subject.json`: what a subject is, where it listens and which keys it has. See `conformance/subjects/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name and version of the implementation.
    pub implementation: Implementation,
    /// Where each role listens.
    pub roles: BTreeMap<String, Endpoint>,
    /// Hexadecimal keys: `verifier_issuer`, `operator_issuer`, ..., `chip_master`.
    pub keys: BTreeMap<String, String>,
    /// Where the runner listens as the subject's peers, `HOST:PORT` by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<String, String>,
    /// Control channel.
    #[serde(default)]
    pub hooks: Hooks,
    /// The subject's own refusal codes in the place of the specification's.
    #[serde(default)]
    pub error_map: BTreeMap<String, String>,
    /// Vectors that are declined, each with its reason.
    #[serde(default)]
    pub deny: BTreeMap<String, String>,
}

/// Who made the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Implementation {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Where a role listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `http://HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// `HOST:PORT`: the issuer's POS port, or the chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// The chip's reader, as PC/SC names it; needs a build with the feature `pcsc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
}

/// What a test build offers beside the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// `http://HOST:PORT` of the control channel; `POST /ctl/v1/clock {"advance_ms": n}` and
    /// `POST /ctl/v1/chip {}`, which answers `{"tcp", "se_id"}` or `{"reader", "se_id"}` of a chip from the factory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
}
