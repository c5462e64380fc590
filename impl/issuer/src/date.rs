//! Expiry dates as chips have them.

/// The last day of the month in which a moment lies, YYMMDD as six digits.
pub(crate) fn expiry(at_ms: i64) -> String {
    let days = at_ms.div_euclid(86_400_000);
    let (year, month) = civil_month(days);
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    let last = days_of(next_year, next_month) - days_of(year, month);
    format!("{:02}{month:02}{last:02}", year.rem_euclid(100))
}

/// Days from 1970-01-01 to the first of a month (proleptic Gregorian).
fn days_of(year: i64, month: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year and month of a day counted from 1970-01-01.
fn civil_month(days: i64) -> (i64, i64) {
    let mut year = 1970 + days.div_euclid(366);
    while days_of(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12)
        .rev()
        .find(|month| days_of(year, *month) <= days)
        .unwrap_or(1);
    (year, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_the_month() {
        assert_eq!(expiry(0), "700131");
        assert_eq!(expiry(951_782_400_000), "000229");
        assert_eq!(expiry(1_709_164_800_000), "240229");
        assert_eq!(expiry(1_735_603_200_000), "241231");
        assert_eq!(expiry(1_735_689_600_000), "250131");
    }
}
