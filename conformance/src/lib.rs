//! Plays vectors over the real wires against any subject, with its own codec and its own cryptography.
//!
//! It depends on the names of the protocol and on nothing of the implementation or the model. Start at
//! [`play::Runner`]; a suite is a [`format::File`], a subject a [`manifest::Manifest`].

pub mod calc;
pub mod codec;
pub mod crypto;
pub mod format;
pub mod manifest;
pub mod peers;
pub mod play;
pub mod report;
pub mod softchip;
pub mod suite;
pub mod transcript;
