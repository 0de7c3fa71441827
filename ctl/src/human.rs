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

/// A number of things: `1 packet`, `1,234 packets`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
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
pub(crate) fn ago(seconds: u64) -> String {
    match span(seconds) {
        Some(span) => format!("{span} ago"),
        None => "just now".to_owned(),
    }
}

/// How far off a moment is, in seconds since 1970 as `now` is: `in 3 days`, `2 hours ago`.
pub(crate) fn distance(seconds: i64, now: i64) -> String {
    let to_come = u64::try_from(seconds.saturating_sub(now)).unwrap_or_default();
    match span(to_come) {
        Some(span) => format!("in {span}"),
        None => ago(seconds.abs_diff(now)),
    }
}

/// A date and time of day, in local time, of seconds since 1970. None if it is out of the calendar.
pub(crate) fn date(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    let local = time.to_zoned(TimeZone::system());
    Some(local.strftime("%FT%R").to_string())
}

/// A span of time in the largest unit that fits; None if there is none.
pub(crate) fn span(seconds: u64) -> Option<String> {
    const UNITS: [(u64, &str); 4] = [
        (24 * 60 * 60, "day"),
        (60 * 60, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let (length, unit) = UNITS.into_iter().find(|(length, _)| seconds >= *length)?;
    Some(match seconds / length {
        1 => format!("1 {unit}"),
        n => format!("{} {unit}s", count(n)),
    })
}

/// Text that somebody wrote, in one line, one blank between words, and so that a terminal shows it and
/// does nothing else.
pub(crate) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = String::with_capacity(text.len());
    for character in words.join(" ").chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// How many columns text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    console::measure_text_width(text)
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
    fn a_distance_is_to_come_or_over() {
        for (seconds, text) in [
            (1_000, "just now"),
            (1_001, "in 1 second"),
            (1_000 + 7_200, "in 2 hours"),
            (999, "1 second ago"),
            (1_000 - 7_200, "2 hours ago"),
        ] {
            assert_eq!(distance(seconds, 1_000), text);
        }
    }

    #[test]
    fn what_somebody_wrote_can_do_nothing_to_a_terminal() {
        assert_eq!(
            line("a\tb \n c \x1b[31m\u{9b}é"),
            "a b c \\u{1b}[31m\\u{9b}é"
        );
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
