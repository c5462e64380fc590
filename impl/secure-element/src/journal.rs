//! Atomic writes of one image over a memory that writes words: two copies, the newer whole one counts.
//!
//! ```text
//! copy  =  generation (4)  image (IMAGE_LEN)  check (8)        check = SHA-256 of the rest, shortened
//! ```
//! A write goes to the copy that does not count, its check last. Wherever power fails, the other copy stands. What was
//! wiped stands in the older copy until that is written over, which a deletion does at once and a start when
//! power failed in between.

use kaika_crypto::digest::sha256;

use crate::image::{IMAGE_LEN, Image};

/// Bytes of one copy.
const COPY_LEN: usize = 4 + IMAGE_LEN + 8;
/// Bytes of memory that a chip needs.
pub const FLASH_LEN: usize = 2 * COPY_LEN;

/// The memory could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// The memory was written and holds no whole image.
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

/// The two copies.
#[derive(Debug)]
pub(crate) struct Journal<F> {
    flash: F,
    generation: u32,
    /// Whether the second copy counts.
    second: bool,
}

struct Copy {
    generation: u32,
    image: Image,
}

impl<F: Flash> Journal<F> {
    pub(crate) fn open(flash: F) -> Result<(Self, Image), Damaged> {
        let (first, second) = (load(&flash, 0), load(&flash, COPY_LEN));
        let (copy, older, is_second) = match (first, second) {
            (Some(a), Some(b)) if b.generation > a.generation => (b, Some(a), true),
            (Some(a), b) => (a, b, false),
            (None, Some(b)) => (b, None, true),
            (None, None) if is_new(&flash, 0) || is_new(&flash, COPY_LEN) => {
                // Nothing was ever committed. The first write goes to the first copy.
                return Ok((
                    Self {
                        flash,
                        generation: 0,
                        second: true,
                    },
                    Image::default(),
                ));
            }
            (None, None) => return Err(Damaged),
        };
        let mut journal = Self {
            flash,
            generation: copy.generation,
            second: is_second,
        };
        if copy.image.lacks_keys_of(older.map(|older| older.image)) {
            // Memory that cannot be written now says so at the next command that writes.
            let _ = journal.commit(&copy.image);
        }
        Ok((journal, copy.image))
    }

    pub(crate) const fn flash(&mut self) -> &mut F {
        &mut self.flash
    }

    /// Stores an image: afterwards it counts, or, after a fault, the old one still does.
    pub(crate) fn commit(&mut self, image: &Image) -> Result<(), Fault> {
        //= spec/60-provision.md#pro-5-all-or-nothing
        //# A token MUST become visible in the chip completely or not at all, wherever power fails.
        let generation = self.generation.checked_add(1).ok_or(Fault)?;
        let bytes = copy_bytes(generation, image);
        let start = if self.second { 0 } else { COPY_LEN };
        for (word, at) in bytes.chunks_exact(4).zip((start..).step_by(4)) {
            self.flash.write(at, word.try_into().map_err(|_| Fault)?)?;
        }
        self.flash.sync()?;
        self.generation = generation;
        self.second = !self.second;
        Ok(())
    }
}

fn copy_bytes(generation: u32, image: &Image) -> [u8; COPY_LEN] {
    let mut bytes = [0; COPY_LEN];
    let image = image.encode();
    let check = check(&generation.to_be_bytes(), &image);
    let all = generation
        .to_be_bytes()
        .into_iter()
        .chain(image)
        .chain(check);
    for (byte, from) in bytes.iter_mut().zip(all) {
        *byte = from;
    }
    bytes
}

fn load<F: Flash>(flash: &F, start: usize) -> Option<Copy> {
    let mut bytes = [0; COPY_LEN];
    flash.read(start, &mut bytes);
    let (generation, rest) = bytes.split_first_chunk::<4>()?;
    let (image, found) = rest.split_first_chunk::<IMAGE_LEN>()?;
    if found != check(generation, image) {
        return None;
    }
    Some(Copy {
        generation: u32::from_be_bytes(*generation),
        image: Image::decode(image)?,
    })
}

fn check(generation: &[u8; 4], image: &[u8; IMAGE_LEN]) -> [u8; 8] {
    let mut check = [0; 8];
    for (byte, from) in check
        .iter_mut()
        .zip(sha256(&[b"kaika/image/1", generation, image]))
    {
        *byte = from;
    }
    check
}

fn is_new<F: Flash>(flash: &F, start: usize) -> bool {
    let mut bytes = [0; COPY_LEN];
    flash.read(start, &mut bytes);
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
