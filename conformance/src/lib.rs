//! Plays vectors over the real wires against any subject, with its own codec and its own cryptography.
//!
//! It depends on the names of the protocol and on nothing of the implementation or the model. Start at
//! `play::Runner`; a suite is a `format::File`, a subject a `manifest::Manifest`. Without the feature `play` there is only
//! [`crypto`], for whoever wants a second computation and no sockets.

#[cfg(feature = "play")]
pub mod again;
#[cfg(feature = "play")]
pub mod calc;
#[cfg(feature = "play")]
pub mod codec;
#[cfg(feature = "play")]
pub mod contract;
#[cfg(feature = "play")]
pub mod control;
pub mod crypto;
#[cfg(feature = "play")]
pub mod dice;
#[cfg(feature = "play")]
pub mod explain;
#[cfg(feature = "play")]
pub mod format;
#[cfg(feature = "play")]
pub mod journal;
#[cfg(feature = "play")]
pub mod manifest;
#[cfg(feature = "play")]
pub mod peers;
#[cfg(feature = "play")]
pub mod play;
#[cfg(feature = "play")]
pub mod report;
#[cfg(feature = "play")]
pub mod softcard;
#[cfg(feature = "play")]
pub mod softchip;
#[cfg(feature = "play")]
pub mod stage;
#[cfg(feature = "play")]
pub mod suite;
#[cfg(feature = "play")]
pub mod transcript;
#[cfg(feature = "play")]
pub mod verdict;
#[cfg(feature = "play")]
pub mod wallet;
