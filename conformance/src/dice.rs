//! What a test makes up, from one seed: the same seed, test and occasion give the same bytes.

use rand::rngs::ChaCha20Rng;
use rand::{Rng as _, SeedableRng as _};

use crate::crypto::sha256;

/// The made-up values of one playing of one test.
#[derive(Debug)]
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// For a test, by its id. A test that is played more than once in a run has an occasion for each, so that its people are new.
    pub fn new(seed: u64, id: &str, occasion: &str) -> Self {
        let parts: [&[u8]; 6] = [
            b"kaika/dice/1",
            &seed.to_be_bytes(),
            &id.len().to_be_bytes(),
            id.as_bytes(),
            b"\0",
            occasion.as_bytes(),
        ];
        Self(ChaCha20Rng::from_seed(sha256(&parts)))
    }

    /// The next bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// A seed that no run had before.
pub fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    // Without the system's randomness people are not new, and enrolling them fails, visibly.
    let _ = getrandom::fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
