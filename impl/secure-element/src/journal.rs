//! Atomic writes of one record over a memory that writes words: two copies of each, the newer whole one counts.
//!
//! ```text
//! copy  =  generation (4)  payload  check (8)        check = SHA-256 of the record's number and the rest, shortened
//! ```
//! A write goes to the copy that does not count, its check last. Wherever power fails, the other copy stands. A key that
//! was wiped stands in the older copy until that is written over, which happens at once, and at a start when power
//! failed in between. Records are small, so that a payment writes few words: see [`Record`].

use kaika_crypto::digest::sha256;
use kaika_spec::Weakness;
use kaika_weakness::lacks;

use crate::image::{Image, PAYLOAD_MAX, RECORDS, Record};

/// What a copy has beside its payload.
const FRAME_LEN: usize = 4 + 8;
/// Longest copy.
const COPY_MAX: usize = PAYLOAD_MAX + FRAME_LEN;
/// Bytes of memory that a chip needs.
pub const FLASH_LEN: usize = start_of(RECORDS);

/// Where the two copies of a record begin.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "evaluated when it is compiled"
)]
const fn start_of(number: usize) -> usize {
    let mut at = 0;
    let mut before = 0;
    while before < number {
        at += 2 * copy_len(before);
        before += 1;
    }
    at
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "two small constants, and the compiler sees it overflow"
)]
const fn copy_len(number: usize) -> usize {
    Record::payload_len(number) + FRAME_LEN
}

/// Where the records begin.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const STARTS: [usize; RECORDS] = {
    let mut starts = [0; RECORDS];
    let mut number = 0;
    while number < RECORDS {
        starts[number] = start_of(number);
        number += 1;
    }
    starts
};

/// The memory could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// The memory was written and holds no whole copy of some record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// [`FLASH_LEN`] bytes of non-volatile memory, written in words of four bytes. New memory is all zeros or all ones.
pub trait Flash {
    /// Reads from `at`.
    fn read(&self, at: usize, into: &mut [u8]);

    /// Writes one word at `at`, a multiple of four.
    ///
    /// # Errors
    /// [`Fault`] when the word may not have been written.
    fn write(&mut self, at: usize, word: [u8; 4]) -> Result<(), Fault>;

    /// Returns when everything written before is durable.
    ///
    /// # Errors
    /// [`Fault`] when it may not be.
    fn sync(&mut self) -> Result<(), Fault>;
}

/// The records, two copies each.
#[derive(Debug)]
pub(crate) struct Journal<F> {
    flash: F,
    heads: [Head; RECORDS],
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Head {
    generation: u32,
    /// Whether the second copy counts.
    second: bool,
}

/// Nothing was ever written. The first write goes to the first copy.
const NEW: Head = Head {
    generation: 0,
    second: true,
};

struct Copy {
    generation: u32,
    record: Record,
}

impl<F: Flash> Journal<F> {
    pub(crate) fn open(flash: F) -> Result<(Self, Image), Damaged> {
        let mut journal = Self {
            flash,
            heads: [NEW; RECORDS],
        };
        let mut image = Image::default();
        for number in 0..RECORDS {
            journal.load(number, &mut image)?;
        }
        Ok((journal, image))
    }

    /// Finds the copy that counts.
    fn load(&mut self, number: usize, image: &mut Image) -> Result<(), Damaged> {
        let [first, second] = [false, true].map(|second| load(&self.flash, number, second));
        let (copy, older, second) = match (first, second) {
            (Some(a), Some(b)) if b.generation > a.generation => (b, Some(a), true),
            (Some(a), b) => (a, b, false),
            (None, Some(b)) => (b, None, true),
            (None, None)
                if [false, true]
                    .into_iter()
                    .any(|second| is_new(&self.flash, number, second)) =>
            {
                return Ok(());
            }
            (None, None) => return Err(Damaged),
        };
        if let Some(head) = self.heads.get_mut(number) {
            *head = Head {
                generation: copy.generation,
                second,
            };
        }
        image.apply(&copy.record);
        if forgets(&copy.record, older.map(|older| older.record).as_ref()) {
            // Memory that cannot be written now says so at the next command that writes.
            let _ = self.write(&copy.record);
        }
        Ok(())
    }

    pub(crate) const fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Stores a record over `held`: afterwards it counts, or, after a fault, the old one still does. A key that it does not have
    /// any more is in neither copy.
    pub(crate) fn commit(&mut self, record: &Record, held: &Image) -> Result<(), Fault> {
        //= spec/60-provision.md#pro-5-all-or-nothing
        //# A token MUST become visible in the chip completely or not at all, wherever power fails.
        self.write(record)?;
        if forgets(record, Some(&held.record(record.number()))) {
            // It counts already; a copy that could not be written over is when the chip starts again.
            let _ = self.write(record);
        }
        Ok(())
    }

    fn write(&mut self, record: &Record) -> Result<(), Fault> {
        let number = record.number();
        let (head, start) = self
            .heads
            .get(number)
            .zip(STARTS.get(number))
            .ok_or(Fault)?;
        let next = Head {
            generation: head.generation.checked_add(1).ok_or(Fault)?,
            second: head.second == lacks(Weakness::WriteInPlace),
        };
        let length = copy_len(number);
        let start = if next.second {
            start.saturating_add(length)
        } else {
            *start
        };
        let bytes = copy_bytes(next.generation, record);
        let words = bytes.get(..length).ok_or(Fault)?.chunks_exact(4);
        for (word, at) in words.zip((start..).step_by(4)) {
            self.flash.write(at, word.try_into().map_err(|_| Fault)?)?;
        }
        self.flash.sync()?;
        *self.heads.get_mut(number).ok_or(Fault)? = next;
        Ok(())
    }
}

/// Whether the older copy has a key, or the PIN, that this one has not. A copy that is not whole may have what is wiped.
fn forgets(record: &Record, older: Option<&Record>) -> bool {
    let Record::Token(_, slot) = record else {
        return false;
    };
    match older {
        Some(Record::Token(_, held)) => {
            (held.key != [0; 16] && held.key != slot.key)
                || (held.has_pin() && held.pin != slot.pin)
        }
        Some(Record::Channel { .. } | Record::Counters(..)) => false,
        None => true,
    }
}

fn copy_bytes(generation: u32, record: &Record) -> [u8; COPY_MAX] {
    let mut bytes = [0; COPY_MAX];
    let (number, payload) = (record.number(), record.payload());
    let payload = payload
        .get(..Record::payload_len(number))
        .unwrap_or_default();
    let generation = generation.to_be_bytes();
    let check = check(number, &generation, payload);
    let all = generation.iter().chain(payload).chain(&check);
    for (byte, from) in bytes.iter_mut().zip(all) {
        *byte = *from;
    }
    bytes
}

fn read_copy<F: Flash>(flash: &F, number: usize, second: bool) -> ([u8; COPY_MAX], usize) {
    let mut bytes = [0; COPY_MAX];
    let length = copy_len(number);
    let start = STARTS.get(number).copied().unwrap_or_default();
    let start = if second {
        start.saturating_add(length)
    } else {
        start
    };
    if let Some(bytes) = bytes.get_mut(..length) {
        flash.read(start, bytes);
    }
    (bytes, length)
}

fn load<F: Flash>(flash: &F, number: usize, second: bool) -> Option<Copy> {
    let (bytes, length) = read_copy(flash, number, second);
    let (generation, rest) = bytes.get(..length)?.split_first_chunk::<4>()?;
    let (payload, found) = rest.split_last_chunk::<8>()?;
    if *found != check(number, generation, payload) {
        return None;
    }
    Some(Copy {
        generation: u32::from_be_bytes(*generation),
        record: Record::read(number, payload)?,
    })
}

fn check(number: usize, generation: &[u8; 4], payload: &[u8]) -> [u8; 8] {
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    let digest = sha256(&[b"kaika/record/1", &[number], generation, payload]);
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

fn is_new<F: Flash>(flash: &F, number: usize, second: bool) -> bool {
    let (bytes, length) = read_copy(flash, number, second);
    let bytes = bytes.get(..length).unwrap_or_default();
    bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xff)
}

/// Memory in RAM whose power can be cut after a number of words: for tests and fuzzers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryFlash {
    bytes: [u8; FLASH_LEN],
    /// Words that may still be written before power fails; `None` for ever.
    pub words_left: Option<usize>,
    /// Words written so far.
    pub words_written: usize,
}

impl Default for MemoryFlash {
    fn default() -> Self {
        Self {
            bytes: [0xff; FLASH_LEN],
            words_left: None,
            words_written: 0,
        }
    }
}

impl MemoryFlash {
    /// Memory with this content.
    pub const fn with(bytes: [u8; FLASH_LEN]) -> Self {
        Self {
            bytes,
            words_left: None,
            words_written: 0,
        }
    }

    /// The same, whose power fails after so many words.
    #[must_use]
    pub const fn cut_after(mut self, words: usize) -> Self {
        self.words_left = Some(words);
        self
    }

    /// What is in it.
    pub const fn bytes(&self) -> &[u8; FLASH_LEN] {
        &self.bytes
    }
}

impl Flash for MemoryFlash {
    fn read(&self, at: usize, into: &mut [u8]) {
        for (byte, from) in into.iter_mut().zip(self.bytes.iter().skip(at)) {
            *byte = *from;
        }
    }

    fn write(&mut self, at: usize, word: [u8; 4]) -> Result<(), Fault> {
        match &mut self.words_left {
            Some(0) => return Err(Fault),
            Some(left) => *left = left.saturating_sub(1),
            None => {}
        }
        self.words_written = self.words_written.saturating_add(1);
        let end = at.checked_add(4).ok_or(Fault)?;
        self.bytes
            .get_mut(at..end)
            .ok_or(Fault)?
            .copy_from_slice(&word);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        if self.words_left == Some(0) {
            Err(Fault)
        } else {
            Ok(())
        }
    }
}
