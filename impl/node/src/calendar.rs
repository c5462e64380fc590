//! Dates and times as a shop's terminal writes them, in UTC.

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// MMDDhhmmss.
    pub at: String,
    /// YYMMDD.
    pub date: String,
}

/// The moment so many milliseconds after 1970 began; before it, its beginning.
pub fn stamp(ms: i64) -> Stamp {
    let seconds = u64::try_from(ms / 1_000).unwrap_or(0);
    let [year, month, day] = civil(seconds / 86_400);
    let time = seconds % 86_400;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    Stamp {
        at: format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}"),
        date: format!("{:02}{month:02}{day:02}", year % 100),
    }
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(days: u64) -> [u64; 3] {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    while left >= if leap(year) { 366 } else { 365 } {
        left -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
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
        ] {
            assert_eq!(civil(days), want);
        }
    }

    #[test]
    fn a_moment_in_digits() {
        let want = Stamp {
            at: "1124235901".into(),
            date: "261124".into(),
        };
        assert_eq!(stamp((20_781 * 86_400 + 86_341) * 1_000 + 999), want);
        assert_eq!(stamp(-1).date, "700101");
    }
}
