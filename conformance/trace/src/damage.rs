//! Logs damaged on purpose, to see which damage is seen. Start at [`Table::of`].
//!
//! A damaged log is numbered anew, so that not the numbers give it away: what is measured is what machines and ids of messages say.

use std::collections::BTreeMap;
use std::io::Cursor;

use kaika_spec::{Refusal, Role};
use serde_json::{Value, json};

use crate::{Bad, CAP, Checker, Place, Word};

/// What is done to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// It is taken away.
    Delete,
    /// It changes places with the next one.
    Swap,
    /// It stands there twice.
    Duplicate,
    /// The id of a message or of a thing is another one.
    Argument,
    /// What was taken is refused, and what was refused is taken.
    Error,
    /// Another state was stored.
    Phase,
}

impl Damage {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Delete,
        Self::Swap,
        Self::Duplicate,
        Self::Argument,
        Self::Error,
        Self::Phase,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Swap => "swap with the next",
            Self::Duplicate => "duplicate",
            Self::Argument => "change an argument",
            Self::Error => "change an error",
            Self::Phase => "change a phase",
        }
    }

    /// The events with this done to the one at `place`; nothing when it cannot be done there, or changes nothing.
    fn done(self, events: &[Value], place: usize) -> Option<Vec<Value>> {
        let event = events.get(place)?;
        if matches!(event["act"].as_str(), Some("start" | "resume")) {
            return None;
        }
        let mut events = events.to_vec();
        match self {
            Self::Delete => drop(events.remove(place)),
            Self::Duplicate => events.insert(place, event.clone()),
            Self::Swap => {
                let next = events.get(place + 1)?;
                if is_alike(event, next) || next["act"] == "start" {
                    return None;
                }
                events.swap(place, place + 1);
            }
            Self::Argument => argument(events.get_mut(place)?)?,
            Self::Error => error(events.get_mut(place)?)?,
            Self::Phase => phase(events.get_mut(place)?)?,
        }
        for (number, event) in events.iter_mut().enumerate() {
            event["seq"] = json!(number + 1);
        }
        Some(events)
    }
}

/// Whether two events say the same but for their numbers and times.
fn is_alike(one: &Value, other: &Value) -> bool {
    let bare = |event: &Value| {
        let mut event = event.clone();
        (event["seq"], event["at"]) = (Value::Null, Value::Null);
        event
    };
    bare(one) == bare(other)
}

/// Another id of the message that was judged, or of what the event is about.
fn argument(event: &mut Value) -> Option<()> {
    let id = match event.pointer("/in/mid").is_some() {
        true => event.pointer_mut("/in/mid")?,
        false => event
            .get_mut("about")?
            .as_object_mut()?
            .values_mut()
            .next()?,
    };
    let (first, rest) = id.as_str()?.split_at_checked(1)?;
    *id = json!(format!("{}{rest}", if first == "0" { "1" } else { "0" }));
    Some(())
}

fn error(event: &mut Value) -> Option<()> {
    if let Some(word) = event.pointer_mut("/args/sw") {
        let good = matches!(word.as_str(), Some("9000"));
        *word = json!(if good { "6985" } else { "9000" });
        event["verdict"] = json!(if good { "refused" } else { "accepted" });
        return Some(());
    }
    if event["verdict"] == "refused" {
        event["verdict"] = json!("accepted");
        event.as_object_mut()?.remove("refusal");
        return Some(());
    }
    event["verdict"] = json!("refused");
    event["refusal"] = json!(Refusal::WrongOrder.name());
    if let Some(answer) = event["out"].as_array_mut().and_then(|out| out.last_mut()) {
        answer["msg"] = json!(Refusal::WrongOrder.seen());
    }
    Some(())
}

fn phase(event: &mut Value) -> Option<()> {
    let (kind, state) = event.get_mut("post")?.as_object_mut()?.iter_mut().next()?;
    let states: &[&str] = match kind.as_str() {
        "request" => &[
            "await-password",
            "await-applicant",
            "await-otp",
            "await-issue",
            "issuing",
            "done",
        ],
        "order" => &["open", "pending", "paid", "declined", "waiting", "failed"],
        "token" => &["inactive", "active", "suspended", "deleted"],
        "card" => &["active", "blocked", "lost", "closed"],
        "debit" => &["posted", "declined", "reversed", "tombstoned"],
        _ => &["approved", "declined", "reversed", "tombstoned", "asked"],
    };
    let now = states.iter().position(|name| state == name).unwrap_or(0);
    *state = json!(states.get((now + 1) % states.len())?);
    Some(())
}

/// A log in memory.
#[derive(Clone, Debug)]
pub struct Log {
    role: Role,
    events: Vec<Value>,
}

impl Log {
    /// Reads a log whole.
    ///
    /// # Errors
    /// At the first line that is no event.
    pub fn read(file: &str, text: &str) -> Result<Self, Bad> {
        let mut events = Vec::new();
        let mut role = None;
        for (number, line) in text.lines().enumerate() {
            let bad = |cause: String| Bad {
                place: Place {
                    file: file.to_owned(),
                    line: u64::try_from(number + 1).unwrap_or(u64::MAX),
                },
                cause,
            };
            let event: Value =
                serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
            role = Role::from_name(event["role"].as_str().unwrap_or_default());
            role.ok_or_else(|| bad("no role has this name".into()))?;
            events.push(event);
        }
        let empty = Bad {
            place: Place {
                file: file.to_owned(),
                line: 1,
            },
            cause: "the log is empty".into(),
        };
        role.map(|role| Self { role, events }).ok_or(empty)
    }

    fn bytes(&self) -> Vec<u8> {
        self.events
            .iter()
            .flat_map(|event| format!("{event}\n").into_bytes())
            .collect()
    }
}

/// What the checker says of logs.
fn judged(logs: &[&Log]) -> Option<Word> {
    let mut checker = Checker::new(CAP);
    for log in logs {
        checker
            .read(log.role.name(), Cursor::new(log.bytes()))
            .ok()?;
    }
    Some(checker.finish(&[]).word())
}

/// Who logs.
type Observed = (&'static str, &'static [Role]);

/// The columns of the table.
const OBSERVED: &[Observed] = &[
    (
        "all",
        &[
            Role::Terminal,
            Role::Chip,
            Role::Verifier,
            Role::Issuer,
            Role::Identity,
            Role::Pos,
            Role::Sms,
        ],
    ),
    (
        "servers",
        &[Role::Verifier, Role::Issuer, Role::Identity, Role::Sms],
    ),
    ("verifier", &[Role::Verifier]),
    ("issuer", &[Role::Issuer]),
    ("identity", &[Role::Identity]),
    ("terminal", &[Role::Terminal]),
    ("pos", &[Role::Pos]),
    ("chip", &[Role::Chip]),
];

/// Damaged logs, and how many of them were rejected, for each kind of damage and each set of roles that log.
#[derive(Clone, Debug, Default)]
pub struct Table {
    cells: BTreeMap<(usize, Damage), (u32, u32)>,
    /// What was not rejected with all roles logging: `ROLE: DAMAGE: ACT`, and how often.
    pub missed: BTreeMap<String, u32>,
    events: usize,
}

impl Table {
    /// Damages every event of the logs in every way, one at a time.
    ///
    /// # Errors
    /// When the logs do not conform before they are damaged.
    pub fn of(logs: &[Log]) -> Result<Self, String> {
        let mut table = Self {
            events: logs.iter().map(|log| log.events.len()).sum(),
            ..Self::default()
        };
        for (column, (name, roles)) in OBSERVED.iter().enumerate() {
            let seen: Vec<&Log> = logs
                .iter()
                .filter(|log| roles.contains(&log.role))
                .collect();
            if seen.is_empty() {
                continue;
            }
            if judged(&seen) != Some(Word::Conforms) {
                return Err(format!("the logs of {name} do not conform as they are"));
            }
            for place in 0..seen.len() {
                table.damaged(column, &seen, place);
            }
        }
        Ok(table)
    }

    /// Damages one of the logs.
    fn damaged(&mut self, column: usize, logs: &[&Log], which: usize) {
        let Some(whole) = logs.get(which) else {
            return;
        };
        for (place, event) in whole.events.iter().enumerate() {
            for damage in Damage::ALL {
                let Some(events) = damage.done(&whole.events, place) else {
                    continue;
                };
                let broken = Log {
                    role: whole.role,
                    events,
                };
                let mut with = logs.to_vec();
                if let Some(log) = with.get_mut(which) {
                    *log = &broken;
                }
                let rejected = judged(&with) != Some(Word::Conforms);
                let cell = self.cells.entry((column, *damage)).or_default();
                *cell = (cell.0 + 1, cell.1 + u32::from(rejected));
                if column == 0 && !rejected {
                    let act = event["act"].as_str().unwrap_or_default();
                    let what = format!("{}: {}: {act}", whole.role, damage.name());
                    *self.missed.entry(what).or_default() += 1;
                }
            }
        }
    }

    fn share(&self, columns: usize, damages: &[Damage]) -> (u32, u32) {
        let cells = damages
            .iter()
            .filter_map(|damage| self.cells.get(&(columns, *damage)));
        cells.fold((0, 0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1))
    }

    /// Of a hundred damaged logs, how many are rejected when all roles log, rounded down.
    pub fn percent(&self) -> u32 {
        let (all, rejected) = self.share(0, Damage::ALL);
        (rejected * 100).checked_div(all).unwrap_or(0)
    }

    /// The table in Markdown, with what was missed below it.
    pub fn page(&self) -> String {
        let names: Vec<_> = OBSERVED.iter().map(|(name, _)| *name).collect();
        let mut page = format!(
            "| damage | {} |\n|---|{}\n",
            names.join(" | "),
            "---:|".repeat(names.len())
        );
        let row = |name: &str, damages: &[Damage]| {
            let cells: Vec<_> = (0..OBSERVED.len())
                .map(|column| cell(self.share(column, damages)))
                .collect();
            format!("| {name} | {} |\n", cells.join(" | "))
        };
        for damage in Damage::ALL {
            page += &row(damage.name(), &[*damage]);
        }
        page += &row("**any**", Damage::ALL);
        page += &format!(
            "\n{} events; one damage to one event at a time.\n\nNot seen with all roles logging:\n\n",
            self.events
        );
        for (what, times) in &self.missed {
            page += &format!(
                "- {what}{}\n",
                if *times > 1 {
                    format!(" ({times} times)")
                } else {
                    String::new()
                }
            );
        }
        page
    }
}

fn cell((all, rejected): (u32, u32)) -> String {
    match (rejected * 100).checked_div(all) {
        None => "–".into(),
        Some(percent) => format!("{percent} % of {all}"),
    }
}
