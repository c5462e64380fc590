//! The chip against a naive chip: personalisation, payments, tears and resets from an op byte-code.
//!
//! Start at [`play`]. Two oracles: [`twin`] says what may be answered and what a loss of power may leave; [`history`]
//! remembers what must hold over all that ever happened. The host's cryptography is in [`host`], on block ciphers alone.

pub mod history;
pub mod host;
pub mod ops;
pub mod real;
pub mod twin;

use std::collections::BTreeSet;

use history::History;
use host::Host;
use kaika_spec::limit::APDU_MAX;
use ops::Op;
use twin::{Body, Outcome, Twin};

use crate::bytes::Reader;

/// The issuer's chip master key in this harness.
pub const KMC: [u8; 16] = *b"master-key-of-16";
/// The chip's id in this harness.
pub const SE_ID: [u8; 8] = [0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];
/// Longest play.
const OPS_MAX: usize = 48;

/// Fuzz body: the byte-code against the chip of `impl/secure-element`.
pub fn chip_sequence(data: &[u8]) {
    play(data, &mut real::Real::made());
}

/// Fuzz body: raw commands, each behind its length in one byte, 0 for all that is left. An even first byte says
/// a chip with a token, an odd one a chip from the factory.
pub fn chip_commands(data: &[u8]) {
    let mut card = real::Real::made();
    let mut play = Play::new(&mut card);
    let mut reader = Reader::new(data);
    if reader.byte().is_multiple_of(2) {
        play.run(&mut Reader::new(&PERSONALISE));
    }
    for _ in 0..OPS_MAX {
        if reader.is_empty() {
            break;
        }
        let length = usize::from(reader.byte());
        let command = match length {
            0 => reader.slice(APDU_MAX + 1),
            length => reader.slice(length),
        };
        play.send(command);
    }
}

/// Select the security domain, open a channel at level 03, store token 7, commit it.
pub const PERSONALISE: [u8; 10] = [2, 6, 1, 9, 3, 0, 10, 7, 12, 0];

/// A chip that can be cut off.
pub trait Card {
    /// Answers a command; `None` when power was lost before the answer.
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>>;
    /// Power off and on; a tear that did not come to pass is forgotten.
    fn reset(&mut self);
    /// Loses power in the next command, when `writes` writes to non-volatile memory are done.
    fn tear_after(&mut self, writes: u8);
    /// Non-volatile memory as it is.
    fn image(&mut self) -> Vec<u8>;
}

/// The play so far.
struct Play<'a, C> {
    card: &'a mut C,
    /// Every state that the chip may be in, as far as its answers tell.
    twins: Vec<Twin>,
    history: History,
    host: Option<Host>,
    challenge: [u8; 8],
    recorded: Vec<Vec<u8>>,
    torn: bool,
}

/// Plays the byte-code `data` against `card`, which must be fresh. Panics when an oracle disagrees.
pub fn play(data: &[u8], card: &mut impl Card) {
    Play::new(card).run(&mut Reader::new(data));
}

impl<'a, C: Card> Play<'a, C> {
    fn new(card: &'a mut C) -> Self {
        Self {
            card,
            twins: vec![Twin::new(&KMC, SE_ID)],
            history: History::default(),
            host: None,
            challenge: [0; 8],
            recorded: Vec::new(),
            torn: false,
        }
    }

    fn run(&mut self, reader: &mut Reader<'_>) {
        for _ in 0..OPS_MAX {
            if reader.is_empty() {
                break;
            }
            let op = ops::read(reader);
            self.perform(&op);
        }
    }

    fn perform(&mut self, op: &Op) {
        match op {
            Op::Reset => self.reset(),
            Op::Tear(writes) => {
                self.card.tear_after(*writes);
                self.torn = true;
            }
            Op::Plain(command) => {
                self.send(command);
            }
            Op::Initialize { kvn, seed } => self.initialize(*kvn, *seed),
            Op::Authenticate { level, spoil } => self.authenticate(*level, *spoil),
            Op::Managed {
                header,
                data,
                le,
                spoil,
            } => self.managed(*header, data, *le, *spoil),
            Op::Chained {
                header,
                data,
                size,
                spoil,
            } => self.chained(*header, data, *size, *spoil),
            Op::Prove { approves, spoil } => self.prove(*approves, *spoil),
            Op::Again(n) => {
                if let Some(command) = self.recorded.get(*n % self.recorded.len().max(1)).cloned() {
                    self.send(&command);
                }
            }
        }
    }

    fn reset(&mut self) {
        self.card.reset();
        self.host = None;
        self.torn = false;
        self.twins = self
            .twins
            .iter()
            .map(|twin| twin.rebooted(twin.durable.clone()))
            .collect();
    }

    fn initialize(&mut self, kvn: u8, seed: u8) {
        self.challenge = crate::bytes::grow(seed);
        let mut command = vec![0x80, 0x50, kvn, 0x00, 0x08];
        command.extend_from_slice(&self.challenge);
        command.push(0x00);
        self.host = None;
        let Some((data, 0x9000)) = self.send(&command) else {
            return;
        };
        let card: Option<[u8; 8]> = data.get(13..21).and_then(|bytes| bytes.try_into().ok());
        let keys = host::channel_keys(&KMC, kvn, &SE_ID);
        self.host = card
            .zip(keys)
            .map(|(card, [enc, mac, _])| Host::new(&enc, &mac, self.challenge, card));
    }

    fn authenticate(&mut self, level: u8, spoil: u8) {
        let Some(mut host) = self.host.clone() else {
            return;
        };
        let command = match spoil {
            0 => host.authenticate(level),
            1 => host.authenticate_falsely(level),
            _ => spoilt(host.authenticate(level), spoil),
        };
        let answer = self.send(&command);
        self.host = Some(host).filter(|_| matches!(answer, Some((_, 0x9000))));
    }

    fn managed(&mut self, header: [u8; 4], data: &[u8], le: bool, spoil: u8) {
        let mut command = match self.host.as_mut() {
            Some(host) => host.wrap(header, data),
            None => unwrapped(header, data),
        };
        if spoil != 0 {
            command = spoilt(command, spoil);
        }
        if le {
            command.push(0x00);
        }
        self.send(&command);
        self.recorded.push(command);
    }

    /// A command in pieces; what is spoilt is the order of P2.
    fn chained(&mut self, header: [u8; 4], data: &[u8], size: usize, spoil: u8) {
        let whole = match self.host.as_mut() {
            Some(host) => host.wrap(header, data),
            None => unwrapped(header, data),
        };
        let head = if whole.get(4) == Some(&0) { 7 } else { 5 };
        let pieces: Vec<&[u8]> = whole[head..].chunks(size.clamp(1, 255)).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let last = at + 1 == pieces.len();
            let [cla, ins, p1, p2] = header;
            let cla = if last { cla } else { cla | 0x10 };
            let p2 = if spoil != 0 && at == usize::from(spoil) {
                p2 ^ 1
            } else {
                p2
            };
            let length = u8::try_from(piece.len()).unwrap_or(0);
            self.send(&[&[cla, ins, p1, p2, length], *piece].concat());
        }
    }

    /// EXTERNAL AUTHENTICATE with what the issuer would say.
    fn prove(&mut self, approves: bool, spoil: u8) {
        let Some(twin) = self.twins.first() else {
            return;
        };
        let proof = twin.issuer_proof(approves);
        let length = u8::try_from(proof.len()).unwrap_or(0);
        let mut command = [&[0x00, 0x82, 0x00, 0x00, length], &proof[..]].concat();
        if spoil != 0 {
            command = spoilt(command, spoil);
        }
        self.send(&command);
    }

    /// Sends, and asks both oracles.
    fn send(&mut self, command: &[u8]) -> Option<(Vec<u8>, u16)> {
        let before = self.card.image();
        let Some(answer) = self.card.transmit(command) else {
            assert!(
                self.torn,
                "no answer although power was there: {command:02X?}"
            );
            self.after_tear(command);
            return None;
        };
        let (data, status) = answer
            .split_last_chunk::<2>()
            .unwrap_or_else(|| panic!("an answer of {} bytes to {command:02X?}", answer.len()));
        let number = u16::from_be_bytes(*status);
        self.history
            .check(command, data, number, (&before, &self.card.image()));
        let held = self.keys();
        self.narrow(command, data, number);
        self.deleted_keys_are_gone(command, &held);
        Some((data.to_vec(), number))
    }

    /// Token keys that the chip holds, whichever of its possible states it is in.
    fn keys(&self) -> BTreeSet<[u8; 16]> {
        let of = |twin: &Twin| {
            twin.durable
                .slots
                .iter()
                .flatten()
                .map(|slot| slot.udk)
                .collect()
        };
        let mut twins = self.twins.iter().map(of);
        let first: BTreeSet<_> = twins.next().unwrap_or_default();
        twins.fold(first, |common, keys| &common & &keys)
    }

    /// MNG-8, PRO-16: after DELETE and ROLLBACK the key is nowhere in memory, not even where an older image stands.
    fn deleted_keys_are_gone(&mut self, command: &[u8], held: &BTreeSet<[u8; 16]>) {
        let rolls_back = command.get(1..4) == Some(&[0xF0, 0x40, 0x01]);
        if command.get(1) != Some(&0xE4) && !rolls_back {
            return;
        }
        let slots = self.twins.iter().flat_map(|twin| &twin.durable.slots);
        let kept: BTreeSet<_> = slots.flatten().map(|slot| slot.udk).collect();
        let image = self.card.image();
        for key in held.difference(&kept) {
            let left = image.windows(key.len()).any(|window| window == key);
            assert!(!left, "the key of a deleted token is still in memory");
        }
    }

    /// Keeps the twins that agree with what was answered.
    fn narrow(&mut self, command: &[u8], data: &[u8], status: u16) {
        let outcomes: Vec<Outcome> = self
            .twins
            .iter()
            .flat_map(|twin| twin.step(command))
            .collect();
        let mut fitting: Vec<Twin> = Vec::new();
        for outcome in &outcomes {
            if let Some(next) = fits(outcome, command, data, status)
                && !fitting.contains(&next)
            {
                fitting.push(next);
            }
        }
        assert!(
            !fitting.is_empty(),
            "answered {data:02X?} {status:04X} to {command:02X?}; the specification allows {:?}",
            outcomes
                .iter()
                .map(|outcome| (format!("{:04X}", outcome.status), &outcome.body))
                .collect::<Vec<_>>()
        );
        if self.torn {
            // The command was over before power was lost: the chip then answers and goes on.
            self.torn = false;
            self.card.tear_after(u8::MAX);
        }
        self.twins = fitting;
    }

    /// Power was lost: the chip holds one of the states on the way, never a mixture.
    fn after_tear(&mut self, command: &[u8]) {
        let mut left: Vec<Twin> = Vec::new();
        for twin in &self.twins {
            for durable in twin
                .step(command)
                .into_iter()
                .flat_map(|outcome| outcome.torn)
            {
                let next = twin.rebooted(durable);
                if !left.contains(&next) {
                    left.push(next);
                }
            }
        }
        assert!(
            !left.is_empty(),
            "no state is left after a tear in {command:02X?}"
        );
        self.twins = left;
        self.reset();
    }
}

/// The twin after `outcome`, when the answer is one that it allows.
fn fits(outcome: &Outcome, command: &[u8], data: &[u8], status: u16) -> Option<Twin> {
    let ne = crate::apdu::by_table(command).and_then(|fields| fields.ne);
    let Outcome { next, body, .. } = outcome;
    if outcome.status == status {
        let good = match body {
            Body::Exactly(bytes) => bytes == data,
            Body::Rest => true,
            Body::Holding(inside) => data.windows(inside.len()).any(|window| window == inside),
            Body::Cryptogram {
                kinds,
                version,
                udk,
                atc,
                data: covered,
            } => kinds.iter().any(|(kind, results)| {
                let atc = atc.to_be_bytes();
                cryptogram_answer(*kind, *results, *version, udk, atc, covered) == data
            }),
        };
        return good.then(|| next.clone());
    }
    // Fewer bytes were asked for than there are: the rest, or all of it, waits for GET RESPONSE.
    let few = ne != Some(256) && matches!(status >> 8, 0x61 | 0x6C);
    let short = match body {
        Body::Exactly(bytes) => ne.unwrap_or(0) < bytes.len() && bytes.starts_with(data),
        Body::Holding(_) | Body::Rest | Body::Cryptogram { .. } => true,
    };
    let rest = match body {
        body if data.is_empty() => body.clone(),
        Body::Exactly(bytes) if short => Body::Exactly(bytes[data.len()..].to_vec()),
        _ => Body::Rest,
    };
    let whole = status >> 8 == 0x6C && !data.is_empty();
    (few && short && !whole).then(|| next.clone().holding_back(rest, outcome.status))
}

/// The cryptogram over what the terminal sent and what the chip says of itself.
pub fn cryptogram_of(
    results: [u8; 2],
    version: u8,
    udk: &[u8; 16],
    atc: [u8; 2],
    covered: &[u8],
) -> [u8; 8] {
    let results = [0x03, results[0], results[1], 0x00];
    let front = [covered, &[0x1C, 0x00], &atc].concat();
    if version == 0x0A {
        return host::cryptogram_10(udk, &[&front[..], &results].concat());
    }
    let signed = [&front[..], &[0x06, 0x01, version], &results].concat();
    host::cryptogram(udk, atc, &signed)
}

/// `77 { 9F27, 9F36, 9F26, 9F10 }` as the specification has it.
pub fn cryptogram_answer(
    kind: u8,
    results: [u8; 2],
    version: u8,
    udk: &[u8; 16],
    atc: [u8; 2],
    covered: &[u8],
) -> Vec<u8> {
    let made = cryptogram_of(results, version, udk, atc, covered);
    let iad = [0x06, 0x01, version, 0x03, results[0], results[1], 0x00];
    let mut inner = twin::tlv(&[0x9F, 0x27], &[kind]);
    inner.extend(twin::tlv(&[0x9F, 0x36], &atc));
    inner.extend(twin::tlv(&[0x9F, 0x26], &made));
    inner.extend(twin::tlv(&[0x9F, 0x10], &iad));
    twin::tlv(&[0x77], &inner)
}

/// A secured command of nobody: its MAC is zeros.
fn unwrapped(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len() + 8).unwrap_or(0xFF);
    [&header[..], &[length], data, &[0; 8]].concat()
}

/// One bit of the command turned, at a place that depends on `spoil`.
fn spoilt(mut command: Vec<u8>, spoil: u8) -> Vec<u8> {
    let at = 5 + usize::from(spoil) % (command.len() - 5).max(1);
    if let Some(byte) = command.get_mut(at) {
        *byte ^= 1 << (spoil % 8);
    }
    command
}
