//! The keys of one chip, and the receipt that it signs. `spec/85-apdu.md`, section *Keys*.

use crate::mac::{cmac, hmac_sha256, sha256};
use crate::secret::Secret;

/// The static keys of one chip.
#[derive(Debug)]
pub struct ChipKeys {
    /// Channel encryption.
    pub enc: Secret<16>,
    /// Channel MAC.
    pub mac: Secret<16>,
    /// Encryption of keys inside data.
    pub dek: Secret<16>,
    /// Receipts.
    pub receipt: Secret<16>,
}

impl ChipKeys {
    /// Derives a chip's keys from the issuer's chip master key.
    pub fn derive(kmc: &Secret<16>, se_id: &[u8; 8]) -> Self {
        let key = |x: u8| Secret::new(cmac(kmc.expose(), &[b"kaika/chip/1", &[x], se_id]));
        Self {
            enc: key(1),
            mac: key(2),
            dek: key(3),
            receipt: key(4),
        }
    }

    /// A second holder of the same keys, said aloud.
    pub fn duplicate(&self) -> Self {
        Self {
            enc: self.enc.duplicate(),
            mac: self.mac.duplicate(),
            dek: self.dek.duplicate(),
            receipt: self.receipt.duplicate(),
        }
    }
}

/// What a receipt says.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The chip.
    pub se_id: &'a [u8; 8],
    /// The token's reference.
    pub token_ref: &'a [u8; 16],
    /// The card request's context.
    pub request_context: &'a [u8; 32],
    /// Version of the token data.
    pub version: u8,
    /// SHA-256 of the token data with the key in the clear.
    pub data_digest: &'a [u8; 32],
}

impl Receipt<'_> {
    /// The receipt's MAC.
    pub fn mac(&self, key: &Secret<16>) -> [u8; 16] {
        cmac(
            key.expose(),
            &[
                b"kaika/receipt/1",
                self.se_id,
                self.token_ref,
                self.request_context,
                &[self.version],
                self.data_digest,
            ],
        )
    }
}

/// SHA-256 of token data given in parts.
pub fn data_digest(parts: &[&[u8]]) -> [u8; 32] {
    sha256(parts)
}

/// The token's key: derived from the issuer's master key, number and sequence number; DES parity is set.
pub fn token_key(imk: &Secret<32>, token_digits: &str, psn: u8) -> Secret<16> {
    let full = Secret::new(hmac_sha256(
        imk.expose(),
        &[b"kaika/udk/1", token_digits.as_bytes(), &[psn]],
    ));
    let mut key = [0; 16];
    for (byte, drawn) in key.iter_mut().zip(full.expose()) {
        *byte = crate::emv::odd_parity(*drawn);
    }
    Secret::new(key)
}
