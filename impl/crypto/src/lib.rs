//! SCP03, EMV cryptograms, password proofs: our use of other people's primitives.
//!
//! Nothing here is a primitive: AES, DES, SHA-2, CMAC, HMAC, the retail MAC and Argon2id come from RustCrypto.
//! What is ours is which bytes go in, by `spec/85-apdu.md` and `spec/90-wire.md`. Start with [`mac`];
//! [`scp03`] is the secure channel, [`emv`] the payment cryptogram, [`password`] the proof, [`digest`] what binds.
#![no_std]

pub mod chip;
pub mod digest;
pub mod emv;
pub mod mac;
pub mod password;
pub mod scp03;
pub mod secret;

pub use secret::Secret;
