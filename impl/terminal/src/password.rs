//! The terminal's side of the password proof.

use kaika_crypto::password::{AuthMessage, client_key, proof, salted, session_key, stored_key};
use kaika_spec::limit::{ARGON2_M_KIB, ARGON2_P, ARGON2_T};
use kaika_wire::messages::verifier::Challenge;

/// A proof, and the key of the session that it opens.
pub(crate) struct Proved {
    pub(crate) proof: [u8; 32],
    pub(crate) session: [u8; 32],
}

/// Proves one statement. `None` when the challenge asks for other parameters than the protocol's: a weaker derivation
/// would give the password away.
pub(crate) fn prove(
    password: &str,
    challenge: &Challenge,
    purpose: &str,
    subject_id: &str,
    digest: &str,
) -> Option<Proved> {
    let right = (challenge.m_kib, challenge.t, challenge.p) == (ARGON2_M_KIB, ARGON2_T, ARGON2_P);
    let nonce = challenge.nonce.to_string();
    let statement = AuthMessage {
        purpose,
        subject_id,
        nonce: &nonce,
        digest,
    };
    let salted = salted(
        password.as_bytes(),
        &challenge.salt.0,
        ARGON2_M_KIB,
        ARGON2_T,
        ARGON2_P,
    )
    .ok()
    .filter(|_| right)?;
    let client = client_key(&salted);
    let session = *session_key(&stored_key(&client), &statement).bytes();
    Some(Proved {
        proof: proof(&client, &statement),
        session,
    })
}

/// What an account keeps of a password: for enrolment.
pub fn stored(password: &str, salt: &[u8; 16]) -> Option<[u8; 32]> {
    let salted = salted(password.as_bytes(), salt, ARGON2_M_KIB, ARGON2_T, ARGON2_P).ok()?;
    Some(*stored_key(&client_key(&salted)).bytes())
}
