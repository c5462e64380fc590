//! SIGN EVIDENCE: what the chip signs for the person who holds the phone.

use kaika_apdu::{Command, StatusWord};
use kaika_crypto::chip::{Evidence, evidence};

use crate::select::Selected;
use crate::{Change, Chip, Data, Flash, Judged};

impl<F: Flash> Chip<F> {
    /// Works before there is any token, since consent comes before the card; stores nothing and shows no key.
    pub(crate) fn sign_evidence(&self, command: &Command<'_>, answer: &mut Data) -> Judged {
        //= spec/85-apdu.md#apd-8-evidence-is-over-a-digest
        //# The chip MUST sign evidence of the two kinds only, over exactly 32 bytes, and only while the issuer's security
        //# domain is selected.
        let kind = match (command.p1, command.p2) {
            (0x01, 0x00) => Evidence::Consent,
            (0x02, 0x00) => Evidence::Payment,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let digest: &[u8; 32] = command
            .data
            .try_into()
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        if self.volatile.selected != Selected::Domain {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let made = evidence(&self.keys.receipt, kind, &self.se_id, digest);
        answer.set(&made);
        Ok(Change::default())
    }
}
