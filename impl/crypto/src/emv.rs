//! The payment cryptogram: EMV common session key and ISO 9797-1 MAC algorithm 3 (CVN 18).

use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use retail_mac::{Mac, RetailMac};

use crate::secret::Secret;

/// Sets the lowest bit so that the number of ones is odd, as DES keys have it.
pub const fn odd_parity(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) {
        byte ^ 1
    } else {
        byte
    }
}

/// The session key of one transaction counter (EMV Book 2, A1.3.1, common session key).
pub fn session_key(token_key: &Secret<16>, atc: u16) -> Secret<16> {
    let cipher = TdesEde2::new(&(*token_key.expose()).into());
    let [high, low] = atc.to_be_bytes();
    let half = |marker: u8| -> [u8; 8] {
        let mut block = [high, low, marker, 0, 0, 0, 0, 0].into();
        cipher.encrypt_block(&mut block);
        let mut half: [u8; 8] = block.into();
        for byte in &mut half {
            *byte = odd_parity(*byte);
        }
        half
    };
    let (left, right) = (half(0xf0), half(0x0f));
    let mut key = [0; 16];
    for (byte, part) in key.iter_mut().zip(left.iter().chain(&right)) {
        *byte = *part;
    }
    Secret::new(key)
}

/// The application cryptogram over the parts, one after another; padding method 2.
pub fn cryptogram(session: &Secret<16>, parts: &[&[u8]]) -> [u8; 8] {
    let mut mac = <RetailMac<des::Des> as retail_mac::KeyInit>::new(&(*session.expose()).into());
    let mut length = 0_usize;
    for part in parts {
        mac.update(part);
        length = length.wrapping_add(part.len());
    }
    let padding: [u8; 8] = [0x80, 0, 0, 0, 0, 0, 0, 0];
    let fill = 8 - length % 8;
    if let Some(padding) = padding.get(..fill) {
        mac.update(padding);
    }
    mac.finalize().into_bytes().into()
}
