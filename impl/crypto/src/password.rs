//! Password proofs: SCRAM (RFC 5802) with Argon2id in the place of `Hi()`, as in `spec/90-wire.md`.
//!
//! The terminal goes [`salted`], [`client_key`], [`stored_key`], [`proof`]; the verifier keeps the stored key and asks [`verify`].

use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};

use crate::digest::prefix;
use crate::mac::hmac_sha256;
use crate::secret::{ClientKey, SaltedPassword, SessionKey, StoredKey};

/// The cost or the salt is not one that Argon2id allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadParameters;

impl core::fmt::Display for BadParameters {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("salt or cost out of range")
    }
}

impl core::error::Error for BadParameters {}

/// Stretches a password.
///
/// # Errors
/// [`BadParameters`] when Argon2id does not allow them: a salt under 8 bytes, memory under 8 KiB per lane, a zero.
pub fn salted(
    password: &[u8],
    salt: &[u8],
    m_kib: u32,
    t: u32,
    p: u32,
) -> Result<SaltedPassword, BadParameters> {
    let params = Params::new(m_kib, t, p, Some(32)).map_err(|_| BadParameters)?;
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut out)
        .map_err(|_| BadParameters)?;
    Ok(SaltedPassword::new(out))
}

/// What proves knowledge of the password.
pub fn client_key(salted: &SaltedPassword) -> ClientKey {
    ClientKey::new(hmac_sha256(salted.bytes(), &[b"Client Key"]))
}

/// What the account keeps.
pub fn stored_key(client: &ClientKey) -> StoredKey {
    StoredKey::new(Sha256::digest(client.bytes()).into())
}

/// What one proof is about: `apply` or `pay`, which request or order, under which challenge, over which digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthMessage<'a> {
    /// `apply` or `pay`.
    pub purpose: &'a str,
    /// The request or order.
    pub subject_id: &'a str,
    /// The challenge's nonce, hex.
    pub nonce: &'a str,
    /// The digest, hex.
    pub digest: &'a str,
}

impl AuthMessage<'_> {
    /// HMAC over `before` and this message.
    fn mac(&self, key: &StoredKey, before: &[u8]) -> [u8; 32] {
        let texts = [self.purpose, self.subject_id, self.nonce, self.digest];
        let [a, b, c, d] = texts.map(prefix);
        let [purpose, subject, nonce, digest] = texts.map(str::as_bytes);
        hmac_sha256(
            key.bytes(),
            &[
                before,
                b"kaika/password/1",
                &a,
                purpose,
                &b,
                subject,
                &c,
                nonce,
                &d,
                digest,
            ],
        )
    }
}

/// The proof that the terminal sends.
pub fn proof(client: &ClientKey, message: &AuthMessage<'_>) -> [u8; 32] {
    xor(client.bytes(), &message.mac(&stored_key(client), b""))
}

/// Whether a proof holds for the account with this stored key.
pub fn verify(stored: &StoredKey, message: &AuthMessage<'_>, proof: &[u8; 32]) -> bool {
    let client = ClientKey::new(xor(proof, &message.mac(stored, b"")));
    stored_key(&client).is_same(stored)
}

/// The key that authenticates the terminal's later messages; both sides can make it.
pub fn session_key(stored: &StoredKey, message: &AuthMessage<'_>) -> SessionKey {
    SessionKey::new(message.mac(stored, b"kaika/session/1"))
}

fn xor(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut out = *left;
    out.iter_mut()
        .zip(right)
        .for_each(|(byte, other)| *byte ^= other);
    out
}

#[cfg(test)]
mod tests;
