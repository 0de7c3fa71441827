// SPDX-License-Identifier: GPL-2.0
//! A load-time parameter, `KEY=VALUE`.

use std::fmt;
use std::str::FromStr;

use crate::settings;

/// A parameter of a known key. Displayed as the kernel reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    key: String,
    value: String,
}

impl Parameter {
    /// # Errors
    ///
    /// Says why this is none.
    pub(crate) fn new(key: &str, value: &str) -> Result<Self, String> {
        if !settings::parameters().any(|known| known == key) {
            let known: Vec<&str> = settings::parameters().collect();
            return Err(settings::unknown(key, &known));
        }
        if value.contains(['"', '\n']) {
            return Err("a value can hold neither quotes nor line ends".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) => Self::new(key, value),
            None => Err("not of the form KEY=VALUE".to_owned()),
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value } = self;
        if value.contains(char::is_whitespace) {
            write!(f, "{key}=\"{value}\"")
        } else {
            write!(f, "{key}={value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        text.parse::<Parameter>()
            .map(|parameter| parameter.to_string())
    }

    #[test]
    fn parameters_are_passed_as_the_kernel_reads_them() {
        for (given, passed) in [
            ("action=monitor", "action=monitor"),
            ("detect=requests,h2c", "detect=requests,h2c"),
            ("detect=requests h2c", "detect=\"requests h2c\""),
            ("detect=", "detect="),
            ("namespaces=a=b", "namespaces=a=b"),
        ] {
            assert_eq!(parsed(given).as_deref(), Ok(passed));
        }
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for (given, reason) in [
            ("action", "KEY=VALUE"),
            ("", "KEY=VALUE"),
            ("acton=drop", "known are: enabled, action"),
            ("=drop", "unknown key \"\""),
            ("version=1", "unknown key \"version\""),
            ("since=1", "unknown key \"since\""),
            ("action=\"drop\"", "quotes"),
            ("action=a\nb", "line ends"),
        ] {
            let error = parsed(given).unwrap_err();
            assert!(error.contains(reason), "{given}: {error}");
        }
    }
}
