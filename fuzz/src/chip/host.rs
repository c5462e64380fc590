//! The issuer's side of the chip's cryptography, from GlobalPlatform Amendment D and EMV Book 2, on block ciphers alone.
//!
//! [`Host`] opens and speaks SCP03; [`receipt`], [`chip_key`] and [`cryptogram`] say what the chip must answer.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use sha2::{Digest, Sha256};

/// AID of the issuer security domain.
pub const ISD: &[u8] = &[0xF0, 0x4B, 0x41, 0x49, 0x4B, 0x41, 0x00];

/// AES-CMAC over the parts in order.
pub fn cmac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(key.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn aes_block(key: &[u8; 16], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

/// AES-CBC without padding. `data` is whole blocks.
pub fn cbc_encrypt(key: &[u8; 16], iv: [u8; 16], data: &[u8]) -> Vec<u8> {
    let mut chain = iv;
    let mut out = Vec::with_capacity(data.len());
    for block in data.chunks_exact(16) {
        let mixed = core::array::from_fn(|i| chain[i] ^ block[i]);
        chain = aes_block(key, mixed);
        out.extend_from_slice(&chain);
    }
    out
}

/// The inverse of [`cbc_encrypt`].
pub fn cbc_decrypt(key: &[u8; 16], iv: [u8; 16], data: &[u8]) -> Vec<u8> {
    let mut chain = iv;
    let mut out = Vec::with_capacity(data.len());
    for block in data.chunks_exact(16) {
        let cipher: [u8; 16] = core::array::from_fn(|i| block[i]);
        let mut plain = cipher.into();
        Aes128::new(key.into()).decrypt_block(&mut plain);
        let plain: [u8; 16] = plain.into();
        out.extend((0..16).map(|i| plain[i] ^ chain[i]));
        chain = cipher;
    }
    out
}

/// The chip's own key number `which` (01 ENC, 02 MAC, 03 DEK, 04 receipt).
pub fn chip_key(kmc: &[u8; 16], which: u8, se_id: &[u8; 8]) -> [u8; 16] {
    cmac(kmc, &[b"kaika/chip/1", &[which], se_id])
}

/// The key derivation of SCP03 (Amendment D, 4.1.5).
fn derive(key: &[u8; 16], constant: u8, bits: u8, context: &[&[u8]]) -> [u8; 16] {
    let mut label = [0; 16];
    label[11] = constant;
    label[14] = bits;
    label[15] = 1;
    let mut parts: Vec<&[u8]> = vec![&label];
    parts.extend_from_slice(context);
    cmac(key, &parts)
}

/// The first eight bytes.
pub fn half(bytes: [u8; 16]) -> [u8; 8] {
    core::array::from_fn(|i| bytes[i])
}

/// The card challenge that the chip must make from its sequence counter.
pub fn card_challenge(enc: &[u8; 16], seq: [u8; 3]) -> [u8; 8] {
    half(derive(enc, 0x02, 0x40, &[&seq, ISD]))
}

/// One secure channel, host side.
#[derive(Clone)]
pub struct Host {
    enc: [u8; 16],
    mac: [u8; 16],
    rmac: [u8; 16],
    chain: [u8; 16],
    counter: u32,
    /// The card cryptogram that the chip must show.
    pub card_cryptogram: [u8; 8],
    host_cryptogram: [u8; 8],
}

impl Host {
    /// Session keys from the static keys and both challenges.
    pub fn new(enc: &[u8; 16], mac: &[u8; 16], host: [u8; 8], card: [u8; 8]) -> Self {
        let context: [&[u8]; 2] = [&host, &card];
        let session_mac = derive(mac, 0x06, 0x80, &context);
        Self {
            enc: derive(enc, 0x04, 0x80, &context),
            rmac: derive(mac, 0x07, 0x80, &context),
            card_cryptogram: half(derive(&session_mac, 0x00, 0x40, &context)),
            host_cryptogram: half(derive(&session_mac, 0x01, 0x40, &context)),
            mac: session_mac,
            chain: [0; 16],
            counter: 0,
        }
    }

    /// EXTERNAL AUTHENTICATE at security level `level`.
    pub fn authenticate(&mut self, level: u8) -> Vec<u8> {
        let mut command = vec![0x84, 0x82, level, 0x00, 0x10];
        command.extend_from_slice(&self.host_cryptogram);
        self.append_mac(command)
    }

    /// The same with a wrong cryptogram under a MAC that holds.
    pub fn authenticate_falsely(&mut self, level: u8) -> Vec<u8> {
        self.host_cryptogram[0] ^= 1;
        self.authenticate(level)
    }

    fn append_mac(&mut self, mut command: Vec<u8>) -> Vec<u8> {
        self.chain = cmac(&self.mac, &[&self.chain, &command]);
        command.extend_from_slice(&half(self.chain));
        command
    }

    /// A management command: data encrypted, then everything under the MAC. Short lengths: `data` up to 231 bytes.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let sealed = if data.is_empty() {
            Vec::new()
        } else {
            self.seal(data)
        };
        let mut command = header.to_vec();
        command.push(u8::try_from(sealed.len() + 8).unwrap_or(0xFF));
        command.extend_from_slice(&sealed);
        self.append_mac(command)
    }

    fn seal(&self, data: &[u8]) -> Vec<u8> {
        cbc_encrypt(&self.enc, icv(&self.enc, 0, self.counter), &pad(data, 16))
    }

    /// The keys for encryption, MAC and R-MAC, and the chaining value.
    pub fn session(&self) -> [[u8; 16]; 4] {
        [self.enc, self.mac, self.rmac, self.chain]
    }

    /// Whether the MAC of an EXTERNAL AUTHENTICATE holds, whatever its cryptogram.
    pub fn mac_holds(&self, command: &[u8]) -> bool {
        let Some((signed, tag)) = command.split_last_chunk::<8>() else {
            return false;
        };
        half(cmac(&self.mac, &[&[0; 16], signed])) == *tag
    }
}

fn icv(enc: &[u8; 16], first: u8, counter: u32) -> [u8; 16] {
    let mut block = [0; 16];
    block[0] = first;
    block[12..].copy_from_slice(&counter.to_be_bytes());
    aes_block(enc, block)
}

/// A good answer at level 33 (Amendment D, 6.2.5 and 6.2.7): encrypted when there is data, then the R-MAC.
pub fn protected(
    enc: &[u8; 16],
    rmac: &[u8; 16],
    chain: &[u8; 16],
    counter: u32,
    data: &[u8],
    status: [u8; 2],
) -> Vec<u8> {
    let mut answer = if data.is_empty() {
        Vec::new()
    } else {
        cbc_encrypt(enc, icv(enc, 0x80, counter), &pad(data, 16))
    };
    let tag = half(cmac(rmac, &[chain, &answer, &status]));
    answer.extend_from_slice(&tag);
    answer
}

/// ISO 9797-1 padding method 2 to whole blocks of `block` bytes.
pub fn pad(data: &[u8], block: usize) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(block), 0);
    padded
}

/// What the chip must answer to COMMIT and GET DATA for the receipt.
pub fn receipt(
    key: &[u8; 16],
    se_id: &[u8; 8],
    token_ref: &[u8; 16],
    context: &[u8; 32],
    version: u8,
    token_data: &[u8],
) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(token_data).into();
    cmac(
        key,
        &[
            b"kaika/receipt/1",
            se_id,
            token_ref,
            context,
            &[version],
            &digest,
        ],
    )
}

/// What the chip must answer to SIGN EVIDENCE.
pub fn evidence(key: &[u8; 16], kind: u8, se_id: &[u8; 8], digest: &[u8; 32]) -> [u8; 16] {
    let word = if kind == 1 { "consent" } else { "payment" };
    let label = format!("kaika/{word}/1");
    cmac(key, &[label.as_bytes(), se_id, digest])
}

fn tdes(key: &[u8; 16], block: [u8; 8]) -> [u8; 8] {
    let mut block = block.into();
    TdesEde2::new(key.into()).encrypt_block(&mut block);
    block.into()
}

fn session_half(udk: &[u8; 16], atc: [u8; 2], mark: u8) -> [u8; 8] {
    tdes(udk, [atc[0], atc[1], mark, 0, 0, 0, 0, 0])
}

/// The application cryptogram over `data` (EMV Book 2, 8.1: CSK, then MAC algorithm 3 with padding method 2).
pub fn cryptogram(udk: &[u8; 16], atc: [u8; 2], data: &[u8]) -> [u8; 8] {
    let left = session_half(udk, atc, 0xF0);
    let right = session_half(udk, atc, 0x0F);
    let (first, second) = (Des::new(&left.into()), Des::new(&right.into()));
    let mut chain = [0_u8; 8];
    for block in pad(data, 8).chunks_exact(8) {
        let mixed: [u8; 8] = core::array::from_fn(|i| chain[i] ^ block[i]);
        let mut mixed = mixed.into();
        first.encrypt_block(&mut mixed);
        chain = mixed.into();
    }
    let mut last = chain.into();
    second.decrypt_block(&mut last);
    first.encrypt_block(&mut last);
    last.into()
}

/// Decrypts the data field of the `counter`-th command in a channel.
pub fn unseal(enc: &[u8; 16], counter: u32, sealed: &[u8]) -> Option<Vec<u8>> {
    unpad(cbc_decrypt(enc, icv(enc, 0, counter), sealed))
}

/// Padding method 2 undone: the mark stands in the last block.
fn unpad(mut plain: Vec<u8>) -> Option<Vec<u8>> {
    for _ in 0..16 {
        match plain.pop()? {
            0x80 => return Some(plain),
            0 => {}
            _ => return None,
        }
    }
    None
}
