//! The shop's terminal: drives the chip by APDU and asks the issuer. No I/O. `spec/75-tap.md`.
//!
//! Read [`tap::Pos::handle`] first: one input in, one effect out, from SELECT to the issuer's word.

pub mod chip;
pub mod host;
pub mod reversal;
pub mod tap;

pub use reversal::Reversal;
pub use tap::{Effect, Input, Kind, Outcome, Pos, Sale};
