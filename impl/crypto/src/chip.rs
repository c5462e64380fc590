//! Keys, receipt and evidence of a chip, as in `spec/85-apdu.md`.

use crate::digest::sha256;
use crate::mac::aes_cmac;
use crate::scp03::KEY_VERSIONS;
use crate::secret::{AesKey, ChipMasterKey, IssuerMasterKey, KeySize, TokenKey};

/// The keys that a chip shares with the issuer alone.
#[derive(Debug)]
pub struct ChipKeys {
    /// Static key for encryption, K_ENC, of key version 30.
    pub enc: AesKey,
    /// Static key for MACs, K_MAC, of key version 30.
    pub mac: AesKey,
    /// Encrypts keys within the channel, K_DEK, of key version 30.
    pub dek: AesKey,
    /// Signs receipts and evidence, whatever the channel.
    pub receipt: AesKey,
    /// The three keys of key versions 31 and 32.
    pub longer: [ChannelKeys; 2],
}

/// The static keys of one key version.
#[derive(Debug)]
pub struct ChannelKeys {
    /// K_ENC.
    pub enc: AesKey,
    /// K_MAC.
    pub mac: AesKey,
    /// K_DEK.
    pub dek: AesKey,
}

/// The static keys of one key version, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct KeySet<'a> {
    /// Key version number.
    pub version: u8,
    /// K_ENC.
    pub enc: &'a AesKey,
    /// K_MAC.
    pub mac: &'a AesKey,
    /// K_DEK.
    pub dek: &'a AesKey,
}

impl ChipKeys {
    /// Derives the keys of the chip `se_id`.
    pub fn derive(master: &ChipMasterKey, se_id: &[u8; 8]) -> Self {
        let master = AesKey::new(*master.bytes());
        let key = |number: u8| AesKey::new(aes_cmac(&master, &[b"kaika/chip/1", &[number], se_id]));
        let [_, middle, long] = KEY_VERSIONS;
        let longer = |(version, size): (u8, KeySize)| {
            let key = |number: u8| {
                let block = |n: u8| {
                    let tail = [version, n];
                    aes_cmac(&master, &[b"kaika/chip/1", &[number], se_id, &tail])
                };
                AesKey::from_blocks(size, [block(1), block(2)])
            };
            ChannelKeys {
                enc: key(1),
                mac: key(2),
                dek: key(3),
            }
        };
        Self {
            enc: key(1),
            mac: key(2),
            dek: key(3),
            receipt: key(4),
            longer: [middle, long].map(longer),
        }
    }

    /// The channel keys of this version; 00 stands for 30.
    pub const fn set(&self, version: u8) -> Option<KeySet<'_>> {
        let [(short, _), (middle, _), (long, _)] = KEY_VERSIONS;
        let [of_middle, of_long] = &self.longer;
        let longer = if version == 0x00 || version == short {
            return Some(KeySet {
                version: short,
                enc: &self.enc,
                mac: &self.mac,
                dek: &self.dek,
            });
        } else if version == middle {
            of_middle
        } else if version == long {
            of_long
        } else {
            return None;
        };
        Some(KeySet {
            version,
            enc: &longer.enc,
            mac: &longer.mac,
            dek: &longer.dek,
        })
    }
}

/// Derives the key of one token from its digits (ASCII) and its sequence number, one byte of BCD as in tag 5F34: EMV Book 2,
/// A1.4.1, option A.
pub fn token_key(master: &IssuerMasterKey, token_digits: &str, psn: u8) -> TokenKey {
    crate::emv::master_key_a(master, &rightmost(token_digits, psn))
}

/// The rightmost sixteen digits of number and sequence number in BCD, with zeros on the left when there are fewer.
fn rightmost(token_digits: &str, psn: u8) -> [u8; 8] {
    let sequence = [psn & 0x0f, psn >> 4];
    let number = token_digits.bytes().rev().map(|digit| digit & 0x0f);
    let mut digits = sequence.into_iter().chain(number);
    let mut block = [0; 8];
    for byte in block.iter_mut().rev() {
        let low = digits.next().unwrap_or(0);
        let high = digits.next().unwrap_or(0);
        *byte = high << 4 | low;
    }
    block
}

/// Encrypts a token key for the chip: AES-CBC under K_DEK with a zero IV, which for one block is the block cipher alone.
pub fn wrap_token_key(dek: &AesKey, key: &TokenKey) -> [u8; 16] {
    crate::scp03::encrypt_block(dek, key.bytes())
}

/// Undoes [`wrap_token_key`].
pub fn unwrap_token_key(dek: &AesKey, wrapped: &[u8; 16]) -> TokenKey {
    TokenKey::new(crate::scp03::decrypt_block(dek, wrapped))
}

/// Encrypts the reference PIN block of a token for the chip: AES-CBC under K_DEK with a zero IV over the block and its padding.
pub fn wrap_pin(dek: &AesKey, block: &[u8; 8]) -> [u8; 16] {
    crate::scp03::encrypt_block(dek, &padded_pin(block))
}

/// Undoes [`wrap_pin`]; `None` when the padding is not there.
pub fn unwrap_pin(dek: &AesKey, wrapped: &[u8; 16]) -> Option<[u8; 8]> {
    let plain = crate::scp03::decrypt_block(dek, wrapped);
    let block = *plain.first_chunk::<8>()?;
    (plain == padded_pin(&block)).then_some(block)
}

/// A PIN block and padding method 2, as it stands in the token template in the clear.
pub fn padded_pin(block: &[u8; 8]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = *block;
    [a, b, c, d, e, f, g, h, 0x80, 0, 0, 0, 0, 0, 0, 0]
}

/// What a receipt says.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// Which chip.
    pub se_id: &'a [u8; 8],
    /// Which token.
    pub token_ref: &'a [u8; 16],
    /// For which request.
    pub request_context: &'a [u8; 32],
    /// Which version of the token.
    pub version: u8,
    /// SHA-256 of the token template's value with the token key in the clear.
    pub data_digest: &'a [u8; 32],
}

/// The MAC under the chip's receipt key.
pub fn receipt(key: &AesKey, says: &Receipt<'_>) -> [u8; 16] {
    aes_cmac(
        key,
        &[
            b"kaika/receipt/1",
            says.se_id,
            says.token_ref,
            says.request_context,
            &[says.version],
            says.data_digest,
        ],
    )
}

/// What a chip signs for the person who holds the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// That a card is wanted; over a request context.
    Consent,
    /// That an order is paid; over the digest of order and card.
    Payment,
}

/// The MAC under the chip's receipt key over one digest. Its label keeps it apart from receipts and from the other kind.
pub fn evidence(key: &AesKey, kind: Evidence, se_id: &[u8; 8], digest: &[u8; 32]) -> [u8; 16] {
    let label: &[u8] = match kind {
        Evidence::Consent => b"kaika/consent/1",
        Evidence::Payment => b"kaika/payment/1",
    };
    aes_cmac(key, &[label, se_id, digest])
}

/// The digest of a token template's value in pieces, with the token key in the clear.
pub fn token_data_digest(pieces: &[&[u8]]) -> [u8; 32] {
    sha256(pieces)
}

#[cfg(test)]
mod tests;
