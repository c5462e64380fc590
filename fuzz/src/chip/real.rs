//! The chip of `impl/secure-element` as a [`Card`], over memory that loses what was not flushed.

use kaika_crypto::ChipMasterKey;
use kaika_crypto::chip::ChipKeys;
use kaika_secure_element::journal::FLASH_LEN;
use kaika_secure_element::{Chip, Fault, Flash};

use super::{Card, KMC, SE_ID};

/// Writes are told apart below this; from here on the power fails in the flush, see [`Memory::lose_power`].
const IN_FLUSH: u8 = 128;
/// Longest answer with its status word.
const ANSWER_MAX: usize = 258;

/// Non-volatile memory behind a cache: a word is safe only when it was flushed.
#[derive(Clone, Debug)]
pub struct Memory {
    safe: Vec<u8>,
    cached: Vec<(usize, [u8; 4])>,
    cut: Option<u8>,
    /// Words since the cut was set, flushed or not.
    words: usize,
    lost: bool,
    flushes: bool,
}

impl Memory {
    fn new() -> Self {
        Self {
            safe: vec![0xFF; FLASH_LEN],
            cached: Vec::new(),
            cut: None,
            words: 0,
            lost: false,
            flushes: true,
        }
    }

    fn land(&mut self, at: usize, bytes: &[u8]) {
        self.safe[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// In a write: what came before landed, of the last word a half. In the flush: all landed but one word, or all.
    fn lose_power(&mut self, cut: u8) {
        self.lost = true;
        let missing = cut.checked_sub(IN_FLUSH).map(usize::from);
        let cached = core::mem::take(&mut self.cached);
        let last = cached.len().saturating_sub(1);
        for (n, (at, word)) in cached.into_iter().enumerate() {
            let half = missing.is_none() && n == last;
            match missing == Some(n) {
                true => {}
                false if half => self.land(at, &word[..2]),
                false => self.land(at, &word),
            }
        }
    }

    /// Power off: what was not flushed is gone.
    fn power_off(&mut self) {
        self.cached.clear();
        self.cut = None;
        self.lost = false;
    }
}

impl Flash for Memory {
    fn read(&self, at: usize, into: &mut [u8]) {
        let mut now = self.safe.clone();
        for (place, word) in &self.cached {
            now[*place..*place + 4].copy_from_slice(word);
        }
        into.copy_from_slice(&now[at..at + into.len()]);
    }

    fn write(&mut self, at: usize, word: [u8; 4]) -> Result<(), Fault> {
        assert!(at.is_multiple_of(4), "a word at {at}");
        if self.lost {
            return Err(Fault);
        }
        self.cached.push((at, word));
        self.words += 1;
        match self.cut {
            Some(cut) if cut < IN_FLUSH && self.words > usize::from(cut) => {
                self.lose_power(cut);
                Err(Fault)
            }
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), Fault> {
        if self.lost {
            return Err(Fault);
        }
        if let Some(cut) = self.cut.filter(|cut| *cut >= IN_FLUSH) {
            self.lose_power(cut);
            return Err(Fault);
        }
        if self.flushes {
            for (at, word) in core::mem::take(&mut self.cached) {
                self.land(at, &word);
            }
        }
        Ok(())
    }
}

/// The chip, powered.
pub struct Real {
    chip: Chip<Memory>,
    warm: bool,
}

impl Real {
    /// A chip from the factory.
    pub fn made() -> Self {
        Self::over(Memory::new())
    }

    /// One whose memory flushes nothing: the oracle must notice.
    pub fn forgetful() -> Self {
        let mut memory = Memory::new();
        memory.flushes = false;
        Self::over(memory)
    }

    fn over(memory: Memory) -> Self {
        Self {
            chip: boot(memory),
            warm: false,
        }
    }
}

fn boot(memory: Memory) -> Chip<Memory> {
    let keys = ChipKeys::derive(&ChipMasterKey::new(KMC), &SE_ID);
    Chip::new(keys, SE_ID, memory).unwrap_or_else(|_| panic!("memory holds no whole image"))
}

impl Card for Real {
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; ANSWER_MAX];
        let length = self.chip.process(command, &mut out);
        (!self.chip.flash().lost).then(|| out[..length].to_vec())
    }

    /// By turns the chip's own reset and a new chip over what the memory kept. After a loss of power always the second.
    fn reset(&mut self) {
        let lost = self.chip.flash().lost;
        self.chip.flash().power_off();
        self.warm = !self.warm;
        if self.warm && !lost {
            self.chip.reset();
        } else {
            self.chip = boot(self.chip.flash().clone());
        }
    }

    fn tear_after(&mut self, writes: u8) {
        let memory = self.chip.flash();
        memory.cut = Some(writes).filter(|writes| *writes != u8::MAX);
        memory.words = 0;
    }

    fn image(&mut self) -> Vec<u8> {
        self.chip.flash().safe.clone()
    }
}
