//! A client as the subject: it is started, its servers and its card are the runner's, and what it shows is judged.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{Outcome, Scene, Wrong, broken, wrong};
use crate::codec::iso_write;
use crate::dice::Dice;
use crate::format::{Card, Crash, Hear, Host, Reply, Shown, Told, Trigger};
use crate::softcard::{self, SoftCard};
use crate::stage;

/// How long an action may take, with every wait in it.
const ACTION: Duration = Duration::from_secs(60);
/// How long nothing must be heard before nothing is said to have been heard.
const QUIET: Duration = Duration::from_millis(50);
/// How long the control channel is asked to wait for an outcome at a time, ms.
const WAIT_MS: u64 = 1_000;

/// What the client of one test has around it.
#[derive(Default)]
pub(super) struct Stage {
    host: Option<stage::Host>,
    field: Option<stage::Field>,
    heard: Option<stage::Heard>,
    /// What was triggered last, by the subject's name for it.
    acting: Option<String>,
}

fn fault(name: Option<&str>) -> Result<softcard::Fault, Wrong> {
    use softcard::Fault;
    Ok(match name {
        None => Fault::None,
        Some("no-directory") => Fault::NoDirectory,
        Some("no-application") => Fault::NoApplication,
        Some("suspended") => Fault::Suspended,
        Some("twice") => Fault::Twice,
        Some("no-list") => Fault::NoList,
        Some("gone") => Fault::Gone,
        Some(other) => return Err(broken("a fault of a card", other)),
    })
}

fn opinion(name: Option<&str>) -> Result<softcard::Proof, Wrong> {
    use softcard::Proof;
    Ok(match name {
        None | Some("taken") => Proof::Taken,
        Some("refused") => Proof::Refused,
        Some("gone") => Proof::Gone,
        Some(other) => return Err(broken("what a card thinks of a proof", other)),
    })
}

pub(super) fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Wrong> {
    let bytes = hex::decode(text).ok().and_then(|all| all.try_into().ok());
    bytes.ok_or_else(|| broken(format!("{N} bytes in hexadecimal"), text))
}

fn array<const N: usize>(dice: &mut Dice) -> [u8; N] {
    dice.bytes(N).try_into().unwrap_or([0; N])
}

/// A token number that passes Luhn's check.
fn token(dice: &mut Dice) -> String {
    let digits: String = dice
        .bytes(9)
        .iter()
        .map(|b| char::from(b'0' + b % 10))
        .collect();
    let body = format!("629900{digits}");
    let doubled = |(at, digit): (usize, u32)| match (at % 2, digit * 2) {
        (0, twice) => twice / 10 + twice % 10,
        _ => digit,
    };
    let digits = body.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.enumerate().map(doubled).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

impl Scene<'_> {
    /// A card is held at the client; its numbers get a name.
    pub(super) fn card(&mut self, step: &Card) -> Outcome {
        let [kind] = bytes::<1>(&step.kind)?;
        let proof = match &step.proof {
            Some(proof) => Some(self.text(proof)?),
            None => None,
        };
        let card = SoftCard {
            profile: bytes(&step.profile)?,
            kind,
            fault: fault(step.fault.as_deref())?,
            proof: opinion(proof.as_deref())?,
            token: token(&mut self.dice),
            cryptogram: array(&mut self.dice),
            counter: array(&mut self.dice),
        };
        let field = stage::Field::hold(&card).map_err(|e| broken("a port", e))?;
        let named = json!({
            "tcp": field.address().to_string(), "token": card.token, "expiry": hex::encode(softcard::EXPIRY).get(..4),
            "cryptogram": hex::encode(card.cryptogram), "counter": hex::encode(card.counter),
            "profile": step.profile, "kind": step.kind, "issuer_data": hex::encode(softcard::ISSUER_DATA),
        });
        self.names.insert(step.name.clone(), named);
        self.stage.field = Some(field);
        Ok(())
    }

    /// The issuer's port for shops opens.
    pub(super) fn host(&mut self, step: &Host) -> Outcome {
        let host = stage::Host::open().map_err(|e| broken("a port", e))?;
        let address = json!(host.address().to_string());
        self.names.insert(step.name.clone(), address);
        self.stage.host = Some(host);
        Ok(())
    }

    /// The client begins; what it shows in the end is judged later.
    pub(super) fn trigger(&mut self, step: &Trigger) -> Outcome {
        let mut asked = self.value(&step.with)?;
        asked["action"] = json!(step.action);
        asked["wait_ms"] = json!(0);
        let begun = self.runner.hook("trigger", &asked)?;
        let id = begun.get("id").and_then(Value::as_str);
        let id = id.ok_or_else(|| broken("an id of what was triggered", &begun))?;
        self.stage.acting = Some(id.to_owned());
        Ok(())
    }

    /// The next message at the issuer's port.
    pub(super) fn hear(&mut self, step: &Hear) -> Outcome {
        let patience = self.runner.patience;
        let host = self.stage.host.as_ref();
        let host = host.ok_or_else(|| broken("an open port", "none"))?;
        let heard = host.hear(patience);
        let heard = heard.ok_or_else(|| wrong(format!("a {}", step.mti), "nothing"))?;
        let text = heard.text();
        let Some((mti, fields)) = heard.message.clone() else {
            return Err(wrong(format!("a {}", step.mti), text));
        };
        let repeated = step.again && mti.strip_suffix('1') == step.mti.strip_suffix('0');
        if mti != step.mti && !repeated {
            return Err(wrong(format!("a {}", step.mti), text));
        }
        self.stage.heard = Some(heard);
        let there: Map<String, Value> = fields
            .iter()
            .map(|(number, text)| (number.to_string(), json!(text)))
            .collect();
        let wanted = |number: &str| step.fields.contains_key(number);
        self.fields(step.fields.iter(), wanted, &there)?;
        if let Some(name) = &step.name {
            self.names.insert(name.clone(), Value::Object(there));
        }
        Ok(())
    }

    /// Something is said on the line of the last message.
    pub(super) fn reply(&mut self, step: &Reply) -> Outcome {
        let body = match (&step.raw, &step.mti) {
            (Some(raw), _) => hex::decode(self.text(raw)?).map_err(|e| broken("hexadecimal", e))?,
            (None, Some(mti)) => {
                let mti = self.text(mti)?;
                let fields = self.iso_fields(step.fields.as_ref().unwrap_or(&Value::Null))?;
                iso_write(&mti, &fields).map_err(|e| broken("a message", e))?
            }
            (None, None) => Vec::new(),
        };
        let heard = self.stage.heard.as_mut();
        let heard = heard.ok_or_else(|| broken("a message to reply to", "none"))?;
        if step.raw.is_none() && step.mti.is_none() {
            heard.hang_up();
        } else if !heard.reply(&body, if step.twice { 2 } else { 1 }) {
            return Err(wrong("a line that takes the answer", "it is closed"));
        }
        Ok(())
    }

    /// What the client shows when it is done; nothing more was said to its servers.
    pub(super) fn shown(&mut self, step: &Shown) -> Outcome {
        let acting = self.stage.acting.take();
        let acting = acting.ok_or_else(|| broken("something triggered", "nothing was"))?;
        let there = self.outcome(&acting)?;
        let wanted = |name: &str| step.expect.contains_key(name);
        self.fields(step.expect.iter(), wanted, &there)?;
        let more = self.stage.host.as_ref().and_then(|host| host.hear(QUIET));
        more.map_or(Ok(()), |heard| Err(wrong("no more messages", heard.text())))?;
        self.nothing_more()
    }

    /// What became of something that was triggered.
    fn outcome(&self, id: &str) -> Result<Map<String, Value>, Wrong> {
        let ends = Instant::now() + ACTION;
        let asked = json!({"id": id, "wait_ms": self.phone.wait_ms().unwrap_or(WAIT_MS)});
        while Instant::now() < ends {
            let mut answer = self.runner.control()?.ask("outcome", &asked)?;
            match answer.remove("outcome") {
                Some(Value::Object(shown)) => return Ok(shown),
                Some(other) => return Err(broken("an outcome", other)),
                None => self.phone.stray()?,
            }
        }
        Err(wrong("the end of the action", "none in a minute"))
    }

    /// What the card was told.
    pub(super) fn told(&mut self, step: &Told) -> Outcome {
        let [instruction] = bytes::<1>(&step.ins)?;
        let field = self.stage.field.as_ref();
        let commands = field.map(|field| field.commands(instruction));
        let commands = commands.unwrap_or_else(|| self.phone.commands(instruction));
        if commands.len() != step.times {
            let wanted = format!("instruction {} {} times", step.ins, step.times);
            return Err(wrong(wanted, format!("{} times", commands.len())));
        }
        let Some(pattern) = &step.data else {
            return Ok(());
        };
        commands.iter().try_for_each(|command| {
            let length = command.get(4).copied().map_or(0, usize::from);
            let data = command.get(5..5 + length).unwrap_or_default();
            self.matches(pattern, Some(&json!(hex::encode(data))))
        })
    }

    /// The client dies without a word; the next trigger of the same terminal starts it again.
    pub(super) fn crash(&mut self, _: &Crash) -> Outcome {
        let acting = self.stage.acting.take();
        let acting = acting.ok_or_else(|| broken("something triggered", "nothing was"))?;
        self.runner.hook("crash", &json!({ "id": acting }))?;
        Ok(())
    }
}
