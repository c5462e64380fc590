//! Keys as types: not copied, not printed, wiped when dropped, compared in constant time.

use zeroize::Zeroize;

macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident[$size:literal];)+) => { $(
        $(#[$doc])*
        pub struct $name([u8; $size]);

        impl $name {
            /// Takes the bytes.
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Takes a copy of the bytes, if there are exactly as many as needed.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes, for storing or for a primitive.
            pub const fn bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Equality in constant time.
            pub fn is_same(&self, other: &Self) -> bool {
                crate::is_same(&self.0, &other.0)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    )+ };
}

secret! {
    /// The issuer's chip master key, KMC.
    ChipMasterKey[16];
    /// The issuer's token master key, IMK: a two-key Triple DES key.
    IssuerMasterKey[16];
    /// The key of one token, UDK: two DES keys of odd parity.
    TokenKey[16];
    /// What Argon2id makes of a password.
    SaltedPassword[32];
    /// What proves knowledge of the password.
    ClientKey[32];
    /// What an account keeps to check proofs.
    StoredKey[32];
    /// An AES-256 key that seals what is stored.
    SealKey[32];
    /// What authenticates a terminal after the password proof.
    SessionKey[32];
}

/// An AES key of 16, 24 or 32 bytes.
pub struct AesKey {
    bytes: [u8; 32],
    size: KeySize,
}

/// The sizes of AES keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySize {
    /// AES-128.
    Aes128,
    /// AES-192.
    Aes192,
    /// AES-256.
    Aes256,
}

impl KeySize {
    /// Bytes of the key.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

impl AesKey {
    /// An AES-128 key.
    pub const fn new(bytes: [u8; 16]) -> Self {
        let mut key = [0; 32];
        let (front, _) = key.split_at_mut(16);
        front.copy_from_slice(&bytes);
        Self {
            bytes: key,
            size: KeySize::Aes128,
        }
    }

    /// The first bytes of two blocks, as many as the size says.
    pub fn from_blocks(size: KeySize, blocks: [[u8; 16]; 2]) -> Self {
        let mut bytes = [0; 32];
        let taken = blocks.into_iter().flatten().take(size.bytes());
        bytes
            .iter_mut()
            .zip(taken)
            .for_each(|(byte, from)| *byte = from);
        Self { bytes, size }
    }

    /// Takes a copy of 16, 24 or 32 bytes; `None` for any other number.
    pub fn from_slice(from: &[u8]) -> Option<Self> {
        let size = match from.len() {
            16 => KeySize::Aes128,
            24 => KeySize::Aes192,
            32 => KeySize::Aes256,
            _ => return None,
        };
        let mut bytes = [0; 32];
        bytes.get_mut(..from.len())?.copy_from_slice(from);
        Some(Self { bytes, size })
    }

    /// How large it is.
    pub const fn size(&self) -> KeySize {
        self.size
    }

    /// The bytes, for storing or for a primitive.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.size.bytes()).unwrap_or_default()
    }

    /// Equality in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        crate::is_same(self.bytes(), other.bytes())
    }
}

impl core::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AesKey(secret)")
    }
}

impl Drop for AesKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let text = format!("{:?}", AesKey::new([0x41; 16]));
        assert_eq!(text, "AesKey(secret)");
    }

    #[test]
    fn secrets_compare() {
        assert!(AesKey::new([1; 16]).is_same(&AesKey::new([1; 16])));
        assert!(!AesKey::new([1; 16]).is_same(&AesKey::new([2; 16])));
        assert!(AesKey::from_slice(&[0; 15]).is_none());
        for size in [KeySize::Aes128, KeySize::Aes192, KeySize::Aes256] {
            let blocks = AesKey::from_blocks(size, [[7; 16]; 2]);
            let slice = [7; 32].get(..size.bytes()).and_then(AesKey::from_slice);
            assert!(slice.is_some_and(|key| key.is_same(&blocks) && key.size() == size));
        }
        assert!(!AesKey::from_blocks(KeySize::Aes192, [[7; 16]; 2]).is_same(&AesKey::new([7; 16])));
    }
}
