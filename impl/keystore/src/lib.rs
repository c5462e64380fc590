//! Root keys in an HSM: a [`KeyService`](kaika_tokenization::KeyService) over PKCS#11, behind the feature `pkcs11`.
//!
//! Start at `Hsm`. The keys never leave the module; only keys of the vault, wrapped, go in and out.

#[cfg(feature = "pkcs11")]
mod hsm;
#[cfg(feature = "pkcs11")]
mod session;

#[cfg(feature = "pkcs11")]
pub use hsm::{Hsm, HsmFault, Settings};
