//! The runner's own cryptography: a second, independent reading of `spec/90-wire.md` and `spec/85-apdu.md`.
//!
//! Only block ciphers and hash functions come from libraries; modes, derivations and paddings are written here,
//! so that a subject and the runner cannot share a mistake above the primitive.

pub mod channel;
pub mod emv;
pub mod emv10;
pub mod password;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// A block of AES.
pub type Block = [u8; 16];

/// SHA-256 of the parts one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// HMAC-SHA256 of the parts one after the other.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        panic!("HMAC takes keys of every length")
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// AES-CMAC (RFC 4493) of the parts one after the other.
pub fn cmac(key: &[u8], parts: &[&[u8]]) -> Block {
    let message = parts.concat();
    let zero = encrypt_block(key, [0; 16]);
    let first = doubled(zero);
    let whole = !message.is_empty() && message.len().is_multiple_of(16);
    let mut padded = message;
    if !whole {
        pad_80(&mut padded, 16);
    }
    let last = if whole { first } else { doubled(first) };
    let count = padded.len() / 16;
    padded
        .chunks_exact(16)
        .enumerate()
        .fold([0; 16], |state, (at, chunk)| {
            let mut block = xor(state, chunk);
            if at + 1 == count {
                block = xor(block, &last);
            }
            encrypt_block(key, block)
        })
}

/// Doubling in GF(2^128).
fn doubled(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    let carry = if value >> 127 == 1 { 0x87 } else { 0 };
    ((value << 1) ^ carry).to_be_bytes()
}

fn xor(mut left: Block, right: &[u8]) -> Block {
    for (byte, other) in left.iter_mut().zip(right) {
        *byte ^= other;
    }
    left
}

/// One AES block, encrypted; the key's length says which AES.
pub fn encrypt_block(key: &[u8], block: Block) -> Block {
    let mut block = block.into();
    match key.len() {
        24 => made(Aes192::new_from_slice(key)).encrypt_block(&mut block),
        32 => made(Aes256::new_from_slice(key)).encrypt_block(&mut block),
        _ => made(Aes128::new_from_slice(key)).encrypt_block(&mut block),
    }
    block.into()
}

fn decrypt_block(key: &[u8], block: Block) -> Block {
    let mut block = block.into();
    match key.len() {
        24 => made(Aes192::new_from_slice(key)).decrypt_block(&mut block),
        32 => made(Aes256::new_from_slice(key)).decrypt_block(&mut block),
        _ => made(Aes128::new_from_slice(key)).decrypt_block(&mut block),
    }
    block.into()
}

fn made<C, E>(cipher: Result<C, E>) -> C {
    match cipher {
        Ok(cipher) => cipher,
        Err(_) => panic!("a key has 16, 24 or 32 bytes"),
    }
}

/// AES-CBC without padding; whole blocks only.
pub fn cbc_encrypt(key: &[u8], iv: Block, plain: &[u8]) -> Vec<u8> {
    let mut last = iv;
    let mut out = Vec::with_capacity(plain.len());
    for chunk in plain.chunks_exact(16) {
        last = encrypt_block(key, xor(last, chunk));
        out.extend_from_slice(&last);
    }
    out
}

/// The other way; nothing when it is not whole blocks.
pub fn cbc_decrypt(key: &[u8], iv: Block, cipher: &[u8]) -> Option<Vec<u8>> {
    if !cipher.len().is_multiple_of(16) {
        return None;
    }
    let mut last = iv;
    let mut out = Vec::with_capacity(cipher.len());
    for chunk in cipher.chunks_exact(16) {
        let block = Block::try_from(chunk).ok()?;
        out.extend_from_slice(&xor(decrypt_block(key, block), &last));
        last = block;
    }
    Some(out)
}

/// Padding of ISO 9797-1 method 2: a one bit, then zeros.
pub fn pad_80(bytes: &mut Vec<u8>, size: usize) {
    bytes.push(0x80);
    while !bytes.len().is_multiple_of(size) {
        bytes.push(0);
    }
}

/// Takes the padding off again.
pub fn unpad_80(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    (bytes.pop() == Some(0x80)).then_some(bytes)
}

/// `Kaika-Mac` (90-wire, Headers).
pub fn kaika_mac(
    key: &[u8],
    caller: &str,
    method: &str,
    path: &str,
    time: &str,
    idempotency: &str,
    body: &[u8],
) -> [u8; 32] {
    let head = format!("{caller}\n{method}\n{path}\n{time}\n{idempotency}\n");
    hmac(key, &[head.as_bytes(), body])
}

/// A label and length-prefixed texts (90-wire, Digests), hashed.
pub fn labelled(label: &str, parts: &[&str]) -> [u8; 32] {
    sha256(&[&labelled_bytes(label, parts)])
}

/// The same before hashing.
pub fn labelled_bytes(label: &str, parts: &[&str]) -> Vec<u8> {
    let mut bytes = label.as_bytes().to_vec();
    for part in parts {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn cmac_gives_the_answers_of_rfc_4493() {
        let key: Block = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let message = hex::decode(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
        )
        .unwrap();
        assert_eq!(cmac(&key, &[]), bytes("bb1d6929e95937287fa37d129b756746"));
        assert_eq!(
            cmac(&key, &[&message[..16]]),
            bytes("070a16b46b4d4144f79bdd9dd04a287c")
        );
        assert_eq!(
            cmac(&key, &[&message[..3], &message[3..]]),
            bytes("dfa66747de9ae63030ca32611497c827")
        );
    }

    #[test]
    fn cbc_gives_the_answer_of_sp_800_38a_and_back() {
        let key: Block = bytes("2b7e151628aed2a6abf7158809cf4f3c");
        let iv = bytes("000102030405060708090a0b0c0d0e0f");
        let plain = hex::decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
            .unwrap();
        let cipher = cbc_encrypt(&key, iv, &plain);
        assert_eq!(
            hex::encode(&cipher),
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
        );
        assert_eq!(cbc_decrypt(&key, iv, &cipher), Some(plain));
        assert_eq!(cbc_decrypt(&key, iv, &cipher[1..]), None);
    }

    #[test]
    fn hmac_gives_the_answer_of_rfc_4231() {
        assert_eq!(
            hex::encode(hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn padding_comes_off_as_it_went_on() {
        for length in 0..40 {
            let mut bytes = vec![0; length];
            pad_80(&mut bytes, 16);
            assert_eq!(unpad_80(bytes), Some(vec![0; length]));
        }
        assert_eq!(unpad_80(vec![1, 0]), None);
    }
}
