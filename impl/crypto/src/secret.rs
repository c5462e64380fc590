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
    /// An AES-128 key.
    AesKey[16];
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
    /// What authenticates a terminal after the password proof.
    SessionKey[32];
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
        assert!(AesKey::from_slice(&[0; 16]).is_some());
    }
}
