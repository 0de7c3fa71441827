// SPDX-License-Identifier: GPL-2.0
//! Changes to the text of a configuration file. All of it that is not concerned stays as it is: comments,
//! order and layout, and rules in words that the module does not know.

use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, Item, Value};

use super::{Change, Configuration};
use crate::rules::sugar::Sugar;
use crate::settings::{self, Kind, Setting};

/// What a new file begins with: the example that comes with the module, which names all keys.
const EXAMPLE: &str = include_str!("../../../dist/http_filter.toml");

impl Configuration {
    /// The example.
    pub(crate) fn example(file: &Path) -> Result<Self> {
        Ok(Self::parse(file, EXAMPLE.to_owned(), &Sugar::of_file())?)
    }

    /// The file's text with the values that these changes begin with: those that the loaded module has.
    pub(crate) fn without(&self, changes: &[Change]) -> Result<String> {
        let mut document: DocumentMut = self.text.parse().context("the file is no TOML")?;
        for change in changes {
            let Some(setting) = settings::find(change.name) else {
                continue;
            };
            let from = match setting.kind {
                Kind::Rules => self.rules.as_written(&change.from),
                _ => change.from.clone(),
            };
            let value = value(setting, &from)
                .with_context(|| format!("cannot write {} as TOML", setting.name))?;
            set(&mut document, setting.name, value);
        }
        Ok(document.to_string())
    }
}

/// Gives a key a value, and lets what stands beside it be.
fn set(document: &mut DocumentMut, key: &str, mut value: Value) {
    match document.get_mut(key) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            document.insert(key, Item::Value(value));
        }
    }
}

/// A value of the module's, as TOML has it.
fn value(setting: &Setting, value: &str) -> Result<Value> {
    Ok(match &setting.kind {
        Kind::Switch => settings::is_on(value)
            .context("it is neither 0 nor 1")?
            .into(),
        Kind::Number(_) => value.parse::<i64>()?.into(),
        Kind::AnyOf(_) => Value::Array(value.split_whitespace().collect::<Array>()),
        Kind::Rules if !value.is_empty() => lines(value).parse()?,
        Kind::Rules | Kind::Text | Kind::Moment | Kind::OneOf(_) => value.into(),
    })
}

/// A string of several lines, as TOML writes it. Rules have no double quotes.
fn lines(text: &str) -> String {
    format!("\"\"\"\n{}\n\"\"\"", text.replace('\\', "\\\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, values: &[(&'static str, &str)]) -> String {
        let parse = |text: &str| {
            Configuration::parse(Path::new("f"), text.to_owned(), &Sugar::of_file()).unwrap()
        };
        let change = |&(name, value): &(&'static str, &str)| Change {
            name,
            from: value.to_owned(),
            to: String::new(),
        };
        let changes: Vec<_> = values.iter().map(change).collect();
        let new = parse(text).without(&changes).unwrap();
        // What is written can be read.
        let read = parse(&new);
        for (name, value) in values {
            assert_eq!(read.value(name), Some(*value), "{new}");
        }
        new
    }

    #[test]
    fn comments_and_layout_stay() {
        let text = "# a\nlog   =  true   # b\n\n# c\naction = 'drop'\n# d\n";
        assert_eq!(changed(text, &[]), text);
        assert_eq!(
            changed(text, &[("log", "0"), ("action", "reject")]),
            "# a\nlog   =  false   # b\n\n# c\naction = \"reject\"\n# d\n"
        );
    }

    #[test]
    fn what_the_file_does_not_name_is_added() {
        let values = [
            ("detect", "requests responses"),
            ("max_undecided", "7"),
            ("enabled", "0"),
        ];
        assert_eq!(
            changed("action = 'drop'\n", &values),
            "action = 'drop'\ndetect = [\"requests\", \"responses\"]\nmax_undecided = 7\nenabled = false\n"
        );
    }

    #[test]
    fn a_rule_that_stays_keeps_its_words() {
        let written = "allow unit no-such-unit  # x";
        let expanded =
            "allow in /system.slice/no-such-unit.service,/system.slice/no-such-unit.socket  # x";
        let text = format!("action = 'drop'\nrules = '{written}'\n");
        let rules = format!("drop on eth0\n{expanded}");
        assert_eq!(
            changed(&text, &[("rules", &rules)]),
            format!("action = 'drop'\nrules = \"\"\"\ndrop on eth0\n{written}\n\"\"\"\n")
        );
    }

    #[test]
    fn rules_get_lines_of_their_own() {
        for (rules, written) in [
            ("", "\"\""),
            (
                "allow on lo # a\\b '''\ndrop",
                "\"\"\"\nallow on lo # a\\\\b '''\ndrop\n\"\"\"",
            ),
        ] {
            let new = changed("rules = 'x' # r\naction = 'drop'", &[("rules", rules)]);
            assert_eq!(
                new.trim_end(),
                format!("rules = {written} # r\naction = 'drop'")
            );
        }
    }
}
