//! The tokenization core: PAN in, token out, nothing else.
//!
//! Start at [`Draft`]: all that one transaction does to a vault, judged over [`Records`] and handed back as changes.
//! [`Policy`] says from which [`Ranges`] numbers come, who draws them ([`generate`]) and who keeps the keys ([`keys`]).
//! [`Lifecycle`] is the life of a token, [`resolve`](resolve::resolve) says who may have the PAN, and [`TokenVault`]
//! holds all of it in memory. Randomness and time come in as arguments; nothing here prints a PAN.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

extern crate alloc;

pub mod domain;
pub mod draft;
pub mod generate;
pub mod keys;
pub mod lifecycle;
pub mod luhn;
pub mod mint;
pub mod number;
pub mod par;
pub mod range;
pub mod records;
pub mod resolve;
pub mod vault;

pub use domain::{Assurance, Channel, Domain, Presented, RequestorId};
pub use draft::{Draft, Entropy, Minted, Policy, detokenised};
pub use generate::Generation;
pub use keys::{KeyFault, KeyId, KeyService, Software, Wrapped};
pub use lifecycle::{IllegalTransition, Lifecycle, Party};
pub use number::{Pan, Token};
pub use par::Par;
pub use range::{Range, RangeFault, Ranges};
pub use records::{Account, Changes, Link, Place, Record, Records, State};
pub use vault::TokenVault;
