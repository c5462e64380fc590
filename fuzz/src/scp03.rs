//! A secure channel between the runner's host and the chip, with somebody on the line who changes, drops and repeats.
//!
//! Start at [`play`]. The host's cryptography is that of the conformance runner, which shares nothing with `impl/`. A
//! [`Ledger`] of a few variables says what each command is answered; what was tampered with is refused and changes nothing.

use kaika_conformance::crypto::cbc_encrypt;
use kaika_conformance::crypto::channel::{
    Channel, ChipKeys, DOMAIN, card_challenge, longer_keys, receipt,
};
use kaika_secure_element::image::{RECORDS, Record};
use kaika_secure_element::journal::FLASH_LEN;
use kaika_spec::limit::{CHANNEL_TRIES_MAX, SLOTS};

use crate::bytes::{Reader, grow};
use crate::chip::ops::{template, token_key};
use crate::chip::real::Real;
use crate::chip::twin::{slot_aid, tlv};
use crate::chip::{Card, KMC, SE_ID};

/// Longest play.
const OPS_MAX: usize = 48;
/// The security levels that there are.
const LEVELS: [u8; 5] = [0x01, 0x03, 0x11, 0x13, 0x33];
/// Where a template's encrypted key stands.
const KEY_AT: core::ops::Range<usize> = 44..60;
/// Bytes of the first piece of a template.
const PIECE: usize = 50;

/// Fuzz body: the byte-code against the chip of `impl/secure-element`.
pub fn scp03(data: &[u8]) {
    play(data, &mut Real::made());
}

/// Plays the byte-code `data` against `card`, which must be fresh. Panics when the card does not what the ledger says.
pub fn play(data: &[u8], card: &mut impl Card) {
    let mut reader = Reader::new(data);
    let mut play = Play {
        card,
        ledger: Ledger::default(),
        host: None,
        last: None,
        opens: 0,
    };
    for _ in 0..OPS_MAX {
        if reader.is_empty() {
            return;
        }
        play.perform(&mut reader);
    }
}

/// What is asked in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// STORE DATA, a whole template.
    Whole(u8),
    /// Its first piece.
    First(u8),
    /// What is left of the template that was begun.
    Rest,
    Commit,
    Rollback,
    Suspend(usize),
    Resume(usize),
    Delete(usize),
    /// GET STATUS of the slots.
    Slots,
    /// GET STATUS of the domain.
    Domain,
    Data([u8; 2]),
    /// COMMIT that names nothing at all: no data.
    Empty,
    /// SET STATUS with a P2 that there is not.
    Unknown,
}

impl Ask {
    /// Whether a good answer to it may change a slot.
    const fn writes(self) -> bool {
        !matches!(
            self,
            Self::First(_) | Self::Slots | Self::Domain | Self::Data(_)
        )
    }
}

const OBJECTS: [[u8; 2]; 4] = [[0xDF, 0x21], [0x9F, 0x7F], [0x00, 0xC1], [0x00, 0x5A]];

fn asked(op: u8, arg: u8) -> Ask {
    let slot = usize::from(arg) % SLOTS;
    match op {
        4 | 5 => Ask::Whole(arg % 8),
        6 => Ask::First(arg % 8),
        7 => Ask::Rest,
        8 | 9 => Ask::Commit,
        10 => Ask::Rollback,
        11 => match arg % 2 {
            0 => Ask::Suspend(usize::from(arg / 2) % SLOTS),
            _ => Ask::Resume(usize::from(arg / 2) % SLOTS),
        },
        12 => Ask::Delete(slot),
        13 => match arg % 2 {
            0 => Ask::Slots,
            _ => Ask::Domain,
        },
        14 => Ask::Data(OBJECTS[slot]),
        _ => match arg % 2 {
            0 => Ask::Empty,
            _ => Ask::Unknown,
        },
    }
}

/// What somebody on the line does to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A bit is turned, at any place before Le.
    Flip(u8, u8),
    /// A bit of the MAC is turned.
    Mac(u8),
    /// Bytes are missing at its end, Le and at least one more.
    Cut(u8),
    /// The chip never sees it.
    Drop,
    /// The chip sees the one before it again.
    Repeat,
    /// The chip sees a management command in the clear, or GET DATA, which it answers in the clear too.
    Plain,
}

fn fault(reader: &mut Reader<'_>) -> Fault {
    match reader.byte() {
        kind @ 160.. => match kind % 8 {
            0..=2 => Fault::Flip(reader.byte(), reader.byte()),
            3 => Fault::Mac(reader.byte()),
            4 => Fault::Cut(reader.byte()),
            5 => Fault::Drop,
            6 => Fault::Repeat,
            _ => Fault::Plain,
        },
        _ => Fault::None,
    }
}

/// Slot states by their bytes in GET STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Staged = 0x03,
    Active = 0x07,
    Suspended = 0x83,
    Deleted = 0xFF,
}

/// Pieces of a template so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    None,
    First(u8),
    /// After a refused piece: the specification does not say whether those before it are kept.
    Unclear,
}

/// What the chip must hold.
#[derive(Clone, Debug)]
struct Ledger {
    /// Token number and state.
    slots: [Option<(u8, State)>; SLOTS],
    pieces: Pieces,
    sequence: u32,
    failures: u8,
    /// Whether the security domain is selected.
    selected: bool,
    /// Version and level of the channel that is open.
    open: Option<(u8, u8)>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            slots: [None; SLOTS],
            pieces: Pieces::None,
            sequence: 0,
            failures: 0,
            selected: false,
            open: None,
        }
    }
}

/// An answer that is allowed, and what the chip holds then.
type Outcome = (u16, Vec<u8>, Ledger);

impl Ledger {
    fn close(&mut self) {
        self.open = None;
        self.pieces = Pieces::None;
    }

    fn closed(&self) -> Vec<Outcome> {
        let mut next = self.clone();
        next.close();
        vec![(0x6982, Vec::new(), next)]
    }

    fn refused(&self, statuses: &[u16]) -> Vec<Outcome> {
        let outcome = |status: &u16| (*status, Vec::new(), self.clone());
        statuses.iter().map(outcome).collect()
    }

    fn good(self, data: Vec<u8>) -> Vec<Outcome> {
        vec![(0x9000, data, self)]
    }

    fn place(&self, state: State) -> Option<usize> {
        let holds = |slot: &Option<(u8, State)>| slot.is_some_and(|(_, held)| held == state);
        self.slots.iter().position(holds)
    }

    /// What may be answered to a command that is as the host sent it.
    fn answers(&self, ask: Ask) -> Vec<Outcome> {
        let Some((_, level)) = self.open else {
            return self.closed();
        };
        match ask {
            Ask::Whole(_) | Ask::First(_) | Ask::Rest if level & 0x02 == 0 => self.closed(),
            Ask::Whole(n) if self.pieces == Pieces::None => self.store(n),
            Ask::First(n) if self.pieces == Pieces::None => {
                let pieces = Pieces::First(n);
                Self {
                    pieces,
                    ..self.clone()
                }
                .good(Vec::new())
            }
            Ask::Rest => match self.pieces {
                Pieces::First(n) => self.store(n),
                _ => self.refused(&[0x6985]),
            },
            Ask::Whole(_) | Ask::First(_) => self.unclear(&[0x6985]),
            Ask::Commit | Ask::Rollback => self.staged(ask),
            Ask::Suspend(at) => self.moved(at, State::Active, State::Suspended),
            Ask::Resume(at) => self.moved(at, State::Suspended, State::Active),
            Ask::Delete(at) => self.deleted(at),
            Ask::Slots | Ask::Domain | Ask::Data(_) => match self.shown(ask) {
                data if data.is_empty() => self.refused(&[0x6A88]),
                data => self.clone().good(data),
            },
            Ask::Empty => self.refused(&[0x6A80]),
            Ask::Unknown => self.refused(&[0x6A86]),
        }
    }

    fn unclear(&self, statuses: &[u16]) -> Vec<Outcome> {
        let begun = self.pieces != Pieces::None;
        let mut next = self.clone();
        next.pieces = if begun { Pieces::Unclear } else { Pieces::None };
        next.refused(statuses)
    }

    /// The template of token `n` came to its end.
    fn store(&self, n: u8) -> Vec<Outcome> {
        let held = self.slots.iter().flatten();
        let mut in_use = held.filter(|(token, state)| *token == n && *state != State::Staged);
        if in_use.next().is_some() {
            return self.unclear(&[0x6985, 0x6A84]);
        }
        let empty = self.slots.iter().position(Option::is_none);
        let Some(at) = self.place(State::Staged).or(empty) else {
            return self.unclear(&[0x6A84]);
        };
        let mut next = self.clone();
        next.slots[at] = Some((n, State::Staged));
        next.pieces = Pieces::None;
        next.good(Vec::new())
    }

    /// COMMIT and ROLLBACK of what is staged.
    fn staged(&self, ask: Ask) -> Vec<Outcome> {
        let found = self.place(State::Staged);
        let Some((at, (n, _))) = found.and_then(|at| Some((at, self.slots[at]?))) else {
            return self.refused(&[0x6A88, 0x6985]);
        };
        let mut next = self.clone();
        next.slots[at] = (ask == Ask::Commit).then_some((n, State::Active));
        next.good(match ask {
            Ask::Commit => tlv(&[0xDF, 0x23], &receipt_of(n)),
            _ => Vec::new(),
        })
    }

    fn moved(&self, at: usize, from: State, to: State) -> Vec<Outcome> {
        match self.slots[at] {
            None => self.refused(&[0x6A88]),
            Some((n, state)) if state == from => {
                let mut next = self.clone();
                next.slots[at] = Some((n, to));
                next.good(Vec::new())
            }
            Some(_) => self.refused(&[0x6985, 0x6A88]),
        }
    }

    fn deleted(&self, at: usize) -> Vec<Outcome> {
        match self.slots[at] {
            None | Some((_, State::Deleted)) => self.refused(&[0x6A88]),
            Some((n, _)) => {
                let mut next = self.clone();
                next.slots[at] = Some((n, State::Deleted));
                next.good(vec![0])
            }
        }
    }

    /// What GET STATUS and GET DATA show; nothing when there is none.
    fn shown(&self, ask: Ask) -> Vec<u8> {
        match ask {
            Ask::Domain => entry(&DOMAIN, 0x0F, [0x80, 0, 0x80], None),
            Ask::Slots => {
                let slots = self.slots.iter().enumerate();
                let entry = |(at, slot): (usize, &Option<(u8, State)>)| {
                    let Some((n, state)) = slot else {
                        return Vec::new();
                    };
                    entry(&slot_aid(at), *state as u8, [0; 3], Some(*n))
                };
                slots.flat_map(entry).collect()
            }
            Ask::Data([0x9F, 0x7F]) => tlv(&[0x9F, 0x7F], &SE_ID),
            Ask::Data([0x00, 0xC1]) => tlv(&[0xC1], &self.sequence.to_be_bytes()[1..]),
            Ask::Data([0xDF, 0x21]) => self.receipts(),
            _ => Vec::new(),
        }
    }

    fn receipts(&self) -> Vec<u8> {
        let shown = |(_, state): &&(u8, State)| matches!(state, State::Active | State::Suspended);
        let slots = self.slots.iter().flatten().filter(shown);
        let list: Vec<u8> = slots
            .flat_map(|(n, _)| {
                let reference = tlv(&[0xDF, 0x22], &grow::<16>(*n));
                [reference, tlv(&[0xDF, 0x23], &receipt_of(*n))].concat()
            })
            .collect();
        match u8::try_from(list.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(length @ 128..) => [&[0xDF, 0x21, 0x81, length], &list[..]].concat(),
            Ok(_) => tlv(&[0xDF, 0x21], &list),
        }
    }
}

fn entry(aid: &[u8], state: u8, privileges: [u8; 3], token: Option<u8>) -> Vec<u8> {
    let mut inner = tlv(&[0x4F], aid);
    inner.extend(tlv(&[0x9F, 0x70], &[state]));
    inner.extend(tlv(&[0xC5], &privileges));
    if let Some(n) = token {
        inner.extend(tlv(&[0xDF, 0x22], &grow::<16>(n)));
    }
    tlv(&[0xE3], &inner)
}

fn receipt_of(n: u8) -> [u8; 16] {
    let keys = ChipKeys::of(&KMC, &SE_ID);
    let mut clear = template(n);
    clear[KEY_AT].copy_from_slice(&token_key(n));
    let context = grow::<32>(n ^ 0xAA);
    receipt(
        &keys.receipt,
        &SE_ID,
        &grow::<16>(n),
        &context,
        1,
        &clear[2..],
    )
}

/// ENC, MAC and DEK of a key version; 00 stands for 30.
fn keys_of(version: u8) -> [Vec<u8>; 3] {
    match version {
        0x31 | 0x32 => longer_keys(&KMC, &SE_ID, version),
        _ => {
            let keys = ChipKeys::of(&KMC, &SE_ID);
            [keys.enc, keys.mac, keys.dek].map(|key| key.to_vec())
        }
    }
}

/// Token number `n`'s template, its key under the DEK of the channel's key version.
fn template_under(version: u8, n: u8) -> Vec<u8> {
    let [.., dek] = keys_of(version);
    let mut bytes = template(n);
    bytes[KEY_AT].copy_from_slice(&cbc_encrypt(&dek, [0; 16], &token_key(n)));
    bytes
}

/// The host's end of the channel that was opened last. It may be closed at the chip: then what it sends is refused.
struct Host {
    channel: Channel,
    version: u8,
}

struct Play<'a, C> {
    card: &'a mut C,
    ledger: Ledger,
    host: Option<Host>,
    /// The last secured command that the chip saw.
    last: Option<Vec<u8>>,
    opens: u8,
}

impl<C: Card> Play<'_, C> {
    fn perform(&mut self, reader: &mut Reader<'_>) {
        match reader.byte() % 16 {
            0 => {
                self.card.reset();
                self.ledger.close();
                self.ledger.selected = false;
            }
            1 => self.select(),
            2 | 3 => {
                let version = [0x30, 0x31, 0x32, 0x00][usize::from(reader.byte() % 4)];
                let level = LEVELS[usize::from(reader.byte()) % LEVELS.len()];
                self.open(version, level, reader.byte());
            }
            op => {
                let ask = asked(op, reader.byte());
                let fault = fault(reader);
                self.ask(ask, fault);
            }
        }
    }

    /// Sends; gives data and status word, and whether memory is as it was, in the channel's record and behind it.
    fn send(&mut self, command: &[u8]) -> (Vec<u8>, u16, [bool; 2]) {
        let before = self.card.image();
        let Some(answer) = self.card.transmit(command) else {
            panic!("no answer to {command:02X?}")
        };
        let after = self.card.image();
        let Some((data, status)) = answer.split_last_chunk::<2>() else {
            panic!("an answer of {} bytes to {command:02X?}", answer.len())
        };
        let at = channel_record();
        let same = [before[..at] == after[..at], before[at..] == after[at..]];
        (data.to_vec(), u16::from_be_bytes(*status), same)
    }

    fn select(&mut self) {
        let command = [&[0x00, 0xA4, 0x04, 0x00, 7], &DOMAIN[..], &[0x00]].concat();
        let (_, status, same) = self.send(&command);
        assert_eq!((status, same), (0x9000, [true; 2]), "SELECT");
        self.ledger.close();
        self.ledger.selected = true;
    }

    /// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE. `how` says what goes wrong, if anything.
    fn open(&mut self, version: u8, level: u8, how: u8) {
        let how = how.checked_sub(160).map_or(0, |how| 1 + how % 8);
        if how != 6 || !self.ledger.selected {
            self.select();
        }
        let Some(mut channel) = self.initialize(version) else {
            return;
        };
        let right = channel.clone().external_authenticate(level);
        if how == 1 {
            channel.host_cryptogram[0] ^= 0x80;
        }
        let mut command = channel.external_authenticate(level);
        let (wanted, counts) = match how {
            1 => (0x6300, true),
            2 => {
                command[13 + usize::from(level % 8)] ^= 0x04;
                (0x6982, true)
            }
            3 => {
                command[2] = if level == 0x33 { 0x03 } else { 0x33 };
                (0x6982, true)
            }
            4 => {
                command[2] = 0x02;
                (0x6A86, false)
            }
            5 => {
                command.truncate(20);
                command[4] = 15;
                (0x6700, false)
            }
            // Only the challenge.
            7 => return self.keep(channel, version),
            _ => (0x9000, false),
        };
        let (data, status, same) = self.send(&command);
        assert_eq!((data.len(), status), (0, wanted), "to {command:02X?}");
        assert!(same[1], "{command:02X?} changed a slot");
        assert!(
            counts || wanted == 0x9000 || same[0],
            "{command:02X?} was counted"
        );
        if counts {
            self.ledger.failures += 1;
        }
        if wanted == 0x9000 {
            self.ledger.failures = 0;
            self.ledger.open = Some((version, level));
        }
        self.keep(channel, version);
        if wanted != 0x9000 || how == 8 {
            // Whatever came of it, the challenge is gone.
            self.tampered(&right, &[0x6985]);
            self.ledger.close();
        }
    }

    fn keep(&mut self, channel: Channel, version: u8) {
        self.host = Some(Host { channel, version });
    }

    /// The host's end, when the chip shows that it has the keys.
    fn initialize(&mut self, version: u8) -> Option<Channel> {
        self.opens = self.opens.wrapping_add(1);
        let challenge: [u8; 8] = grow(self.opens);
        let command = [&[0x80, 0x50, version, 0x00, 8], &challenge[..], &[0x00]].concat();
        let (data, status, same) = self.send(&command);
        if self.ledger.failures >= CHANNEL_TRIES_MAX {
            assert_eq!((status, same), (0x6983, [true; 2]), "after too many tries");
            return None;
        }
        assert_eq!((status, same[1]), (0x9000, true), "INITIALIZE UPDATE");
        self.ledger.close();
        self.ledger.sequence += 1;
        let [_, sequence @ ..] = self.ledger.sequence.to_be_bytes();
        let [enc, mac, _] = keys_of(version);
        let card = card_challenge(&enc, sequence);
        let channel = Channel::under(&enc, &mac, &challenge, &card);
        let shown = if version == 0 { 0x30 } else { version };
        let wanted = [
            &[0, 0],
            &SE_ID[..],
            &[shown, 0x03, 0x70],
            &card,
            &channel.card_cryptogram,
            &sequence,
        ];
        assert_eq!(data, wanted.concat(), "INITIALIZE UPDATE");
        Some(channel)
    }

    fn ask(&mut self, ask: Ask, fault: Fault) {
        let Some(mut host) = self.host.take() else {
            return;
        };
        let store = matches!(ask, Ask::Whole(_) | Ask::First(_) | Ask::Rest);
        if store && self.ledger.pieces == Pieces::Unclear {
            self.host = Some(host);
            return;
        }
        if let (Ask::Data(object), Fault::Plain) = (ask, fault) {
            self.clear(object, &host);
            self.host = Some(host);
            return;
        }
        let ask = match ask {
            // What becomes of a staged slot that is deleted is not said.
            Ask::Delete(at) if self.ledger.place(State::Staged) == Some(at) => Ask::Rollback,
            ask => ask,
        };
        let (header, data) = self.command(ask, host.version);
        let unused = host.channel.clone();
        let command = host.channel.wrap(header, &data, true);
        let tampered = match fault {
            Fault::None => None,
            Fault::Drop => {
                self.host = Some(host);
                return self.lost();
            }
            Fault::Repeat => self.last.clone(),
            Fault::Plain => Some(vec![0x80, 0xF2, 0x40, 0x02, 0x02, 0x4F, 0x00, 0x00]),
            Fault::Flip(at, bit) => Some(flipped(&command, at, bit)),
            Fault::Mac(bit) => {
                let mut command = command.clone();
                let at = command.len() - 9 + usize::from(bit / 8 % 8);
                command[at] ^= 1 << (bit % 8);
                Some(command)
            }
            Fault::Cut(by) => {
                let keep = usize::from(by) % (command.len() - 1);
                Some(command[..keep].to_vec())
            }
        };
        let out_of_turn = matches!(fault, Fault::Repeat | Fault::Plain | Fault::Mac(_));
        if let Some(bytes) = tampered {
            let status = self.tampered(&bytes, if out_of_turn { &[0x6982] } else { &[] });
            // Refused before its MAC was looked at: the channel is as it was, and what was meant is taken.
            if status == 0x6982 {
                self.ledger.close();
            }
            if out_of_turn {
                host.channel = unused;
                self.host = Some(host);
                return;
            }
        }
        self.host = Some(host);
        self.unmodified(ask, &command);
    }

    /// GET DATA in the clear: answered, and no answer of the channel. The channel is as it was.
    fn clear(&mut self, [p1, p2]: [u8; 2], host: &Host) {
        let (data, status, same) = self.send(&[0x80, 0xCA, p1, p2, 0x00]);
        let shown = match [p1, p2] {
            [0x00, 0xC1] if !self.ledger.selected => Vec::new(),
            object => self.ledger.shown(Ask::Data(object)),
        };
        let wanted = if shown.is_empty() { 0x6A88 } else { 0x9000 };
        assert_eq!(
            (&data, status, same),
            (&shown, wanted, [true; 2]),
            "in the clear"
        );
        let answer = [&data[..], &[0x90, 0x00]].concat();
        let macs = self.ledger.open.is_some_and(|(_, level)| level & 0x10 != 0);
        assert!(
            !macs || host.channel.read(&answer).is_none(),
            "{data:02X?} is taken for an answer of the channel"
        );
    }

    /// A command that was lost on the way: the chip does not know of it, and nothing that comes behind it fits.
    fn lost(&mut self) {
        let Some(mut host) = self.host.take() else {
            return;
        };
        let next = host
            .channel
            .wrap([0x84, 0xF2, 0x80, 0x02], &[0x4F, 0], true);
        self.host = Some(host);
        self.tampered(&next, &[0x6982]);
        self.ledger.close();
        self.last = Some(next);
    }

    /// What was changed, repeated or sent out of turn: an error word, no data, and memory as it was.
    fn tampered(&mut self, command: &[u8], wanted: &[u16]) -> u16 {
        let (data, status, same) = self.send(command);
        let error = matches!(status >> 8, 0x64..=0x6F) && status >> 8 != 0x6C;
        assert!(
            error && data.is_empty() && (wanted.is_empty() || wanted.contains(&status)),
            "{data:02X?} {status:04X} to {command:02X?}"
        );
        assert_eq!(
            same, [true; 2],
            "{status:04X} to {command:02X?} changed memory"
        );
        status
    }

    /// As the host sent it.
    fn unmodified(&mut self, ask: Ask, command: &[u8]) {
        let (data, status, same) = self.send(command);
        let answer = [&data[..], &status.to_be_bytes()].concat();
        let protected = self.ledger.open.is_some();
        let read = match &self.host {
            Some(host) if protected => host.channel.read(&answer),
            _ => Some(answer),
        };
        let Some(read) = read else {
            panic!("the answer to {ask:?} is not the chip's: {data:02X?} {status:04X}")
        };
        let data = &read[..read.len() - 2];
        let allowed = self.ledger.answers(ask);
        let fits = |outcome: &&Outcome| outcome.0 == status && outcome.1 == data;
        let Some((.., next)) = allowed.iter().find(fits) else {
            panic!(
                "{data:02X?} {status:04X} to {ask:?}; allowed is {:02X?}",
                allowed
                    .iter()
                    .map(|(status, data, _)| (status, data))
                    .collect::<Vec<_>>()
            )
        };
        let writes = status == 0x9000 && ask.writes();
        assert!(same[0], "{ask:?} was counted");
        assert!(same[1] || writes, "{ask:?} changed a slot");
        self.ledger = next.clone();
        self.last = Some(command.to_vec());
    }

    /// Header and data in the clear.
    fn command(&self, ask: Ask, version: u8) -> ([u8; 4], Vec<u8>) {
        let named = |at| tlv(&[0x4F], &slot_aid(at));
        let none = vec![0x4F, 0x00];
        match ask {
            Ask::Whole(n) => ([0x84, 0xE2, 0x80, 0], template_under(version, n)),
            Ask::First(n) => {
                let mut bytes = template_under(version, n);
                bytes.truncate(PIECE);
                ([0x84, 0xE2, 0x00, 0], bytes)
            }
            Ask::Rest => {
                let n = match self.ledger.pieces {
                    Pieces::First(n) => n,
                    Pieces::None | Pieces::Unclear => 0,
                };
                let bytes = template_under(version, n);
                ([0x84, 0xE2, 0x80, 1], bytes[PIECE..].to_vec())
            }
            Ask::Commit => ([0x84, 0xF0, 0x40, 0x0F], none),
            Ask::Rollback => ([0x84, 0xF0, 0x40, 0x01], none),
            Ask::Suspend(at) => ([0x84, 0xF0, 0x40, 0x80], named(at)),
            Ask::Resume(at) => ([0x84, 0xF0, 0x40, 0x00], named(at)),
            Ask::Delete(at) => ([0x84, 0xE4, 0x00, 0x00], named(at)),
            Ask::Slots => ([0x84, 0xF2, 0x40, 0x02], none),
            Ask::Domain => ([0x84, 0xF2, 0x80, 0x02], none),
            Ask::Data([p1, p2]) => ([0x84, 0xCA, p1, p2], Vec::new()),
            Ask::Empty => ([0x84, 0xF0, 0x40, 0x0F], Vec::new()),
            Ask::Unknown => ([0x84, 0xF0, 0x40, 0x55], none),
        }
    }
}

/// One bit turned before Le, which no MAC covers. Two bits of CLA make another command, not a wrong one: more follows, and GET
/// DATA in the clear.
fn flipped(command: &[u8], at: u8, bit: u8) -> Vec<u8> {
    let mut command = command.to_vec();
    let at = usize::from(at) % (command.len() - 1);
    let bit = 1 << (bit % 8);
    command[at] ^= match (at, bit) {
        (0, 0x10) => 0x20,
        (0, 0x04) if command[1] == 0xCA => 0x20,
        _ => bit,
    };
    command
}

/// Where the record of sequence and failures ends: records stand one behind the other, each twice, in frames of one size.
fn channel_record() -> usize {
    let payloads: usize = (0..RECORDS).map(Record::payload_len).sum();
    let frame = (FLASH_LEN / 2 - payloads) / RECORDS;
    2 * (Record::payload_len(0) + frame)
}
