//! AES-CMAC and HMAC-SHA256 over several pieces.

use aes::{Aes128, Aes192, Aes256};
use cmac::Cmac;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::{AesKey, KeySize};

/// AES-CMAC (RFC 4493) over the pieces in order.
pub fn aes_cmac(key: &AesKey, pieces: &[&[u8]]) -> [u8; 16] {
    match key.size() {
        KeySize::Aes128 => mac_of(
            <Cmac<Aes128> as KeyInit>::new_from_slice(key.bytes()),
            pieces,
        ),
        KeySize::Aes192 => mac_of(
            <Cmac<Aes192> as KeyInit>::new_from_slice(key.bytes()),
            pieces,
        ),
        KeySize::Aes256 => mac_of(
            <Cmac<Aes256> as KeyInit>::new_from_slice(key.bytes()),
            pieces,
        ),
    }
}

fn mac_of<M, E>(mac: Result<M, E>, pieces: &[&[u8]]) -> [u8; 16]
where
    M: Mac<OutputSize = hmac::digest::typenum::U16>,
{
    let Ok(mut mac) = mac else {
        panic!("a key has the length of its size")
    };
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 (RFC 2104) over the pieces in order.
pub fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => panic!("HMAC takes keys of every length"),
    };
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// RFC 4493, section 4, all four examples.
    #[test]
    fn cmac_of_rfc_4493() {
        let key = AesKey::from_slice(&hex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
        let text = hex(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        );
        for (length, want) in [
            (0, "bb1d6929e95937287fa37d129b756746"),
            (16, "070a16b46b4d4144f79bdd9dd04a287c"),
            (40, "dfa66747de9ae63030ca32611497c827"),
            (64, "51f0bebf7e3b9d92fc49741779363cfe"),
        ] {
            let (whole, _) = text.split_at(length);
            assert_eq!(hex::encode(aes_cmac(&key, &[whole])), want);
            let (left, right) = whole.split_at(length / 3);
            assert_eq!(hex::encode(aes_cmac(&key, &[left, right])), want);
        }
    }

    /// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
    #[test]
    fn hmac_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, text, want) in cases {
            assert_eq!(hex::encode(hmac_sha256(key, &[text])), want);
        }
    }
}
