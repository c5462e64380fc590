//! What is bound to what: the digests of `spec/90-wire.md`, over length-prefixed pieces.

use sha2::{Digest, Sha256};

/// SHA-256 over the pieces in order.
pub fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    hash.finalize().into()
}

/// SHA-256 over a label and then every text behind its two-byte length.
///
/// # Panics
/// When a text is longer than 65 535 bytes; bodies are bounded far below.
pub fn labelled(label: &str, texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(label.as_bytes());
    for text in texts {
        hash.update(prefix(text));
        hash.update(text.as_bytes());
    }
    hash.finalize().into()
}

/// The two-byte big-endian length of a text.
pub(crate) fn prefix(text: &str) -> [u8; 2] {
    match u16::try_from(text.len()) {
        Ok(length) => length.to_be_bytes(),
        Err(_) => panic!("texts are shorter than 65536 bytes"),
    }
}

/// Whom an application is for.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// Name as on the document.
    pub name: &'a str,
    /// `resident-id` or `passport`.
    pub id_type: &'a str,
    /// Number of the document.
    pub id_no: &'a str,
    /// `YYYY-MM-DD`.
    pub id_valid_to: &'a str,
}

/// The applicant's digest.
pub fn applicant(applicant: &Applicant<'_>) -> [u8; 32] {
    labelled(
        "kaika/applicant/1",
        &[
            applicant.name,
            applicant.id_type,
            applicant.id_no,
            applicant.id_valid_to,
        ],
    )
}

/// All that a card request is about; ids and digests as their hex text.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// The request.
    pub request_id: &'a str,
    /// Whose account.
    pub account_id: &'a str,
    /// Which device.
    pub device_id: &'a str,
    /// Which chip.
    pub se_id: &'a str,
    /// Hex of [`applicant`].
    pub applicant_digest: &'a str,
    /// Which product.
    pub product: &'a str,
    /// Which terms.
    pub tos_version: &'a str,
    /// The terminal's nonce.
    pub terminal_nonce: &'a str,
    /// The verifier's nonce.
    pub verifier_nonce: &'a str,
}

/// The digest of a request's context.
pub fn request_context(context: &RequestContext<'_>) -> [u8; 32] {
    labelled(
        "kaika/request/1",
        &[
            context.request_id,
            context.account_id,
            context.device_id,
            context.se_id,
            context.applicant_digest,
            context.product,
            context.tos_version,
            context.terminal_nonce,
            context.verifier_nonce,
        ],
    )
}

/// All that the payer sees of an order; numbers in decimal.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The order.
    pub order_id: &'a str,
    /// Who is to pay.
    pub account_id: &'a str,
    /// Who is paid.
    pub payee: &'a str,
    /// How much.
    pub amount_minor: &'a str,
    /// In what.
    pub currency: &'a str,
    /// Until when, ms.
    pub expires_at: &'a str,
    /// The order's nonce.
    pub nonce: &'a str,
}

/// The digest of an order.
pub fn order(order: &Order<'_>) -> [u8; 32] {
    labelled(
        "kaika/order/1",
        &[
            order.order_id,
            order.account_id,
            order.payee,
            order.amount_minor,
            order.currency,
            order.expires_at,
            order.nonce,
        ],
    )
}

/// The digest of a phone number.
pub fn phone(phone: &str) -> [u8; 32] {
    labelled("kaika/phone/1", &[phone])
}

/// What opening a card request says.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// Whose account.
    pub account_id: &'a str,
    /// Which device.
    pub device_id: &'a str,
    /// Which chip.
    pub se_id: &'a str,
    /// Which product.
    pub product: &'a str,
    /// Which terms.
    pub tos_version: &'a str,
    /// The terminal's nonce.
    pub terminal_nonce: &'a str,
}

/// The digest that a password proof for `apply` covers.
pub fn open(open: &Open<'_>) -> [u8; 32] {
    labelled(
        "kaika/open/1",
        &[
            open.account_id,
            open.device_id,
            open.se_id,
            open.product,
            open.tos_version,
            open.terminal_nonce,
        ],
    )
}

/// The digest that a password proof for `pay` covers; `order_digest` in hex.
pub fn pay(order_digest: &str, card_code: &str) -> [u8; 32] {
    labelled("kaika/pay/1", &[order_digest, card_code])
}

#[cfg(test)]
mod tests;
