// SPDX-License-Identifier: GPL-2.0
//! Values on the command line: spans of time, and ranges of ports.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// Some time between two looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval(pub(crate) Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => {
                Ok(Self(Duration::from_secs_f64(seconds)))
            }
            _ => Err("not a number of seconds from 0.1 to 86400".to_owned()),
        }
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<SignedDuration>().ok();
        match span.and_then(|span| Duration::try_from(span).ok()) {
            Some(span) if !span.is_zero() => Ok(Self(span)),
            _ => Err("not a span of time, such as 30s, 5m, 1h30m".to_owned()),
        }
    }
}

/// A port, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Self(first..=last)),
            _ => Err("neither a port, from 1 to 65535, nor a range of ports".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_or_ranges() {
        for (text, range) in [
            ("80", 80..=80),
            ("1-65535", 1..=65535),
            ("8000-8000", 8000..=8000),
        ] {
            assert_eq!(text.parse(), Ok(Ports(range)));
        }
        for text in [
            "", "0", "65536", "9-8", "-", "80-", "-80", "http", "1-2-3", "0-9",
        ] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_of_time_have_units() {
        for (text, seconds) in [("10s", 10), ("1h30m", 5400), ("2 minutes", 120)] {
            assert_eq!(
                text.parse(),
                Ok(Span(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        for text in ["", "10", "0s", "-1s", "1 month", "s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
