//! Entropy as an input: the shell draws one seed for each input, the core expands it.

use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};

/// A stream of random bytes from one seed. Same seed, same bytes.
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// Starts the stream. The shell takes `seed` from the operating system.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number below `bound`, without bias. `bound` 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let drawn = u64::from_be_bytes(self.bytes());
            if drawn < fair {
                return drawn % bound;
            }
        }
    }

    /// A fresh id: 32 hex digits.
    pub fn id(&mut self) -> String {
        hex::encode(self.bytes::<16>())
    }
}

impl core::fmt::Debug for Dice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Dice")
    }
}
