//! `subject.json`: what a subject is, where it listens and what it offers. Start at [`Manifest::read`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contract::{CONTRACT, FEATURES, FLAGS, PEERS, ROLES, hook};

mod known;

pub use known::{Known, KnownFailures};

/// A subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the contract, [`CONTRACT`].
    #[serde(default = "current")]
    pub contract: u32,
    /// Name and version of the implementation.
    pub implementation: Implementation,
    /// Where each role listens.
    pub roles: BTreeMap<String, Endpoint>,
    /// Hexadecimal keys: `verifier_issuer`, `operator_issuer`, ..., `chip_master`.
    pub keys: BTreeMap<String, String>,
    /// The chapters of the specification that it has; all when absent.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub features: Option<Vec<String>>,
    /// How it is to be played.
    #[serde(default, skip_serializing_if = "Parameters::is_usual")]
    pub parameters: Parameters,
    /// Where the runner listens as the subject's peers, `HOST:PORT` by role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<String, String>,
    /// What a test build offers beside the protocol.
    #[serde(default)]
    pub hooks: Hooks,
    /// The subject's own refusal codes, and the specification's in their place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub error_map: BTreeMap<String, String>,
    /// Whether the subject does what a flag says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flag_policy: BTreeMap<String, Policy>,
    /// Tests that are known to fail, here or in a file of their own.
    #[serde(default, skip_serializing_if = "KnownFailures::is_empty")]
    pub known_failures: KnownFailures,
    /// Vectors that are declined, each with its reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deny: BTreeMap<String, String>,
}

impl Default for Manifest {
    /// A subject without a name, role or hook: to be filled in.
    fn default() -> Self {
        Self {
            contract: CONTRACT,
            implementation: Implementation::default(),
            roles: BTreeMap::new(),
            keys: BTreeMap::new(),
            features: None,
            parameters: Parameters::default(),
            peers: BTreeMap::new(),
            hooks: Hooks::default(),
            error_map: BTreeMap::new(),
            flag_policy: BTreeMap::new(),
            known_failures: KnownFailures::default(),
            deny: BTreeMap::new(),
        }
    }
}

const fn current() -> u32 {
    CONTRACT
}

/// A field that may be left out and is not null.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Who made the subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub http: Option<String>,
    /// `HOST:PORT`: the issuer's POS port, or the chip.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub tcp: Option<String>,
    /// The chip's reader, as PC/SC names it; needs a build with the feature `pcsc`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub reader: Option<String>,
}

/// How a subject is to be played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How long one answer may take, in milliseconds, 10 to 60,000.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub answer_ms: Option<u64>,
    /// How many tests are played at once, 1 to 64.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub at_once: Option<usize>,
}

impl Parameters {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// How long one answer may take; by default as long as the caller says.
    pub fn patience(&self, usual: Duration) -> Duration {
        self.answer_ms.map_or(usual, Duration::from_millis)
    }
}

/// Whether a subject does what a flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It does, and that is let pass.
    Accept,
    /// It does not, and that fails.
    Reject,
}

/// What a test build offers beside the protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// The way to the control channel; without it there is no hook.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub control: Option<Carrier>,
    /// The hooks that it answers; when absent each is tried and may be answered `unimplemented`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub offers: Option<Vec<String>>,
}

/// The way to the control channel: the same operations and answers by either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// `http://HOST:PORT`: operations are `POST /ctl/v1/NAME`.
    Http(String),
    /// A command that the runner starts: operations are lines of JSON.
    Stdio(Vec<String>),
}

impl<'de> Deserialize<'de> for Carrier {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Named {
            Http(String),
            Stdio(Vec<String>),
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Carrier;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("{\"http\": URL}, {\"stdio\": [COMMAND, ...]} or a URL")
            }

            fn visit_str<E: serde::de::Error>(self, url: &str) -> Result<Carrier, E> {
                Ok(Carrier::Http(url.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Carrier, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                Ok(match Named::deserialize(map)? {
                    Named::Http(url) => Carrier::Http(url),
                    Named::Stdio(command) => Carrier::Stdio(command),
                })
            }
        }
        from.deserialize_any(Either)
    }
}

/// Why a file is no manifest: which field, where, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct Unreadable {
    /// The way to the field, `roles.issuer.http`.
    pub field: String,
    /// What is wrong; with line and column when it is the form.
    pub what: String,
}

fn bad(field: impl Into<String>, what: impl Into<String>) -> Unreadable {
    Unreadable {
        field: field.into(),
        what: what.into(),
    }
}

impl Manifest {
    /// Reads a manifest strictly.
    ///
    /// # Errors
    /// The first field that is unknown, missing, of another type or out of range.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut from = serde_json::Deserializer::from_str(text);
        let manifest: Self = serde_path_to_error::deserialize(&mut from)
            .map_err(|error| bad(error.path().to_string(), error.inner().to_string()))?;
        from.end().map_err(|error| bad(".", error.to_string()))?;
        manifest.judge()?;
        Ok(manifest)
    }

    fn judge(&self) -> Result<(), Unreadable> {
        if self.contract != CONTRACT {
            let what = format!("{}; this runner speaks {CONTRACT}", self.contract);
            return Err(bad("contract", what));
        }
        if self.roles.is_empty() {
            return Err(bad("roles", "names no role"));
        }
        among("roles", self.roles.keys(), ROLES)?;
        among("peers", self.peers.keys(), PEERS)?;
        among("features", self.features.iter().flatten(), FEATURES)?;
        for (role, endpoint) in &self.roles {
            endpoint.judge(role)?;
        }
        for (peer, address) in &self.peers {
            is_address(&format!("peers.{peer}"), address)?;
        }
        for (name, key) in &self.keys {
            is_key(&format!("keys.{name}"), key)?;
        }
        self.judge_flags()?;
        self.hooks.judge()?;
        self.parameters.judge()?;
        self.known_failures.judge()
    }

    fn judge_flags(&self) -> Result<(), Unreadable> {
        let flags: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
        among("flag_policy", self.flag_policy.keys(), &flags)?;
        for (own, ours) in &self.error_map {
            if !kaika_spec::Refusal::ALL
                .iter()
                .any(|one| one.seen() == ours)
            {
                let what = format!("{ours:?} is no code of 95-refusals");
                return Err(bad(format!("error_map.{own}"), what));
            }
        }
        Ok(())
    }

    /// What the manifest says of a flag.
    pub fn policy(&self, flag: &str) -> Option<Policy> {
        self.flag_policy.get(flag).copied()
    }
}

impl Endpoint {
    fn judge(&self, role: &str) -> Result<(), Unreadable> {
        if let Some(http) = &self.http {
            is_url(&format!("roles.{role}.http"), http)?;
        }
        if let Some(tcp) = &self.tcp {
            is_address(&format!("roles.{role}.tcp"), tcp)?;
        }
        if self.reader.as_deref() == Some("") {
            return Err(bad(format!("roles.{role}.reader"), "is empty"));
        }
        Ok(())
    }
}

impl Hooks {
    fn judge(&self) -> Result<(), Unreadable> {
        match &self.control {
            Some(Carrier::Http(url)) => is_url("hooks.control", url)?,
            Some(Carrier::Stdio(command)) if command.is_empty() => {
                return Err(bad("hooks.control.stdio", "names no command"));
            }
            None if self.offers.is_some() => {
                return Err(bad("hooks.offers", "there is no hooks.control"));
            }
            Some(Carrier::Stdio(_)) | None => {}
        }
        for (at, name) in self.offers.iter().flatten().enumerate() {
            if hook(name).is_none() {
                return Err(bad(
                    format!("hooks.offers[{at}]"),
                    format!("{name:?} is no hook"),
                ));
            }
        }
        Ok(())
    }

    /// Whether a hook may be tried.
    pub fn has(&self, name: &str) -> bool {
        let offered = |offers: &Vec<String>| offers.iter().any(|one| one == name);
        self.control.is_some() && self.offers.as_ref().is_none_or(offered)
    }
}

impl Parameters {
    fn judge(&self) -> Result<(), Unreadable> {
        let within = |field: &str, value: u64, least: u64, most: u64| {
            let what = || bad(field, format!("{value} is not {least} to {most}"));
            (least..=most)
                .contains(&value)
                .then_some(())
                .ok_or_else(what)
        };
        if let Some(ms) = self.answer_ms {
            within("parameters.answer_ms", ms, 10, 60_000)?;
        }
        if let Some(tests) = self.at_once {
            let tests = u64::try_from(tests).unwrap_or(u64::MAX);
            within("parameters.at_once", tests, 1, 64)?;
        }
        Ok(())
    }
}

fn among<'a>(
    field: &str,
    given: impl IntoIterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), Unreadable> {
    let unknown = given.into_iter().find(|one| !known.contains(&one.as_str()));
    unknown.map_or(Ok(()), |one| {
        let what = format!("{one:?} is none of {}", known.join(", "));
        Err(bad(field, what))
    })
}

fn is_url(field: &str, url: &str) -> Result<(), Unreadable> {
    let host = url.strip_prefix("http://");
    let right = host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    right
        .then_some(())
        .ok_or_else(|| bad(field, format!("{url:?} is not http://HOST:PORT")))
}

fn is_address(field: &str, address: &str) -> Result<(), Unreadable> {
    let port = address
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty());
    let right = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    right
        .then_some(())
        .ok_or_else(|| bad(field, format!("{address:?} is not HOST:PORT")))
}

fn is_key(field: &str, key: &str) -> Result<(), Unreadable> {
    let lower = key
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let right = !key.is_empty() && key.len().is_multiple_of(2) && lower;
    // Never the key itself.
    right
        .then_some(())
        .ok_or_else(|| bad(field, "is not pairs of lower-case hexadecimal digits"))
}
