//! The event log: one line of JSON for every decision, refusals too, and no secret in any.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kaika_spec::{Refusal, Role};
use serde::Serialize;

use crate::fault::Fault;

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The message was taken.
    Accepted,
    /// The message was refused.
    Refused,
    /// The message was a repetition; the stored answer was given.
    Repeated,
    /// The world failed; nothing was decided.
    Fault,
}

/// One decision.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When, ms.
    pub at: i64,
    /// Who decided.
    pub role: &'static str,
    /// About what: method and path template, or what a call of its own was answered.
    pub resource: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The internal reason, which the peer may not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
}

impl Event {
    /// A decision of `role` about `resource`: refused when there is a refusal.
    pub fn decided(
        at: i64,
        role: Role,
        resource: impl Into<String>,
        refusal: Option<Refusal>,
    ) -> Self {
        let verdict = if refusal.is_some() {
            Verdict::Refused
        } else {
            Verdict::Accepted
        };
        Self {
            at,
            role: role.name(),
            resource: resource.into(),
            verdict,
            refusal: refusal.map(Refusal::name),
        }
    }

    /// The same with another verdict.
    pub fn with(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }
}

/// Where events go: a file, standard error, or nowhere.
#[derive(Debug, Default)]
pub enum Log {
    /// Nowhere.
    #[default]
    Off,
    /// Standard error.
    Stderr,
    /// Appended to a file.
    File(Mutex<File>),
}

impl Log {
    /// Appends to `path`.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn file(path: &Path) -> Result<Self, Fault> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map(|file| Self::File(Mutex::new(file)))
            .map_err(|error| Fault::file(path, error))
    }

    /// Writes one line. A log that cannot be written does not stop a decision that is already stored.
    pub fn write(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        let _ = match self {
            Self::Off => Ok(()),
            Self::Stderr => std::io::stderr().lock().write_all(&line),
            Self::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line),
        };
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_the_internal_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.ndjson");
        let log = Log::file(&path).unwrap();
        log.write(&Event::decided(
            7,
            Role::Verifier,
            "POST /v1/requests/{id}/otp",
            Some(Refusal::OtpSuperseded),
        ));
        log.write(&Event::decided(
            8,
            Role::Verifier,
            "GET /v1/orders/{id}",
            None,
        ));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            text,
            "{\"at\":7,\"role\":\"verifier\",\"resource\":\"POST /v1/requests/{id}/otp\",\"verdict\":\"refused\",\"refusal\":\"otp-superseded\"}\n\
             {\"at\":8,\"role\":\"verifier\",\"resource\":\"GET /v1/orders/{id}\",\"verdict\":\"accepted\"}\n"
        );
    }
}
