//! A secure channel between the runner's host and the chip, with somebody on the line who changes, drops and repeats.
//!
//! Start at [`play`]. The host's cryptography is that of the conformance runner, which shares nothing with `impl/`. A
//! ledger of a few variables (`scp03/ledger.rs`) says what each command is answered; what was tampered with is refused and changes nothing.

mod ledger;

use kaika_conformance::crypto::channel::{Channel, DOMAIN, card_challenge};
use kaika_secure_element::image::{RECORDS, Record};
use kaika_secure_element::journal::FLASH_LEN;
use kaika_spec::limit::CHANNEL_TRIES_MAX;
use ledger::{Ask, Ledger, Outcome, Pieces, State, asked, keys_of, template_under};

use crate::bytes::{Reader, grow};
use crate::chip::real::Real;
use crate::chip::twin::{slot_aid, tlv};
use crate::chip::{Card, SE_ID};

/// Longest play.
const OPS_MAX: usize = 48;
/// The security levels that there are.
const LEVELS: [u8; 5] = [0x01, 0x03, 0x11, 0x13, 0x33];
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
                self.ask(ask, fault, op == 5);
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

    /// `chained`: in two links, the fault in the second. Of the faults a chain has the wrong MAC only.
    fn ask(&mut self, ask: Ask, fault: Fault, chained: bool) {
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
        let mut command = host.channel.wrap(header, &data, true);
        if chained && matches!(fault, Fault::None | Fault::Mac(_)) {
            command = self.first_link(&command);
        }
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

    /// Sends the first bytes of the command's data as a link, and gives the link with what is left.
    fn first_link(&mut self, command: &[u8]) -> Vec<u8> {
        let (header, field) = (&command[1..4], &command[5..command.len() - 1]);
        let link = |cla: u8, part: &[u8]| {
            let length = u8::try_from(part.len()).unwrap_or(0);
            [&[cla], header, &[length], part].concat()
        };
        let (first, rest) = field.split_at(PIECE.min(field.len() / 2));
        let (data, status, same) = self.send(&link(0x94, first));
        let encrypts = self.ledger.open.is_some_and(|(_, level)| level & 0x02 != 0);
        let wanted = if encrypts { 0x9000 } else { 0x6982 };
        assert_eq!(
            (data.len(), status, same),
            (0, wanted, [true; 2]),
            "the first link"
        );
        if !encrypts {
            self.ledger.close();
        }
        [&link(0x84, rest)[..], &[0x00]].concat()
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
