//! A phone's terminal as the subject: the runner is its verifier, over HTTP, and its chip.

use std::time::Duration;

use kaika_spec::Refusal;
use kaika_spec::limit::TIME_WINDOW_MS;
use serde_json::{Value, json};

use super::client::bytes;
use super::{Outcome, Scene, Wrong, broken, wrong};
use crate::crypto::kaika_mac;
use crate::format::{
    Answer, Asks, Chip, Evidence, Hush, Key, Method, Pull, Repeats, Sign, Signed, Verifier,
};
use crate::peers::problem;
use crate::softchip::SoftChip;
use crate::wallet::{self, Reader, Said, Told, Wish};

/// How long a message may be on its way when its sender says that it is done.
const LATE: Duration = Duration::from_millis(2);

/// How long the control channel is asked to wait for an outcome at a time, ms: what is said in the meantime is noticed after it.
const WAIT_MS: u64 = 200;

/// What the phone of one test has around it.
#[derive(Default)]
pub(super) struct Around {
    verifier: Option<wallet::Verifier>,
    reader: Option<Reader>,
    /// Every message of it, in order.
    said: Vec<Message>,
    /// The last one, as long as it is not answered.
    open: Option<Said>,
    /// Messages that are never answered: their connections stay as long as the phone likes.
    unanswered: Vec<Said>,
    wish: Option<Wish>,
    /// The verifier hears and says nothing; a GET of this path may be heard.
    hushed: Option<Option<String>>,
}

impl Around {
    /// The commands with this instruction that the chip was given.
    pub(super) fn commands(&self, instruction: u8) -> Vec<Vec<u8>> {
        let reader = self.reader.as_ref();
        reader.map_or_else(Vec::new, |reader| reader.commands(instruction))
    }

    /// How long an outcome is waited for at a time, if there is a phone.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        self.verifier.as_ref().map(|_| WAIT_MS)
    }

    /// Whoever is to show how it ended has nothing more to say.
    pub(super) fn stray(&self) -> Outcome {
        let reader = self.reader.as_ref();
        if let Some(wish) = reader.and_then(|reader| reader.wish(Duration::ZERO)) {
            let digest = hex::encode(wish.digest);
            return Err(wrong(
                "nothing to sign",
                format!("SIGN EVIDENCE over {digest}"),
            ));
        }
        let verifier = self.verifier.as_ref().filter(|_| self.hushed.is_none());
        match verifier.and_then(|verifier| verifier.hear(Duration::ZERO)) {
            Some(said) => Err(wrong("no more messages", said.text())),
            None => Ok(()),
        }
    }

    fn last(&self) -> Result<&Message, Wrong> {
        let last = self.said.last();
        last.ok_or_else(|| broken("a message before this one", "none"))
    }
}

/// A message, as far as it stays the same when it is said again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    method: String,
    path: String,
    key: Option<String>,
    body: Vec<u8>,
}

impl Message {
    fn of(said: &Said) -> Self {
        Self {
            method: said.method.clone(),
            path: said.path.clone(),
            key: said.header("idempotency-key").map(str::to_owned),
            body: said.body.clone(),
        }
    }

    fn text(&self) -> String {
        let key = self.key.as_deref().unwrap_or("none");
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {}, key {key}: {body}", self.method, self.path)
    }

    fn is_query(&self, path: Option<&String>) -> bool {
        self.method == "GET" && Some(&self.path) == path
    }
}

fn is_key(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A header that must be there.
fn header<'s>(said: &'s Said, name: &str, wanted: &str) -> Result<&'s str, Wrong> {
    said.header(name)
        .ok_or_else(|| wrong(wanted, "absent").within(name))
}

impl Scene<'_> {
    /// The verifier's port opens.
    pub(super) fn verifier(&mut self, step: &Verifier) -> Outcome {
        let verifier = wallet::Verifier::open().map_err(|e| broken("a port", e))?;
        let url = json!(format!("http://{}", verifier.address()));
        self.names.insert(step.name.clone(), url);
        self.phone.verifier = Some(verifier);
        Ok(())
    }

    /// A chip with a number of its own.
    pub(super) fn put_in(&mut self, step: &Chip) -> Outcome {
        let se_id = self.dice.bytes(8);
        let chip = SoftChip::new(&self.runner.chip_master(), &se_id);
        let reader = Reader::with(chip).map_err(|e| broken("a port", e))?;
        let named = json!({"tcp": reader.address().to_string(), "se_id": hex::encode(se_id)});
        self.names.insert(step.name.clone(), named);
        self.phone.reader = Some(reader);
        Ok(())
    }

    fn query(&mut self, path: Option<&Vec<Value>>) -> Result<Option<String>, Wrong> {
        path.map(|path| self.path(path)).transpose()
    }

    /// The next message to the verifier, as far as all messages are alike.
    fn heard(&mut self, wanted: &str) -> Result<Message, Wrong> {
        if let Some(open) = self.phone.open.take() {
            self.phone.unanswered.push(open);
        }
        let verifier = self.phone.verifier.as_ref();
        let verifier = verifier.ok_or_else(|| broken("an open port", "none"))?;
        let said = verifier.hear(self.runner.patience);
        let said = said.ok_or_else(|| wrong(wanted, "nothing"))?;
        self.headed(&said)?;
        let message = Message::of(&said);
        self.phone.open = Some(said);
        Ok(message)
    }

    /// The headers that every message has (90-wire, Headers).
    fn headed(&self, said: &Said) -> Outcome {
        let time = header(said, "kaika-time", "the sender's clock, ms")?;
        let digits = (1..=15).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
        let sent: i64 = time.parse().unwrap_or(0);
        if !digits || self.runner.now().abs_diff(sent) > TIME_WINDOW_MS.unsigned_abs() {
            return Err(wrong("the sender's clock, ms", time).within("kaika-time"));
        }
        if let Some(caller) = said.header("kaika-caller") {
            return Err(wrong("absent", caller).within("kaika-caller"));
        }
        if said.method != "POST" {
            return Ok(());
        }
        let key = header(said, "idempotency-key", "32 hexadecimal digits")?;
        if !is_key(key) {
            return Err(wrong("32 hexadecimal digits", key).within("idempotency-key"));
        }
        let kind = header(said, "content-type", "application/json")?;
        if kind != "application/json" {
            return Err(wrong("application/json", kind).within("content-type"));
        }
        Ok(())
    }

    /// Another message.
    pub(super) fn asks(&mut self, step: &Asks) -> Outcome {
        let path = self.path(&step.path)?;
        let method = step.method.name();
        let wanted = format!("{method} {path}");
        let message = self.heard(&wanted)?;
        if (message.method.as_str(), &message.path) != (method, &path) {
            return Err(wrong(wanted, message.text()));
        }
        if step.method == Method::Post {
            self.keyed(&message, step.key)?;
        }
        self.phone.said.push(message.clone());
        if let Some(session) = &step.session {
            let session = self.text(session)?;
            self.sealed(&session)?;
        }
        let body = if message.body.is_empty() {
            None
        } else {
            let body = serde_json::from_slice::<Value>(&message.body);
            Some(body.map_err(|_| wrong("JSON", message.text()).within("body"))?)
        };
        match (&step.body, &body) {
            (None, None) => {}
            (None, Some(_)) => return Err(wrong("no body", message.text())),
            (Some(pattern), body) => self
                .matches(pattern, body.as_ref())
                .map_err(|wrong| wrong.within("body"))?,
        }
        if let Some(name) = &step.name {
            let named = json!({"key": message.key, "body": body});
            self.names.insert(name.clone(), named);
        }
        Ok(())
    }

    /// A key is for one message (WIR-7), and a new message has a new one.
    fn keyed(&self, message: &Message, key: Key) -> Outcome {
        let under = |other: &&Message| {
            (&other.method, &other.path, &other.key)
                == (&message.method, &message.path, &message.key)
        };
        let known = self.phone.said.iter().find(under);
        let is_same = known.is_some_and(|known| known.body == message.body);
        let fits = match key {
            Key::New => known.is_none(),
            Key::Any => known.is_none() || is_same,
            Key::Old => is_same,
        };
        let wanted = match key {
            Key::New => "a key that was not used at this path",
            Key::Any => "a new key, or the one that had this very body",
            Key::Old => "the key that had this very body",
        };
        fits.then_some(())
            .ok_or_else(|| wrong(wanted, message.text()).within("idempotency-key"))
    }

    /// The MAC of the message that is open, under the session key.
    fn sealed(&self, session: &str) -> Outcome {
        let Some(said) = &self.phone.open else {
            return Err(broken("a message", "none"));
        };
        let key = hex::decode(session).map_err(|e| broken("a session key", e))?;
        let time = said.header("kaika-time").unwrap_or_default();
        let idempotency = said.header("idempotency-key").unwrap_or_default();
        let made = kaika_mac(
            &key,
            "terminal",
            &said.method,
            &said.path,
            time,
            idempotency,
            &said.body,
        );
        let (made, seen) = (hex::encode(made), said.header("kaika-mac"));
        (seen == Some(&made[..])).then_some(()).ok_or_else(|| {
            wrong(
                format!("{made}, under the session key"),
                seen.unwrap_or("absent"),
            )
            .within("kaika-mac")
        })
    }

    /// The last message again, or the query that stands for it.
    pub(super) fn repeats(&mut self, step: &Repeats) -> Outcome {
        let query = self.query(step.query.as_ref())?;
        let last = self.phone.last()?.clone();
        let wanted = format!("again {}", last.text());
        let message = self.heard(&wanted)?;
        if message == last || message.is_query(query.as_ref()) {
            return Ok(());
        }
        Err(wrong(wanted, message.text()))
    }

    /// What the verifier says to it.
    pub(super) fn answer(&mut self, step: &Answer) -> Outcome {
        let open = self.phone.open.take();
        let said = open.ok_or_else(|| broken("a message to answer", "none"))?;
        let told = match (&step.query, &step.refuse, &step.raw, step.status) {
            (Some(query), ..) if said.method == "GET" => {
                (200, "application/json", self.value(query)?.to_string())
            }
            (_, Some(refusal), ..) => refused(refusal)?,
            (_, _, Some(raw), status) => (status.unwrap_or(200), "text/html", raw.clone()),
            (_, _, _, Some(status)) => {
                let body = self.value(step.body.as_ref().unwrap_or(&Value::Null))?;
                (status, "application/json", body.to_string())
            }
            _ => {
                drop(said);
                return Ok(());
            }
        };
        said.reply(told).then_some(()).ok_or_else(|| {
            wrong(
                "somebody who waits for the answer",
                "the connection is closed",
            )
        })
    }

    /// The verifier says nothing more, whatever it is asked.
    pub(super) fn hush(&mut self, step: &Hush) -> Outcome {
        let query = self.query(step.query.as_ref())?;
        self.phone.hushed = Some(query);
        let verifier = self.phone.verifier.as_ref();
        let verifier = verifier.ok_or_else(|| broken("an open port", "none"))?;
        verifier.hush();
        self.phone.open = None;
        Ok(())
    }

    /// Nothing was said to the verifier that was not heard; when it is hushed, nothing new.
    pub(super) fn nothing_more(&mut self) -> Outcome {
        let Some(verifier) = &self.phone.verifier else {
            return Ok(());
        };
        let mut count = 0;
        while let Some(said) = verifier.hear(LATE) {
            let message = Message::of(&said);
            let is_again = self.phone.said.last() == Some(&message);
            match &self.phone.hushed {
                Some(query) if is_again || message.is_query(query.as_ref()) => count += 1,
                Some(_) => return Err(wrong("only the same again", message.text())),
                None => return Err(wrong("no more messages", message.text())),
            }
        }
        if self.phone.hushed.is_some() && count == 0 {
            return Err(wrong("the same again at least once", "nothing"));
        }
        Ok(())
    }

    /// The chip is asked to sign.
    pub(super) fn sign(&mut self, step: &Sign) -> Outcome {
        let patience = self.runner.patience;
        let reader = self.phone.reader.as_ref();
        let reader = reader.ok_or_else(|| broken("a chip", "none"))?;
        let wanted = format!("SIGN EVIDENCE of a {}", step.kind.name());
        let wish = reader.wish(patience);
        let wish = wish.ok_or_else(|| wrong(&wanted, "nothing"))?;
        let kind = match wish.kind {
            1 => Evidence::Consent,
            _ => Evidence::Payment,
        };
        if kind != step.kind {
            return Err(wrong(wanted, format!("of a {}", kind.name())));
        }
        let digest = json!(hex::encode(&wish.digest));
        self.phone.wish = Some(wish);
        self.matches(&step.digest, Some(&digest))
            .map_err(|wrong| wrong.within("digest"))
    }

    /// What the chip does about it.
    pub(super) fn signed(&mut self, step: &Signed) -> Outcome {
        let wish = self.phone.wish.take();
        let wish = wish.ok_or_else(|| broken("a wish to have something signed", "none"))?;
        wish.decide(step.will);
        Ok(())
    }

    /// The chip leaves in the middle.
    pub(super) fn pull(&mut self, step: &Pull) -> Outcome {
        let [instruction] = bytes::<1>(&step.ins)?;
        let reader = self.phone.reader.as_ref();
        let reader = reader.ok_or_else(|| broken("a chip", "none"))?;
        reader.pull_at(instruction);
        Ok(())
    }
}

/// A problem document.
fn refused(name: &str) -> Result<Told, Wrong> {
    let refusal = Refusal::from_name(name).ok_or_else(|| broken("a refusal", name))?;
    let (status, body) = problem(refusal);
    Ok((status, "application/problem+json", body.to_string()))
}
