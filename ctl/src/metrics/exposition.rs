// SPDX-License-Identifier: GPL-2.0
//! The text format in which Prometheus takes metrics.

use std::fmt;

/// What all names of metrics begin with.
const PREFIX: &str = "http_filter_";

/// What a metric's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// They grow, until they begin at 0 again.
    Counter,
    /// They may become smaller.
    Gauge,
}

/// A metric, with a number for each set of labels.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// Its name, without the prefix.
    name: &'static str,
    of: Type,
    /// What it says, in a line.
    help: &'static str,
    samples: Vec<Sample>,
}

/// A number, and the labels that tell it from the others of its metric.
#[derive(Clone, Debug)]
struct Sample {
    labels: Vec<(&'static str, String)>,
    number: u64,
}

impl Family {
    pub(super) fn new(of: Type, name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            of,
            help,
            samples: Vec::new(),
        }
    }

    /// The same with a number that has no labels, if it is known.
    pub(super) fn with(self, number: Option<u64>) -> Self {
        self.with_labels(number.map(|number| (Vec::new(), number)))
    }

    /// The same with a number for each of these values of a label.
    pub(super) fn by<'a>(
        self,
        label: &'static str,
        samples: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Self {
        let samples = samples.into_iter();
        self.with_labels(samples.map(|(value, number)| (vec![(label, value.to_owned())], number)))
    }

    /// The same with a number for each of these sets of labels.
    pub(super) fn with_labels(
        mut self,
        samples: impl IntoIterator<Item = (Vec<(&'static str, String)>, u64)>,
    ) -> Self {
        let samples = samples.into_iter();
        self.samples
            .extend(samples.map(|(labels, number)| Sample { labels, number }));
        self
    }
}

impl fmt::Display for Family {
    /// Writes it with its help and its type; nothing, if there is no number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            of,
            help,
            samples,
        } = self;
        if samples.is_empty() {
            return Ok(());
        }
        let of = match of {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        };
        writeln!(f, "# HELP {PREFIX}{name} {help}")?;
        writeln!(f, "# TYPE {PREFIX}{name} {of}")?;
        for Sample { labels, number } in samples {
            write!(f, "{PREFIX}{name}")?;
            if !labels.is_empty() {
                let labels = labels.iter();
                let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", escape(value)));
                write!(f, "{{{}}}", labels.collect::<Vec<_>>().join(","))?;
            }
            writeln!(f, " {number}")?;
        }
        Ok(())
    }
}

/// A label's value, as it stands between quotes.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_help_type_and_numbers() {
        let family = Family::new(Type::Counter, "seen_total", "What was seen.");
        let labels = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            let pairs = pairs.iter();
            pairs
                .map(|(label, value)| (*label, (*value).to_owned()))
                .collect()
        };
        let family = family.with(Some(u64::MAX)).by("kind", [("a", 1), ("b", 0)]);
        let family = family.with_labels([(labels(&[("x", "1"), ("y", "")]), 7)]);
        let expected = r#"# HELP http_filter_seen_total What was seen.
# TYPE http_filter_seen_total counter
http_filter_seen_total 18446744073709551615
http_filter_seen_total{kind="a"} 1
http_filter_seen_total{kind="b"} 0
http_filter_seen_total{x="1",y=""} 7
"#;
        assert_eq!(family.to_string(), expected);
    }

    #[test]
    fn one_without_a_number_is_left_out() {
        let family = Family::new(Type::Gauge, "level", "How high it is.").with(None);
        assert_eq!(family.to_string(), "");
    }

    #[test]
    fn what_would_end_a_value_is_escaped() {
        let family = Family::new(Type::Gauge, "x", "X.").by("l", [("a\\b\"c\nd é{},=", 1)]);
        let line = family.to_string().lines().last().unwrap().to_owned();
        assert_eq!(line, r#"http_filter_x{l="a\\b\"c\nd é{},="} 1"#);
    }
}
