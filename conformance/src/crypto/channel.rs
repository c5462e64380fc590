//! SCP03 in S8 mode, i=70, with keys of three sizes (85-apdu, Keys): the host's side to play issuer, the card's to play chip.

use super::{Block, cbc_decrypt, cbc_encrypt, cmac, encrypt_block, pad_80, sha256, unpad_80};

/// AID of the issuer security domain.
pub const DOMAIN: [u8; 7] = [0xF0, 0x4B, 0x41, 0x49, 0x4B, 0x41, 0x00];

/// The four keys of one chip.
#[derive(Clone, Copy, Debug)]
pub struct ChipKeys {
    /// ENC.
    pub enc: Block,
    /// MAC.
    pub mac: Block,
    /// DEK.
    pub dek: Block,
    /// Receipt.
    pub receipt: Block,
}

impl ChipKeys {
    /// The keys of chip `se_id` under master key `kmc`.
    pub fn of(kmc: &Block, se_id: &[u8]) -> Self {
        let key = |kind: u8| cmac(kmc, &[b"kaika/chip/1", &[kind], se_id]);
        Self {
            enc: key(1),
            mac: key(2),
            dek: key(3),
            receipt: key(4),
        }
    }
}

/// The longer static keys of a chip: ENC, MAC and DEK of key version 31 or 32.
pub fn longer_keys(kmc: &Block, se_id: &[u8], version: u8) -> [Vec<u8>; 3] {
    let size = if version == 0x31 { 24 } else { 32 };
    [1, 2, 3].map(|kind| {
        let block = |n: u8| cmac(kmc, &[b"kaika/chip/1", &[kind], se_id, &[version, n]]);
        [block(1), block(2)].concat()[..size].to_vec()
    })
}

fn derive(key: &[u8], constant: u8, bits: u16, context: &[u8]) -> Block {
    derive_block(key, constant, bits, 1, context)
}

fn derive_block(key: &[u8], constant: u8, bits: u16, counter: u8, context: &[u8]) -> Block {
    let mut head = [0; 16];
    head[11] = constant;
    head[13..15].copy_from_slice(&bits.to_be_bytes());
    head[15] = counter;
    cmac(key, &[&head, context])
}

/// A session key, as long as the static one.
fn session(key: &[u8], constant: u8, context: &[u8]) -> Vec<u8> {
    let bits = u16::try_from(key.len() * 8).unwrap_or(u16::MAX);
    let block = |counter| derive_block(key, constant, bits, counter, context);
    [block(1), block(2)].concat()[..key.len()].to_vec()
}

fn half(full: Block) -> [u8; 8] {
    let mut half = [0; 8];
    half.iter_mut().zip(full).for_each(|(to, from)| *to = from);
    half
}

/// The card challenge for a sequence counter.
pub fn card_challenge(enc: &[u8], sequence: [u8; 3]) -> [u8; 8] {
    half(derive(enc, 2, 64, &[&sequence[..], &DOMAIN].concat()))
}

/// The receipt over what was written; `template` is the value of E1 with DF31 in the clear.
pub fn receipt(
    key: &Block,
    se_id: &[u8],
    token_ref: &[u8],
    context: &[u8],
    version: u8,
    template: &[u8],
) -> Block {
    cmac(
        key,
        &[
            b"kaika/receipt/1",
            se_id,
            token_ref,
            context,
            &[version],
            &sha256(&[template]),
        ],
    )
}

/// Evidence over a digest; the label says of which kind.
pub fn evidence(key: &Block, label: &str, se_id: &[u8], digest: &[u8]) -> Block {
    cmac(key, &[label.as_bytes(), se_id, digest])
}

/// One end of an open channel.
#[derive(Clone, Debug)]
pub struct Channel {
    enc: Vec<u8>,
    mac: Vec<u8>,
    rmac: Vec<u8>,
    chain: Block,
    counter: u128,
    /// What the card proves itself with.
    pub card_cryptogram: [u8; 8],
    /// What the host proves itself with.
    pub host_cryptogram: [u8; 8],
    level: u8,
}

impl Channel {
    /// Session keys of key version 30 from both challenges.
    pub fn new(keys: &ChipKeys, host: &[u8], card: &[u8]) -> Self {
        Self::under(&keys.enc, &keys.mac, host, card)
    }

    /// Session keys from these static ones and both challenges.
    pub fn under(enc: &[u8], mac: &[u8], host: &[u8], card: &[u8]) -> Self {
        let context = [host, card].concat();
        let session_mac = session(mac, 6, &context);
        Self {
            enc: session(enc, 4, &context),
            rmac: session(mac, 7, &context),
            chain: [0; 16],
            counter: 0,
            card_cryptogram: half(derive(&session_mac, 0, 64, &context)),
            host_cryptogram: half(derive(&session_mac, 1, 64, &context)),
            mac: session_mac,
            level: 0,
        }
    }

    /// Whether commands are encrypted: a channel that was never opened does it too.
    const fn encrypts(&self) -> bool {
        self.level == 0 || self.level & 0x02 != 0
    }

    /// The host's EXTERNAL AUTHENTICATE.
    pub fn external_authenticate(&mut self, level: u8) -> Vec<u8> {
        self.level = level;
        let data = self.host_cryptogram;
        self.mac_command(&[0x84, 0x82, level, 0x00], &data)
    }

    fn mac_command(&mut self, header: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = data.len() + 8;
        // What does not fit into a short command is chained, and its MAC has the extended length.
        let length = match u8::try_from(length) {
            Ok(length) => vec![length],
            Err(_) => [
                &[0],
                &u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()[..],
            ]
            .concat(),
        };
        self.chain = cmac(&self.mac, &[&self.chain, header, &length, data]);
        let mut command = header.to_vec();
        command.extend_from_slice(&length);
        command.extend_from_slice(data);
        command.extend_from_slice(&half(self.chain));
        command
    }

    fn iv(&self, answer: bool) -> Block {
        let mut block = self.counter.to_be_bytes();
        if answer {
            block[0] = 0x80;
        }
        encrypt_block(&self.enc, block)
    }

    /// A command under a right MAC whose data, in the clear, ends in zeros without their mark 80.
    pub fn wrap_without_mark(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut plain = data.to_vec();
        plain.resize((data.len() / 16 + 1) * 16, 0);
        self.counter += 1;
        self.sealed(header, &plain, true)
    }

    /// A command under the channel; `le` appends 00.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8], le: bool) -> Vec<u8> {
        self.counter += 1;
        let mut plain = data.to_vec();
        if !plain.is_empty() && self.encrypts() {
            pad_80(&mut plain, 16);
        }
        self.sealed(header, &plain, le)
    }

    fn sealed(&mut self, header: [u8; 4], plain: &[u8], le: bool) -> Vec<u8> {
        let cipher = match plain {
            [] => Vec::new(),
            plain if !self.encrypts() => plain.to_vec(),
            plain => cbc_encrypt(&self.enc, self.iv(false), plain),
        };
        let mut command = self.mac_command(&header, &cipher);
        if le {
            command.push(0);
        }
        command
    }

    /// The card's look at EXTERNAL AUTHENTICATE: MAC, then cryptogram.
    ///
    /// # Errors
    /// The status word.
    pub fn accept(&mut self, level: u8, data: &[u8]) -> Result<(), u16> {
        let (cryptogram, mac) = data.split_at_checked(8).ok_or(0x6700_u16)?;
        self.chain = cmac(
            &self.mac,
            &[&self.chain, &[0x84, 0x82, level, 0, 16], cryptogram],
        );
        if half(self.chain) != mac {
            return Err(0x6982);
        }
        if cryptogram != self.host_cryptogram {
            return Err(0x6300);
        }
        self.level = level;
        Ok(())
    }

    /// The card's look at a wrapped command: the data in the clear.
    pub fn open(&mut self, header: [u8; 4], body: &[u8]) -> Option<Vec<u8>> {
        self.counter += 1;
        let (cipher, mac) = body.split_at_checked(body.len().checked_sub(8)?)?;
        let length = u8::try_from(body.len()).ok()?;
        self.chain = cmac(&self.mac, &[&self.chain, &header, &[length], cipher]);
        if half(self.chain) != mac {
            return None;
        }
        if cipher.is_empty() {
            return Some(Vec::new());
        }
        unpad_80(cbc_decrypt(&self.enc, self.iv(false), cipher)?)
    }

    /// The card's answer under the channel's level, status word included.
    pub fn answer(&self, data: &[u8], status: u16) -> Vec<u8> {
        let status = status.to_be_bytes();
        if self.level & 0x30 != 0x30 || !matches!(status[0], 0x90 | 0x62 | 0x63) {
            return [data, &status].concat();
        }
        let mut body = data.to_vec();
        if !body.is_empty() {
            pad_80(&mut body, 16);
            body = cbc_encrypt(&self.enc, self.iv(true), &body);
        }
        let mac = half(cmac(&self.rmac, &[&self.chain, &body, &status]));
        [&body[..], &mac, &status].concat()
    }

    /// The host's look at an answer: data in the clear with the status word.
    pub fn read(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let (body, status) = answer.split_at_checked(answer.len().checked_sub(2)?)?;
        if self.level & 0x10 == 0 || !matches!(status.first(), Some(0x90 | 0x62 | 0x63)) {
            return Some(answer.to_vec());
        }
        let (cipher, mac) = body.split_at_checked(body.len().checked_sub(8)?)?;
        if half(cmac(&self.rmac, &[&self.chain, cipher, status])) != mac {
            return None;
        }
        let plain = if cipher.is_empty() || self.level & 0x20 == 0 {
            cipher.to_vec()
        } else {
            unpad_80(cbc_decrypt(&self.enc, self.iv(true), cipher)?)?
        };
        Some([&plain, status].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(level: u8) -> (Channel, Channel) {
        let keys = ChipKeys::of(&[1; 16], &[2; 8]);
        let mut host = Channel::new(&keys, &[3; 8], &[4; 8]);
        let mut card = Channel::new(&keys, &[3; 8], &[4; 8]);
        let command = host.external_authenticate(level);
        assert_eq!(card.accept(level, &command[5..]), Ok(()));
        (host, card)
    }

    #[test]
    fn both_ends_understand_each_other_at_both_levels() {
        for level in [0x03, 0x33] {
            let (mut host, mut card) = pair(level);
            for data in [&b"first"[..], b"", b"0123456789abcdef"] {
                let command = host.wrap([0x84, 0xE2, 0, 0], data, false);
                assert_eq!(
                    card.open([0x84, 0xE2, 0, 0], &command[5..]).as_deref(),
                    Some(data)
                );
                let answer = card.answer(data, 0x9000);
                assert_eq!(host.read(&answer), Some([data, &[0x90, 0x00]].concat()));
            }
        }
    }

    #[test]
    fn a_changed_byte_closes_the_channel() {
        let (mut host, mut card) = pair(0x03);
        let mut command = host.wrap([0x84, 0xE2, 0, 0], b"first", false);
        command[6] ^= 1;
        assert_eq!(card.open([0x84, 0xE2, 0, 0], &command[5..]), None);
    }

    /// Computed with the AES-CMAC of Python's `cryptography` from 85-apdu.
    #[test]
    fn longer_keys_are_those_that_another_library_computes() {
        let [enc, ..] = longer_keys(&[0x40; 16], &[0x11; 8], 0x31);
        let known = "e762730daa65cf0d25b554ca16887c3f597712787f3fd762";
        assert_eq!(hex::encode(enc), known);
        let [.., dek] = longer_keys(&[0x40; 16], &[0x11; 8], 0x32);
        let known = "81ba73ad83b555d59f8fb4c7f873b8605306c612f5e625bf78672ada407db04b";
        assert_eq!(hex::encode(dek), known);
    }

    /// A session that a real card held under AES-256 keys, from pySim's tests (`test_globalplatform.py`).
    #[test]
    fn a_longer_session_is_the_one_that_was_recorded() {
        let key = |first: u8| -> Vec<u8> { (0..32).map(|at| first + at % 16).collect() };
        let hex = |text: &str| hex::decode(text).unwrap_or_default();
        let (host, card) = (hex("97b2055fe58599fd"), hex("a8439a22cedf045f"));
        let mut session = Channel::under(&key(0), &key(0x10), &host, &card);
        assert_eq!(session.card_cryptogram[..], hex("a9f1903b2834f26e"));
        let opened = session.external_authenticate(0x33);
        assert_eq!(opened, hex("8482330010508a0fd959d2e547c6b33154a6be2057"));
        let command = session.wrap([0x84, 0xE2, 0x91, 0], &hex("bf3e035c015a"), false);
        let known = "84e29100187a5ef717eaf1e135ae92fe54429d0e465decda65f5fe5aea";
        assert_eq!(command, hex(known));
        let answer = hex(
            "ea90dbfa648a67c5eb6abc57f8530b97d0cd5647c5e8732016b55203b078dd2ace7f8bc5d1c1cd999000",
        );
        let plain = hex("bf3e125a10898821199000000000000000000000059000");
        assert_eq!(session.read(&answer), Some(plain));
    }

    /// Computed with the AES-CMAC and AES of Python's `cryptography` from GlobalPlatform Amendment D.
    #[test]
    fn a_session_is_the_one_that_another_library_computes() {
        let keys = ChipKeys::of(&[0x40; 16], &[0x11; 8]);
        let card = card_challenge(&keys.enc, [0, 0, 1]);
        let mut host = Channel::new(&keys, &[0xAA; 8], &card);
        assert_eq!(hex::encode(card), "f95c4c069bf7acb6");
        assert_eq!(hex::encode(host.card_cryptogram), "adab9ca1c5612bd6");
        assert_eq!(
            hex::encode(host.external_authenticate(0x33)),
            "8482330010f48e9e166c15ef9aef4e0928ff7cb101"
        );
        assert_eq!(
            hex::encode(host.wrap([0x84, 0xE2, 0x80, 0], &[0x5A; 20], false)),
            "84e280002815d95da9748bb1055c17c7b7a18ef4676cbf2cd0c4c1d833c6258afafa6eea12ad82d950b9428f73"
        );
        assert_eq!(
            hex::encode(host.answer(&[0x77; 5], 0x9000)),
            "cf5e87c0b3ef67aefec3bdf02ae21380e1dc434490ea56d69000"
        );
    }
}
