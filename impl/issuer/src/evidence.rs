//! What chips sign for their holders: consent before a card, evidence before a debit. The verifier cannot make either.

use kaika_crypto::chip::{ChipKeys, Evidence, evidence};
use kaika_crypto::{digest, is_same};
use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::Refused;
use kaika_wire::messages::issuer::{DebitRequest, IssueRequest};

use crate::Case;
use crate::rows::Card;

impl Case<'_> {
    /// Whether the chip that the card is for consents to this request context.
    pub(crate) fn consented(&self, asked: &IssueRequest) -> Result<(), Refused> {
        //= spec/40-issue.md#iss-21-the-chip-consents
        //# The issuer MUST refuse to issue unless the consent verifies, over the request context, under the receipt key of the
        //# chip that the message names.
        let consents = self.consents(&asked.se_id.0, &asked.request_context.0, &asked.consent.0);
        if consents || lacks(Weakness::ConsentUnchecked) {
            Ok(())
        } else {
            Err(Refusal::ConsentInvalid.into())
        }
    }

    /// Whether this is the chip's consent to this request context.
    pub(crate) fn consents(&self, se_id: &[u8; 8], context: &[u8; 32], given: &[u8; 16]) -> bool {
        is_same(&self.signed(Evidence::Consent, se_id, context), given)
    }

    /// Whether the card's chip authorised exactly this debit.
    pub(crate) fn authorised(&self, asked: &DebitRequest, card: &Card) -> Result<(), Refusal> {
        //= spec/70-pay.md#pay-17-the-chip-authorises
        //# The issuer MUST refuse a debit unless its evidence verifies, over the card code and the order digest that the issuer
        //# computed from the debit itself, under the receipt key of the card's chip.
        let order = order_digest(asked);
        let shown = digest::pay(&hex::encode(order), asked.card_code.as_str());
        let made = self
            .chip_of(card)
            .map(|se_id| self.signed(Evidence::Payment, &se_id, &shown));
        let holds = made.is_some_and(|made| is_same(&made, &asked.evidence.0));
        let signed = holds && order == asked.order_digest.0;
        if signed || lacks(Weakness::PaymentUnsigned) {
            Ok(())
        } else {
            Err(Refusal::PaymentEvidenceInvalid)
        }
    }

    fn signed(&self, kind: Evidence, se_id: &[u8; 8], over: &[u8; 32]) -> [u8; 16] {
        let keys = ChipKeys::derive(&self.issuer.config.kmc, se_id);
        evidence(&keys.receipt, kind, se_id, over)
    }

    /// The chip that the card's token was made for.
    fn chip_of(&self, card: &Card) -> Option<[u8; 8]> {
        let token = self.token_row(&card.token_ref).ok()?;
        hex::decode(token.se_id).ok()?.try_into().ok()
    }
}

/// The digest of the order that a debit is for: the debit's id is the order's.
fn order_digest(asked: &DebitRequest) -> [u8; 32] {
    digest::order(&digest::Order {
        order_id: &asked.debit_id.to_string(),
        account_id: asked.account_id.as_str(),
        payee: asked.payee.as_str(),
        amount_minor: &asked.amount_minor.minor().to_string(),
        currency: asked.currency.as_str(),
        expires_at: &asked.expires_at.to_string(),
        nonce: &asked.nonce.to_string(),
    })
}
