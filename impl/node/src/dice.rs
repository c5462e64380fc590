//! Entropy from the operating system: one seed for each input of a core.

use kaika_wire::dice::Dice;

/// Random bytes.
///
/// # Panics
/// When the operating system has no randomness: nothing of this protocol may go on without it.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the operating system gives no randomness: {error}");
    }
    bytes
}

/// Fresh dice for one input.
pub fn fresh() -> Dice {
    Dice::new(bytes())
}

/// A fresh id: 32 hex digits.
pub fn id() -> String {
    hex::encode(bytes::<16>())
}
