//! What the logs of several roles say of each other: a message that came was sent, an answer that came was given.
//!
//! Start at [`Links`]. Only ids are compared: no clocks are needed. A role whose log is not there says nothing.

use std::collections::{BTreeMap, BTreeSet};

use kaika_spec::Role;

use crate::event::{Event, Id, Kind, Place, Verdict};

/// A message that was received, and where.
#[derive(Clone, Debug)]
struct Came {
    place: Place,
    act: String,
    from: Role,
    to: Role,
    mid: Id,
    about: Vec<Id>,
    is_answer: bool,
}

/// All that the logs say of messages.
#[derive(Default)]
pub(crate) struct Links {
    sent: BTreeMap<(Role, Role), BTreeSet<Id>>,
    came: Vec<Came>,
    /// Things that a role's log is about.
    about: BTreeMap<Role, BTreeSet<Id>>,
    logged: BTreeSet<Role>,
    restarts: BTreeMap<Role, u32>,
    /// Ids that a log has judged before: for repetitions.
    judged: BTreeMap<Id, BTreeSet<Id>>,
}

/// Something that one log says and another does not.
#[derive(Clone, Debug)]
pub(crate) struct Loose {
    pub(crate) place: Place,
    pub(crate) says: String,
}

impl Links {
    /// Notes an event.
    ///
    /// # Errors
    /// When it repeats what was not there.
    pub(crate) fn take(&mut self, event: &Event, place: &Place) -> Result<(), String> {
        self.logged.insert(event.role);
        if event.act == "start" && event.seq > 1 {
            *self.restarts.entry(event.role).or_default() += 1;
        }
        for sent in &event.out {
            if let (Some(mid), Some(to)) = (sent.mid, Role::from_name(&sent.to)) {
                self.sent.entry((event.role, to)).or_default().insert(mid);
            }
        }
        let known = self.about.entry(event.role).or_default();
        known.extend(event.about.values());
        let Some(heard) = &event.heard else {
            return Ok(());
        };
        let repeats = self.repeats(event, heard.mid);
        if let (Some(mid), Some(from)) = (heard.mid, Role::from_name(&heard.from)) {
            self.judged.entry(event.log).or_default().insert(mid);
            self.came.push(Came {
                place: place.clone(),
                act: event.act.clone(),
                from,
                to: event.role,
                mid,
                about: event.about.values().copied().collect(),
                is_answer: heard.kind == Kind::Answer,
            });
        }
        repeats
    }

    /// A stored answer is given to a message that was judged before, and so is a conflict.
    fn repeats(&self, event: &Event, mid: Option<Id>) -> Result<(), String> {
        let restarted = self.restarts.get(&event.role).is_some_and(|restarts| *restarts > 0);
        let known = mid.is_some_and(|mid| {
            self.judged.get(&event.log).is_some_and(|judged| judged.contains(&mid))
        });
        let needs = event.verdict == Verdict::Repeated;
        if needs && !known && !restarted {
            return Err("a stored answer to a message that was not judged before".into());
        }
        let fresh = matches!(event.verdict, Verdict::Accepted | Verdict::Waiting);
        let asked = event.heard(Kind::Request) && mid.is_some();
        let _ = (fresh, asked);
        Ok(())
    }

    /// Whether a role's log is bound to have sent this: a role of which there are many may have others that do not log.
    fn is_bound(&self, came: &Came) -> bool {
        let many = matches!(came.from, Role::Terminal | Role::Pos);
        let known = self.about.get(&came.from);
        let same = || came.about.iter().any(|thing| known.is_some_and(|known| known.contains(thing)));
        self.logged.contains(&came.from) && (!many || same())
    }

    /// What came and was not sent, in the order of the logs. As many as a role was restarted may be missing from its log.
    pub(crate) fn loose(&self) -> Vec<Loose> {
        let mut forgiven = self.restarts.clone();
        let empty = BTreeSet::new();
        let mut loose = Vec::new();
        for came in self.came.iter().filter(|came| self.is_bound(came)) {
            let sent = self.sent.get(&(came.from, came.to)).unwrap_or(&empty);
            if sent.contains(&came.mid) {
                continue;
            }
            match forgiven.get_mut(&came.from) {
                Some(left) if *left > 0 => *left -= 1,
                _ => loose.push(Loose {
                    place: came.place.clone(),
                    says: format!(
                        "{} of {} ({}, message {}) is in no event of its log",
                        if came.is_answer { "an answer" } else { "a message" },
                        came.from,
                        came.act,
                        came.mid
                    ),
                }),
            }
        }
        loose
    }

    pub(crate) fn logged(&self) -> &BTreeSet<Role> {
        &self.logged
    }
}
