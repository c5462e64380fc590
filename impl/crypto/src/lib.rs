//! How Kaika uses other people's primitives: SCP03, EMV cryptograms, receipts, password proofs, digests.
//!
//! Everything here is a function of its arguments; nonces and challenges come from the caller. Primitives are
//! `RustCrypto`'s. Start at [`scp03::Channel`] (the secure channel, both ends), [`emv`] (the cryptogram),
//! [`chip`] (keys and receipt of a chip), [`password`] (the proof), `sealed` (secrets at rest) and
//! [`digest`] (what is bound to what).
#![no_std]

pub mod chip;
pub mod digest;
pub mod emv;
pub mod emv10;
pub mod mac;
#[cfg(feature = "password")]
pub mod password;
pub mod scp03;
#[cfg(feature = "seal")]
pub mod sealed;
pub mod secret;

pub use secret::{
    AesKey, ChipMasterKey, ClientKey, IssuerMasterKey, KeySize, SaltedPassword, SealKey,
    SessionKey, StoredKey, TokenKey,
};

/// Whether two byte strings are equal, in time that depends on their lengths only.
pub fn is_same(left: &[u8], right: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    left.ct_eq(right).into()
}
