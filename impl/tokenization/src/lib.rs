//! The tokenization core: PAN in, token out, nothing else.
//!
//! [`mint`](mint::mint) draws numbers, [`Lifecycle`] is the life of a token, [`resolve`](resolve::resolve) gives the PAN
//! back to who may have it, and [`TokenVault`] holds all three together in memory. Randomness and time come in as
//! arguments; nothing here prints a PAN.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

extern crate alloc;

pub mod lifecycle;
pub mod luhn;
pub mod mint;
pub mod number;
pub mod resolve;
pub mod vault;

pub use lifecycle::{IllegalTransition, Lifecycle, Party};
pub use number::{Pan, Token};
pub use vault::TokenVault;
