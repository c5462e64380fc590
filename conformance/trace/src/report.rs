//! What the logs come to, as text and as JSON. Start at [`Report::word`].

use std::collections::{BTreeMap, BTreeSet};

use kaika_spec::Role;
use serde_json::{Value, json};

use crate::event::{Event, Place, Verdict};
use crate::machine::Near;

/// What the logs come to, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The machines can say all of it.
    Conforms,
    /// They cannot say some of it.
    Violates,
    /// Too much was possible to tell.
    Inconclusive,
    /// There was nothing to judge, or not what was required.
    Vacuous,
}

impl Word {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Violates => "violates",
            Self::Inconclusive => "inconclusive",
            Self::Vacuous => "vacuous",
        }
    }
}

/// An event that was not possible.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub says: String,
    /// The event on a line.
    pub event: String,
    /// What would have been possible.
    pub near: Option<Near>,
}

impl Violation {
    pub(crate) fn of(event: &Event, place: &Place, says: &str, near: Option<Near>) -> Self {
        Self {
            place: place.clone(),
            says: says.into(),
            event: line(event),
            near,
        }
    }

    pub(crate) fn loose(place: Place, says: String) -> Self {
        Self {
            place,
            says,
            event: String::new(),
            near: None,
        }
    }

    /// The requirements that decide.
    pub fn requirements(&self) -> Vec<&'static str> {
        self.near
            .as_ref()
            .map_or(vec!["LOG-5"], |near| near.requirements.clone())
    }
}

/// An event in words.
fn line(event: &Event) -> String {
    let verdict = match event.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Waiting => "waiting",
        Verdict::Refused => "refused",
        Verdict::Repeated => "repeated",
        Verdict::Fault => "fault",
    };
    let mut text = format!(
        "event {}: {} {} {verdict}",
        event.seq, event.role, event.act
    );
    if let Some(refusal) = event.refusal {
        text += &format!(" {}", refusal.name());
    }
    for (name, value) in &event.args {
        text += &format!(", {name} {value}");
    }
    for sent in &event.out {
        text += &format!(", to {}: {}", sent.to, sent.msg);
    }
    text
}

/// What the logs come to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Decisions read.
    pub events: u64,
    /// Decisions by role and verdict.
    pub counts: BTreeMap<(Role, &'static str), u64>,
    /// Roles whose logs were there.
    pub roles: Vec<Role>,
    /// Violations, all of them.
    pub violations: u64,
    /// The first of them, in the order of the files.
    pub kept: Vec<Violation>,
    /// Why nothing can be said, if nothing can.
    pub inconclusive: Option<String>,
    /// What was required and not there.
    pub missing: Vec<String>,
    /// Letters that were said.
    pub letters: Vec<String>,
    /// The requirements by which the machines decide what was logged, each with the roles that logged it. Where an event can be
    /// several steps, those that all of them have.
    pub requirements: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The most states believed of a thing at once.
    pub widest: usize,
    /// Things with states of their own.
    pub things: usize,
    acts: BTreeSet<String>,
}

impl Report {
    pub(crate) fn count(&mut self, event: &Event) {
        if event.is_start() {
            return;
        }
        let verdict = match event.verdict {
            Verdict::Refused => "refused",
            _ => "taken",
        };
        *self.counts.entry((event.role, verdict)).or_default() += 1;
        if event.verdict != Verdict::Refused && !self.acts.contains(&event.act) {
            self.acts.insert(event.act.clone());
        }
    }

    pub(crate) fn close(&mut self, letters: &BTreeSet<String>, required: &[String]) {
        let there = |wanted: &String| {
            let of = |letter: &String| {
                letter
                    .strip_prefix(wanted.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
            };
            self.acts.contains(wanted) || letters.iter().any(of)
        };
        self.missing = required
            .iter()
            .filter(|wanted| !there(wanted))
            .cloned()
            .collect();
        self.letters = letters.iter().cloned().collect();
    }

    /// In a word. What is not possible is not possible however little there was else.
    pub fn word(&self) -> Word {
        match self {
            _ if self.violations > 0 => Word::Violates,
            _ if self.inconclusive.is_some() => Word::Inconclusive,
            _ if self.events == 0 || !self.missing.is_empty() => Word::Vacuous,
            _ => Word::Conforms,
        }
    }

    /// As text for a person.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {} events of {}\n",
            self.word().name(),
            self.events,
            self.names()
        );
        if let Some(first) = self.kept.first() {
            text += &self.first(first);
        }
        if let Some(why) = &self.inconclusive {
            text += &format!("cannot tell: {why}\n");
        }
        for missing in &self.missing {
            text += &format!("not there: {missing}\n");
        }
        if self.events == 0 {
            text += "there is nothing to judge\n";
        }
        text += &format!(
            "{} things with a state of their own, at most {} states believed of one; {} letters said\n",
            self.things,
            self.widest,
            self.letters.len()
        );
        text + &format!("nothing is said of: {}\n", self.silent())
    }

    fn first(&self, first: &Violation) -> String {
        let mut text = format!("{}: {}\n", first.place, first.says);
        if !first.event.is_empty() {
            text += &format!("  {}\n", first.event);
        }
        if let Some(near) = &first.near {
            for state in &near.believed {
                text += &format!("  believed: {state}\n");
            }
            for possible in &near.possible {
                text += &format!("  possible: {possible}\n");
            }
            text += &format!("  nearest:  {}\n", near.nearest);
        }
        text += &format!("  requirements: {}\n", first.requirements().join(", "));
        if self.violations > 1 {
            text += &format!(
                "  and {} more events that do not fit\n",
                self.violations - 1
            );
        }
        text
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
        if names.is_empty() {
            "nobody".into()
        } else {
            names.join(", ")
        }
    }

    /// Roles without a log.
    fn silent(&self) -> String {
        let silent = |role: &&Role| **role != Role::Operator && !self.roles.contains(role);
        let names: Vec<_> = Role::ALL
            .iter()
            .filter(silent)
            .map(|role| role.name())
            .collect();
        if names.is_empty() {
            "nobody".into()
        } else {
            names.join(", ")
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let violation = |one: &Violation| {
            json!({
                "file": one.place.file,
                "line": one.place.line,
                "says": one.says,
                "event": one.event,
                "believed": one.near.as_ref().map(|near| near.believed.clone()),
                "possible": one.near.as_ref().map(|near| near.possible.clone()),
                "nearest": one.near.as_ref().map(|near| near.nearest.clone()),
                "requirements": one.requirements(),
            })
        };
        let counts: Vec<Value> = self
            .counts
            .iter()
            .map(|((role, verdict), count)| json!({"role": role.name(), "verdict": verdict, "events": count}))
            .collect();
        json!({
            "verdict": self.word().name(),
            "events": self.events,
            "roles": self.roles.iter().map(|role| role.name()).collect::<Vec<_>>(),
            "counts": counts,
            "violations": self.violations,
            "first": self.kept.iter().map(violation).collect::<Vec<_>>(),
            "inconclusive": self.inconclusive,
            "missing": self.missing,
            "letters": self.letters,
            "requirements": self.requirements,
            "widest": self.widest,
        })
    }
}
