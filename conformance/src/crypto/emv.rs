//! EMV: session key and application cryptogram (85-apdu, Payment data), and the token key.

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use super::pad_80;

type Half = [u8; 8];

fn des(key: &[u8], block: Half, encrypt: bool) -> Half {
    let Ok(cipher) = Des::new_from_slice(key) else {
        panic!("a DES key has eight bytes")
    };
    let mut block = block.into();
    if encrypt {
        cipher.encrypt_block(&mut block);
    } else {
        cipher.decrypt_block(&mut block);
    }
    block.into()
}

pub(super) fn triple(key: &[u8; 16], block: Half) -> Half {
    let (left, right) = key.split_at(8);
    des(left, des(right, des(left, block, true), false), true)
}

/// The session key for one transaction counter (EMV Book 2, A1.3.1).
pub fn session_key(udk: &[u8; 16], counter: u16) -> [u8; 16] {
    let [high, low] = counter.to_be_bytes();
    let left = triple(udk, [high, low, 0xF0, 0, 0, 0, 0, 0]);
    let right = triple(udk, [high, low, 0x0F, 0, 0, 0, 0, 0]);
    let mut key = [0; 16];
    key.iter_mut()
        .zip(left.into_iter().chain(right))
        .for_each(|(to, from)| *to = from);
    key
}

/// ISO 9797-1 MAC algorithm 3, padding method 2.
pub fn retail_mac(key: &[u8; 16], message: &[u8]) -> Half {
    let mut padded = message.to_vec();
    pad_80(&mut padded, 8);
    retail_mac_of_blocks(key, &padded)
}

/// The same over whole blocks.
pub(super) fn retail_mac_of_blocks(key: &[u8; 16], padded: &[u8]) -> Half {
    let (left, right) = key.split_at(8);
    let state = padded.chunks_exact(8).fold([0; 8], |state: Half, chunk| {
        let mut block = state;
        block
            .iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to ^= from);
        des(left, block, true)
    });
    des(left, des(right, state, false), true)
}

/// The application cryptogram over `message`.
pub fn cryptogram(udk: &[u8; 16], counter: u16, message: &[u8]) -> Half {
    retail_mac(&session_key(udk, counter), message)
}

/// The token key that an issuer with master key `imk` derives (EMV Book 2, A1.4.1, option A). `token` is decimal, `sequence` the two
/// digits of its sequence number.
///
/// # Panics
/// When one of them holds anything else.
pub fn token_key(imk: &[u8; 16], token: &str, sequence: &str) -> [u8; 16] {
    let digits = format!("{token:0>14}{sequence}");
    let last = digits.split_at(digits.len() - 16).1;
    let Ok(number) = u64::from_str_radix(last, 16) else {
        panic!("{last} is not sixteen digits")
    };
    let mut key = [0; 16];
    let (left, right) = key.split_at_mut(8);
    left.copy_from_slice(&triple(imk, number.to_be_bytes()));
    right.copy_from_slice(&triple(imk, (number ^ u64::MAX).to_be_bytes()));
    key.map(odd)
}

fn odd(byte: u8) -> u8 {
    let upper = byte & 0xFE;
    upper | u8::from(upper.count_ones().is_multiple_of(2))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Computed with the Triple DES of Python's `cryptography`; the MAC agrees with `pyemv`, the session key with it up to DES parity bits;
    /// token keys computed with `pyemv` (`kd.derive_icc_mk_a`).
    #[test]
    fn keys_and_macs_are_those_that_another_library_computes() {
        let udk = hex::decode("0123456789abcdeffedcba9876543210")
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            hex::encode(session_key(&udk, 0x0001)),
            "848c35717f66d40944f9286ff19abffd"
        );
        assert_eq!(hex::encode(retail_mac(&udk, b"kaika")), "edf1c2ad40a56070");
        assert_eq!(
            hex::encode(cryptogram(&udk, 0x1234, &[0xAB; 43])),
            "29bea939fe69dab7"
        );
        assert_eq!(
            hex::encode(token_key(&[9; 16], "6299000000000000", "01")),
            "7008fd1f4f732c2c3dfe7329c14a6e40"
        );
        let counting = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(
            hex::encode(token_key(&counting, "62990000123456789", "99")),
            "074f5e925b645d2a23752631513bc20e"
        );
        assert_eq!(
            hex::encode(token_key(&counting, "629900", "01")),
            "4908c1c2b9101a15f2e5bfb57ff8731f"
        );
    }
}
