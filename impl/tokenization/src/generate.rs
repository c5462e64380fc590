//! Who draws numbers: at random, or FF1 over a serial number. Both behind [`Generator`].
//!
//! FF1 (NIST SP 800-38G Rev. 1) permutes the numbers of a range under a key. It is fed with how many numbers were given,
//! never with a PAN: so no key turns a token into a PAN, one PAN may have many tokens, and no draw meets a number that it gave.
//! Crate `fpe` computes it.

use alloc::vec::Vec;

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};
use kaika_crypto::SealKey;
use kaika_spec::limit::FF1_DOMAIN_MIN;

use crate::range::{Range, RangeFault};

/// Gives the free digits of numbers.
pub trait Generator {
    /// The free digits to try: below [`Range::capacity`]. `turn` counts the numbers that were given and the tries since;
    /// `None` when there is no such number.
    fn body(&mut self, range: &Range, turn: u64) -> Option<u64>;
}

/// Which generator an issuer uses for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// Every number at random.
    #[default]
    Random,
    /// FF1 over a serial number.
    Ff1,
}

impl Generation {
    /// Whether it may serve a range.
    ///
    /// # Errors
    /// [`RangeFault::TooSmallForFf1`].
    pub fn fits(self, range: &Range) -> Result<(), RangeFault> {
        //= spec/40-issue.md#iss-37-ff1-needs-room
        //# The issuer MUST refuse a configuration that has FF1 draw from a range of fewer than `FF1_DOMAIN_MIN` numbers.
        match self {
            Self::Ff1 if range.capacity() < FF1_DOMAIN_MIN => {
                Err(RangeFault::TooSmallForFf1(range.digits().into()))
            }
            Self::Random | Self::Ff1 => Ok(()),
        }
    }
}

/// Draws at random.
pub struct Random<'a>(pub &'a mut dyn FnMut(u64) -> u64);

impl Generator for Random<'_> {
    fn body(&mut self, range: &Range, _turn: u64) -> Option<u64> {
        Some((self.0)(range.capacity()))
    }
}

/// Permutes serial numbers.
pub struct Ff1(FF1<Aes256>);

impl Ff1 {
    /// The permutation under a key.
    ///
    /// # Panics
    /// Never: ten is a radix.
    pub fn new(key: &SealKey) -> Self {
        match FF1::new(key.bytes(), 10) {
            Ok(cipher) => Self(cipher),
            Err(_) => panic!("FF1 takes radix 10"),
        }
    }

    /// `number` as `length` digits, permuted under `tweak`. `None` when there are too few digits for FF1.
    fn permuted(&self, tweak: &[u8], length: usize, number: u64) -> Option<u64> {
        let digits = FlexibleNumeralString::from(digits_of(number, length));
        let permuted = self.0.encrypt(tweak, &digits).ok()?;
        Vec::<u16>::from(permuted)
            .into_iter()
            .try_fold(0_u64, |sum, digit| {
                sum.checked_mul(10)?.checked_add(u64::from(digit))
            })
    }
}

impl Generator for Ff1 {
    fn body(&mut self, range: &Range, turn: u64) -> Option<u64> {
        //= spec/40-issue.md#iss-38-ff1-never-sees-a-pan
        //# The issuer MUST NOT feed FF1 with anything but the count of numbers given from the range and tried since.
        let serial = (turn < range.capacity()).then_some(turn)?;
        self.permuted(range.digits().as_bytes(), range.free_digits(), serial)
    }
}

fn digits_of(number: u64, length: usize) -> Vec<u16> {
    let mut digits: Vec<u16> = core::iter::successors(Some(number), |rest| Some(rest / 10))
        .take(length)
        .map(|rest| u16::try_from(rest % 10).unwrap_or(0))
        .collect();
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range::Ranges;
    use alloc::collections::BTreeSet;

    fn ranges(digits: &str) -> Range {
        match Ranges::new(&[digits], &["62880000"]) {
            Ok(ranges) => ranges.tokens()[0].clone(),
            Err(fault) => panic!("{fault}"),
        }
    }

    /// NIST SP 800-38G, FF1 sample 7: AES-256, radix 10, empty tweak.
    #[test]
    fn ff1_of_nist() {
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94");
        let Some(key) = key.ok().and_then(|key| SealKey::from_slice(&key)) else {
            panic!("a key")
        };
        assert_eq!(
            Ff1::new(&key).permuted(b"", 10, 123_456_789),
            Some(6_657_667_009)
        );
    }

    #[test]
    fn serial_numbers_never_meet() {
        let range = ranges("629900000");
        let mut generator = Ff1::new(&SealKey::new([7; 32]));
        let bodies: BTreeSet<u64> = (0..5_000)
            .filter_map(|turn| generator.body(&range, turn))
            .collect();
        assert_eq!(bodies.len(), 5_000);
        assert!(bodies.iter().all(|body| *body < range.capacity()));
        assert_eq!(generator.body(&range, range.capacity()), None);
        let mut other = Ff1::new(&SealKey::new([8; 32]));
        assert_ne!(generator.body(&range, 0), other.body(&range, 0));
        assert_ne!(
            generator.body(&range, 0),
            generator.body(&ranges("629900001"), 0)
        );
    }

    #[test]
    fn ff1_needs_a_million_numbers() {
        //= spec/40-issue.md#iss-37-ff1-needs-room
        //= type=test
        //# The issuer MUST refuse a configuration that has FF1 draw from a range of fewer than `FF1_DOMAIN_MIN` numbers.
        assert_eq!(Generation::Ff1.fits(&ranges("629900000")), Ok(()));
        let small = ranges("6299000000");
        assert_eq!(
            Generation::Ff1.fits(&small),
            Err(RangeFault::TooSmallForFf1("6299000000".into()))
        );
        assert_eq!(Generation::Random.fits(&small), Ok(()));
        // The crate refuses by itself, too.
        assert_eq!(Ff1::new(&SealKey::new([7; 32])).body(&small, 0), None);
    }
}
