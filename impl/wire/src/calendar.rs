//! Days of the Gregorian calendar, in UTC.

/// Days of a month, 1 to 12, of a year.
pub const fn days_in(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a moment, milliseconds after 1970 began; before it, its first day.
pub fn date(ms: i64) -> [u64; 3] {
    let mut left = u64::try_from(ms).unwrap_or(0) / 86_400_000;
    let (mut year, mut month) = (1970, 1);
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        (year, month) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
    }
    [year, month, left + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, want) in [
            (0, [1970, 1, 1]),
            (59, [1970, 3, 1]),
            (11_016, [2000, 2, 29]),
            (20_781, [2026, 11, 24]),
            (47_540, [2100, 2, 28]),
            (47_541, [2100, 3, 1]),
        ] {
            assert_eq!(date(days * 86_400_000 + 86_399_999), want);
        }
        assert_eq!(date(-1), [1970, 1, 1]);
    }
}
