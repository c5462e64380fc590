//! The password proof: SCRAM (RFC 5802) with Argon2id. `spec/90-wire.md`, section *Password proof*.
//!
//! The verifier keeps `StoredKey`, which checks proofs and cannot make them.

use crate::mac::{equal, hmac_any, hmac_sha256, sha256};
use crate::secret::Secret;

/// What a proof is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Opening a card request.
    Apply,
    /// Paying an order.
    Pay,
}

impl Purpose {
    /// The name inside the proof.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Pay => "pay",
        }
    }
}

/// What a proof covers.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// Request id or order id.
    pub subject_id: &'a str,
    /// The verifier's challenge, hex.
    pub nonce: &'a str,
    /// The digest of what is authorised, hex.
    pub digest: &'a str,
}

impl Statement<'_> {
    fn mac(&self, key: &[u8; 32], label: &[u8]) -> [u8; 32] {
        let lengths = [
            self.purpose.name(),
            self.subject_id,
            self.nonce,
            self.digest,
        ]
        .map(|part| u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        let [purpose, subject, nonce, digest] = &lengths;
        hmac_sha256(
            key,
            &[
                label,
                b"kaika/password/1",
                purpose,
                self.purpose.name().as_bytes(),
                subject,
                self.subject_id.as_bytes(),
                nonce,
                self.nonce.as_bytes(),
                digest,
                self.digest.as_bytes(),
            ],
        )
    }
}

/// `ClientKey`: what only somebody who knows the password has.
pub fn client_key(salted: &Secret<32>) -> Secret<32> {
    Secret::new(hmac_any(salted.expose(), &[b"Client Key"]))
}

/// `StoredKey`: what the account keeps.
pub fn stored_key(client: &Secret<32>) -> [u8; 32] {
    sha256(&[client.expose()])
}

/// The proof of one statement.
pub fn prove(client: &Secret<32>, statement: &Statement<'_>) -> [u8; 32] {
    xor(client.expose(), &statement.mac(&stored_key(client), b""))
}

/// Whether `proof` was made for exactly this statement by somebody who knows the password.
pub fn verify(stored: &[u8; 32], statement: &Statement<'_>, proof: &[u8; 32]) -> bool {
    let client = Secret::new(xor(proof, &statement.mac(stored, b"")));
    equal(&stored_key(&client), stored)
}

/// The session key that both sides have after a proof.
pub fn session_key(stored: &[u8; 32], statement: &Statement<'_>) -> Secret<32> {
    Secret::new(statement.mac(stored, b"kaika/session/1"))
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut out = *a;
    for (byte, other) in out.iter_mut().zip(b) {
        *byte ^= other;
    }
    out
}

/// `Salted`: the password, made slow to guess.
///
/// # Errors
/// When Argon2id refuses the parameters (a challenge that is out of its range).
#[cfg(feature = "password")]
pub fn salted(
    password: &[u8],
    salt: &[u8; 16],
    m_kib: u32,
    t: u32,
    p: u32,
) -> Result<Secret<32>, argon2::Error> {
    let parameters = argon2::Params::new(m_kib, t, p, Some(32))?;
    let hasher = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        parameters,
    );
    let mut out = [0; 32];
    hasher.hash_password_into(password, salt, &mut out)?;
    Ok(Secret::new(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(purpose: Purpose, subject: &str) -> Statement<'_> {
        Statement {
            purpose,
            subject_id: subject,
            nonce: "00",
            digest: "11",
        }
    }

    #[test]
    fn a_proof_holds_for_its_statement_and_no_other() {
        let client = client_key(&Secret::new([7; 32]));
        let stored = stored_key(&client);
        let proof = prove(&client, &statement(Purpose::Apply, "r"));
        assert!(verify(&stored, &statement(Purpose::Apply, "r"), &proof));
        assert!(!verify(&stored, &statement(Purpose::Pay, "r"), &proof));
        assert!(!verify(&stored, &statement(Purpose::Apply, "s"), &proof));
        assert!(!verify(
            &stored_key(&client_key(&Secret::new([8; 32]))),
            &statement(Purpose::Apply, "r"),
            &proof
        ));
        let mut other = statement(Purpose::Apply, "r");
        other.digest = "12";
        assert!(!verify(&stored, &other, &proof));
        other.digest = "11";
        other.nonce = "01";
        assert!(!verify(&stored, &other, &proof));
    }

    #[test]
    fn the_session_key_is_not_the_proof_mac() {
        let stored = stored_key(&client_key(&Secret::new([7; 32])));
        let statement = statement(Purpose::Apply, "r");
        assert!(!session_key(&stored, &statement).matches(&statement.mac(&stored, b"")));
    }
}
