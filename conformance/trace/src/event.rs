//! The lines of a log, read strictly: `spec/92-log.md` says what stands in one. Start at [`Reader`].
//!
//! What cannot be read, or is out of its place, ends the reading with a [`Bad`] that names file, line and cause. One line is in
//! memory at a time, and no more of it than may be.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read as _};

use kaika_spec::limit::EVENT_MAX;
use kaika_spec::{Refusal, Role};
use serde::Deserialize;

/// An id in the log: 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(from)?;
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match u64::from_str_radix(text, 16) {
            Ok(value) if text.len() == 16 && text.bytes().all(digit) => Ok(Self(value)),
            _ => Err(serde::de::Error::custom(
                "an id of 16 hex digits is needed here",
            )),
        }
    }
}

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Taken.
    Accepted,
    /// Taken; the answer waits for another role.
    Waiting,
    /// Refused.
    Refused,
    /// The stored answer was given.
    Repeated,
    /// Nothing was decided.
    Fault,
}

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Another role asked.
    Request,
    /// Another role answered.
    Answer,
    /// Another role did not answer.
    Silence,
}

/// The message that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// From whom.
    pub from: String,
    /// Which kind.
    pub kind: Kind,
    /// Its id.
    #[serde(default)]
    pub mid: Option<Id>,
    /// The id of the message that it answers.
    #[serde(default)]
    pub re: Option<Id>,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// To whom.
    pub to: String,
    /// What it is or says.
    pub msg: String,
    /// Its id.
    #[serde(default)]
    pub mid: Option<Id>,
    /// The id of the message that it answers.
    #[serde(default)]
    pub re: Option<Id>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    v: u32,
    /// Which log.
    pub log: Id,
    /// Its number in the log.
    pub seq: u64,
    /// When, ms.
    pub at: i64,
    /// Who decided.
    #[serde(deserialize_with = "role")]
    pub role: Role,
    /// About what.
    pub act: String,
    /// The things it is about.
    #[serde(default)]
    pub about: BTreeMap<String, Id>,
    /// What was judged.
    #[serde(default, rename = "in")]
    pub heard: Option<Heard>,
    /// What was sent.
    #[serde(default)]
    pub out: Vec<Sent>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it was refused.
    #[serde(default, deserialize_with = "refusal")]
    pub refusal: Option<Refusal>,
    /// Numbers and words.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
    /// The states that were stored.
    #[serde(default)]
    pub post: BTreeMap<String, String>,
}

fn role<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    let text = <&str>::deserialize(from)?;
    Role::from_name(text)
        .ok_or_else(|| serde::de::Error::custom(format!("no role is called {text:?}")))
}

fn refusal<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Refusal>, D::Error> {
    let text = <&str>::deserialize(from)?;
    let known = Refusal::from_name(text);
    known
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("no refusal is called {text:?}")))
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let event: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if event.v != 1 {
            return Err(format!(
                "version {} is not known; this program knows 1",
                event.v
            ));
        }
        let chip = event.role == Role::Chip;
        if !chip && (event.verdict == Verdict::Refused) != event.refusal.is_some() {
            return Err("a refused event, and no other, has a refusal".into());
        }
        Ok(event)
    }

    /// Whether it judged a message of this kind.
    pub fn heard(&self, kind: Kind) -> bool {
        self.heard.as_ref().is_some_and(|heard| heard.kind == kind)
    }

    /// Whether it is about a start of the role's process, and no decision.
    pub fn is_start(&self) -> bool {
        matches!(self.act.as_str(), "start" | "resume")
    }
}

/// Where an event stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A log that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub cause: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.cause)
    }
}

/// Where each log stands: the number that comes next, and whose it is.
pub(crate) type Numbers = BTreeMap<Id, (u64, Role)>;

/// Reads the events of one file.
pub(crate) struct Reader<R> {
    from: R,
    place: Place,
    line: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// A reader of this file.
    pub(crate) fn new(file: &str, from: R) -> Self {
        let place = Place {
            file: file.to_owned(),
            line: 0,
        };
        Self {
            from,
            place,
            line: Vec::new(),
        }
    }

    /// The next event with its place; nothing at the end.
    ///
    /// # Errors
    /// When the line is no event, or not the one that follows.
    pub(crate) fn next(&mut self, numbers: &mut Numbers) -> Result<Option<(Event, Place)>, Bad> {
        self.place.line += 1;
        let read = self.read_line().and_then(|there| {
            if !there {
                return Ok(None);
            }
            let event = Event::read(&self.line)?;
            follows(&event, numbers)?;
            Ok(Some(event))
        });
        match read {
            Ok(event) => Ok(event.map(|event| (event, self.place.clone()))),
            Err(cause) => Err(Bad {
                place: self.place.clone(),
                cause,
            }),
        }
    }

    fn read_line(&mut self) -> Result<bool, String> {
        self.line.clear();
        let most = u64::try_from(EVENT_MAX).unwrap_or(u64::MAX);
        let mut bounded = self.from.by_ref().take(most + 1);
        let read = bounded.read_until(b'\n', &mut self.line);
        let length = read.map_err(|error| error.to_string())?;
        if length == 0 {
            return Ok(false);
        }
        if length > EVENT_MAX {
            return Err(format!("the line is longer than {EVENT_MAX} bytes"));
        }
        if self.line.pop() != Some(b'\n') {
            return Err("the line ends without a line feed: it was cut short".into());
        }
        Ok(true)
    }
}

/// Whether an event has the number that its log has come to.
fn follows(event: &Event, numbers: &mut Numbers) -> Result<(), String> {
    let (next, role) = numbers.entry(event.log).or_insert((1, event.role));
    if *role != event.role {
        return Err(format!("an event of {} in a log of {role}", event.role));
    }
    match event.seq {
        seq if seq == *next => {
            *next = next.saturating_add(1);
            Ok(())
        }
        seq if seq < *next => Err(format!(
            "event {seq} of log {} comes a second time; {next} is next",
            event.log
        )),
        seq if *next == 1 => Err(format!(
            "log {} begins with event {seq}; give the earlier part first",
            event.log
        )),
        seq => Err(format!(
            "event {seq} of log {} follows {}: {} are missing",
            event.log,
            *next - 1,
            seq - *next
        )),
    }
}
