//! SCP03 (GlobalPlatform Amendment D), AES-128, S8 mode, i = 70. Both sides of the channel.
//!
//! [`SessionKeys::derive`] first; then the card's and the host's cryptogram; then [`Channel`], which wraps on
//! the host and opens on the chip.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};

use crate::mac::{cmac, equal};
use crate::secret::Secret;

const DERIVE_CARD_CRYPTOGRAM: u8 = 0x00;
const DERIVE_HOST_CRYPTOGRAM: u8 = 0x01;
const DERIVE_CARD_CHALLENGE: u8 = 0x02;
const DERIVE_S_ENC: u8 = 0x04;
const DERIVE_S_MAC: u8 = 0x06;
const DERIVE_S_RMAC: u8 = 0x07;

/// Largest payload that the channel carries in one short command: 255 less the MAC.
pub const WRAPPED_MAX: usize = 255;

/// One block of the key derivation (Amendment D, 4.1.5): label ‖ 00 ‖ L ‖ counter ‖ context.
fn derive(key: &[u8; 16], constant: u8, bits: u16, context: &[&[u8]]) -> [u8; 16] {
    let [high, low] = bits.to_be_bytes();
    let head = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, constant, 0, high, low, 1];
    match context {
        [a] => cmac(key, &[&head, a]),
        [a, b] => cmac(key, &[&head, a, b]),
        _ => unreachable!("a context has one or two parts"),
    }
}

fn first_half(full: [u8; 16]) -> [u8; 8] {
    let mut half = [0; 8];
    for (byte, from) in half.iter_mut().zip(full) {
        *byte = from;
    }
    half
}

/// The pseudo-random card challenge (6.2.2.1): sequence counter and AID under the static encryption key.
pub fn card_challenge(static_enc: &Secret<16>, sequence: [u8; 3], aid: &[u8]) -> [u8; 8] {
    first_half(derive(
        static_enc.expose(),
        DERIVE_CARD_CHALLENGE,
        64,
        &[&sequence, aid],
    ))
}

/// The keys of one session.
#[derive(Debug)]
pub struct SessionKeys {
    enc: Secret<16>,
    mac: Secret<16>,
    rmac: Secret<16>,
}

impl SessionKeys {
    /// Derives them from the static keys and both challenges.
    pub fn derive(
        static_enc: &Secret<16>,
        static_mac: &Secret<16>,
        host: &[u8; 8],
        card: &[u8; 8],
    ) -> Self {
        let key = |from: &Secret<16>, constant| {
            Secret::new(derive(from.expose(), constant, 128, &[host, card]))
        };
        Self {
            enc: key(static_enc, DERIVE_S_ENC),
            mac: key(static_mac, DERIVE_S_MAC),
            rmac: key(static_mac, DERIVE_S_RMAC),
        }
    }

    /// What the card proves itself with.
    pub fn card_cryptogram(&self, host: &[u8; 8], card: &[u8; 8]) -> [u8; 8] {
        first_half(derive(
            self.mac.expose(),
            DERIVE_CARD_CRYPTOGRAM,
            64,
            &[host, card],
        ))
    }

    /// What the host proves itself with.
    pub fn host_cryptogram(&self, host: &[u8; 8], card: &[u8; 8]) -> [u8; 8] {
        first_half(derive(
            self.mac.expose(),
            DERIVE_HOST_CRYPTOGRAM,
            64,
            &[host, card],
        ))
    }

    /// A second holder of the same keys, said aloud.
    pub fn duplicate(&self) -> Self {
        Self {
            enc: self.enc.duplicate(),
            mac: self.mac.duplicate(),
            rmac: self.rmac.duplicate(),
        }
    }
}

/// The command header as it is MACed: with the secure-messaging bit set.
pub type Header = [u8; 4];

/// A channel after INITIALIZE UPDATE: chaining value and encryption counter.
#[derive(Debug)]
pub struct Channel {
    keys: SessionKeys,
    chaining: [u8; 16],
    counter: u32,
}

impl Channel {
    /// A channel before EXTERNAL AUTHENTICATE.
    pub fn new(keys: SessionKeys) -> Self {
        Self {
            keys,
            chaining: [0; 16],
            counter: 0,
        }
    }

    /// Its keys.
    pub fn keys(&self) -> &SessionKeys {
        &self.keys
    }

    fn command_mac(&self, header: Header, data: &[u8]) -> [u8; 16] {
        let length = u8::try_from(data.len() + 8).unwrap_or(u8::MAX);
        cmac(
            self.keys.mac.expose(),
            &[&self.chaining, &header, &[length], data],
        )
    }

    /// Host: the MAC of a command whose (encrypted) data is given. The chain moves on.
    pub fn sign(&mut self, header: Header, data: &[u8]) -> [u8; 8] {
        self.chaining = self.command_mac(header, data);
        first_half(self.chaining)
    }

    /// Chip: whether the MAC holds; the chain moves on only when it does.
    pub fn check(&mut self, header: Header, data: &[u8], mac: &[u8]) -> bool {
        let full = self.command_mac(header, data);
        let holds = equal(&first_half(full), mac);
        if holds {
            self.chaining = full;
        }
        holds
    }

    /// Both sides, for every command after EXTERNAL AUTHENTICATE at a level with encryption: the next counter.
    pub fn count(&mut self) {
        self.counter = self.counter.wrapping_add(1);
    }

    fn iv(&self, response: bool) -> [u8; 16] {
        let mut block = [0; 16];
        for (byte, from) in block
            .iter_mut()
            .rev()
            .zip(self.counter.to_be_bytes().iter().rev())
        {
            *byte = *from;
        }
        if response && let Some(first) = block.first_mut() {
            *first = 0x80;
        }
        let mut block = block.into();
        Aes128::new(&(*self.keys.enc.expose()).into()).encrypt_block(&mut block);
        block.into()
    }

    /// Encrypts `buffer[..length]` in place with padding 80 00…; gives the new length.
    /// `None` when the buffer has no room. Nothing is encrypted when there is no data.
    pub fn encrypt(&self, buffer: &mut [u8], length: usize, response: bool) -> Option<usize> {
        if length == 0 {
            return Some(0);
        }
        let padded = (length / 16 + 1).checked_mul(16)?;
        let target = buffer.get_mut(..padded)?;
        let (marker, zeros) = target.get_mut(length..)?.split_first_mut()?;
        *marker = 0x80;
        zeros.fill(0);
        let mut mode = cbc::Encryptor::<Aes128>::new(
            &(*self.keys.enc.expose()).into(),
            &self.iv(response).into(),
        );
        for block in target.chunks_exact_mut(16) {
            mode.encrypt_block(block.try_into().ok()?);
        }
        Some(padded)
    }

    /// Decrypts `buffer` in place and strips the padding; gives the length of the data.
    /// `None` when the length or the padding is wrong.
    pub fn decrypt(&self, buffer: &mut [u8], response: bool) -> Option<usize> {
        if buffer.is_empty() {
            return Some(0);
        }
        if !buffer.len().is_multiple_of(16) {
            return None;
        }
        let mut mode = cbc::Decryptor::<Aes128>::new(
            &(*self.keys.enc.expose()).into(),
            &self.iv(response).into(),
        );
        for block in buffer.chunks_exact_mut(16) {
            mode.decrypt_block(block.try_into().ok()?);
        }
        let end = buffer.iter().rposition(|byte| *byte != 0)?;
        (buffer.get(end) == Some(&0x80) && buffer.len() - end <= 16).then_some(end)
    }

    /// The MAC of an answer: chaining value, data, status word.
    pub fn response_mac(&self, data: &[u8], status: u16) -> [u8; 8] {
        first_half(cmac(
            self.keys.rmac.expose(),
            &[&self.chaining, data, &status.to_be_bytes()],
        ))
    }
}

/// AES-128-CBC with a zero IV over one block: how a key travels inside data (DF31).
pub fn encrypt_key(dek: &Secret<16>, key: &Secret<16>) -> [u8; 16] {
    let mut block = (*key.expose()).into();
    Aes128::new(&(*dek.expose()).into()).encrypt_block(&mut block);
    block.into()
}

/// The reverse of [`encrypt_key`].
pub fn decrypt_key(dek: &Secret<16>, block: &[u8; 16]) -> Secret<16> {
    use aes::cipher::BlockCipherDecrypt;
    let mut block = (*block).into();
    Aes128::new(&(*dek.expose()).into()).decrypt_block(&mut block);
    Secret::new(block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let keys = SessionKeys::derive(
            &Secret::new([1; 16]),
            &Secret::new([2; 16]),
            &[3; 8],
            &[4; 8],
        );
        (Channel::new(keys.duplicate()), Channel::new(keys))
    }

    #[test]
    fn what_one_side_wraps_the_other_opens() {
        let (mut host, mut chip) = pair();
        for length in 0..64 {
            host.count();
            chip.count();
            let mut buffer = [0xa5; 80];
            let Some(wrapped) = host.encrypt(&mut buffer, length, false) else {
                panic!("room for {length}")
            };
            let mac = host.sign([0x84, 0xe2, 0, 0], &buffer[..wrapped]);
            assert!(chip.check([0x84, 0xe2, 0, 0], &buffer[..wrapped], &mac));
            assert_eq!(chip.decrypt(&mut buffer[..wrapped], false), Some(length));
            assert!(buffer[..length].iter().all(|byte| *byte == 0xa5));
        }
    }

    #[test]
    fn a_replayed_command_does_not_check() {
        let (mut host, mut chip) = pair();
        let mac = host.sign([0x84, 0xe2, 0, 0], &[1, 2, 3]);
        assert!(chip.check([0x84, 0xe2, 0, 0], &[1, 2, 3], &mac));
        assert!(!chip.check([0x84, 0xe2, 0, 0], &[1, 2, 3], &mac));
    }

    #[test]
    fn a_wrong_padding_is_refused() {
        let (host, _) = pair();
        assert_eq!(host.decrypt(&mut [0; 15], false), None);
        let mut noise = [0x5a; 16];
        assert_eq!(host.decrypt(&mut noise, false), None);
    }

    #[test]
    fn keys_travel_encrypted() {
        let dek = Secret::new([9; 16]);
        let block = encrypt_key(&dek, &Secret::new([7; 16]));
        assert_ne!(block, [7; 16]);
        assert!(decrypt_key(&dek, &block).matches(&[7; 16]));
    }
}
