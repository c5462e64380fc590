//! Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a nonce and a name that the caller gives, and a keyed index.
//!
//! The name is associated data: what was sealed under one name does not open under another. A nonce is 96 random bits;
//! a key that seals fewer than 2³² times keeps the chance of a repeated nonce below 2⁻³² (SP 800-38D, section 8.3).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};

use crate::mac::hmac_sha256;
use crate::secret::SealKey;

/// Bytes of a nonce.
pub const NONCE: usize = 12;
/// Bytes of a tag.
pub const TAG: usize = 16;

fn cipher(key: &SealKey) -> Aes256Gcm {
    Aes256Gcm::new(key.bytes().into())
}

/// Encrypts `text` in place and returns its tag.
///
/// # Panics
/// Never: a text longer than GCM allows (64 GiB) fits no buffer of this program.
pub fn seal(key: &SealKey, nonce: &[u8; NONCE], name: &[u8], text: &mut [u8]) -> [u8; TAG] {
    let nonce = Nonce::from(*nonce);
    match cipher(key).encrypt_inout_detached(&nonce, name, text.into()) {
        Ok(tag) => tag.into(),
        Err(_) => panic!("a text longer than GCM allows"),
    }
}

/// Decrypts `text` in place. `false` when key, nonce, name, text and tag do not belong together; then `text` is as it was.
#[must_use]
pub fn open(
    key: &SealKey,
    nonce: &[u8; NONCE],
    name: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG],
) -> bool {
    let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
    cipher(key)
        .decrypt_inout_detached(&nonce, name, text.into(), &tag)
        .is_ok()
}

/// What a secret is looked up by: HMAC-SHA256, so that who has the index and not the key cannot try all secrets.
pub fn index(key: &SealKey, secret: &[u8]) -> [u8; 32] {
    hmac_sha256(key.bytes(), &[b"kaika/index/1", secret])
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

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test case 16.
    #[test]
    fn gcm_of_its_authors() {
        let key = SealKey::from_slice(&hex(
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        ))
        .unwrap();
        let nonce: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let name = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let mut text = plain.clone();
        let tag = seal(&key, &nonce, &name, &mut text);
        assert_eq!(
            hex::encode(&text),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        );
        assert_eq!(hex::encode(tag), "76fc6ece0f4e1768cddf8853bb2d551b");
        assert!(open(&key, &nonce, &name, &mut text, &tag));
        assert_eq!(text, plain);
    }

    #[test]
    fn one_changed_bit_anywhere_does_not_open() {
        let (key, nonce, name) = (SealKey::new([1; 32]), [2; NONCE], *b"name");
        let mut sealed = *b"a text";
        let tag = seal(&key, &nonce, &name, &mut sealed);
        let opens =
            |key: &SealKey, nonce: &[u8; NONCE], name: &[u8], text: &[u8], tag: &[u8; TAG]| {
                let mut text = text.to_vec();
                open(key, nonce, name, &mut text, tag)
            };
        assert!(opens(&key, &nonce, &name, &sealed, &tag));
        assert!(!opens(&SealKey::new([3; 32]), &nonce, &name, &sealed, &tag));
        assert!(!opens(&key, &[3; NONCE], &name, &sealed, &tag));
        assert!(!opens(&key, &nonce, b"nama", &sealed, &tag));
        for place in 0..sealed.len() {
            let mut text = sealed;
            text[place] ^= 1;
            assert!(!opens(&key, &nonce, &name, &text, &tag));
        }
        for place in 0..TAG {
            let mut tag = tag;
            tag[place] ^= 0x80;
            assert!(!opens(&key, &nonce, &name, &sealed, &tag));
        }
        assert!(!opens(&key, &nonce, &name, &sealed[1..], &tag));
    }

    #[test]
    fn an_index_depends_on_its_key_and_on_all_of_the_secret() {
        let key = SealKey::new([1; 32]);
        assert_eq!(index(&key, b"12"), index(&key, b"12"));
        assert_ne!(index(&key, b"12"), index(&key, b"13"));
        assert_ne!(index(&key, b"12"), index(&SealKey::new([2; 32]), b"12"));
    }
}
