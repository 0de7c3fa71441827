// SPDX-License-Identifier: GPL-2.0
//! Numbers and times as people read them.

use jiff::tz::TimeZone;
use jiff::Timestamp;

/// A number with its thousands set apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment, in seconds since 1970, in local time and in words:
/// `2026-03-01 12:00:00 +01:00 (3 minutes ago)`. None if it is out of the calendar.
pub(crate) fn moment(seconds: i64, now: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    let local = time.to_zoned(TimeZone::system()).strftime("%F %T %:z");
    // The clock may have been set back since.
    Some(match u64::try_from(now.saturating_sub(seconds)) {
        Ok(elapsed) => format!("{local} ({})", ago(elapsed)),
        Err(_) => local.to_string(),
    })
}

/// The time now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// How long ago, in the largest unit that fits.
fn ago(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (24 * 60 * 60, "day"),
        (60 * 60, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    for (length, unit) in UNITS {
        match seconds / length {
            0 => continue,
            1 => return format!("1 {unit} ago"),
            n => return format!("{} {unit}s ago", count(n)),
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn elapsed_time_is_told_in_the_largest_unit() {
        for (seconds, text) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (3_600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (172_800, "2 days ago"),
            (1_000 * 86_400, "1,000 days ago"),
        ] {
            assert_eq!(ago(seconds), text);
        }
    }

    #[test]
    fn a_moment_to_come_has_no_age() {
        let Some(past) = moment(1_700_000_000, 1_700_000_180) else {
            panic!("a time")
        };
        assert!(past.ends_with("(3 minutes ago)"), "{past}");
        let Some(future) = moment(1_700_000_180, 1_700_000_000) else {
            panic!("a time")
        };
        assert!(!future.contains("ago"), "{future}");
        assert_eq!(moment(i64::MAX, 0), None);
    }
}
