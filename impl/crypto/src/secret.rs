//! Key material that does not print, copy or linger.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `N` secret bytes: no `Clone`, no `PartialEq`, wiped on drop, `Debug` shows only that it is a secret.
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one call that needs them.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second holder of the same secret, said aloud.
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> core::fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}
