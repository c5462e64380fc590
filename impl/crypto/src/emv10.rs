//! Cryptogram version 10: the token key itself, no session key, and padding by zeros.

use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use retail_mac::{Mac, RetailMac};

use crate::emv::CryptogramInput;
use crate::secret::TokenKey;

/// ISO 9797-1 MAC algorithm 3 with padding method 1: zeros up to a whole block, none when there is one.
pub fn retail_mac_zeros(key: &TokenKey, pieces: &[&[u8]]) -> [u8; 8] {
    let mut mac = <RetailMac<des::Des> as retail_mac::KeyInit>::new(key.bytes().into());
    // The MAC itself fills the last block with zeros.
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().into()
}

/// The application cryptogram: over the same data as version 18, but of the issuer application data only the card
/// verification results, which are its last four bytes.
pub fn cryptogram(key: &TokenKey, input: &CryptogramInput<'_>) -> [u8; 8] {
    let results = input.issuer_data.last_chunk::<4>();
    let results = results.map_or(&[][..], |results| results);
    input.covered(results, |pieces| retail_mac_zeros(key, pieces))
}

/// The authorisation response cryptogram by method 1 (EMV Book 2, 8.2.1): 3DES over the request cryptogram, to whose first two
/// bytes the response code is added.
pub fn response_cryptogram(
    key: &TokenKey,
    request_cryptogram: &[u8; 8],
    response_code: &[u8; 2],
) -> [u8; 8] {
    let mut block = *request_cryptogram;
    block
        .iter_mut()
        .zip(response_code)
        .for_each(|(byte, code)| *byte ^= code);
    let mut block = block.into();
    TdesEde2::new(key.bytes().into()).encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests;
