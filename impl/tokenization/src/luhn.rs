//! The Luhn check digit (ISO/IEC 7812-1, annex B).

/// Sum of the digits, every second one doubled, from the right; `None` when a character is not a digit.
/// `double_first` says whether the rightmost digit is doubled.
fn sum(digits: &str, double_first: bool) -> Option<u32> {
    digits
        .chars()
        .rev()
        .zip(0_u32..)
        .try_fold(0_u32, |sum, (digit, place)| {
            let digit = digit.to_digit(10)?;
            let doubled = place.is_multiple_of(2) == double_first;
            let weighed = if doubled {
                digit.saturating_mul(2)
            } else {
                digit
            };
            Some(sum.saturating_add(weighed.saturating_sub(if weighed > 9 { 9 } else { 0 })))
        })
}

/// Whether the last digit is the check digit of the others.
pub fn holds(number: &str) -> bool {
    !number.is_empty() && sum(number, false).is_some_and(|sum| sum.is_multiple_of(10))
}

/// The check digit to put behind `digits`; `None` when they are not digits.
pub fn check_digit(digits: &str) -> Option<char> {
    let rest = sum(digits, true)? % 10;
    char::from_digit(
        if rest == 0 {
            0
        } else {
            10_u32.saturating_sub(rest)
        },
        10,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn known_numbers() {
        for number in ["4242424242424242", "79927398713", "378282246310005", "0"] {
            assert!(holds(number), "{number}");
        }
        for number in ["", "4242424242424241", "79927398710", "424242424242424x"] {
            assert!(!holds(number), "{number}");
        }
    }

    quickcheck::quickcheck! {
        fn the_check_digit_completes(number: u64) -> bool {
            let digits = format!("{number}");
            check_digit(&digits).is_some_and(|check| holds(&format!("{digits}{check}")))
        }

        fn one_wrong_digit_is_seen(number: u64, place: usize, other: u8) -> bool {
            let digits = format!("{number}");
            let Some(check) = check_digit(&digits) else { return false };
            let whole = format!("{digits}{check}");
            let place = place % whole.len();
            let other = char::from(b'0' + other % 10);
            let changed = whole.chars().enumerate().map(|(i, c)| if i == place { other } else { c }).collect::<alloc::string::String>();
            holds(&changed) == (changed == whole)
        }
    }
}
