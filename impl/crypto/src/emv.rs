//! EMV application cryptograms with the common session key derivation, as in cryptogram version 18.

use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use retail_mac::{Mac, RetailMac};

use crate::secret::{IssuerMasterKey, TokenKey};

/// Sets the lowest bit so that the byte has an odd number of ones, as DES keys have.
pub const fn odd_parity(byte: u8) -> u8 {
    if (byte & 0xFE).count_ones().is_multiple_of(2) {
        byte | 1
    } else {
        byte & 0xFE
    }
}

/// The key of one card by option A: the issuer's key over sixteen digits in BCD, and over their complement (EMV Book 2, A1.4.1).
pub(crate) fn master_key_a(master: &IssuerMasterKey, digits: &[u8; 8]) -> TokenKey {
    derived(master.bytes(), [*digits, digits.map(|byte| !byte)])
}

/// The session key of one transaction counter (EMV CSK).
pub fn session_key(key: &TokenKey, atc: u16) -> TokenKey {
    let [high, low] = atc.to_be_bytes();
    let half = |mark: u8| [high, low, mark, 0, 0, 0, 0, 0];
    derived(key.bytes(), [half(0xF0), half(0x0F)])
}

/// A key of two halves, each a block under `key`, with parity.
fn derived(key: &[u8; 16], halves: [[u8; 8]; 2]) -> TokenKey {
    let cipher = TdesEde2::new(key.into());
    let [left, right] = halves.map(|half| {
        let mut block = half.into();
        cipher.encrypt_block(&mut block);
        <[u8; 8]>::from(block).map(odd_parity)
    });
    let mut whole = [0; 16];
    let (first, second) = whole.split_at_mut(8);
    first.copy_from_slice(&left);
    second.copy_from_slice(&right);
    TokenKey::new(whole)
}

/// ISO 9797-1 MAC algorithm 3 with padding method 2 over the pieces in order.
pub fn retail_mac(key: &TokenKey, pieces: &[&[u8]]) -> [u8; 8] {
    let mut mac = <RetailMac<des::Des> as retail_mac::KeyInit>::new(key.bytes().into());
    pieces.iter().for_each(|piece| mac.update(piece));
    // Method 2: one 80, then zeros, which the MAC itself adds.
    mac.update(&[0x80]);
    mac.finalize().into_bytes().into()
}

/// The data that a cryptogram covers, in the order of `spec/85-apdu.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptogramInput<'a> {
    /// 9F02.
    pub amount: &'a [u8; 6],
    /// 9F03.
    pub amount_other: &'a [u8; 6],
    /// 9F1A.
    pub country: &'a [u8; 2],
    /// 95.
    pub tvr: &'a [u8; 5],
    /// 5F2A.
    pub currency: &'a [u8; 2],
    /// 9A.
    pub date: &'a [u8; 3],
    /// 9C.
    pub kind: u8,
    /// 9F37.
    pub unpredictable_number: &'a [u8; 4],
    /// 82.
    pub interchange_profile: &'a [u8; 2],
    /// 9F36.
    pub atc: u16,
    /// 9F10.
    pub issuer_data: &'a [u8],
}

impl CryptogramInput<'_> {
    /// Gives `mac` what every version covers, in order, and `issuer_data` at its end.
    pub(crate) fn covered(
        &self,
        issuer_data: &[u8],
        mac: impl FnOnce(&[&[u8]]) -> [u8; 8],
    ) -> [u8; 8] {
        mac(&[
            self.amount,
            self.amount_other,
            self.country,
            self.tvr,
            self.currency,
            self.date,
            &[self.kind],
            self.unpredictable_number,
            self.interchange_profile,
            &self.atc.to_be_bytes(),
            issuer_data,
        ])
    }
}

/// The application cryptogram under the session key of the input's counter.
pub fn cryptogram(key: &TokenKey, input: &CryptogramInput<'_>) -> [u8; 8] {
    Session::of(key, input.atc).cryptogram(input)
}

/// The authorisation response cryptogram by method 2 (EMV Book 2, 8.2.2), without proprietary data: over the request cryptogram
/// and the four bytes of the card status update.
pub fn response_cryptogram(
    key: &TokenKey,
    atc: u16,
    request_cryptogram: &[u8; 8],
    card_status_update: &[u8; 4],
) -> [u8; 4] {
    Session::of(key, atc).response(request_cryptogram, card_status_update)
}

/// One transaction: its session key, derived once.
#[derive(Debug)]
pub struct Session(TokenKey);

impl Session {
    /// The transaction with this counter.
    pub fn of(key: &TokenKey, atc: u16) -> Self {
        Self(session_key(key, atc))
    }

    /// As [`cryptogram`]; the input's counter must be the session's.
    pub fn cryptogram(&self, input: &CryptogramInput<'_>) -> [u8; 8] {
        input.covered(input.issuer_data, |pieces| retail_mac(&self.0, pieces))
    }

    /// As [`response_cryptogram`].
    pub fn response(&self, request_cryptogram: &[u8; 8], card_status_update: &[u8; 4]) -> [u8; 4] {
        let [a, b, c, d, ..] = retail_mac(&self.0, &[request_cryptogram, card_status_update]);
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests;
