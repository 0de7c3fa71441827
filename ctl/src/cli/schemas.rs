// SPDX-License-Identifier: GPL-2.0
//! Each command that prints JSON has a schema in `docs/schemas/`, and `--help` tells its keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use serde_json::Value;

use super::Cli;

/// What schemas have in common, which is that of no command.
const COMMON: &str = "common";

/// The arguments that print JSON, and what they add to the name of the command's schema.
const FORMS: [(&str, &str); 2] = [("json", ""), ("eve", "-eve")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas")
}

fn read(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The commands below this one and their names, as in the names of schemas.
fn commands(command: &Command, name: &str) -> Vec<(String, Command)> {
    let below = command.get_subcommands().flat_map(|below| {
        let name = format!("{name}-{}", below.get_name());
        let name = name.trim_start_matches('-');
        let mut all = commands(below, name);
        all.push((name.to_owned(), below.clone()));
        all
    });
    below.collect()
}

fn has(command: &Command, argument: &str) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|known| known.get_long() == Some(argument))
}

/// The properties of the objects that a schema describes, whichever of its forms they have, and be
/// they in a list; with the schema of each.
fn properties(schema: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    if let Some(own) = schema["properties"].as_object() {
        all.extend(own.clone());
    }
    let forms = ["oneOf", "anyOf"].map(|key| schema[key].as_array().cloned().unwrap_or_default());
    let target = schema["$ref"].as_str().map(|reference| {
        let (file, pointer) = reference.split_once("#").unwrap_or((reference, ""));
        let target = read(file.trim_end_matches(".json"));
        target
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference}"))
            .clone()
    });
    let inner = forms
        .into_iter()
        .flatten()
        .chain(target)
        .chain(schema.get("items").cloned());
    for (key, property) in inner.flat_map(|schema| properties(&schema)) {
        all.entry(key).or_insert(property);
    }
    all
}

/// What help says of a key: the text behind it, and the keys that are listed below it.
#[derive(Debug, Default)]
struct Told {
    text: String,
    below: BTreeMap<String, Told>,
}

/// The keys that help tells of JSON.
fn told(help: &str) -> BTreeMap<String, Told> {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    let mut last = String::new();
    let (_, section) = help
        .split_once("With --json, ")
        .unwrap_or_else(|| panic!("{help}"));
    for line in section.lines().take_while(|line| !line.is_empty()) {
        let indent = line.len() - line.trim_start().len();
        let Some((keys, text)) = line.trim_start().split_once("  ") else {
            // It goes on with the text of the key before, or tells which objects have the next keys.
            if let Some(told) = all.get_mut(&last).filter(|_| indent > 0) {
                told.text.push_str(line.trim_start());
            }
            continue;
        };
        for key in keys.split(", ") {
            let list = match indent {
                2 => &mut all,
                4 => &mut all.get_mut(&last).unwrap_or_else(|| panic!("{line}")).below,
                _ => panic!("{line}"),
            };
            let text = text.trim_start().to_owned();
            let below = BTreeMap::new();
            list.insert(key.to_owned(), Told { text, below });
            if indent == 2 {
                last = key.to_owned();
            }
        }
    }
    all
}

#[test]
fn each_command_with_json_has_a_schema_and_each_schema_a_command() {
    let cli = Cli::command();
    let expected = commands(&cli, "").into_iter().flat_map(|(name, command)| {
        let forms = FORMS
            .iter()
            .filter(move |(argument, _)| has(&command, argument));
        forms.map(move |(_, suffix)| format!("{name}{suffix}"))
    });
    let expected: BTreeSet<String> = expected.chain([COMMON.to_owned()]).collect();
    let paths = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let schemas = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    let schemas: BTreeSet<String> = schemas
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(schemas, expected);
    assert!(schemas.len() > 8, "{schemas:?}");
}

#[test]
fn help_tells_the_keys_of_the_schema() {
    for (name, command) in commands(&Cli::command(), "") {
        if !has(&command, "json") {
            continue;
        }
        let help = command.get_after_help().unwrap_or_else(|| panic!("{name}"));
        let told = told(&help.to_string());
        let expected = properties(&read(&name));
        let keys = |told: &BTreeMap<String, Told>| told.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            keys(&told),
            expected.keys().cloned().collect::<Vec<_>>(),
            "{name}"
        );
        for (key, property) in expected {
            let Told { text, below } = &told[&key];
            let inner = properties(&property);
            if !below.is_empty() {
                assert_eq!(
                    keys(below),
                    inner.keys().cloned().collect::<Vec<_>>(),
                    "{name} {key}"
                );
                continue;
            }
            for inner in inner.keys() {
                assert!(
                    text.contains(&format!("{inner:?}")),
                    "{name} {key} {inner}: {text}"
                );
            }
        }
    }
}

/// All that a schema says of keys is meant to be all that there is.
#[test]
fn no_object_has_other_keys() {
    fn objects(schema: &Value, all: &mut Vec<Value>) {
        match schema {
            Value::Object(fields) => {
                if fields.get("type") == Some(&"object".into()) {
                    all.push(schema.clone());
                }
                fields.values().for_each(|field| objects(field, all));
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, all)),
            _ => {}
        }
    }
    for (name, command) in commands(&Cli::command(), "") {
        if !has(&command, "json") {
            continue;
        }
        let mut all = Vec::new();
        objects(&read(&name), &mut all);
        for object in all {
            let closed = ["additionalProperties", "unevaluatedProperties"];
            // Those of status are of a type, since those of a later module are there as well.
            let is_closed = closed.iter().any(|key| match &object[key] {
                Value::Bool(is_open) => !is_open,
                rest => name == "status" && rest.is_object(),
            });
            assert!(is_closed, "{name}: {object}");
        }
    }
}
