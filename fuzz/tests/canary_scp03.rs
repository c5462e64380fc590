//! The oracle of the secure channel can fail: a chip with one flaw is caught, and every kind of exchange comes about.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::chip::Card;
use kaika_fuzz::chip::real::Real;
use kaika_fuzz::scp03::{play, scp03};

/// What is wrong with a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// It answers this word where it should answer that one.
    Says(u16, u16),
    /// Its answers have no MAC.
    Bare,
    /// A bit of its answers' data is turned.
    Garbled,
    /// It answers what it answered to the same command before.
    TakesRepeats,
    /// It refuses a repeat and leaves the channel open.
    KeepsChannel,
    /// A refused command in the channel writes.
    Writes,
    /// A refused EXTERNAL AUTHENTICATE writes more than a counter.
    WritesAtOpening,
    /// It gives the same sequence counter again and again.
    OldSequence,
    /// It refuses a management command in the clear and leaves the channel open.
    ClearKeepsChannel,
}

struct Flawed {
    chip: Real,
    flaw: Flaw,
    last: Vec<u8>,
    answer: Vec<u8>,
    refusals: u8,
    seen: Vec<u16>,
}

impl Flawed {
    fn over(chip: Real, flaw: Flaw) -> Self {
        Self {
            chip,
            flaw,
            last: Vec::new(),
            answer: Vec::new(),
            refusals: 0,
            seen: Vec::new(),
        }
    }

    fn spoil(&mut self, command: &[u8], answer: &mut Vec<u8>) {
        let at = answer.len() - 2;
        let status = u16::from_be_bytes([answer[at], answer[at + 1]]);
        self.seen.push(status);
        let secured = command[0] == 0x84;
        let refused = status >> 12 == 6 && !matches!(status >> 8, 0x62 | 0x63);
        let opening = command.get(1) == Some(&0x82);
        match self.flaw {
            Flaw::Says(right, wrong) if right == status && secured => {
                answer[at..].copy_from_slice(&wrong.to_be_bytes());
            }
            Flaw::Bare if secured && !opening && status == 0x9000 && at >= 8 => {
                drop(answer.drain(at - 8..at));
            }
            Flaw::Garbled if secured && at > 0 => answer[0] ^= 1,
            Flaw::Writes if secured && !opening && refused => self.refusals += 1,
            Flaw::WritesAtOpening if opening && status != 0x9000 => self.refusals += 1,
            Flaw::OldSequence if command[1] == 0x50 && at > 3 => answer[at - 1] = 1,
            _ => {}
        }
    }
}

impl Card for Flawed {
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let again = command == self.last && command.first() == Some(&0x84);
        match self.flaw {
            Flaw::TakesRepeats if again => return Some(self.answer.clone()),
            Flaw::KeepsChannel if again => return Some(vec![0x69, 0x82]),
            Flaw::ClearKeepsChannel if command.first() == Some(&0x80) && command[1] == 0xF2 => {
                return Some(vec![0x69, 0x82]);
            }
            _ => {}
        }
        let mut answer = self.chip.transmit(command)?;
        if command.is_empty() {
            return Some(answer);
        }
        self.spoil(command, &mut answer);
        self.last = command.to_vec();
        self.answer.clone_from(&answer);
        Some(answer)
    }

    fn reset(&mut self) {
        self.chip.reset();
    }

    fn tear_after(&mut self, writes: u8) {
        self.chip.tear_after(writes);
    }

    fn image(&mut self) -> Vec<u8> {
        let mut image = self.chip.image();
        if let Some(last) = image.last_mut() {
            *last = last.wrapping_add(self.refusals);
        }
        image
    }
}

fn plays() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/scp03");
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let corpus = files.filter_map(|entry| fs::read(entry.path()).ok());
    corpus.chain((0..50).map(drawn)).collect()
}

/// Random ops behind an open channel.
fn drawn(seed: u64) -> Vec<u8> {
    let mut stream = Stream::new(seed);
    [&[2, 0, 4, 0, 4, 1, 0], &stream.bytes(100)[..]].concat()
}

fn is_caught(data: &[u8], mut card: Flawed) -> bool {
    catch_unwind(AssertUnwindSafe(|| play(data, &mut card))).is_err()
}

#[test]
fn every_flaw_is_caught() {
    let plays = plays();
    for data in &plays {
        scp03(data);
        play(data, &mut Flawed::over(Real::made(), Flaw::None));
    }
    for flaw in [
        Flaw::Says(0x6982, 0x9000),
        Flaw::Says(0x6300, 0x9000),
        Flaw::Says(0x6982, 0x6985),
        Flaw::Says(0x6A88, 0x9000),
        Flaw::Says(0x6A80, 0x9000),
        Flaw::Says(0x9000, 0x6982),
        Flaw::Says(0x6A86, 0x9000),
        Flaw::Bare,
        Flaw::Garbled,
        Flaw::TakesRepeats,
        Flaw::KeepsChannel,
        Flaw::Writes,
        Flaw::WritesAtOpening,
        Flaw::OldSequence,
        Flaw::ClearKeepsChannel,
    ] {
        let card = || Flawed::over(Real::made(), flaw);
        assert!(plays.iter().any(|data| is_caught(data, card())), "{flaw:?}");
    }
    let forgetful = || Flawed::over(Real::forgetful(), Flaw::None);
    assert!(
        plays.iter().any(|data| is_caught(data, forgetful())),
        "a chip that forgets"
    );
}

/// Else the oracle would be right about nothing.
#[test]
fn every_word_is_seen() {
    let mut card = Flawed::over(Real::made(), Flaw::None);
    for data in plays() {
        let mut fresh = Flawed::over(Real::made(), Flaw::None);
        play(&data, &mut fresh);
        card.seen.extend(fresh.seen);
    }
    for wanted in [
        0x9000, 0x6300, 0x6700, 0x6982, 0x6983, 0x6985, 0x6A80, 0x6A84, 0x6A86, 0x6A88,
    ] {
        assert!(card.seen.contains(&wanted), "{wanted:04X}");
    }
}

#[test]
fn the_honest_chip_is_never_accused() {
    (0..2_000).map(drawn).for_each(|data| scp03(&data));
}
