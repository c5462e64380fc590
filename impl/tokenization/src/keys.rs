//! Who keeps the keys: a root key seals the vault keys, a vault key seals PANs.
//!
//! ```text
//! root key (key service: memory or HSM)  ── wraps ──>  vault keys (stored wrapped)  ── seal ──>  PANs (stored sealed)
//! ```
//! [`KeyService`] is all that the vault asks of whoever holds root keys; [`Software`] holds them in memory.

use alloc::string::String;
use alloc::vec::Vec;

use kaika_crypto::SealKey;
use kaika_crypto::mac::hmac_sha256;
use kaika_crypto::sealed::{NONCE, TAG, open, seal};
use kaika_spec::Refusal;
use zeroize::Zeroizing;

/// Names a root key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(String);

impl KeyId {
    /// Reads one: 1 to 32 of `[A-Za-z0-9._-]`.
    pub fn new(text: &str) -> Option<Self> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(letter);
        fits.then(|| Self(text.into()))
    }

    /// The check value of a key: what names a key that has no other name.
    pub fn of(key: &SealKey) -> Self {
        let mac = hmac_sha256(key.bytes(), &[b"kaika/key-id/1"]);
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        let digits = mac.iter().take(8);
        Self(
            digits
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect(),
        )
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a key service does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It has no such key.
    Unknown,
    /// Key, nonce, name and bytes do not belong together.
    Damaged,
    /// It cannot be reached, or failed.
    Unavailable,
}

impl core::fmt::Display for KeyFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such key",
            Self::Damaged => "what is sealed does not open",
            Self::Unavailable => "the key service is not available",
        })
    }
}

impl core::error::Error for KeyFault {}

impl From<KeyFault> for Refusal {
    fn from(_: KeyFault) -> Self {
        Self::VaultUnavailable
    }
}

/// Root keys by id: AES-256-GCM, 12 bytes of nonce, 16 bytes of tag behind the text.
pub trait KeyService: Send + Sync {
    /// The root key that wraps from now on.
    fn newest(&self) -> KeyId;

    /// Encrypts under a name.
    ///
    /// # Errors
    /// [`KeyFault`].
    fn seal(
        &self,
        key: &KeyId,
        nonce: &[u8; NONCE],
        name: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, KeyFault>;

    /// Decrypts what was sealed under the same name.
    ///
    /// # Errors
    /// [`KeyFault`].
    fn open(
        &self,
        key: &KeyId,
        nonce: &[u8; NONCE],
        name: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyFault>;

    /// Seals a key of the vault under its name.
    ///
    /// # Errors
    /// [`KeyFault`].
    fn wrap(
        &self,
        root: &KeyId,
        nonce: [u8; NONCE],
        name: &str,
        key: &SealKey,
    ) -> Result<Wrapped, KeyFault> {
        let bytes = self.seal(root, &nonce, &key_name(name), key.bytes())?;
        Ok(Wrapped {
            root: root.clone(),
            nonce,
            bytes,
        })
    }

    /// Opens a key of the vault.
    ///
    /// # Errors
    /// [`KeyFault`].
    fn unwrap(&self, name: &str, wrapped: &Wrapped) -> Result<SealKey, KeyFault> {
        let plain = self.open(
            &wrapped.root,
            &wrapped.nonce,
            &key_name(name),
            &wrapped.bytes,
        )?;
        SealKey::from_slice(&plain).ok_or(KeyFault::Damaged)
    }
}

fn key_name(name: &str) -> Vec<u8> {
    [b"kaika/vault-key/1".as_slice(), name.as_bytes()].concat()
}

/// A key of the vault as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// The root key it is under.
    pub root: KeyId,
    /// Nonce.
    pub nonce: [u8; NONCE],
    /// Encrypted key and tag.
    pub bytes: Vec<u8>,
}

/// Root keys in memory.
pub struct Software {
    newest: SealKey,
    before: Vec<SealKey>,
}

impl Software {
    /// The key that wraps, and older ones that still unwrap.
    pub const fn new(newest: SealKey, before: Vec<SealKey>) -> Self {
        Self { newest, before }
    }

    fn key(&self, id: &KeyId) -> Result<&SealKey, KeyFault> {
        core::iter::once(&self.newest)
            .chain(&self.before)
            .find(|key| KeyId::of(key) == *id)
            .ok_or(KeyFault::Unknown)
    }
}

impl KeyService for Software {
    fn newest(&self) -> KeyId {
        KeyId::of(&self.newest)
    }

    fn seal(
        &self,
        key: &KeyId,
        nonce: &[u8; NONCE],
        name: &[u8],
        text: &[u8],
    ) -> Result<Vec<u8>, KeyFault> {
        let mut sealed = text.to_vec();
        let tag = seal(self.key(key)?, nonce, name, &mut sealed);
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    fn open(
        &self,
        key: &KeyId,
        nonce: &[u8; NONCE],
        name: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(KeyFault::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        if open(self.key(key)?, nonce, name, &mut text, tag) {
            Ok(text)
        } else {
            Err(KeyFault::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_key_opens_under_its_name_and_root_only() {
        let old = Software::new(SealKey::new([1; 32]), vec![]);
        let new = Software::new(SealKey::new([2; 32]), vec![SealKey::new([1; 32])]);
        let key = SealKey::new([9; 32]);
        let Ok(wrapped) = old.wrap(&old.newest(), [3; NONCE], "vault-1", &key) else {
            panic!("known")
        };
        for service in [&old, &new] {
            assert!(
                service
                    .unwrap("vault-1", &wrapped)
                    .is_ok_and(|opened| opened.is_same(&key))
            );
            assert_eq!(
                service.unwrap("vault-2", &wrapped).err(),
                Some(KeyFault::Damaged)
            );
        }
        let stranger = Software::new(SealKey::new([2; 32]), vec![]);
        assert_eq!(
            stranger.unwrap("vault-1", &wrapped).err(),
            Some(KeyFault::Unknown)
        );
        let short = stranger.open(&stranger.newest(), &[0; NONCE], b"", &[0; 15]);
        assert_eq!(short.err(), Some(KeyFault::Damaged));
    }

    #[test]
    fn ids_are_read() {
        assert!(KeyId::new("kaika-root-1").is_some());
        for bad in ["", "a b", &"a".repeat(33), "ключ"] {
            assert!(KeyId::new(bad).is_none());
        }
        let id = KeyId::of(&SealKey::new([1; 32]));
        assert!(KeyId::new(id.as_str()) == Some(id));
    }
}
