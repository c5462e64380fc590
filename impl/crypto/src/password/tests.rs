//! Known answers, computed with argon2-cffi and Python's `hmac` from the formulas of `spec/90-wire.md`.

use super::{
    AuthMessage, BadParameters, client_key, proof, salted, session_key, stored_key, verify,
};
use crate::secret::{ClientKey, SaltedPassword};

const NONCE: &str = "5555555555555555555555555555555555555555555555555555555555555555";
const DIGEST: &str = "6666666666666666666666666666666666666666666666666666666666666666";
const MESSAGE: AuthMessage<'_> = AuthMessage {
    purpose: "apply",
    subject_id: "00000000000000000000000000000000",
    nonce: NONCE,
    digest: DIGEST,
};

fn alice() -> Result<SaltedPassword, BadParameters> {
    let salt: [u8; 16] = core::array::from_fn(|at| u8::try_from(at * 0x11).unwrap_or_default());
    salted(b"correct horse battery staple", &salt, 19456, 2, 1)
}

fn key() -> ClientKey {
    client_key(&alice().unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn a_password_stretched_and_what_an_account_keeps() {
    let salted = alice().map(|salted| hex::encode(salted.bytes()));
    let known = "ccd958f3ead5af13ebc914232f7d0627baf8b4e8192ec2ba815443316cbf703d";
    assert_eq!(salted, Ok(known.into()));
    assert_eq!(
        hex::encode(key().bytes()),
        "08acb60ed780c5007a3d5424900afa7d7008e604832559798d47d17990ef187b"
    );
    assert_eq!(
        hex::encode(stored_key(&key()).bytes()),
        "a050a0fa47d32be8e0a031cf302ad6f308e5b89a906644ad8b939c21dc799609"
    );
}

#[test]
fn a_proof_and_the_key_of_the_session_that_it_opens() {
    let (client, stored) = (key(), stored_key(&key()));
    let made = proof(&client, &MESSAGE);
    assert_eq!(
        hex::encode(made),
        "01d20530ecfd6c828d410a7dbbf4e85ccee1c855c09519bfb7a25dbcc62d27d8"
    );
    assert_eq!(
        hex::encode(session_key(&stored, &MESSAGE).bytes()),
        "1e37b50ee5ab854d2e3c9bf90f1cf2e1069debc59793ecefd1d74411ed66039b"
    );
    assert!(verify(&stored, &MESSAGE, &made));
}

#[test]
fn a_proof_holds_for_nothing_else() {
    let (client, stored) = (key(), stored_key(&key()));
    let made = proof(&client, &MESSAGE);
    for other in [
        AuthMessage {
            purpose: "pay",
            ..MESSAGE
        },
        AuthMessage {
            subject_id: "1",
            ..MESSAGE
        },
        AuthMessage {
            nonce: DIGEST,
            ..MESSAGE
        },
        AuthMessage {
            digest: NONCE,
            ..MESSAGE
        },
    ] {
        assert!(!verify(&stored, &other, &made), "{other:?}");
    }
}

#[test]
fn a_short_salt_is_refused() {
    assert_eq!(
        salted(b"x", &[0; 7], 19456, 2, 1).err(),
        Some(BadParameters)
    );
}
