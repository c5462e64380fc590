//! The event log: one line of JSON for every decision, refusals too, and no secret in any.
//!
//! `spec/92-log.md` says what stands in a line. A log is one file of one role: its events are numbered without a gap, whatever
//! processes wrote them. [`Log::open`] goes on where the last one stopped; [`Log::write`] is called in the order of the decisions.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kaika_spec::limit::EVENT_MAX;
use kaika_spec::{Refusal, Role};
use serde::{Deserialize, Serialize};

use crate::clock::SharedClock;
use crate::dice;
use crate::fault::Fault;
use crate::trail::{About, Id, States};

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The message was taken.
    Accepted,
    /// The message was taken, and its answer waits for another role.
    Waiting,
    /// The message was refused.
    Refused,
    /// The message was a repetition; the stored answer was given.
    Repeated,
    /// The world failed; nothing was decided.
    Fault,
}

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Another role asked.
    Request,
    /// Another role answered.
    Answer,
    /// Another role did not answer.
    Silence,
}

/// What a decision is about: the message that was judged.
#[derive(Clone, Debug, Serialize)]
pub struct Heard {
    /// From whom.
    pub from: String,
    /// Whether it asked, answered, or was silent.
    pub kind: Kind,
    /// Its id, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<Id>,
    /// The id of the message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re: Option<Id>,
}

impl Heard {
    /// A message came.
    pub fn request(from: Role, mid: Option<Id>) -> Self {
        Self {
            from: from.name().into(),
            kind: Kind::Request,
            mid,
            re: None,
        }
    }

    /// A message was answered.
    pub fn answer(from: Role, mid: Option<Id>, re: Option<Id>) -> Self {
        Self {
            from: from.name().into(),
            kind: Kind::Answer,
            mid,
            re,
        }
    }

    /// A message was not answered.
    pub fn silence(from: Role) -> Self {
        Self {
            from: from.name().into(),
            kind: Kind::Silence,
            mid: None,
            re: None,
        }
    }
}

/// A message that a decision sends.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// To whom.
    pub to: String,
    /// What it is, or says, in a word.
    pub msg: String,
    /// Its id, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<Id>,
    /// The id of the message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re: Option<Id>,
}

impl Sent {
    /// A message that asks.
    pub fn asks(to: Role, msg: impl Into<String>, mid: Option<Id>) -> Self {
        Self {
            to: to.name().into(),
            msg: msg.into(),
            mid,
            re: None,
        }
    }

    /// A message that answers.
    pub fn answers(to: Role, msg: impl Into<String>, mid: Option<Id>, re: Option<Id>) -> Self {
        Self {
            re,
            ..Self::asks(to, msg, mid)
        }
    }
}

//= spec/92-log.md#log-3-an-event-has-one-form
//# An event MUST have the form of `schema/event.schema.json` and an act of the table below.
/// One decision.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When, ms.
    pub at: i64,
    /// Who decided.
    pub role: &'static str,
    /// About what: method and path template, type of an ISO 8583 message, header of a command, or `start`.
    pub act: String,
    /// The things it is about.
    #[serde(skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// What was judged.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
    /// What was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out: Vec<Sent>,
    /// How it ended.
    pub verdict: Verdict,
    /// The internal reason, which the peer may not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<&'static str>,
    /// Numbers and words that are no secret and on which the decision depends.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<&'static str, String>,
    /// The states that were stored.
    #[serde(skip_serializing_if = "States::is_empty")]
    pub post: States,
}

impl Event {
    /// A decision of `role` about `act`: refused when there is a refusal.
    pub fn decided(at: i64, role: Role, act: impl Into<String>, refusal: Option<Refusal>) -> Self {
        let verdict = if refusal.is_some() {
            Verdict::Refused
        } else {
            Verdict::Accepted
        };
        Self {
            at,
            role: role.name(),
            act: act.into(),
            about: About::default(),
            heard: None,
            out: vec![],
            verdict,
            refusal: refusal.map(Refusal::name),
            args: BTreeMap::new(),
            post: States::new(),
        }
    }

    /// The same with another verdict.
    #[must_use]
    pub fn with(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }
}

/// An event in its place.
#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    log: &'a str,
    seq: u64,
    #[serde(flatten)]
    event: &'a Event,
}

/// What of a line says where the next one goes.
#[derive(Deserialize)]
struct Place {
    log: String,
    seq: u64,
}

/// Where events go: a file, or nowhere.
#[derive(Debug, Default)]
pub enum Log {
    /// Nowhere.
    #[default]
    Off,
    /// Appended to a file.
    Book(Mutex<Book>),
}

/// A log and the clock of the role that writes it: for roles that are no servers.
#[derive(Clone, Default)]
pub struct Diary(Option<(Arc<Log>, SharedClock)>);

impl Diary {
    /// None.
    pub const fn off() -> Self {
        Self(None)
    }

    /// A diary in a file.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open(path: &Path, role: Role, clock: SharedClock) -> Result<Self, Fault> {
        let log = Log::open(path, role, clock.now())?;
        Ok(Self(Some((Arc::new(log), clock))))
    }

    /// Writes an event with the time now.
    pub fn write(&self, event: Event) {
        if let Some((log, clock)) = &self.0 {
            log.write(&Event {
                at: clock.now(),
                ..event
            });
        }
    }
}

impl core::fmt::Debug for Diary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Diary"
        } else {
            "no diary"
        })
    }
}

/// A file of events.
#[derive(Debug)]
pub struct Book {
    file: File,
    path: PathBuf,
    log: String,
    seq: u64,
}

impl Log {
    /// Opens a file, goes on with its numbers, and writes that the role starts. A last line that a kill cut short is taken
    /// away: its decision was told to nobody.
    ///
    /// # Errors
    /// When the file cannot be used or is no event log.
    pub fn open(path: &Path, role: Role, now: i64) -> Result<Self, Fault> {
        let opened = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path);
        let mut file = opened.map_err(|error| Fault::file(path, error))?;
        let last = last_line(&mut file).map_err(|error| Fault::file(path, error))?;
        let place = match last {
            None => Place {
                log: hex::encode(dice::bytes::<8>()),
                seq: 0,
            },
            Some(line) => serde_json::from_slice(&line).map_err(|_| {
                Fault::content(path, "its last line is no event; move the file away")
            })?,
        };
        let book = Book {
            file,
            path: path.to_owned(),
            log: place.log,
            seq: place.seq,
        };
        let log = Self::Book(Mutex::new(book));
        log.write(&Event::decided(now, role, "start", None));
        Ok(log)
    }

    /// Writes one line. A log that cannot be written does not stop a decision that is already stored: a number is then
    /// missing, which whoever reads the log sees.
    pub fn write(&self, event: &Event) {
        //= spec/92-log.md#log-1-every-decision-is-an-event
        //# A role MUST write one event for every decision, refusals included, before what the decision says leaves.
        if let Self::Book(book) = self {
            book.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(event);
        }
    }
}

impl Book {
    fn write(&mut self, event: &Event) {
        //= spec/92-log.md#log-2-events-are-numbered
        //# A role MUST number the events of a log from 1 without a gap, in the order of its decisions, across restarts.
        self.seq = self.seq.saturating_add(1);
        let line = Line {
            v: 1,
            log: &self.log,
            seq: self.seq,
            event,
        };
        let Ok(mut bytes) = serde_json::to_vec(&line) else {
            return;
        };
        bytes.push(b'\n');
        if let Err(error) = self.file.write_all(&bytes) {
            eprintln!("{}: event {}: {error}", self.path.display(), self.seq);
        }
    }
}

/// The last whole line of a file; what stands behind it is cut off.
fn last_line(file: &mut File) -> std::io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let window = length.min(
        u64::try_from(EVENT_MAX)
            .unwrap_or(u64::MAX)
            .saturating_mul(2),
    );
    let from = length.saturating_sub(window);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
        file.set_len(from)?;
        return Ok(None);
    };
    let kept = u64::try_from(end).unwrap_or(u64::MAX).saturating_add(1);
    file.set_len(from.saturating_add(kept))?;
    tail.truncate(end);
    let start = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |before| before + 1);
    Ok(Some(tail.split_off(start)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn refused() -> Event {
        let act = "POST /v1/requests/{id}/otp";
        Event::decided(7, Role::Verifier, act, Some(Refusal::OtpSuperseded))
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        let read = |line| serde_json::from_str(line).unwrap();
        text.lines().map(read).collect()
    }

    #[test]
    fn an_event_is_one_line_with_the_internal_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verifier.ndjson");
        let log = Log::open(&path, Role::Verifier, 5).unwrap();
        log.write(&refused());
        let lines = lines(&path);
        let log = lines[0]["log"].as_str().unwrap();
        assert_eq!(
            lines,
            [
                serde_json::json!({"v": 1, "log": log, "seq": 1, "at": 5, "role": "verifier", "act": "start", "verdict": "accepted"}),
                serde_json::json!({"v": 1, "log": log, "seq": 2, "at": 7, "role": "verifier",
                    "act": "POST /v1/requests/{id}/otp", "verdict": "refused", "refusal": "otp-superseded"}),
            ]
        );
    }

    //= spec/92-log.md#log-2-events-are-numbered
    //= type=test
    //# A role MUST number the events of a log from 1 without a gap, in the order of its decisions, across restarts.
    #[test]
    fn a_log_goes_on_behind_a_line_that_was_cut_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verifier.ndjson");
        Log::open(&path, Role::Verifier, 5)
            .unwrap()
            .write(&refused());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        Log::open(&path, Role::Verifier, 6)
            .unwrap()
            .write(&refused());
        let seq: Vec<_> = lines(&path)
            .iter()
            .map(|line| line["seq"].as_u64())
            .collect();
        assert_eq!(seq, [Some(1), Some(2), Some(3)]);
        let log: Vec<_> = lines(&path)
            .iter()
            .map(|line| line["log"].to_string())
            .collect();
        assert_eq!(log[0], log[2]);
    }

    #[test]
    fn what_is_no_log_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verifier.ndjson");
        std::fs::write(&path, "no log\n").unwrap();
        let said = Log::open(&path, Role::Verifier, 5).unwrap_err().to_string();
        assert!(said.contains("no event"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no log\n");
    }
}
