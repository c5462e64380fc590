//! The issuer's side of the chip's cryptography, from GlobalPlatform Amendment D and EMV Book 2, on block ciphers alone.
//!
//! [`Host`] opens and speaks SCP03; [`receipt`], [`chip_key`] and [`cryptogram`] say what the chip must answer.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2};
use sha2::{Digest, Sha256};

/// AID of the issuer security domain.
pub const ISD: &[u8] = &[0xF0, 0x4B, 0x41, 0x49, 0x4B, 0x41, 0x00];

/// AES-CMAC over the parts in order; the key's length says which AES.
pub fn cmac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    match key.len() {
        24 => over(<Cmac<Aes192> as KeyInit>::new_from_slice(key), parts),
        32 => over(<Cmac<Aes256> as KeyInit>::new_from_slice(key), parts),
        _ => over(<Cmac<Aes128> as KeyInit>::new_from_slice(key), parts),
    }
}

fn over<M: Mac, E>(mac: Result<M, E>, parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = mac.unwrap_or_else(|_| panic!("a key of {parts:?}"));
    parts.iter().for_each(|part| mac.update(part));
    let made = mac.finalize().into_bytes();
    core::array::from_fn(|at| made[at])
}

fn cipher<C, E>(made: Result<C, E>) -> C {
    made.unwrap_or_else(|_| panic!("a key has 16, 24 or 32 bytes"))
}

fn aes_block(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    match key.len() {
        24 => cipher(Aes192::new_from_slice(key)).encrypt_block(&mut block),
        32 => cipher(Aes256::new_from_slice(key)).encrypt_block(&mut block),
        _ => cipher(Aes128::new_from_slice(key)).encrypt_block(&mut block),
    }
    block.into()
}

fn aes_back(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    match key.len() {
        24 => cipher(Aes192::new_from_slice(key)).decrypt_block(&mut block),
        32 => cipher(Aes256::new_from_slice(key)).decrypt_block(&mut block),
        _ => cipher(Aes128::new_from_slice(key)).decrypt_block(&mut block),
    }
    block.into()
}

/// AES-CBC without padding. `data` is whole blocks.
pub fn cbc_encrypt(key: &[u8], iv: [u8; 16], data: &[u8]) -> Vec<u8> {
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
pub fn cbc_decrypt(key: &[u8], iv: [u8; 16], data: &[u8]) -> Vec<u8> {
    let mut chain = iv;
    let mut out = Vec::with_capacity(data.len());
    for block in data.chunks_exact(16) {
        let cipher: [u8; 16] = core::array::from_fn(|i| block[i]);
        let plain = aes_back(key, cipher);
        out.extend((0..16).map(|i| plain[i] ^ chain[i]));
        chain = cipher;
    }
    out
}

/// The chip's own key number `which` (01 ENC, 02 MAC, 03 DEK, 04 receipt).
pub fn chip_key(kmc: &[u8; 16], which: u8, se_id: &[u8; 8]) -> [u8; 16] {
    cmac(kmc, &[b"kaika/chip/1", &[which], se_id])
}

/// ENC, MAC and DEK of a key version that there is.
pub fn channel_keys(kmc: &[u8; 16], version: u8, se_id: &[u8; 8]) -> Option<[Vec<u8>; 3]> {
    let size = match version {
        0x00 | 0x30 => return Some([1, 2, 3].map(|which| chip_key(kmc, which, se_id).to_vec())),
        0x31 => 24,
        0x32 => 32,
        _ => return None,
    };
    Some([1, 2, 3].map(|which| {
        let block = |n: u8| cmac(kmc, &[b"kaika/chip/1", &[which], se_id, &[version, n]]);
        let mut key = [block(1), block(2)].concat();
        key.truncate(size);
        key
    }))
}

fn derive(key: &[u8], constant: u8, bits: u16, context: &[&[u8]]) -> [u8; 16] {
    derive_block(key, constant, bits, 1, context)
}

/// A session key as long as the static one.
fn session_key(key: &[u8], constant: u8, context: &[&[u8]]) -> Vec<u8> {
    let bits = u16::try_from(key.len() * 8).unwrap_or(0);
    let block = |n| derive_block(key, constant, bits, n, context);
    let mut made = [block(1), block(2)].concat();
    made.truncate(key.len());
    made
}

/// The key derivation of SCP03 (Amendment D, 4.1.5).
fn derive_block(key: &[u8], constant: u8, bits: u16, n: u8, context: &[&[u8]]) -> [u8; 16] {
    let mut label = [0; 16];
    label[11] = constant;
    label[13..15].copy_from_slice(&bits.to_be_bytes());
    label[15] = n;
    let mut parts: Vec<&[u8]> = vec![&label];
    parts.extend_from_slice(context);
    cmac(key, &parts)
}

/// The first eight bytes.
pub fn half(bytes: [u8; 16]) -> [u8; 8] {
    core::array::from_fn(|i| bytes[i])
}

/// The card challenge that the chip must make from its sequence counter.
pub fn card_challenge(enc: &[u8], seq: [u8; 3]) -> [u8; 8] {
    half(derive(enc, 0x02, 0x40, &[&seq, ISD]))
}

/// One secure channel, host side.
#[derive(Clone)]
pub struct Host {
    enc: Vec<u8>,
    mac: Vec<u8>,
    rmac: Vec<u8>,
    chain: [u8; 16],
    counter: u32,
    level: u8,
    /// The card cryptogram that the chip must show.
    pub card_cryptogram: [u8; 8],
    host_cryptogram: [u8; 8],
}

impl Host {
    /// Session keys from the static keys and both challenges.
    pub fn new(enc: &[u8], mac: &[u8], host: [u8; 8], card: [u8; 8]) -> Self {
        let context: [&[u8]; 2] = [&host, &card];
        let session_mac = session_key(mac, 0x06, &context);
        Self {
            enc: session_key(enc, 0x04, &context),
            rmac: session_key(mac, 0x07, &context),
            level: 0,
            card_cryptogram: half(derive(&session_mac, 0x00, 0x40, &context)),
            host_cryptogram: half(derive(&session_mac, 0x01, 0x40, &context)),
            mac: session_mac,
            chain: [0; 16],
            counter: 0,
        }
    }

    /// EXTERNAL AUTHENTICATE at security level `level`.
    pub fn authenticate(&mut self, level: u8) -> Vec<u8> {
        self.level = level;
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

    /// A management command: data encrypted where the level says so, then everything under the MAC. What is longer than a short
    /// command has the extended length, and must be sent in pieces.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let sealed = if data.is_empty() || self.level & 0x02 == 0 {
            data.to_vec()
        } else {
            self.seal(data)
        };
        let mut command = header.to_vec();
        command.extend(length_field(sealed.len() + 8));
        command.extend_from_slice(&sealed);
        self.append_mac(command)
    }

    fn seal(&self, data: &[u8]) -> Vec<u8> {
        cbc_encrypt(&self.enc, icv(&self.enc, 0, self.counter), &pad(data, 16))
    }

    /// The keys for encryption, MAC and R-MAC, and the chaining value.
    pub fn session(&self) -> ([Vec<u8>; 3], [u8; 16]) {
        let keys = [self.enc.clone(), self.mac.clone(), self.rmac.clone()];
        (keys, self.chain)
    }

    /// Whether the MAC of an EXTERNAL AUTHENTICATE holds, whatever its cryptogram.
    pub fn mac_holds(&self, command: &[u8]) -> bool {
        let Some((signed, tag)) = command.split_last_chunk::<8>() else {
            return false;
        };
        half(cmac(&self.mac, &[&[0; 16], signed])) == *tag
    }
}

/// Lc: one byte, or the extended three.
pub fn length_field(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(length) => vec![length],
        Err(_) => [&[0], &u16::try_from(length).unwrap_or(0).to_be_bytes()[..]].concat(),
    }
}

fn icv(enc: &[u8], first: u8, counter: u32) -> [u8; 16] {
    let mut block = [0; 16];
    block[0] = first;
    block[12..].copy_from_slice(&counter.to_be_bytes());
    aes_block(enc, block)
}

/// A good answer at a level with R-MAC (Amendment D, 6.2.5 and 6.2.7): encrypted when the level says so and there is data.
pub fn protected(
    level: u8,
    enc: &[u8],
    rmac: &[u8],
    chain: &[u8; 16],
    counter: u32,
    data: &[u8],
    status: [u8; 2],
) -> Vec<u8> {
    let mut answer = if data.is_empty() || level & 0x20 == 0 {
        data.to_vec()
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
    retail(left, right, &pad(data, 8))
}

/// MAC algorithm 3 over whole blocks.
fn retail(left: [u8; 8], right: [u8; 8], data: &[u8]) -> [u8; 8] {
    let (first, second) = (Des::new(&left.into()), Des::new(&right.into()));
    let mut chain = [0_u8; 8];
    for block in data.chunks_exact(8) {
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

/// The application cryptogram of version 10: the key itself, zeros behind.
pub fn cryptogram_10(udk: &[u8; 16], data: &[u8]) -> [u8; 8] {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(8), 0);
    let [left, right] = [0, 8].map(|from| -> [u8; 8] { core::array::from_fn(|i| udk[from + i]) });
    retail(left, right, &data)
}

/// The value of tag 91: version 18 over a card status update, version 10 over a response code.
pub fn issuer_proof(
    version: u8,
    udk: &[u8; 16],
    atc: [u8; 2],
    request: &[u8; 8],
    says: &[u8],
) -> Vec<u8> {
    if version == 0x0A {
        let mut block = *request;
        block
            .iter_mut()
            .zip(says)
            .for_each(|(to, from)| *to ^= from);
        return [&tdes(udk, block)[..], says].concat();
    }
    let made = cryptogram(udk, atc, &[&request[..], says].concat());
    [&made[..4], says].concat()
}

/// Decrypts the data field of the `counter`-th command in a channel.
pub fn unseal(enc: &[u8], counter: u32, sealed: &[u8]) -> Option<Vec<u8>> {
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
