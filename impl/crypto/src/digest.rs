//! The digests that bind messages to a request or an order: `spec/90-wire.md`, section *Digests*.

use sha2::{Digest, Sha256};

/// A SHA-256 over length-prefixed parts after a fixed label.
struct Bound(Sha256);

impl Bound {
    fn new(label: &str) -> Self {
        Self(Sha256::new_with_prefix(label))
    }

    /// `LV(x)`: a two-byte big-endian length and the bytes. Our texts are bounded far below 65,536.
    fn lv(mut self, part: &str) -> Self {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(part);
        self
    }

    fn done(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn bound(label: &str, parts: &[&str]) -> [u8; 32] {
    parts
        .iter()
        .fold(Bound::new(label), |digest, part| digest.lv(part))
        .done()
}

/// Who applies.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// Name as on the document.
    pub name: &'a str,
    /// Kind of document.
    pub id_type: &'a str,
    /// Its number.
    pub id_no: &'a str,
    /// `YYYY-MM-DD`.
    pub id_valid_to: &'a str,
}

/// `applicant_digest`.
pub fn applicant(who: Applicant<'_>) -> [u8; 32] {
    bound(
        "kaika/applicant/1",
        &[who.name, who.id_type, who.id_no, who.id_valid_to],
    )
}

/// What a terminal said when it opened a card request.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// Account.
    pub account_id: &'a str,
    /// Phone.
    pub device_id: &'a str,
    /// Chip, 16 hex digits.
    pub se_id: &'a str,
    /// Product.
    pub product: &'a str,
    /// Version of the terms.
    pub tos_version: &'a str,
    /// Nonce, hex.
    pub terminal_nonce: &'a str,
}

/// The digest that a password proof for `apply` covers.
pub fn open(what: Open<'_>) -> [u8; 32] {
    bound(
        "kaika/open/1",
        &[
            what.account_id,
            what.device_id,
            what.se_id,
            what.product,
            what.tos_version,
            what.terminal_nonce,
        ],
    )
}

/// `request_context`; the digest and the nonces as hex text.
pub fn request_context(
    request_id: &str,
    what: Open<'_>,
    applicant_digest: &str,
    verifier_nonce: &str,
) -> [u8; 32] {
    bound(
        "kaika/request/1",
        &[
            request_id,
            what.account_id,
            what.device_id,
            what.se_id,
            applicant_digest,
            what.product,
            what.tos_version,
            what.terminal_nonce,
            verifier_nonce,
        ],
    )
}

/// An order; numbers as decimal text.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Order.
    pub order_id: &'a str,
    /// Account it is addressed to.
    pub account_id: &'a str,
    /// Payee.
    pub payee: &'a str,
    /// Amount in minor units, decimal.
    pub amount_minor: &'a str,
    /// ISO 4217 numeric.
    pub currency: &'a str,
    /// Milliseconds, decimal.
    pub expires_at: &'a str,
    /// Nonce, hex.
    pub nonce: &'a str,
}

/// `order_digest`.
pub fn order(what: Order<'_>) -> [u8; 32] {
    bound(
        "kaika/order/1",
        &[
            what.order_id,
            what.account_id,
            what.payee,
            what.amount_minor,
            what.currency,
            what.expires_at,
            what.nonce,
        ],
    )
}

/// The digest that a password proof for `pay` covers.
pub fn pay(order_digest: &str, card_code: &str) -> [u8; 32] {
    bound("kaika/pay/1", &[order_digest, card_code])
}

/// `phone_digest`.
pub fn phone(phone: &str) -> [u8; 32] {
    bound("kaika/phone/1", &[phone])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_between_parts_matters() {
        assert_ne!(bound("x", &["ab", "c"]), bound("x", &["a", "bc"]));
        assert_ne!(pay("ab", "c"), pay("a", "bc"));
        assert_ne!(bound("x", &["ab"]), bound("y", &["ab"]));
    }

    /// SHA-256 of the bytes `kaika/phone/1`, 00 03, `123`, written out by hand.
    #[test]
    fn the_layout_is_label_length_bytes() {
        assert_eq!(
            phone("123"),
            crate::mac::sha256(&[b"kaika/phone/1\x00\x03123"])
        );
    }
}
