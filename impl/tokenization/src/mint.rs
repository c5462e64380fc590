//! Drawing numbers: at random, in the range, with a check digit, never one that is taken.

use alloc::format;
use alloc::string::String;

use kaika_spec::limit::{MINT_DRAWS_MAX, PAN_BIN, PAN_DIGITS, TOKEN_BIN};

use crate::luhn;
use crate::number::{Pan, Token};

/// Too many draws met numbers that are taken: the range is too full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeExhausted;

/// Draws a token. `draw(n)` gives an unbiased number below `n` from a secure source; `taken` says what exists.
///
/// # Errors
/// [`RangeExhausted`] after [`MINT_DRAWS_MAX`] draws.
pub fn mint(
    draw: &mut dyn FnMut(u64) -> u64,
    taken: &dyn Fn(&str) -> bool,
) -> Result<Token, RangeExhausted> {
    //= spec/40-issue.md#iss-14-tokens-look-like-pans-and-are-not
    //# A token MUST be `PAN_DIGITS` digits, start with `TOKEN_BIN`, pass the Luhn check and be drawn at random.
    number(TOKEN_BIN, draw, taken).and_then(|digits| Token::new(&digits).ok_or(RangeExhausted))
}

/// Draws a card number, as [`mint`] draws a token.
///
/// # Errors
/// [`RangeExhausted`] after [`MINT_DRAWS_MAX`] draws.
pub fn card_number(
    draw: &mut dyn FnMut(u64) -> u64,
    taken: &dyn Fn(&str) -> bool,
) -> Result<Pan, RangeExhausted> {
    number(PAN_BIN, draw, taken).and_then(|digits| Pan::new(&digits).ok_or(RangeExhausted))
}

fn number(
    range: &str,
    draw: &mut dyn FnMut(u64) -> u64,
    taken: &dyn Fn(&str) -> bool,
) -> Result<String, RangeExhausted> {
    //= spec/40-issue.md#iss-15-numbers-are-unique
    //# The issuer MUST NOT give the same card number, card code, agreement number or token twice.
    (0..MINT_DRAWS_MAX)
        .filter_map(|_| candidate(range, draw))
        .find(|digits| !taken(digits))
        .ok_or(RangeExhausted)
}

fn candidate(range: &str, draw: &mut dyn FnMut(u64) -> u64) -> Option<String> {
    let free = PAN_DIGITS.checked_sub(range.len())?.checked_sub(1)?;
    let bound = 10_u64.checked_pow(u32::try_from(free).ok()?)?;
    let digits = format!("{range}{:0free$}", draw(bound));
    let check = luhn::check_digit(&digits)?;
    Some(format!("{digits}{check}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_number_is_drawn_again() {
        let mut numbers = [5, 5, 6].into_iter().cycle();
        let mut draw = |_| numbers.next().unwrap_or(0);
        let first = mint(&mut draw, &|_| false);
        let Ok(first) = first else { panic!("free") };
        let second = mint(&mut draw, &|digits| digits == first.digits());
        assert!(second.is_ok_and(|second| second != first));
    }

    #[test]
    fn a_full_range_is_an_error_after_a_bounded_number_of_draws() {
        let mut draws = 0;
        let mut draw = |bound: u64| {
            draws += 1;
            bound - 1
        };
        assert_eq!(mint(&mut draw, &|_| true), Err(RangeExhausted));
        assert_eq!(draws, MINT_DRAWS_MAX);
    }

    quickcheck::quickcheck! {
        fn what_is_minted_is_a_token(seed: u64) -> bool {
            mint(&mut |bound| seed % bound, &|_| false).is_ok_and(|token| luhn::holds(token.digits()))
                && card_number(&mut |bound| seed % bound, &|_| false).is_ok_and(|pan| luhn::holds(pan.expose()))
        }
    }
}
