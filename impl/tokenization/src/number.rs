//! Card numbers and tokens: alike in form, never in type. [`crate::Ranges`] reads both.

use alloc::string::String;

use kaika_crypto::is_same;
use kaika_spec::limit::PAN_DIGITS;
use zeroize::Zeroize;

/// A primary account number. It stays in the issuer: not copied, not printed (`Debug` shows the last four), wiped when
/// dropped.
pub struct Pan([u8; PAN_DIGITS]);

/// A payment token: looks like a PAN, lives in another range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Pan {
    /// Digits of which a range has said that they are a PAN.
    pub(crate) fn of(digits: &str) -> Option<Self> {
        digits.as_bytes().try_into().ok().map(Self)
    }

    /// All digits.
    pub fn expose(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits as they are sealed.
    pub(crate) fn bytes(&self) -> &[u8; PAN_DIGITS] {
        &self.0
    }

    /// Equality in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl Drop for Pan {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl core::fmt::Debug for Pan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let last = self
            .expose()
            .get(PAN_DIGITS.saturating_sub(4)..)
            .unwrap_or_default();
        write!(f, "Pan(…{last})")
    }
}

impl Token {
    /// Digits of which a range has said that they are a token.
    pub(crate) fn of(digits: &str) -> Self {
        Self(digits.into())
    }

    /// All digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_pan_does_not_print() {
        let Some(pan) = Pan::of("6288000012345676") else {
            panic!("sixteen digits")
        };
        assert_eq!(format!("{pan:?}"), "Pan(…5676)");
    }
}
