//! From which numbers tokens and PANs are given: ranges by their first digits, checked against each other once.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use kaika_spec::limit::{PAN_BIN, PAN_DIGITS, RANGE_LOAD_MAX, TOKEN_BIN};

use crate::luhn;
use crate::number::{Pan, Token};

/// First digits that name a range: an issuer identification number of 6 or 8 digits, or part of one.
const FIRST_DIGITS: RangeInclusive<usize> = 6..=12;

/// Numbers with the same first digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range(String);

/// Why ranges cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeFault {
    /// There is no range of this kind.
    None(&'static str),
    /// Not 6 to 12 digits.
    NotDigits(String),
    /// Two ranges have numbers in common.
    Overlap(String, String),
    /// Too few numbers for FF1.
    TooSmallForFf1(String),
}

impl core::fmt::Display for RangeFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::None(kind) => write!(f, "there is no {kind} range"),
            Self::NotDigits(range) => write!(f, "range {range:?} is not 6 to 12 digits"),
            Self::Overlap(one, other) => {
                write!(f, "ranges {one} and {other} have numbers in common")
            }
            Self::TooSmallForFf1(range) => write!(f, "range {range} has too few numbers for FF1"),
        }
    }
}

impl core::error::Error for RangeFault {}

impl Range {
    fn new(digits: &str) -> Result<Self, RangeFault> {
        let fits =
            FIRST_DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits {
            Ok(Self(digits.into()))
        } else {
            Err(RangeFault::NotDigits(digits.into()))
        }
    }

    /// Its first digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Digits between the first ones and the check digit.
    pub fn free_digits(&self) -> usize {
        PAN_DIGITS.saturating_sub(self.0.len()).saturating_sub(1)
    }

    /// How many numbers it has.
    pub fn capacity(&self) -> u64 {
        u32::try_from(self.free_digits()).map_or(0, |free| 10_u64.saturating_pow(free))
    }

    /// Whether one more may be given when `given` were, dead ones included.
    pub fn has_room(&self, given: u64) -> bool {
        //= spec/40-issue.md#iss-25-ranges-are-not-filled
        //# The issuer MUST NOT give a number of a range of which `RANGE_LOAD_MAX` percent have been given.
        given < self.capacity().saturating_mul(RANGE_LOAD_MAX) / 100
    }

    /// The number with these free digits; `None` when there are more of them than the range has.
    pub fn number(&self, body: u64) -> Option<String> {
        if body >= self.capacity() {
            return None;
        }
        let digits = format!("{}{body:0free$}", self.0, free = self.free_digits());
        let check = luhn::check_digit(&digits)?;
        Some(format!("{digits}{check}"))
    }

    /// Whether a number of the right length and check digit is one of its.
    pub fn holds(&self, number: &str) -> bool {
        number.len() == PAN_DIGITS && number.starts_with(&self.0) && luhn::holds(number)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

/// All ranges of an issuer. No number is in two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    tokens: Vec<Range>,
    pans: Vec<Range>,
}

impl Ranges {
    /// Ranges by their first digits, in the order in which they are used.
    ///
    /// # Errors
    /// [`RangeFault`] says which one and why.
    pub fn new(tokens: &[&str], pans: &[&str]) -> Result<Self, RangeFault> {
        let read = |kind, digits: &[&str]| {
            let ranges: Result<Vec<_>, _> = digits.iter().map(|one| Range::new(one)).collect();
            ranges.and_then(|ranges| {
                if ranges.is_empty() {
                    Err(RangeFault::None(kind))
                } else {
                    Ok(ranges)
                }
            })
        };
        let ranges = Self {
            tokens: read("token", tokens)?,
            pans: read("PAN", pans)?,
        };
        ranges.apart().map(|()| ranges)
    }

    /// One token range and one PAN range: `TOKEN_BIN` and `PAN_BIN`.
    ///
    /// # Panics
    /// Never: a test makes them.
    pub fn standard() -> Self {
        match Self::new(&[TOKEN_BIN], &[PAN_BIN]) {
            Ok(ranges) => ranges,
            Err(fault) => panic!("the standard ranges: {fault}"),
        }
    }

    fn apart(&self) -> Result<(), RangeFault> {
        //= spec/40-issue.md#iss-24-ranges-are-apart
        //# The issuer MUST refuse a configuration in which a range is not 6 to 12 digits or two ranges have a number in common.
        let all: Vec<&Range> = self.tokens.iter().chain(&self.pans).collect();
        for (place, one) in all.iter().enumerate() {
            let later = all.iter().skip(place.saturating_add(1));
            if let Some(other) = later.into_iter().find(|other| one.overlaps(other)) {
                return Err(RangeFault::Overlap(one.0.clone(), other.0.clone()));
            }
        }
        Ok(())
    }

    /// The token ranges.
    pub fn tokens(&self) -> &[Range] {
        &self.tokens
    }

    /// The PAN ranges.
    pub fn pans(&self) -> &[Range] {
        &self.pans
    }

    /// Reads a token of one of the token ranges.
    pub fn token(&self, digits: &str) -> Option<Token> {
        self.tokens
            .iter()
            .any(|range| range.holds(digits))
            .then(|| Token::of(digits))
    }

    /// Reads a PAN of one of the PAN ranges.
    pub fn pan(&self, digits: &str) -> Option<Pan> {
        let held = self.pans.iter().any(|range| range.holds(digits));
        held.then(|| Pan::of(digits)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn check(tokens: &[&str], pans: &[&str], want: &str) {
        let said = Ranges::new(tokens, pans).map_or_else(|fault| fault.to_string(), |_| "".into());
        assert_eq!(said, want, "{tokens:?} {pans:?}");
    }

    #[test]
    fn the_configuration_is_checked() {
        //= spec/40-issue.md#iss-24-ranges-are-apart
        //= type=test
        //# The issuer MUST refuse a configuration in which a range is not 6 to 12 digits or two ranges have a number in common.
        check(&["62990000", "62990001"], &["62880000"], "");
        check(&[], &["62880000"], "there is no token range");
        check(&["62990000"], &[], "there is no PAN range");
        for bad in ["62990", "6299000000000", "6299000x", ""] {
            let want = format!("range {bad:?} is not 6 to 12 digits");
            check(&[bad], &["62880000"], &want);
            check(&["62990000"], &[bad], &want);
        }
        let common = "ranges 62880000 and 628800 have numbers in common";
        check(&["62880000"], &["628800"], common);
        check(
            &["628800"],
            &["62880000"],
            "ranges 628800 and 62880000 have numbers in common",
        );
        check(
            &["62990000", "62990000"],
            &["62880000"],
            "ranges 62990000 and 62990000 have numbers in common",
        );
    }

    #[test]
    fn a_number_is_of_one_kind() {
        let ranges = Ranges::standard();
        let number = |range: &Range| range.number(12_345).unwrap_or_default();
        let (token, pan) = (number(&ranges.tokens()[0]), number(&ranges.pans()[0]));
        assert!(ranges.token(&token).is_some() && ranges.pan(&token).is_none());
        assert!(ranges.pan(&pan).is_some() && ranges.token(&pan).is_none());
        for bad in ["", "4242424242424242", &token[1..], &format!("{token}0")] {
            assert!(ranges.token(bad).is_none() && ranges.pan(bad).is_none());
        }
    }

    #[test]
    fn half_of_a_range_is_given() {
        //= spec/40-issue.md#iss-25-ranges-are-not-filled
        //= type=test
        //# The issuer MUST NOT give a number of a range of which `RANGE_LOAD_MAX` percent have been given.
        let Ok(range) = Range::new("629900000000") else {
            panic!("digits")
        };
        assert_eq!((range.capacity(), range.free_digits()), (1_000, 3));
        assert!(range.has_room(0) && range.has_room(499) && !range.has_room(500));
        assert!(range.number(999).is_some() && range.number(1_000).is_none());
    }
}
