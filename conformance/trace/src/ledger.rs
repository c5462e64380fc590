//! What one log says of its own messages: none is taken twice, none is answered that was not asked. Start at [`Ledger::take`].

use std::collections::{BTreeMap, BTreeSet};

use kaika_spec::{Refusal, Role};
use sha2::{Digest as _, Sha256};

use crate::event::{Event, Id, Kind, Sent, Verdict};

/// What a log has said so far.
#[derive(Default)]
pub(crate) struct Ledger {
    restarted: bool,
    judged: BTreeSet<Id>,
    taken: BTreeSet<Id>,
    sent: BTreeSet<Id>,
    /// Messages that were taken and wait for their answers.
    open: BTreeSet<Id>,
    /// What a terminal asked last, and has no answer to.
    asked: Option<Option<Id>>,
    /// What a chip's session has come to.
    session: String,
    chip: Option<Id>,
}

type Judged = Result<(), String>;

impl Ledger {
    /// Takes the next event.
    ///
    /// # Errors
    /// When it does not follow from the events before it.
    pub(crate) fn take(&mut self, event: &Event) -> Judged {
        if event.act == "start" {
            self.restarted |= event.seq > 1;
            (self.asked, self.open) = (None, BTreeSet::new());
            self.session.clear();
            if event.role == Role::Terminal {
                self.sent.clear();
            }
            return Ok(());
        }
        let judged = self.judge(event);
        self.note(event);
        judged
    }

    fn judge(&mut self, event: &Event) -> Judged {
        if event.role == Role::Chip {
            return self.follows(event);
        }
        if event.role == Role::Terminal {
            self.turns(event)?;
        }
        self.comes(event)?;
        event.out.iter().try_for_each(|sent| self.goes(event, sent))
    }

    /// Whether what came may come now.
    fn comes(&self, event: &Event) -> Judged {
        let heard = event.heard.as_ref();
        let mid = heard.and_then(|heard| heard.mid);
        let known = |of: &BTreeSet<Id>| mid.is_some_and(|mid| of.contains(&mid));
        if event.verdict == Verdict::Repeated && !known(&self.judged) && !self.restarted {
            return Err("a stored answer to a message that was not judged before".into());
        }
        if is_taken(event) && known(&self.taken) {
            return Err("a message that was taken before is taken again".into());
        }
        if event.verdict == Verdict::Waiting && event.heard(Kind::Request) && known(&self.open) {
            return Err("a message whose answer still waits is taken again".into());
        }
        match heard.and_then(|heard| heard.re) {
            Some(asked) if !self.restarted && !self.sent.contains(&asked) => Err(format!(
                "an answer to message {asked}, which this log did not send before"
            )),
            _ => Ok(()),
        }
    }

    /// Whether what is sent may be sent now.
    fn goes(&self, event: &Event, sent: &Sent) -> Judged {
        let Some(asked) = sent.re else {
            let again = sent.mid.is_some_and(|mid| self.sent.contains(&mid));
            return match event.role {
                Role::Terminal if again => {
                    Err("a message that was sent before is sent by another decision".into())
                }
                _ => Ok(()),
            };
        };
        let direct = event
            .heard
            .as_ref()
            .filter(|heard| heard.kind == Kind::Request);
        let fits = match direct {
            Some(heard) => heard.mid == Some(asked),
            None => self.open.contains(&asked) || self.restarted,
        };
        if !fits {
            return Err(format!(
                "an answer to message {asked}, which does not wait for one"
            ));
        }
        if sent.mid.is_some_and(|mid| !is_status(event, asked, mid)) {
            return Err("an answer whose id is not that of its verdict".into());
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        self.sent
            .extend(event.out.iter().filter_map(|sent| sent.mid));
        // A repetition that comes too soon is told so, and what it repeats goes on waiting.
        let too_soon = event.refusal == Some(Refusal::InProgress) && event.heard(Kind::Request);
        for asked in event.out.iter().filter_map(|sent| sent.re) {
            if !too_soon {
                self.open.remove(&asked);
            }
        }
        let Some(mid) = event.heard.as_ref().and_then(|heard| heard.mid) else {
            return;
        };
        self.judged.insert(mid);
        if is_taken(event) {
            self.taken.insert(mid);
        }
        if event.verdict == Verdict::Waiting && event.heard(Kind::Request) {
            self.open.insert(mid);
        }
    }

    /// A terminal asks one thing at a time: what it asked is answered, or is not, before it goes on.
    fn turns(&mut self, event: &Event) -> Judged {
        let heard = event
            .heard
            .as_ref()
            .filter(|heard| heard.from == Role::Verifier.name());
        let judged = match (self.asked, heard) {
            (Some(_), None) => Err("nothing is said of what became of the message before".into()),
            (None, Some(_)) => Err("an answer where nothing was asked".into()),
            (Some(Some(asked)), Some(heard)) if heard.re.is_some_and(|re| re != asked) => {
                Err(format!("an answer to another message than {asked}"))
            }
            _ => Ok(()),
        };
        // A payment whose result is not known is sent again, as it was (PAY-14).
        if event.act != "pay time-out" {
            self.asked = None;
        }
        let asks = event
            .out
            .iter()
            .find(|sent| sent.to == Role::Verifier.name());
        self.asked = asks.map(|sent| sent.mid).or(self.asked);
        judged
    }

    /// Whether a command of a chip follows those before it: its answer's id is a digest over all of its session.
    fn follows(&mut self, event: &Event) -> Judged {
        let chip = event.about.get("chip").copied();
        self.chip = self.chip.or(chip);
        if chip != self.chip {
            return Err("another chip than before in its log".into());
        }
        let (Some(header), Some(sw)) = (event.args.get("header"), event.args.get("sw")) else {
            self.session.clear();
            return Ok(());
        };
        let said = digest(&["kaika/session/1", &self.session, header, sw]);
        let told = event
            .out
            .first()
            .and_then(|sent| sent.mid)
            .map(|mid| mid.to_string());
        let follows = told.as_deref() == Some(said.as_str());
        self.session = told.unwrap_or(said);
        if follows {
            Ok(())
        } else {
            Err("a command that does not follow the one before it in its session".into())
        }
    }
}

/// Ledgers by log.
pub(crate) type Ledgers = BTreeMap<Id, Ledger>;

/// Whether a server takes a message that it takes once. A reversal is taken as often as it comes (TAP-11).
fn is_taken(event: &Event) -> bool {
    let server = matches!(
        event.role,
        Role::Verifier | Role::Issuer | Role::Identity | Role::Sms
    );
    let once = event.act.contains(" /") || matches!(event.act.as_str(), "0100" | "0200" | "0800");
    let answered = event.heard(Kind::Answer);
    let taken =
        event.verdict == Verdict::Accepted || (answered && event.verdict == Verdict::Waiting);
    server && once && taken
}

/// Whether an answer's id is that of the status that goes with the verdict. Those of ISO 8583 have no status.
fn is_status(event: &Event, asked: Id, mid: Id) -> bool {
    if !event.act.contains(" /") {
        return true;
    }
    let is = |status: u16| {
        mid.to_string() == digest(&["kaika/answer/1", &asked.to_string(), &status.to_string()])
    };
    match (event.verdict, event.refusal) {
        (_, Some(refusal)) => is(refusal.http_status()),
        (Verdict::Repeated, _) => true,
        _ => is(200) || is(201),
    }
}

/// The first 16 hex digits of a digest of lines.
fn digest(lines: &[&str]) -> String {
    let mut sha = Sha256::new();
    for line in lines {
        sha.update(line.as_bytes());
        sha.update(b"\n");
    }
    let bytes = sha.finalize();
    bytes
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
