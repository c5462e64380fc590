//! Dates and times as a shop's terminal writes them, in UTC.

use kaika_wire::calendar;

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
    let [year, month, day] = calendar::date(ms);
    let time = seconds % 86_400;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    Stamp {
        at: format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}"),
        date: format!("{:02}{month:02}{day:02}", year % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
