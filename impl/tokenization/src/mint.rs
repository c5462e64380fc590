//! Drawing a number: in the range, with a check digit, never one that is taken, within a bounded number of draws.

use alloc::string::String;

use kaika_spec::limit::MINT_DRAWS_MAX;

use crate::generate::Generator;
use crate::range::Range;

/// The range is too full, or too many draws met numbers that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeExhausted;

/// Draws a number from a range of which `given` numbers were given; and how many taken ones it met. `taken` says what exists.
///
/// # Errors
/// [`RangeExhausted`] when the range has no room, or after [`MINT_DRAWS_MAX`] draws.
pub fn number(
    range: &Range,
    generator: &mut dyn Generator,
    given: u64,
    taken: &dyn Fn(&str) -> bool,
) -> Result<(String, u64), RangeExhausted> {
    if !range.has_room(given) {
        return Err(RangeExhausted);
    }
    //= spec/40-issue.md#iss-26-draws-are-bounded
    //# The issuer MUST refuse as `range-exhausted` when `MINT_DRAWS_MAX` draws met taken numbers.
    (0..u64::from(MINT_DRAWS_MAX))
        .filter_map(|turn| {
            let body = generator.body(range, given.saturating_add(turn))?;
            Some((range.number(body)?, turn))
        })
        //= spec/40-issue.md#iss-15-numbers-are-unique
        //# The issuer MUST NOT give the same card number, card code, agreement number or token twice.
        .find(|(digits, _)| !taken(digits))
        .ok_or(RangeExhausted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Ff1, Random};
    use crate::luhn;
    use crate::range::Ranges;
    use kaika_crypto::SealKey;

    fn range() -> Range {
        Ranges::standard().tokens()[0].clone()
    }

    #[test]
    fn a_taken_number_is_drawn_again() {
        let mut numbers = [5, 5, 6].into_iter().cycle();
        let mut draw = |_| numbers.next().unwrap_or(0);
        let Ok((first, 0)) = number(&range(), &mut Random(&mut draw), 0, &|_| false) else {
            panic!("free")
        };
        let second = number(&range(), &mut Random(&mut draw), 1, &|digits| {
            digits == first
        });
        assert!(second.is_ok_and(|(second, met)| second != first && met == 1));
    }

    #[test]
    fn a_taken_serial_number_is_passed_over() {
        let mut generator = Ff1::new(&SealKey::new([7; 32]));
        let Ok((first, _)) = number(&range(), &mut generator, 0, &|_| false) else {
            panic!("free")
        };
        let second = number(&range(), &mut generator, 0, &|digits| digits == first);
        let next = number(&range(), &mut generator, 1, &|_| false);
        assert_eq!(second, next.map(|(digits, _)| (digits, 1)));
    }

    #[test]
    fn a_full_range_is_an_error_after_a_bounded_number_of_draws() {
        //= spec/40-issue.md#iss-26-draws-are-bounded
        //= type=test
        //# The issuer MUST refuse as `range-exhausted` when `MINT_DRAWS_MAX` draws met taken numbers.
        let mut draws = 0;
        let mut draw = |bound: u64| {
            draws += 1;
            bound - 1
        };
        let refused = number(&range(), &mut Random(&mut draw), 0, &|_| true);
        assert_eq!(refused, Err(RangeExhausted));
        assert_eq!(draws, MINT_DRAWS_MAX);
    }

    #[test]
    fn a_range_without_room_is_not_drawn_from() {
        let mut draw = |_: u64| panic!("drawn");
        let refused = number(&range(), &mut Random(&mut draw), 5_000_000, &|_| false);
        assert_eq!(refused, Err(RangeExhausted));
    }

    quickcheck::quickcheck! {
        fn what_is_drawn_is_of_the_range(seed: u64, given: u32) -> bool {
            let given = u64::from(given) % 4_000_000;
            let drawn = [
                number(&range(), &mut Random(&mut |bound| seed % bound), given, &|_| false),
                number(&range(), &mut Ff1::new(&SealKey::new([7; 32])), given, &|_| false),
            ];
            drawn.into_iter().all(|digits| digits.is_ok_and(|(digits, _)| luhn::holds(&digits) && range().holds(&digits)))
        }
    }
}
