// SPDX-License-Identifier: GPL-2.0
//! The configuration file, in TOML: what the module is to be like. What it does not name is as the
//! module has it by default.

mod change;
mod edit;
mod problem;
mod rules;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, Error, Result};
use toml_edit::{Document, Item, Table, Value};

pub(crate) use change::{Change, Running};
pub(crate) use problem::Invalid;

use crate::file;
use crate::module::Parameter;
use crate::rules::sugar::Sugar;
use crate::settings::{self, Kind, Setting, SETTINGS};
use crate::uapi::{HTTP_FILTER_ACTION, HTTP_FILTER_ENABLED, HTTP_FILTER_RULES};

use problem::Problem;
use rules::Rules;

/// Where it is, unless another one is named.
pub(crate) const FILE: &str = "/etc/http_filter.toml";

/// What a file says.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// The file.
    file: PathBuf,
    /// Its text.
    text: String,
    /// Each parameter of the module but the rules, in the order of [`SETTINGS`], and its value as the
    /// module writes it.
    values: Vec<(&'static Setting, String)>,
    rules: Rules,
}

impl Configuration {
    /// Reads a file, or standard input.
    ///
    /// # Errors
    ///
    /// [`Invalid`], if it can be read, but not understood.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = file::read(file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                anyhow!(
                    "there is no {}: \"filterctl save\" makes one of what the loaded module does",
                    file.display()
                )
            }
            _ => Error::from(error).context(format!("cannot read {}", file.display())),
        })?;
        Ok(Self::parse(file, text, &Sugar::of_file())?)
    }

    fn parse(file: &Path, text: String, sugar: &Sugar) -> Result<Self, Invalid> {
        let mut problems = Vec::new();
        let parsed = parse_keys(&text, sugar, &mut problems);
        match parsed {
            Some((values, rules)) if problems.is_empty() => Ok(Self {
                file: file.to_owned(),
                text,
                values,
                rules,
            }),
            _ => Err(Invalid::new(file, &text, problems)),
        }
    }

    /// The value of a parameter, as the module writes it.
    fn value(&self, name: &str) -> Option<&str> {
        if name == HTTP_FILTER_RULES {
            return Some(self.rules.text.trim_end());
        }
        let mut values = self.values.iter();
        let (_, value) = values.find(|(setting, _)| setting.name == name)?;
        Some(value)
    }

    /// The file's name, as it was given.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// What the module can be loaded with, switched off: all but the rules, of which a parameter holds few.
    ///
    /// # Errors
    ///
    /// If a value cannot be a parameter.
    pub(crate) fn parameters(&self) -> Result<Vec<Parameter>> {
        let parameter = |(setting, value): &(&Setting, String)| match setting.name {
            HTTP_FILTER_ENABLED => Parameter::new(setting.name, "0"),
            name => Parameter::new(name, value),
        };
        let parameters: Result<_, _> = self.values.iter().map(parameter).collect();
        parameters.map_err(Error::msg)
    }

    /// Lets a parameter have a value that comes before that in the file.
    pub(crate) fn override_with(&mut self, parameter: &Parameter) {
        if parameter.key() == HTTP_FILTER_RULES {
            self.rules = Rules::given(parameter.value());
        }
        for (setting, value) in &mut self.values {
            if setting.name == parameter.key() {
                *value = settings::normal(setting, parameter.value());
            }
        }
    }
}

/// The values in a file. None, if it is no TOML.
fn parse_keys(
    text: &str,
    sugar: &Sugar,
    problems: &mut Vec<Problem>,
) -> Option<(Vec<(&'static Setting, String)>, Rules)> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            problems.push(Problem::at(error.span(), error.message()));
            return None;
        }
    };
    let table = document.as_table();
    check_keys(table, problems);
    let mut values = Vec::new();
    let mut rules = Rules::default();
    for setting in SETTINGS {
        let Some(default) = setting.default else {
            continue;
        };
        let item = table.get(setting.name);
        if matches!(setting.kind, Kind::Rules) {
            if let Some(item) = item {
                rules = Rules::read(text, item, sugar, problems);
            }
            continue;
        }
        let value = match item {
            Some(item) => value_of(setting, item, problems),
            None => Some(default.to_owned()),
        };
        values.extend(value.map(|value| (setting, value)));
    }
    Some((values, rules))
}

/// Checks that each key is a parameter of the module, and that the one is there that nobody should have to guess.
fn check_keys(table: &Table, problems: &mut Vec<Problem>) {
    let known: Vec<&str> = settings::parameters().collect();
    for (key, item) in table {
        if !known.contains(&key) {
            let place = table.key(key).and_then(toml_edit::Key::span);
            let place = place.or_else(|| item.span());
            problems.push(Problem::at(place, settings::unknown(key, &known)));
        }
    }
    if !table.contains_key(HTTP_FILTER_ACTION) {
        let takes = settings::find(HTTP_FILTER_ACTION).and_then(|setting| setting.kind.allowed());
        problems.push(Problem::of_all(format!(
            "{HTTP_FILTER_ACTION} is missing: say what becomes of HTTP where no rule matches, {}",
            takes.unwrap_or_default()
        )));
    }
}

/// A setting's value as the module writes it. None, if it is none that it takes.
fn value_of(setting: &Setting, item: &Item, problems: &mut Vec<Problem>) -> Option<String> {
    let value = match &setting.kind {
        Kind::Switch => item.as_bool().map(|on| u8::from(on).to_string()),
        Kind::OneOf(words) => {
            let word = item.as_str().filter(|word| words.contains(word));
            word.map(str::to_owned)
        }
        Kind::AnyOf(words) => {
            let array = item.as_array();
            let given = array.map(|array| array.iter().map(Value::as_str).collect::<Option<_>>());
            let given: Option<Vec<&str>> = given.flatten();
            let given = given
                .filter(|given| !given.is_empty() && given.iter().all(|word| words.contains(word)));
            given.map(|given| settings::normal(setting, &given.join(" ")))
        }
        Kind::Number(most) => {
            let number = item.as_integer();
            let number = number.filter(|number| (1..=i64::from(*most)).contains(number));
            number.map(|number| number.to_string())
        }
        Kind::Text | Kind::Moment | Kind::Rules => None,
    };
    if value.is_none() {
        let what = format!("{} takes {}", setting.name, takes(setting));
        problems.push(Problem::at(item.span(), what));
    }
    value
}

/// What a setting takes, in words and as TOML writes it.
fn takes(setting: &Setting) -> String {
    let quoted = |words: &[&str]| {
        let words = words.iter().map(|word| format!("{word:?}"));
        words.collect::<Vec<_>>().join(", ")
    };
    match &setting.kind {
        Kind::Switch => "true or false".to_owned(),
        Kind::OneOf(words) => format!("one of {}", quoted(words)),
        Kind::AnyOf(words) => format!(
            "a list of any of {}, as in [{}]",
            quoted(words),
            quoted(&words[..1])
        ),
        kind => kind.allowed().unwrap_or_default(),
    }
}

/// Which line of a text a place is in, from 1 on.
fn line_of(text: &str, place: usize) -> usize {
    let before = text.get(..place).unwrap_or(text);
    1 + before.matches('\n').count()
}

/// Some part of a text.
type Span = Range<usize>;

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "f.toml";

    fn parse(text: &str) -> Result<Configuration, Invalid> {
        Configuration::parse(Path::new(NAME), text.to_owned(), &Sugar::of_file())
    }

    fn values(text: &str) -> Vec<String> {
        let configuration = parse(text).unwrap();
        let value = |name| configuration.value(name).unwrap().to_owned();
        settings::parameters().map(value).collect()
    }

    #[test]
    fn what_is_not_named_has_its_default() {
        assert_eq!(
            values("action = \"reject\""),
            ["1", "reject", "", "requests h2c http09", "all", "1", "4096"]
        );
    }

    #[test]
    fn values_are_those_of_the_module() {
        let text = "log = false\nenabled = false\naction = 'monitor'\n\
            detect = ['responses', 'requests', 'requests']\nmax_undecided = 1_000\n\
            namespaces = 'initial'\nrules = \"\"\"\nallow on lo # x\n\ndrop until 1970-01-02T00:00\n\"\"\"\n";
        let values = values(text);
        assert_eq!(values[..2], ["0", "monitor"]);
        assert!(
            values[2].starts_with("allow on lo # x\n\ndrop until "),
            "{values:?}"
        );
        assert_eq!(values[3..], ["requests responses", "initial", "0", "1000"]);
    }

    #[test]
    fn each_problem_is_told_with_its_line() {
        const DETECT: &str = "detect takes a list of any of \"requests\", \"h2c\", \"http09\", \
            \"responses\", as in [\"requests\"]";
        const ACTION: &str = "action takes one of \"drop\", \"reject\", \"monitor\"";
        const KNOWN: &str =
            "known are: enabled, action, rules, detect, namespaces, log, max_undecided";
        for (text, place, what) in [
            ("log = true", "f.toml: ", "action is missing: say what becomes of HTTP where no rule matches, one of: drop, reject, monitor"),
            ("log = true\nlog = true", "f.toml:2: ", "duplicate key"),
            ("\naction = \"drop", "f.toml:2: ", "invalid basic string, expected `\"`"),
            ("\nacton = \"drop\"", "f.toml:2: ", &format!("unknown key \"acton\" (is action meant?); {KNOWN}")),
            ("\n[log]\non = 1", "f.toml:2: ", "log takes true or false"),
            ("\n\n[http]\nx = 1", "f.toml:3: ", &format!("unknown key \"http\"; {KNOWN}")),
            ("action = \"DROP\"", "f.toml:1: ", ACTION),
            ("action = true", "f.toml:1: ", ACTION),
            ("\nenabled = 1", "f.toml:2: ", "enabled takes true or false"),
            ("\ndetect = \"requests\"", "f.toml:2: ", DETECT),
            ("\ndetect = []", "f.toml:2: ", DETECT),
            ("\ndetect = [\"requests\", 1]", "f.toml:2: ", DETECT),
            ("\nmax_undecided = 0", "f.toml:2: ", "max_undecided takes a number from 1 to 1048576"),
            ("\nmax_undecided = 1048577", "f.toml:2: ", "max_undecided takes a number from 1 to 1048576"),
            ("\nrules = [\"allow on lo\"]", "f.toml:2: ", "rules takes a string: '''...''' if of several lines"),
            ("\nrules = '''\nallow on lo\nallow for 7d\n'''", "f.toml:4: ", "\"for 7d\" would begin anew whenever the file is read: take until and a date"),
            ("\nrules = 'allow until ever'", "f.toml:2: ", "\"ever\" is no time: it takes one such as 2026-12-31, 2026-12-31T18:00 or seconds since 1970"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            let line = error.lines().find(|line| line.starts_with(place));
            let said = line.and_then(|line| line.strip_prefix(place));
            assert!(said.is_some_and(|said| said.starts_with(what)), "{text:?}: {error}");
        }
    }

    #[test]
    fn all_problems_are_told_in_the_order_of_lines() {
        let text = "log = 1\nx = 1\nrules = '''allow unit a/b\nallow for 1s'''";
        let error = parse(text).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        let begin = [
            "f.toml:1: log ",
            "f.toml:2: unknown",
            "f.toml:3: ",
            "f.toml:4: ",
            "f.toml: action",
        ];
        assert_eq!(lines.len(), begin.len(), "{error}");
        for (line, begin) in lines.iter().zip(begin) {
            assert!(line.starts_with(begin), "{error}");
        }
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let mut configuration = parse("action = \"monitor\"\nrules = 'allow on lo'").unwrap();
        for given in ["action=drop", "detect=h2c,requests", "rules=drop on lo"] {
            configuration.override_with(&given.parse().unwrap());
        }
        let value = |name| configuration.value(name).unwrap();
        assert_eq!(value("action"), "drop");
        assert_eq!(value("detect"), "requests h2c");
        assert_eq!(value("rules"), "drop on lo");
        assert_eq!(value("log"), "1");
    }

    #[test]
    fn the_example_names_all_and_monitors() {
        let example = Configuration::example(Path::new(NAME)).unwrap();
        for name in settings::parameters() {
            assert!(example.text.contains(&format!("\n{name} = ")), "{name}");
        }
        for (setting, value) in &example.values {
            let expected = match setting.name {
                HTTP_FILTER_ACTION => Some("monitor"),
                _ => setting.default,
            };
            assert_eq!(Some(value.as_str()), expected, "{}", setting.name);
        }
        assert_eq!(example.rules.text, "");
    }
}
