//! The runner: plays one vector against a subject, as every other role. Start at [`Runner::play`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::calc::Bench;
use crate::control::Control;
use crate::crypto::channel::Channel;
use crate::dice::{Dice, any_seed};
use crate::format::{Answer, File, Reply, Step, Test};
use crate::journal::Journal;
use crate::manifest::Manifest;
use crate::peers::Peers;
use crate::transcript::Transcript;
use crate::verdict::{Arrow, Played};

mod beside;
mod chip;
mod client;
pub(crate) mod conversation;
mod frames;
mod http;
mod lack;
mod link;
mod phone;
#[cfg(feature = "pcsc")]
mod reader;
mod twice;
mod value;
mod wrong;

pub(crate) use conversation::{Conversation, Pause};
use link::Link;
pub(crate) use wrong::Wrong;
use wrong::{Blame, broken, lacking, unanswered, unheard, wrong};

/// How long one answer may take, from the first byte sent to the last byte read.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Longest body of an answer, in bytes. A server's own bound on what it reads is the same, LIM-17.
pub const ANSWER_MAX: u64 = 1 << 20;
/// Connections to a subject that are kept for the next message: more than tests at once.
const KEPT: usize = 128;

/// Plays vectors against one subject.
#[derive(Debug)]
pub struct Runner {
    subject: Manifest,
    agent: ureq::Agent,
    patience: Duration,
    /// After so many failures in a row a suite is stopped.
    failures_max: usize,
    seed: u64,
    ahead: AtomicI64,
    /// HTTP messages that were sent to the subject.
    sent: AtomicUsize,
    control: OnceLock<Result<Control, String>>,
    peers: Option<Peers>,
    transcript: Option<Transcript>,
    journal: Option<Journal>,
}

/// What one test knows so far.
struct Scene<'a> {
    runner: &'a Runner,
    file: &'a File,
    names: BTreeMap<String, Value>,
    dice: Dice,
    /// The flags by which something was let pass.
    lenient: BTreeSet<&'static str>,
    bench: Bench,
    chip: Option<Link>,
    channels: BTreeMap<String, Channel>,
    /// The last sequence counter that the chip showed.
    sequence: Option<u32>,
    stage: client::Stage,
    phone: phone::Around,
    /// How many questions had come to the peers when it began.
    came: usize,
}

pub(crate) type Outcome = Result<(), Wrong>;

impl Runner {
    /// A runner for a subject, with a bound on each answer unless the manifest sets one, and a seed of its own.
    pub fn new(subject: Manifest, patience: Duration) -> Self {
        let patience = subject.parameters.patience(patience);
        Self {
            agent: http::agent(patience),
            subject,
            patience,
            failures_max: crate::suite::PATIENCE,
            seed: any_seed(),
            ahead: AtomicI64::new(0),
            sent: AtomicUsize::new(0),
            control: OnceLock::new(),
            peers: None,
            transcript: None,
            journal: None,
        }
    }

    /// The same runner, with the peers that it plays.
    #[must_use]
    pub fn with_peers(self, peers: Peers) -> Self {
        peers.know(&self.subject.keys);
        Self {
            peers: Some(peers),
            ..self
        }
    }

    /// The same runner, which writes down what is said over HTTP.
    #[must_use]
    pub fn with_transcript(self, transcript: Transcript) -> Self {
        if let Some(peers) = &self.peers {
            peers.write_down(transcript.clone());
        }
        Self {
            transcript: Some(transcript),
            ..self
        }
    }

    /// The same runner, which makes up what another made up with this seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same runner, which writes down what became of each test, and does not play what is written there.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self {
            journal: Some(journal),
            ..self
        }
    }

    /// The same runner, which stops a suite after so many failures in a row.
    #[must_use]
    pub fn stopping_after(self, failures_max: usize) -> Self {
        Self {
            failures_max,
            ..self
        }
    }

    pub(crate) const fn failures_max(&self) -> usize {
        self.failures_max
    }

    /// What everything that is made up comes from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The subject.
    pub const fn subject(&self) -> &Manifest {
        &self.subject
    }

    /// How many HTTP messages were sent to the subject so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub(crate) const fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// The chip master key of the subject; zeros when it names none.
    fn chip_master(&self) -> [u8; 16] {
        let key = self.subject.keys.get("chip_master");
        key.and_then(|key| hex::decode(key).ok())
            .and_then(|key| key.try_into().ok())
            .unwrap_or_default()
    }

    /// Plays one test.
    pub fn play(&self, file: &File, test: &Test) -> Played {
        self.play_at(file, test, "")
    }

    /// Plays one test on an occasion: people of another occasion are others.
    pub(crate) fn play_at(&self, file: &File, test: &Test, occasion: &str) -> Played {
        let mut conversation = Conversation::new(self, file, test, occasion);
        loop {
            match conversation.go() {
                Pause::Over => return conversation.over(),
                Pause::Advance(ms) => {
                    let done = self.advance(ms);
                    conversation.advanced(&done);
                }
            }
        }
    }

    /// Greets the control channel, where there is one.
    ///
    /// # Errors
    /// When it cannot be opened, does not answer, or speaks for another subject or contract.
    pub fn greet(&self) -> Result<(), String> {
        if self.subject.hooks.control.is_none() {
            return Ok(());
        }
        let control = self.control().map_err(|wrong| wrong.seen)?;
        control.hello(&self.subject.implementation)
    }

    fn control(&self) -> Result<&Control, Wrong> {
        let carrier = self.subject.hooks.control.as_ref();
        let carrier = carrier.ok_or_else(|| lacking("a control channel", "none"))?;
        let opened = self
            .control
            .get_or_init(|| Control::open(carrier, self.agent.clone(), self.patience));
        opened
            .as_ref()
            .map_err(|what| broken("a control channel", what))
    }

    /// One operation of the control channel.
    fn hook(&self, name: &str, body: &Value) -> Result<Value, Wrong> {
        if !self.subject.hooks.has(name) {
            return Err(lacking(format!("hook:{name}"), "not offered"));
        }
        let answer = self.control()?.ask(name, body)?;
        Ok(Value::Object(answer))
    }

    /// Moves the subject's clock and the runner's with it.
    pub(crate) fn advance(&self, ms: i64) -> Outcome {
        self.hook("clock", &json!({ "advance_ms": ms }))?;
        self.ahead.fetch_add(ms, Ordering::SeqCst);
        Ok(())
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.ahead.load(Ordering::SeqCst))
    }

    fn address(&self, role: &str, tcp: bool) -> Result<&str, Wrong> {
        let endpoint = self.subject.roles.get(role);
        let found = endpoint.and_then(|endpoint| {
            if tcp {
                endpoint.tcp.as_deref()
            } else {
                endpoint.http.as_deref()
            }
        });
        let way = if tcp { "tcp" } else { "http" };
        found.ok_or_else(|| lacking(format!("roles.{role}.{way}"), "not in the manifest"))
    }

    fn key(&self, from: &str, to: &str) -> Option<Vec<u8>> {
        self.subject
            .keys
            .get(&format!("{from}_{to}"))
            .and_then(|key| hex::decode(key).ok())
    }
}

/// A step as an arrow of a sequence chart.
fn arrow(step: &Step) -> Arrow {
    let text = describe(step);
    let (who, label) = text.split_once(" : ").unwrap_or(("runner", &text));
    let (from, to) = who.split_once(" -> ").unwrap_or((who, who));
    Arrow {
        from: from.to_owned(),
        to: to.to_owned(),
        label: label.to_owned(),
    }
}

/// A path as far as it is known before it is played.
fn segments(path: &[Value]) -> String {
    let parts = path.iter().map(|part| part.as_str().unwrap_or("{..}"));
    parts.collect::<Vec<_>>().join("/")
}

fn answered(answer: &Answer) -> String {
    match (&answer.refuse, answer.status) {
        (Some(refusal), _) => refusal.clone(),
        (None, Some(status)) => status.to_string(),
        (None, None) => "end of the connection".to_owned(),
    }
}

/// A step as one line: who to whom, and what.
fn describe(step: &Step) -> String {
    match step {
        Step::Send(send) => {
            format!(
                "{} -> {} : {} /{}",
                send.from,
                send.to,
                send.method,
                segments(&send.path)
            )
        }
        Step::Apdu(_) => "terminal -> chip : command".to_owned(),
        Step::Power(power) => format!("terminal -> chip : {}", power.kind),
        Step::Iso(iso) => match iso.how {
            Some(_) => format!("pos -> issuer : {}, twice", iso.mti),
            None => format!("pos -> issuer : {}", iso.mti),
        },
        Step::Let(named) => format!("runner : {}", named.name),
        Step::Advance(advance) => format!("clock + {} ms", advance.ms),
        Step::Do(named) => named.part.clone(),
        Step::Capture(named) => format!("sms -> runner : {}", named.name),
        Step::Arrange(step) => format!("runner : an answer as {}", step.at),
        Step::Asked(step) => format!("runner : what {} was asked", step.at),
        Step::Meanwhile(step) => {
            let first = describe(&Step::Send(step.send.clone()));
            format!("{first}, while {} is late", step.at)
        }
        Step::Insert(_) => "runner : a new chip".to_owned(),
        Step::Challenge(_) => "issuer -> chip : INITIALIZE UPDATE".to_owned(),
        Step::Authenticate(_) => "issuer -> chip : EXTERNAL AUTHENTICATE".to_owned(),
        Step::Secure(step) => format!("issuer -> chip : {}", step.header),
        Step::Relay(_) => "terminal -> chip : the issuer's commands".to_owned(),
        Step::Card(_) => "runner : a card".to_owned(),
        Step::Host(_) => "runner : the issuer's port".to_owned(),
        Step::Trigger(step) => format!("runner -> subject : {}", step.action),
        Step::Hear(step) => format!("subject -> issuer : {}", step.mti),
        Step::Reply(Reply { mti: Some(_), .. }) => "issuer -> subject : an answer".to_owned(),
        Step::Reply(Reply { raw: Some(_), .. }) => "issuer -> subject : bytes".to_owned(),
        Step::Reply(_) => "issuer -> subject : end of the line".to_owned(),
        Step::Shown(_) => "subject -> runner : what is shown".to_owned(),
        Step::Told(step) => format!("runner : how often the card heard {}", step.ins),
        Step::Crash(_) => "runner -> subject : crash".to_owned(),
        Step::Verifier(_) => "runner : the verifier's port".to_owned(),
        Step::Chip(_) => "runner : a chip in the phone".to_owned(),
        Step::Asks(step) => format!(
            "subject -> verifier : {} /{}",
            step.method.name(),
            segments(&step.path)
        ),
        Step::Repeats(_) => "subject -> verifier : the same again".to_owned(),
        Step::Answer(answer) => format!("verifier -> subject : {}", answered(answer)),
        Step::Hush(_) => "runner : the verifier answers nothing more".to_owned(),
        Step::Sign(step) => format!("subject -> chip : sign a {}", step.kind.name()),
        Step::Signed(step) => format!("chip -> subject : {}", step.will.name()),
        Step::Pull(step) => format!("runner : the chip leaves at {}", step.ins),
        Step::Again(step) => format!("{}, twice", describe(&Step::Send(step.send.clone()))),
        Step::Restart(_) => "runner : the subject is killed and started".to_owned(),
        Step::Parallel(step) => {
            let all = step
                .branches
                .iter()
                .map(|send| describe(&Step::Send(send.clone())));
            all.collect::<Vec<_>>().join(" | ")
        }
    }
}

impl Scene<'_> {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Send(send) => self.send(send),
            Step::Apdu(apdu) => self.apdu(apdu),
            Step::Power(power) => self.power(&power.kind),
            Step::Iso(iso) => self.iso(iso),
            Step::Let(named) => {
                let value = self.value(&named.value)?;
                self.names.insert(named.name.clone(), value);
                Ok(())
            }
            Step::Advance(advance) => self.runner.advance(advance.ms),
            Step::Do(named) => Err(broken("an expanded part", &named.part)),
            Step::Capture(capture) => {
                let phone = self.text(&capture.phone)?;
                self.capture(&phone, &capture.name)
            }
            Step::Arrange(step) => self.arrange(step),
            Step::Asked(step) => self.asked(step),
            Step::Meanwhile(step) => self.meanwhile(step),
            Step::Insert(step) => self.insert(&step.name),
            Step::Challenge(step) => self.challenge(step),
            Step::Authenticate(step) => self.authenticate(step),
            Step::Secure(step) => self.secure(step),
            Step::Relay(step) => self.relay(step),
            Step::Card(step) => self.card(step),
            Step::Host(step) => self.host(step),
            Step::Trigger(step) => self.trigger(step),
            Step::Hear(step) => self.hear(step),
            Step::Reply(step) => self.reply(step),
            Step::Shown(step) => self.shown(step),
            Step::Told(step) => self.told(step),
            Step::Crash(step) => self.crash(step),
            Step::Verifier(step) => self.verifier(step),
            Step::Chip(step) => self.put_in(step),
            Step::Asks(step) => self.asks(step),
            Step::Repeats(step) => self.repeats(step),
            Step::Answer(step) => self.answer(step),
            Step::Hush(step) => self.hush(step),
            Step::Sign(step) => self.sign(step),
            Step::Signed(step) => self.signed(step),
            Step::Pull(step) => self.pull(step),
            Step::Again(step) => self.again(step),
            Step::Restart(_) => self.runner.hook("restart", &json!({})).map(drop),
            Step::Parallel(step) => self.parallel(step),
        }
    }
}
