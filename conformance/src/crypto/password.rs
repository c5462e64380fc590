//! The password proof (90-wire), as the terminal makes it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use kaika_spec::limit::{ARGON2_M_KIB, ARGON2_P, ARGON2_T};

use super::{hmac, labelled_bytes, sha256};

/// By password and salt.
type Cache = BTreeMap<(String, Vec<u8>), [u8; 32]>;

static SALTED: Mutex<Cache> = Mutex::new(BTreeMap::new());

/// Argon2id of password and salt, computed once for each pair.
///
/// # Errors
/// When Argon2 refuses the salt.
pub fn salted(password: &str, salt: &[u8]) -> Result<[u8; 32], String> {
    let mut known = SALTED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (password.to_owned(), salt.to_vec());
    if let Some(found) = known.get(&key) {
        return Ok(*found);
    }
    let params =
        Params::new(ARGON2_M_KIB, ARGON2_T, ARGON2_P, Some(32)).map_err(|e| e.to_string())?;
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut out)
        .map_err(|e| e.to_string())?;
    known.insert(key, out);
    Ok(out)
}

/// What an account keeps of a password.
///
/// # Errors
/// As [`salted`].
pub fn stored_key(password: &str, salt: &[u8]) -> Result<[u8; 32], String> {
    Ok(sha256(&[&hmac(&salted(password, salt)?, &[b"Client Key"])]))
}

/// A proof and the session key that is born with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Sent to the verifier.
    pub proof: [u8; 32],
    /// Kept by the terminal.
    pub session: [u8; 32],
}

/// Proves `password` for one purpose and subject.
///
/// # Errors
/// As [`salted`].
pub fn prove(
    password: &str,
    salt: &[u8],
    purpose: &str,
    subject: &str,
    nonce: &str,
    digest: &str,
) -> Result<Proof, String> {
    let client = hmac(&salted(password, salt)?, &[b"Client Key"]);
    let stored = sha256(&[&client]);
    let message = labelled_bytes("kaika/password/1", &[purpose, subject, nonce, digest]);
    let signature = hmac(&stored, &[&message]);
    let mut proof = client;
    for (byte, mask) in proof.iter_mut().zip(signature) {
        *byte ^= mask;
    }
    Ok(Proof {
        proof,
        session: hmac(&stored, &[b"kaika/session/1", &message]),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Computed with the Argon2 of Python's `cryptography` and the `hmac` and `hashlib` of its standard library.
    #[test]
    fn the_proof_is_the_one_that_another_library_computes() {
        let salt = [7; 16];
        let digest = "11".repeat(32);
        let made = prove(
            "correct horse",
            &salt,
            "apply",
            "0123",
            &"22".repeat(32),
            &digest,
        )
        .unwrap();
        assert_eq!(
            hex::encode(salted("correct horse", &salt).unwrap()),
            "7132e6a6028b7abb94eb36beb767146777cd7c75426211a827c8a7a5c50d7307"
        );
        assert_eq!(
            hex::encode(stored_key("correct horse", &salt).unwrap()),
            "243d914baabdd19072998a5156010fca3d60f52a1182039956083502ce7aa8f2"
        );
        assert_eq!(
            hex::encode(made.proof),
            "440a82595c49a9f322655165ce98133b7fe5c078721c005cba56620e47ff0f48"
        );
        assert_eq!(
            hex::encode(made.session),
            "3519c84669ddc451d94ebdfa5a879c80440bab4f76f9016bc31137475d31d537"
        );
    }
}
