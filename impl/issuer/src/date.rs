//! Expiry dates as chips have them.

use kaika_wire::calendar;

/// The last day of the month in which a moment lies, YYMMDD as six digits.
pub(crate) fn expiry(at_ms: i64) -> String {
    let [year, month, _] = calendar::date(at_ms);
    let last = calendar::days_in(year, month);
    format!("{:02}{month:02}{last:02}", year % 100)
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
