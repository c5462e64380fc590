//! The password proof, counted over everything that an account does.

use kaika_crypto::password::{AuthMessage, verify};
use kaika_crypto::{StoredKey, digest, mac};
use kaika_spec::limit::{ARGON2_M_KIB, ARGON2_P, ARGON2_T, PASSWORD_LOCK_MS, PASSWORD_TRIES_MAX};
use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Write, read};
use kaika_wire::messages::verifier::Challenge;
use kaika_wire::value::Hex;

use crate::Case;
use crate::rows::{ACCOUNTS, Account};

/// How a proof was judged.
pub(crate) enum Judged {
    /// It holds: the account afterwards, and the key that made it.
    Holds(Write, StoredKey),
    /// It does not: the refusal, and what it counts.
    Wrong(Refusal, Vec<Write>),
}

impl Case<'_> {
    pub(crate) fn account(&self, account_id: &str) -> Option<Account> {
        read(self.rows, ACCOUNTS, account_id)
    }

    /// A challenge for an account, whether there is such an account or not.
    pub(crate) fn challenge(&mut self, account_id: &str) -> Challenge {
        //= spec/20-apply.md#app-5-unknown-accounts-look-known
        //# The verifier MUST answer a request for an unknown account as it answers one for a known account until the proof is
        //# judged.
        let known = self
            .account(account_id)
            .and_then(|account| Hex::try_from(account.salt).ok());
        let salt = known.unwrap_or_else(|| self.invented_salt(account_id));
        Challenge {
            salt,
            m_kib: ARGON2_M_KIB,
            t: ARGON2_T,
            p: ARGON2_P,
            nonce: Hex(self.dice.bytes()),
        }
    }

    fn invented_salt(&self, account_id: &str) -> Hex<16> {
        let full = mac::hmac_sha256(&self.verifier.config.secret, &[account_id.as_bytes()]);
        let mut salt = [0; 16];
        for (byte, from) in salt.iter_mut().zip(full) {
            *byte = from;
        }
        Hex(salt)
    }

    /// Judges a proof.
    ///
    /// # Errors
    /// `unknown-account`, `account-locked`: nothing is counted.
    pub(crate) fn prove(
        &self,
        account_id: &str,
        statement: &AuthMessage<'_>,
        proof: &Hex<32>,
    ) -> Result<Judged, Refusal> {
        let account = self.account(account_id).ok_or(Refusal::UnknownAccount)?;
        let for_ever = account.locked_until > 0 && lacks(Weakness::LockForEver);
        if self.now < account.locked_until || for_ever {
            return Err(Refusal::AccountLocked);
        }
        let bytes = hex::decode(&account.stored_key).unwrap_or_default();
        let stored = StoredKey::from_slice(&bytes).ok_or(Refusal::UnknownAccount)?;
        //= spec/20-apply.md#app-2-the-proof-is-bound-to-its-purpose
        //# A password proof MUST cover the purpose, the verifier's challenge and the digest of what it authorises.
        let other = AuthMessage {
            purpose: "pay",
            ..*statement
        };
        let ignored = lacks(Weakness::PasswordPurposeIgnored);
        if verify(&stored, statement, &proof.0) || (ignored && verify(&stored, &other, &proof.0)) {
            let proved = Account {
                wrong: 0,
                locked_until: 0,
                ..account
            };
            Ok(Judged::Holds(
                Write::put(ACCOUNTS, account_id, &proved),
                stored,
            ))
        } else {
            Ok(Judged::Wrong(
                Refusal::BadPassword,
                vec![self.counted(account_id, account)],
            ))
        }
    }

    fn counted(&self, account_id: &str, account: Account) -> Write {
        //= spec/20-apply.md#app-4-wrong-passwords-are-counted
        //# The verifier MUST lock an account after `PASSWORD_TRIES_MAX` wrong proofs in a row, for `PASSWORD_LOCK_MS`, over all
        //# its requests and orders.
        let wrong = account.wrong.saturating_add(1);
        let locks = wrong >= PASSWORD_TRIES_MAX;
        let locked_until = if locks {
            self.now.saturating_add(PASSWORD_LOCK_MS)
        } else {
            0
        };
        let counted = Account {
            wrong: if locks { 0 } else { wrong },
            locked_until,
            ..account
        };
        Write::put(ACCOUNTS, account_id, &counted)
    }
}

/// What an applicant's digest is, hex.
pub(crate) fn applicant_digest(who: &kaika_wire::messages::Applicant) -> String {
    hex::encode(digest::applicant(&digest::Applicant {
        name: who.name.as_str(),
        id_type: who.id_type.as_str(),
        id_no: who.id_no.as_str(),
        id_valid_to: who.id_valid_to.as_str(),
    }))
}
