//! What the logs of several roles say of each other: a message that came was sent before it came, an answer that came was given.
//!
//! Start at [`Links`]. Only ids are compared: no clocks are needed. What one log says of its own messages is in [`crate::ledger`]. A
//! role whose log is not there says nothing.

use std::collections::{BTreeMap, BTreeSet};

use kaika_spec::Role;

use crate::event::{Event, Id, Kind, Place};

/// Things that one terminal or one shop has to do with, and no other.
const SESSIONS: &[&str] = &["request", "order", "tap"];

/// What an event says of messages.
struct Step {
    line: u64,
    came: Option<Came>,
    sent: Vec<(Role, Id)>,
}

/// A message that was received.
#[derive(Clone)]
struct Came {
    from: Role,
    mid: Id,
    about: Option<Id>,
    is_answer: bool,
}

/// One log, and how far it was followed.
struct Log {
    role: Role,
    file: String,
    steps: Vec<Step>,
    at: usize,
}

/// All that the logs say of messages.
#[derive(Default)]
pub(crate) struct Links {
    logs: BTreeMap<Id, Log>,
    /// Things that a role's log is about.
    about: BTreeMap<Role, BTreeSet<Id>>,
    logged: BTreeSet<Role>,
    restarts: BTreeMap<Role, u32>,
}

/// Something that one log says and another does not.
#[derive(Clone, Debug)]
pub(crate) struct Loose {
    pub(crate) place: Place,
    pub(crate) says: String,
}

impl Links {
    /// Notes an event.
    pub(crate) fn take(&mut self, event: &Event, place: &Place) {
        self.logged.insert(event.role);
        if event.act == "start" && event.seq > 1 {
            *self.restarts.entry(event.role).or_default() += 1;
        }
        let session = || {
            SESSIONS
                .iter()
                .find_map(|kind| event.about.get(*kind))
                .copied()
        };
        self.about.entry(event.role).or_default().extend(session());
        let came = event.heard.as_ref().and_then(|heard| {
            Some(Came {
                from: Role::from_name(&heard.from)?,
                mid: heard.mid?,
                about: session(),
                is_answer: heard.kind == Kind::Answer,
            })
        });
        let sent = event
            .out
            .iter()
            .filter_map(|sent| Some((Role::from_name(&sent.to)?, sent.mid?)));
        let log = self.logs.entry(event.log).or_insert_with(|| Log {
            role: event.role,
            file: place.file.clone(),
            steps: Vec::new(),
            at: 0,
        });
        log.steps.push(Step {
            line: place.line,
            came,
            sent: sent.collect(),
        });
    }

    pub(crate) fn logged(&self) -> &BTreeSet<Role> {
        &self.logged
    }

    /// Whether a role's log is bound to have sent this: a role of which there are many may have others that do not log.
    fn is_bound(&self, came: &Came) -> bool {
        let many = matches!(came.from, Role::Terminal | Role::Pos);
        let known = self.about.get(&came.from);
        let same = came
            .about
            .is_some_and(|thing| known.is_some_and(|known| known.contains(&thing)));
        self.logged.contains(&came.from) && (!many || same)
    }

    /// Follows all logs at once: an event can be reached when those before it in its log were, and the message that it judges was
    /// sent. What cannot be reached, in the order of the logs. As many messages as a role was restarted may be missing.
    pub(crate) fn loose(mut self) -> Vec<Loose> {
        let mut sent: BTreeSet<(Role, Role, Id)> = BTreeSet::new();
        let mut forgiven = self.restarts.clone();
        let mut loose = Vec::new();
        let names: Vec<Id> = self.logs.keys().copied().collect();
        loop {
            let mut moved = true;
            while moved {
                moved = false;
                for name in &names {
                    moved |= self.follow(*name, &mut sent);
                }
            }
            let Some((name, from, says)) = names.iter().find_map(|name| self.stuck(*name)) else {
                return loose;
            };
            match forgiven.get_mut(&from) {
                Some(left) if *left > 0 => *left -= 1,
                _ => loose.push(says),
            }
            self.skip(name, &mut sent);
        }
    }

    /// Goes on in one log as far as it can. Whether it went.
    fn follow(&mut self, name: Id, sent: &mut BTreeSet<(Role, Role, Id)>) -> bool {
        let mut moved = false;
        while self.can_go(name, sent) {
            self.skip(name, sent);
            moved = true;
        }
        moved
    }

    fn can_go(&self, name: Id, sent: &BTreeSet<(Role, Role, Id)>) -> bool {
        let Some((log, step)) = self
            .logs
            .get(&name)
            .and_then(|log| Some((log, log.steps.get(log.at)?)))
        else {
            return false;
        };
        step.came.as_ref().is_none_or(|came| {
            // A chip does not know who holds it.
            let to = if came.from == Role::Chip {
                Role::Terminal
            } else {
                log.role
            };
            !self.is_bound(came) || sent.contains(&(came.from, to, came.mid))
        })
    }

    /// Takes the next event of a log, whatever it waits for.
    fn skip(&mut self, name: Id, sent: &mut BTreeSet<(Role, Role, Id)>) {
        if let Some(log) = self.logs.get_mut(&name)
            && let Some(step) = log.steps.get(log.at)
        {
            sent.extend(step.sent.iter().map(|(to, mid)| (log.role, *to, *mid)));
            log.at += 1;
        }
    }

    /// The event at which a log waits.
    fn stuck(&self, name: Id) -> Option<(Id, Role, Loose)> {
        let log = self.logs.get(&name)?;
        let step = log.steps.get(log.at)?;
        let came = step.came.as_ref()?;
        let what = if came.is_answer {
            "an answer"
        } else {
            "a message"
        };
        let loose = Loose {
            place: Place {
                file: log.file.clone(),
                line: step.line,
            },
            says: format!(
                "{what} of {} came, {}, that its log did not send before",
                came.from, came.mid
            ),
        };
        Some((name, came.from, loose))
    }
}
