//! The keys that the servers of one deployment share, in one file that only its owner may read.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dice;
use crate::fault::Fault;

/// A key of `N` bytes. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Key<const N: usize>([u8; N]);

impl<const N: usize> Key<N> {
    /// A fresh key.
    pub fn fresh() -> Self {
        Self(dice::bytes())
    }

    /// The bytes, for the cores.
    pub fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> From<[u8; N]> for Key<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> core::fmt::Debug for Key<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key")
    }
}

impl<const N: usize> Serialize for Key<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Key<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(serde::de::Error::custom(format!(
                "a key of {} hex digits is needed here",
                2 * N
            ))),
        }
    }
}

/// All keys of one deployment, as in `spec/90-wire.md` and `spec/85-apdu.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Verifier to issuer.
    pub verifier_issuer: Key<32>,
    /// Verifier to identity.
    pub verifier_identity: Key<32>,
    /// Issuer to identity.
    pub issuer_identity: Key<32>,
    /// Operator to issuer.
    pub operator_issuer: Key<32>,
    /// Operator to verifier.
    pub operator_verifier: Key<32>,
    /// Operator to identity.
    pub operator_identity: Key<32>,
    /// The issuer's chip master key (KMC).
    pub chip_master: Key<16>,
    /// The issuer's token master key (IMK): two-key Triple DES.
    pub token_master: Key<16>,
    /// The issuer's root key: wraps the keys of its vault.
    pub vault_root: Key<32>,
    /// The root key before, until the vault was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_root_before: Option<Key<32>>,
    /// What the verifier makes salts for unknown accounts from.
    pub verifier_secret: Key<32>,
}

impl Keys {
    /// Fresh keys.
    pub fn fresh() -> Self {
        Self {
            verifier_issuer: Key::fresh(),
            verifier_identity: Key::fresh(),
            issuer_identity: Key::fresh(),
            operator_issuer: Key::fresh(),
            operator_verifier: Key::fresh(),
            operator_identity: Key::fresh(),
            chip_master: Key::fresh(),
            token_master: Key::fresh(),
            vault_root: Key::fresh(),
            vault_root_before: None,
            verifier_secret: Key::fresh(),
        }
    }

    /// Reads the keys in `path`.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn load(path: &Path) -> Result<Self, Fault> {
        let text = fs::read(path).map_err(|error| Fault::file(path, error))?;
        serde_json::from_slice(&text)
            .map_err(|error| Fault::content(path, format!("not a key file: {error}")))
    }

    /// Reads the keys in `path`, or makes them when there is no such file. Several servers may start at once:
    /// one of them makes the file, the others read it.
    ///
    /// # Errors
    /// When the file can neither be read nor made.
    pub fn load_or_create(path: &Path) -> Result<Self, Fault> {
        if !path.exists() {
            Self::fresh().create(path)?;
        }
        Self::load(path)
    }

    /// Writes beside, then links: the name never shows half a file, and an existing file stays.
    fn create(&self, path: &Path) -> Result<(), Fault> {
        let beside = path.with_extension(format!("{}.new", dice::id()));
        let made = self
            .write(&beside)
            .and_then(|()| match fs::hard_link(&beside, path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            });
        let _ = fs::remove_file(&beside);
        made.map_err(|error| Fault::file(path, error))
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_only_their_owner_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let made = Keys::load_or_create(&path).unwrap();
        let read = Keys::load_or_create(&path).unwrap();
        assert_eq!(made.token_master.bytes(), read.token_master.bytes());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        assert!(
            !format!("{:?}", Keys::fresh())
                .chars()
                .any(|c| c.is_ascii_digit())
        );
    }

    #[test]
    fn a_damaged_key_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        fs::write(&path, "{\"verifier_issuer\":\"00\"}").unwrap();
        let fault = Keys::load(&path).unwrap_err().to_string();
        assert!(
            fault.contains("keys.json") && fault.contains("64 hex digits"),
            "{fault}"
        );
    }
}
