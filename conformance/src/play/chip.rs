//! The chip's side of a test: power, commands, secure channels.

use serde_json::{Value, json};

use super::link::{self, Link};
use super::{Outcome, Scene, Wrong, broken, wrong};
use crate::crypto::channel::{Channel, ChipKeys, card_challenge, longer_keys};
use crate::format::{Apdu, Authenticate, Challenge, Relay, Secure};

/// The host challenge: constant, so that a replay is the chip's to notice.
const HOST: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// How often a chip is put in that its reader does not see: drivers miss a card that comes while they notice that another left.
const INSERTIONS: usize = 3;

/// What the chip says after reset.
const ATR: [u8; 15] = [
    0x3B, 0x6B, 0x00, 0x00, 0x80, 0x73, 0xC0, 0x01, 0xC0, 0x55, 0x4B, 0x41, 0x49, 0x4B, 0x41,
];

impl Scene<'_> {
    pub(super) fn power(&mut self, kind: &str) -> Outcome {
        let code = match kind {
            "leave" => return self.leave(),
            "off" => link::OFF,
            "on" => link::ON,
            _ => link::RESET,
        };
        let mut chip = self.reached()?;
        if kind == "atr" {
            let answer = chip.atr()?;
            if answer != ATR {
                return Err(wrong(hex::encode(ATR), hex::encode(answer)));
            }
        } else {
            chip.power(code)?;
        }
        self.chip = Some(chip);
        Ok(())
    }

    /// The chip, as it was reached before; else where the manifest says.
    fn reached(&mut self) -> Result<Link, Wrong> {
        if let Some(chip) = self.chip.take() {
            return Ok(chip);
        }
        let endpoint = self.runner.subject.roles.get("chip");
        match endpoint.and_then(|endpoint| endpoint.reader.as_deref()) {
            Some(reader) => in_reader(reader, None),
            None => self.connect("chip").map(Link::Tcp),
        }
    }

    /// The reader goes and comes again.
    fn leave(&mut self) -> Outcome {
        let chip = match self.chip.take() {
            Some(Link::Tcp(wire)) => Link::Tcp(wire.again()?),
            #[cfg(feature = "pcsc")]
            Some(Link::Reader(card)) => Link::Reader(card.leave()?),
            None => self.reached()?,
        };
        self.chip = Some(chip);
        Ok(())
    }

    pub(super) fn apdu(&mut self, apdu: &Apdu) -> Outcome {
        let command =
            hex::decode(self.text(&apdu.command)?).map_err(|e| wrong("hexadecimal", e))?;
        let mut answer = self.transmit(&command)?;
        if let Some(channel) = apdu
            .channel
            .as_ref()
            .and_then(|name| self.channels.get(name))
        {
            answer = channel
                .read(&answer)
                .ok_or_else(|| wrong("an answer under the channel", "a wrong MAC"))?;
        }
        self.answered(&answer, &apdu.sw, apdu.data.as_ref())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Wrong> {
        let mut chip = self.reached()?;
        let answer = chip.transmit(command)?;
        self.chip = Some(chip);
        Ok(answer)
    }

    fn answered(&mut self, answer: &[u8], sw: &str, data: Option<&Value>) -> Outcome {
        let (seen, status) = answer
            .split_at_checked(answer.len().saturating_sub(2))
            .unwrap_or_default();
        let status = hex::encode_upper(status);
        if status != sw {
            return Err(wrong(sw, status));
        }
        data.map_or(Ok(()), |pattern| {
            self.matches(pattern, Some(&json!(hex::encode(seen))))
        })
    }

    /// A chip from the factory, by the control channel.
    pub(super) fn insert(&mut self, name: &str) -> Outcome {
        // The reader is free before the next chip comes.
        self.chip = None;
        let mut tries = INSERTIONS;
        let (chip, number) = loop {
            tries -= 1;
            if let Some(inserted) = self.inserted(tries == 0)? {
                break inserted;
            }
        };
        self.chip = Some(chip);
        self.sequence = None;
        self.names.insert(name.to_owned(), json!(number));
        Ok(())
    }

    /// Nothing when a reader did not see the chip, unless that was the last try.
    fn inserted(&self, last: bool) -> Result<Option<(Link, String)>, Wrong> {
        let answer = self.runner.hook("chip", &json!({}))?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        match (text("tcp"), text("reader"), text("se_id")) {
            (Some(address), _, Some(number)) => Ok(Some((Link::Tcp(self.dial(&address)?), number))),
            (None, Some(reader), Some(number)) => match in_reader(&reader, Some(&number)) {
                Ok(chip) => Ok(Some((chip, number))),
                Err(_) if !last => Ok(None),
                Err(unseen) => Err(unseen),
            },
            _ => Err(broken("tcp or reader, and se_id", answer)),
        }
    }

    pub(super) fn challenge(&mut self, step: &Challenge) -> Outcome {
        let number = hex::decode(self.text(&step.se_id)?).map_err(|e| wrong("a chip number", e))?;
        let version = hex::decode(&step.version).map_err(|e| wrong("a key version", e))?;
        let command = [&[0x80, 0x50], &version[..], &[0x00, 0x08], &HOST, &[0x00]].concat();
        let answer = self.transmit(&command)?;
        self.answered(&answer, &step.sw, None)?;
        if step.sw != "9000" {
            return Ok(());
        }
        let master = self.runner.chip_master();
        let version = version.first().copied().filter(|version| *version != 0);
        let version = version.unwrap_or(0x30);
        let (enc, mac) = match version {
            0x30 => {
                let keys = ChipKeys::of(&master, &number);
                (keys.enc.to_vec(), keys.mac.to_vec())
            }
            _ => {
                let [enc, mac, _] = longer_keys(&master, &number, version);
                (enc, mac)
            }
        };
        let (channel, sequence) = opened((&enc, &mac), version, &number, &answer)
            .map_err(|part| wrong(part, hex::encode(&answer)))?;
        let last = self.sequence.replace(sequence).unwrap_or_default();
        if sequence <= last {
            return Err(wrong(format!("a counter after {last}"), sequence));
        }
        self.channels.insert(step.channel.clone(), channel);
        Ok(())
    }

    pub(super) fn authenticate(&mut self, step: &Authenticate) -> Outcome {
        let level = u8::from_str_radix(&step.level, 16).map_err(|e| wrong("a level", e))?;
        let keys = ChipKeys::of(&[0; 16], &[0; 8]);
        let spare = || Channel::new(&keys, &HOST, &[0; 8]);
        let mut channel = self.channels.remove(&step.channel).unwrap_or_else(spare);
        if step.fault.as_deref() == Some("cryptogram") {
            channel.host_cryptogram[0] ^= 1;
        }
        let mut command = channel.external_authenticate(level);
        spoilt(&mut command, step.fault.as_deref());
        self.channels.insert(step.channel.clone(), channel);
        self.sent(step.name.as_ref(), &command);
        let answer = self.transmit(&command)?;
        self.answered(&answer, &step.sw, None)
    }

    pub(super) fn secure(&mut self, step: &Secure) -> Outcome {
        let header = hex::decode(&step.header)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let header = header.ok_or_else(|| wrong("a header of four bytes", &step.header))?;
        let data = hex::decode(self.text(&step.data)?).map_err(|e| wrong("hexadecimal", e))?;
        let keys = ChipKeys::of(&[0; 16], &[0; 8]);
        let spare = || Channel::new(&keys, &HOST, &[0; 8]);
        let mut channel = self.channels.remove(&step.channel).unwrap_or_else(spare);
        let mut command = if step.fault.as_deref() == Some("padding") {
            channel.wrap_without_mark(header, &data)
        } else {
            channel.wrap(header, &data, true)
        };
        let mac_ends = command.len().saturating_sub(1);
        spoilt(&mut command[..mac_ends], step.fault.as_deref());
        self.sent(step.name.as_ref(), &command);
        let answer = match step.pieces {
            Some(size) => self.chained(header, &command, size)?,
            None => self.transmit(&command)?,
        };
        let plain = channel.read(&answer);
        self.channels.insert(step.channel.clone(), channel);
        let plain =
            plain.ok_or_else(|| wrong("an answer under the channel", hex::encode(&answer)))?;
        self.answered(&plain, &step.sw, step.out.as_ref())
    }

    /// The data of a whole command in pieces, each in a command of its own; gives the last answer.
    fn chained(
        &mut self,
        [cla, ins, p1, p2]: [u8; 4],
        command: &[u8],
        size: usize,
    ) -> Result<Vec<u8>, Wrong> {
        let head = if command.get(4) == Some(&0) { 7 } else { 5 };
        let data = command.get(head..command.len() - 1).unwrap_or_default();
        let mut pieces = data.chunks(size.max(1)).peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            let class = if last { cla } else { cla | 0x10 };
            let length = u8::try_from(piece.len()).map_err(|e| wrong("a short piece", e))?;
            let said = [&[class, ins, p1, p2, length], piece, &[0]].concat();
            let answer = self.transmit(&said)?;
            if last {
                return Ok(answer);
            }
            self.answered(&answer, "9000", None)?;
        }
        Err(wrong("a command with data", "none"))
    }

    pub(super) fn relay(&mut self, step: &Relay) -> Outcome {
        let commands = self.value(&step.commands)?;
        let mut answers = Vec::new();
        for command in commands.as_array().into_iter().flatten() {
            let command = hex::decode(command.as_str().unwrap_or_default())
                .map_err(|e| wrong("hexadecimal", e))?;
            answers.push(json!(hex::encode(self.transmit(&command)?)));
        }
        self.names.insert(step.name.clone(), Value::Array(answers));
        Ok(())
    }

    fn sent(&mut self, name: Option<&String>, command: &[u8]) {
        if let Some(name) = name {
            self.names.insert(name.clone(), json!(hex::encode(command)));
        }
    }
}

/// The chip in a reader of PC/SC.
#[cfg(feature = "pcsc")]
fn in_reader(name: &str, number: Option<&str>) -> Result<Link, Wrong> {
    super::reader::Card::find(name, number).map(Link::Reader)
}

#[cfg(not(feature = "pcsc"))]
fn in_reader(name: &str, _: Option<&str>) -> Result<Link, Wrong> {
    let need = format!("a chip in the reader {name:?}");
    Err(wrong(
        need,
        "this program was built without the feature pcsc",
    ))
}

/// The channel that an answer to INITIALIZE UPDATE begins, and its sequence counter.
///
/// # Errors
/// What the answer has not.
fn opened(
    (enc, mac): (&[u8], &[u8]),
    version: u8,
    number: &[u8],
    answer: &[u8],
) -> Result<(Channel, u32), &'static str> {
    let (head, rest) = answer.split_at_checked(10).ok_or("34 bytes")?;
    if head != [&[0, 0], number].concat() {
        return Err("the chip's number");
    }
    let rest = rest
        .strip_prefix(&[version, 0x03, 0x70])
        .ok_or("the key version, SCP03 with i = 70")?;
    let (card, rest) = rest.split_at_checked(8).ok_or("a card challenge")?;
    let channel = Channel::under(enc, mac, &HOST, card);
    let rest = rest
        .strip_prefix(&channel.card_cryptogram)
        .ok_or("the chip's cryptogram")?;
    let &[a, b, c, 0x90, 0x00] = rest else {
        return Err("a sequence counter of three bytes, and no more");
    };
    if card != card_challenge(enc, [a, b, c]) {
        return Err("the card challenge of its sequence counter");
    }
    Ok((channel, u32::from_be_bytes([0, a, b, c])))
}

/// Wrong in the last bit of its MAC.
fn spoilt(command: &mut [u8], fault: Option<&str>) {
    if let (Some("mac"), Some(byte)) = (fault, command.last_mut()) {
        *byte ^= 1;
    }
}
