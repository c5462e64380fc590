//! SCP03 with 8-byte MACs and i = 70, for AES keys of all three sizes (GlobalPlatform 2.3, amendment D): both ends of the
//! secure channel.
//!
//! Open it with [`SessionKeys::derive`], [`SessionKeys::card_cryptogram`] and [`SessionKeys::host_cryptogram`]; then a
//! [`Channel`] protects and opens one command after another. The host calls [`Channel::protect`] and
//! [`Channel::open_response`], the card [`Channel::open_command`] and [`Channel::protect_response`]. A channel is a
//! function of its keys and the messages so far, so a host that lost its memory can play the same script again and
//! stand where it stood.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use zeroize::Zeroize;

use crate::is_same;
use crate::mac::aes_cmac;
use crate::secret::{AesKey, KeySize};

/// Key version number of the issuer's keys: the one with AES-128, which 00 stands for.
pub const KEY_VERSION: u8 = 0x30;
/// Key version numbers and their key sizes.
pub const KEY_VERSIONS: [(u8, KeySize); 3] = [
    (KEY_VERSION, KeySize::Aes128),
    (0x31, KeySize::Aes192),
    (0x32, KeySize::Aes256),
];
/// The `i` parameter: pseudo-random challenge, R-MAC and R-ENC.
pub const PARAMETER: u8 = 0x70;
/// Length of a MAC or cryptogram.
pub const MAC_LEN: usize = 8;

/// What the channel protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 01: command MAC.
    Mac,
    /// 03: command MAC and encryption.
    Command,
    /// 11: command and response MAC.
    MacBoth,
    /// 13: command MAC and encryption, response MAC.
    CommandMacBoth,
    /// 33: command and response MAC and encryption.
    Both,
}

impl Level {
    /// Every level, from the weakest.
    pub const ALL: [Self; 5] = [
        Self::Mac,
        Self::Command,
        Self::MacBoth,
        Self::CommandMacBoth,
        Self::Both,
    ];

    /// As in P1 of EXTERNAL AUTHENTICATE.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Mac => 0x01,
            Self::Command => 0x03,
            Self::MacBoth => 0x11,
            Self::CommandMacBoth => 0x13,
            Self::Both => 0x33,
        }
    }

    /// The level with this byte, if there is one: a level without a command MAC is none.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.byte() == byte)
    }

    /// Whether commands are encrypted (C-DECRYPTION).
    pub const fn encrypts_commands(self) -> bool {
        self.byte() & 0x02 != 0
    }

    /// Whether answers have a MAC (R-MAC).
    pub const fn protects_answers(self) -> bool {
        self.byte() & 0x10 != 0
    }

    /// Whether answers are encrypted (R-ENCRYPTION).
    pub const fn encrypts_answers(self) -> bool {
        self.byte() & 0x20 != 0
    }
}

/// Why a protected message is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The MAC is missing or wrong.
    Mac,
    /// The MAC is right, but what it covers is not an encryption of anything.
    Encryption,
    /// The buffer is too short.
    NoRoom,
}

/// The three keys of one session.
#[derive(Debug)]
pub struct SessionKeys {
    enc: AesKey,
    mac: AesKey,
    rmac: AesKey,
}

impl SessionKeys {
    /// Derives the session keys from the static keys and the two challenges.
    pub fn derive(
        enc: &AesKey,
        mac: &AesKey,
        host_challenge: &[u8; 8],
        card_challenge: &[u8; 8],
    ) -> Self {
        let context: [&[u8]; 2] = [host_challenge, card_challenge];
        Self {
            enc: derived(enc, 0x04, context),
            mac: derived(mac, 0x06, context),
            rmac: derived(mac, 0x07, context),
        }
    }

    /// What the card answers to INITIALIZE UPDATE.
    pub fn card_cryptogram(&self, host_challenge: &[u8; 8], card_challenge: &[u8; 8]) -> [u8; 8] {
        first_half(kdf(
            &self.mac,
            0x00,
            64,
            1,
            [host_challenge, card_challenge],
        ))
    }

    /// What the host sends in EXTERNAL AUTHENTICATE.
    pub fn host_cryptogram(&self, host_challenge: &[u8; 8], card_challenge: &[u8; 8]) -> [u8; 8] {
        first_half(kdf(
            &self.mac,
            0x01,
            64,
            1,
            [host_challenge, card_challenge],
        ))
    }
}

/// The pseudo-random card challenge of one sequence counter.
pub fn card_challenge(enc: &AesKey, sequence: &[u8; 3], aid: &[u8]) -> [u8; 8] {
    first_half(kdf(enc, 0x02, 64, 1, [sequence, aid]))
}

/// A session key, of the size of the static one.
fn derived(key: &AesKey, constant: u8, context: [&[u8]; 2]) -> AesKey {
    let bits = match key.size() {
        KeySize::Aes128 => 128,
        KeySize::Aes192 => 192,
        KeySize::Aes256 => 256,
    };
    let block = |counter| kdf(key, constant, bits, counter, context);
    let second = match key.size() {
        KeySize::Aes128 => [0; 16],
        KeySize::Aes192 | KeySize::Aes256 => block(2),
    };
    AesKey::from_blocks(key.size(), [block(1), second])
}

/// The data derivation scheme: label, separator, length in bits, counter, context.
fn kdf(key: &AesKey, constant: u8, bits: u16, counter: u8, context: [&[u8]; 2]) -> [u8; 16] {
    let [high, low] = bits.to_be_bytes();
    let [first, second] = context;
    aes_cmac(
        key,
        &[&[0; 11], &[constant, 0, high, low, counter], first, second],
    )
}

/// A command as the channel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// CLA INS P1 P2 as sent (with the secure messaging bit).
    pub bytes: [u8; 4],
    /// Whether Lc is in the extended form.
    pub extended: bool,
}

/// An open secure channel: one end of it.
#[derive(Debug)]
pub struct Channel {
    keys: SessionKeys,
    level: Level,
    chaining: [u8; 16],
    counter: u32,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.chaining.zeroize();
    }
}

impl Channel {
    /// The host's end, and the data field of its EXTERNAL AUTHENTICATE.
    pub fn host(
        keys: SessionKeys,
        level: Level,
        host_challenge: &[u8; 8],
        card_challenge: &[u8; 8],
    ) -> (Self, [u8; 16]) {
        let cryptogram = keys.host_cryptogram(host_challenge, card_challenge);
        let chaining = authenticate_mac(&keys, level, false, &cryptogram);
        let mut data = [0; 16];
        let (left, right) = data.split_at_mut(8);
        left.copy_from_slice(&cryptogram);
        right.copy_from_slice(&first_half(chaining));
        (
            Self {
                keys,
                level,
                chaining,
                counter: 0,
            },
            data,
        )
    }

    /// The card's end, once the MAC of EXTERNAL AUTHENTICATE, whose Lc is `extended` or not, is right. `None` when it is not.
    /// The cryptogram is judged by the caller: the two errors have different answers.
    pub fn card(
        keys: SessionKeys,
        level: Level,
        extended: bool,
        cryptogram: &[u8; 8],
        mac: &[u8; 8],
    ) -> Option<Self> {
        let chaining = authenticate_mac(&keys, level, extended, cryptogram);
        is_same(&first_half(chaining), mac).then_some(Self {
            keys,
            level,
            chaining,
            counter: 0,
        })
    }

    /// What this channel protects.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Host: encrypts `data` and appends the MAC. Returns the length of the data field written to `out`.
    ///
    /// # Errors
    /// [`Broken::NoRoom`], and then the channel is unchanged.
    pub fn protect(
        &mut self,
        header: Header,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Broken> {
        let counter = self.counter.checked_add(1).ok_or(Broken::NoRoom)?;
        let length = if self.level.encrypts_commands() {
            encrypt(&self.keys.enc, self.icv(counter, 0x00), data, out)?
        } else {
            copy(data, out)?
        };
        let (text, rest) = out.split_at_mut_checked(length).ok_or(Broken::NoRoom)?;
        let place = rest.first_chunk_mut::<MAC_LEN>().ok_or(Broken::NoRoom)?;
        let chaining = self.command_mac(header, text)?;
        *place = first_half(chaining);
        self.counter = counter;
        self.chaining = chaining;
        Ok(length + MAC_LEN)
    }

    /// Card: checks the MAC and decrypts the data field into `out`; returns the length of the plain data.
    ///
    /// # Errors
    /// [`Broken`]; the channel must then not be used again.
    pub fn open_command(
        &mut self,
        header: Header,
        field: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Broken> {
        let (text, mac) = field.split_last_chunk::<MAC_LEN>().ok_or(Broken::Mac)?;
        let chaining = self.command_mac(header, text)?;
        if !is_same(&first_half(chaining), mac) {
            return Err(Broken::Mac);
        }
        self.chaining = chaining;
        self.counter = self.counter.checked_add(1).ok_or(Broken::Encryption)?;
        if self.level.encrypts_commands() {
            decrypt(&self.keys.enc, self.icv(self.counter, 0x00), text, out)
        } else {
            copy(text, out)
        }
    }

    /// Card: protects a good answer. `out` receives the data field and the R-MAC where the level asks for them.
    /// Answers with an error status are sent bare: do not call this for them.
    ///
    /// # Errors
    /// [`Broken::NoRoom`].
    pub fn protect_response(
        &self,
        data: &[u8],
        status: [u8; 2],
        out: &mut [u8],
    ) -> Result<usize, Broken> {
        let length = if self.level.encrypts_answers() {
            encrypt(&self.keys.enc, self.icv(self.counter, 0x80), data, out)?
        } else {
            copy(data, out)?
        };
        if !self.level.protects_answers() {
            return Ok(length);
        }
        let (text, rest) = out.split_at_mut_checked(length).ok_or(Broken::NoRoom)?;
        let mac = self.response_mac(text, status);
        *rest.first_chunk_mut::<MAC_LEN>().ok_or(Broken::NoRoom)? = mac;
        Ok(length + MAC_LEN)
    }

    /// Host: checks and decrypts a good answer (data field without status word).
    ///
    /// # Errors
    /// [`Broken`]; the channel must then not be used again.
    pub fn open_response(
        &self,
        field: &[u8],
        status: [u8; 2],
        out: &mut [u8],
    ) -> Result<usize, Broken> {
        if !self.level.protects_answers() {
            return copy(field, out);
        }
        let (text, mac) = field.split_last_chunk::<MAC_LEN>().ok_or(Broken::Mac)?;
        if !is_same(&self.response_mac(text, status), mac) {
            return Err(Broken::Mac);
        }
        if self.level.encrypts_answers() {
            decrypt(&self.keys.enc, self.icv(self.counter, 0x80), text, out)
        } else {
            copy(text, out)
        }
    }

    /// MAC chaining value ‖ header ‖ Lc (MAC included) ‖ data.
    fn command_mac(&self, header: Header, text: &[u8]) -> Result<[u8; 16], Broken> {
        let length = u16::try_from(text.len() + MAC_LEN).map_err(|_| Broken::Mac)?;
        let [high, low] = length.to_be_bytes();
        let lc: &[u8] = match (header.extended, high) {
            (false, 0) => &[low],
            (false, _) => return Err(Broken::NoRoom),
            (true, _) => &[0, high, low],
        };
        Ok(aes_cmac(
            &self.keys.mac,
            &[&self.chaining, &header.bytes, lc, text],
        ))
    }

    fn response_mac(&self, text: &[u8], status: [u8; 2]) -> [u8; 8] {
        first_half(aes_cmac(&self.keys.rmac, &[&self.chaining, text, &status]))
    }

    /// The encrypted counter block; answers have 80 in front.
    fn icv(&self, counter: u32, front: u8) -> [u8; 16] {
        let [a, b, c, d] = counter.to_be_bytes();
        encrypt_block(
            &self.keys.enc,
            &[front, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d],
        )
    }
}

fn authenticate_mac(
    keys: &SessionKeys,
    level: Level,
    extended: bool,
    cryptogram: &[u8; 8],
) -> [u8; 16] {
    let header = [0x84, 0x82, level.byte(), 0x00];
    let lc: &[u8] = if extended { &[0, 0, 0x10] } else { &[0x10] };
    aes_cmac(&keys.mac, &[&[0; 16], &header, lc, cryptogram])
}

fn copy(from: &[u8], out: &mut [u8]) -> Result<usize, Broken> {
    out.get_mut(..from.len())
        .ok_or(Broken::NoRoom)?
        .copy_from_slice(from);
    Ok(from.len())
}

/// Pads by method 2 and encrypts by CBC. No data stays no data.
fn encrypt(key: &AesKey, icv: [u8; 16], data: &[u8], out: &mut [u8]) -> Result<usize, Broken> {
    if data.is_empty() {
        return Ok(0);
    }
    let length = (data.len() / 16 + 1) * 16;
    let text = out.get_mut(..length).ok_or(Broken::NoRoom)?;
    let (plain, padding) = text
        .split_at_mut_checked(data.len())
        .ok_or(Broken::NoRoom)?;
    plain.copy_from_slice(data);
    padding.fill(0);
    if let Some(first) = padding.first_mut() {
        *first = 0x80;
    }
    let (blocks, _) = text.as_chunks_mut::<16>();
    let mut before = icv;
    for block in blocks {
        block
            .iter_mut()
            .zip(before)
            .for_each(|(byte, other)| *byte ^= other);
        *block = encrypt_block(key, block);
        before = *block;
    }
    Ok(length)
}

/// Decrypts by CBC and removes the padding. No data stays no data, and an encryption of no data is accepted too:
/// some hosts send it.
fn decrypt(key: &AesKey, icv: [u8; 16], text: &[u8], out: &mut [u8]) -> Result<usize, Broken> {
    if text.is_empty() {
        return Ok(0);
    }
    let (blocks, []) = text.as_chunks::<16>() else {
        return Err(Broken::Encryption);
    };
    let plain = out.get_mut(..text.len()).ok_or(Broken::NoRoom)?;
    let mut before = icv;
    for (block, place) in blocks.iter().zip(plain.as_chunks_mut::<16>().0) {
        *place = decrypt_block(key, block);
        place
            .iter_mut()
            .zip(before)
            .for_each(|(byte, other)| *byte ^= other);
        before = *block;
    }
    unpadded(plain).ok_or(Broken::Encryption)
}

/// The length before the mark 80, which only zeros may follow, all in the last block.
fn unpadded(plain: &[u8]) -> Option<usize> {
    let mark = plain.iter().rposition(|byte| *byte != 0)?;
    (plain.get(mark) == Some(&0x80) && mark / 16 == (plain.len() - 1) / 16).then_some(mark)
}

/// One block of AES.
pub(crate) fn encrypt_block(key: &AesKey, block: &[u8; 16]) -> [u8; 16] {
    let mut block = (*block).into();
    match key.size() {
        KeySize::Aes128 => keyed(Aes128::new_from_slice(key.bytes())).encrypt_block(&mut block),
        KeySize::Aes192 => keyed(Aes192::new_from_slice(key.bytes())).encrypt_block(&mut block),
        KeySize::Aes256 => keyed(Aes256::new_from_slice(key.bytes())).encrypt_block(&mut block),
    }
    block.into()
}

/// One block of AES, backwards.
pub(crate) fn decrypt_block(key: &AesKey, block: &[u8; 16]) -> [u8; 16] {
    let mut block = (*block).into();
    match key.size() {
        KeySize::Aes128 => keyed(Aes128::new_from_slice(key.bytes())).decrypt_block(&mut block),
        KeySize::Aes192 => keyed(Aes192::new_from_slice(key.bytes())).decrypt_block(&mut block),
        KeySize::Aes256 => keyed(Aes256::new_from_slice(key.bytes())).decrypt_block(&mut block),
    }
    block.into()
}

fn keyed<C, E>(made: Result<C, E>) -> C {
    match made {
        Ok(cipher) => cipher,
        Err(_) => panic!("a key has the length of its size"),
    }
}

fn first_half(block: [u8; 16]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = block;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests;
