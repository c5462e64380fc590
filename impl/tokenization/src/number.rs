//! Card numbers and tokens: alike in form, never in type.

use alloc::string::String;

use kaika_spec::limit::{PAN_BIN, PAN_DIGITS, TOKEN_BIN};

use crate::luhn;

/// A primary account number. It stays in the issuer: no `Display`, no serialisation, `Debug` shows the last four.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pan(String);

/// A payment token: looks like a PAN, lives in another range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

fn fits(digits: &str, range: &str) -> bool {
    digits.len() == PAN_DIGITS && digits.starts_with(range) && luhn::holds(digits)
}

impl Pan {
    /// Reads a PAN of the issuer's range.
    pub fn new(digits: &str) -> Option<Self> {
        fits(digits, PAN_BIN).then(|| Self(digits.into()))
    }

    /// All digits, for the issuer's own rows.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Pan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let last = self
            .0
            .get(PAN_DIGITS.saturating_sub(4)..)
            .unwrap_or_default();
        write!(f, "Pan(…{last})")
    }
}

impl Token {
    /// Reads a token of the token range.
    pub fn new(digits: &str) -> Option<Self> {
        fits(digits, TOKEN_BIN).then(|| Self(digits.into()))
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
    fn the_ranges_are_disjoint() {
        let token = format!("{TOKEN_BIN}0000000");
        let Some(check) = luhn::check_digit(&token) else {
            panic!("digits")
        };
        let token = format!("{token}{check}");
        assert!(Token::new(&token).is_some());
        assert!(Pan::new(&token).is_none());
        assert!(Token::new(&token[1..]).is_none());
    }

    #[test]
    fn a_pan_does_not_print() {
        let digits = format!("{PAN_BIN}1234567");
        let pan =
            luhn::check_digit(&digits).and_then(|check| Pan::new(&format!("{digits}{check}")));
        let Some(pan) = pan else { panic!("a PAN") };
        assert!(!format!("{pan:?}").contains(&digits));
    }
}
