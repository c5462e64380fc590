//! What the logs of several roles say of each other: a message that came was sent, an answer that came was given.
//!
//! Start at [`Links`]. Only ids are compared: no clocks are needed. A role whose log is not there says nothing.

use std::collections::{BTreeMap, BTreeSet};

use kaika_spec::Role;
use sha2::{Digest as _, Sha256};

use crate::event::{Event, Id, Kind, Place, Verdict};

/// Things that one terminal or one shop has to do with, and no other.
const SESSIONS: &[&str] = &["request", "order", "tap"];

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
    /// Ids that a log has judged before, taken, and sent.
    judged: BTreeSet<(Id, Id)>,
    taken: BTreeSet<(Id, Id)>,
    told: BTreeSet<(Id, Id)>,
    /// What each chip's session has come to.
    sessions: BTreeMap<Id, String>,
}

/// Whether a server takes a message that it takes once. A reversal is taken as often as it comes (TAP-11).
fn is_taken(event: &Event) -> bool {
    let server = matches!(event.role, Role::Verifier | Role::Issuer | Role::Identity | Role::Sms);
    let once = event.act.contains(" /") || matches!(event.act.as_str(), "0100" | "0200");
    let answered = event.heard(Kind::Answer);
    let taken = event.verdict == Verdict::Accepted || (answered && event.verdict == Verdict::Waiting);
    server && once && taken
}

/// The first 16 hex digits of a digest of lines.
fn digest(lines: &[&str]) -> String {
    let mut sha = Sha256::new();
    for line in lines {
        sha.update(line.as_bytes());
        sha.update(b"\n");
    }
    let bytes = sha.finalize();
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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
    /// When it does not follow from the events before it in its log.
    pub(crate) fn take(&mut self, event: &Event, place: &Place) -> Result<(), String> {
        self.logged.insert(event.role);
        if event.act == "start" && event.seq > 1 {
            *self.restarts.entry(event.role).or_default() += 1;
            self.told.retain(|(log, _)| *log != event.log || event.role != Role::Terminal);
        }
        let known = self.about.entry(event.role).or_default();
        known.extend(SESSIONS.iter().filter_map(|kind| event.about.get(*kind)));
        let judged = self.judge(event);
        self.note(event, place);
        judged
    }

    /// Notes what came and what was sent.
    fn note(&mut self, event: &Event, place: &Place) {
        for sent in &event.out {
            if let (Some(mid), Some(to)) = (sent.mid, Role::from_name(&sent.to)) {
                self.sent.entry((event.role, to)).or_default().insert(mid);
                self.told.insert((event.log, mid));
            }
        }
        let Some((heard, mid)) = event.heard.as_ref().and_then(|heard| Some((heard, heard.mid?))) else {
            return;
        };
        self.judged.insert((event.log, mid));
        if is_taken(event) {
            self.taken.insert((event.log, mid));
        }
        if let Some(from) = Role::from_name(&heard.from) {
            self.came.push(Came {
                place: place.clone(),
                act: event.act.clone(),
                from,
                to: event.role,
                mid,
                about: SESSIONS.iter().filter_map(|kind| event.about.get(*kind)).copied().collect(),
                is_answer: heard.kind == Kind::Answer,
            });
        }
    }

    /// What an event says of the events before it in its own log.
    fn judge(&mut self, event: &Event) -> Result<(), String> {
        if event.role == Role::Chip {
            return self.follows(event);
        }
        let restarted = self.restarts.get(&event.role).is_some_and(|restarts| *restarts > 0);
        let heard = event.heard.as_ref();
        let known = |of: &BTreeSet<(Id, Id)>, mid: Option<Id>| mid.is_some_and(|mid| of.contains(&(event.log, mid)));
        let mid = heard.and_then(|heard| heard.mid);
        if event.verdict == Verdict::Repeated && !known(&self.judged, mid) && !restarted {
            return Err("a stored answer to a message that was not judged before".into());
        }
        if is_taken(event) && known(&self.taken, mid) {
            return Err("a message that was taken before is taken again".into());
        }
        if let Some(asked) = heard.and_then(|heard| heard.re).filter(|_| !restarted)
            && !self.told.contains(&(event.log, asked))
        {
            return Err(format!("an answer to message {asked}, which this log did not send before"));
        }
        let again = |mid: Option<Id>| event.role == Role::Terminal && known(&self.told, mid);
        if event.out.iter().any(|sent| again(sent.mid)) {
            return Err("a message that was sent before is sent by another decision".into());
        }
        Ok(())
    }

    /// Whether a command of a chip follows those before it: its answer's id is a digest over all of its session.
    fn follows(&mut self, event: &Event) -> Result<(), String> {
        let session = self.sessions.entry(event.log).or_default();
        let (Some(header), Some(sw)) = (event.args.get("header"), event.args.get("sw")) else {
            session.clear();
            return Ok(());
        };
        let said = digest(&["kaika/session/1", session, header, sw]);
        let told = event.out.first().and_then(|sent| sent.mid).map(|mid| mid.to_string());
        let follows = told.as_deref() == Some(said.as_str());
        *session = told.unwrap_or(said);
        if follows {
            Ok(())
        } else {
            Err("a command that does not follow the one before it in its session".into())
        }
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
            // A chip does not know who holds it.
            let to = if came.from == Role::Chip { Role::Terminal } else { came.to };
            let sent = self.sent.get(&(came.from, to)).unwrap_or(&empty);
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
