// SPDX-License-Identifier: GPL-2.0
//! The schemas in `docs/schemas/`, which all that `--json` prints has to fit.

use std::fs;
use std::path::Path;

use jsonschema::{Registry, Resource};
use serde_json::{json, Value};

/// The object that a line of JSON tells, which has to fit the schema of this name.
pub(crate) fn object(schema: &str, line: &str) -> Value {
    let object = serde_json::from_str(line).unwrap();
    let faults = faults(schema, &object);
    assert!(faults.is_empty(), "{faults:#?} in {line}");
    object
}

/// What is wrong with an object by the schema of this name.
fn faults(schema: &str, object: &Value) -> Vec<String> {
    let mut registry = Registry::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let schema = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let resource = Resource::from_contents(schema);
            registry = registry
                .add(uri(path.file_name().unwrap().to_str().unwrap()), resource)
                .unwrap();
        }
    }
    let registry = registry.prepare().unwrap();
    let schema = json!({"$ref": uri(&format!("{schema}.json"))});
    let validator = jsonschema::options()
        .with_registry(&registry)
        .build(&schema)
        .unwrap();
    let faults = validator.iter_errors(object);
    faults
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

/// Schemas refer to each other by the names of their files.
fn uri(name: &str) -> String {
    format!("file:///{name}")
}

#[test]
fn each_fault_is_found() {
    let object = json!({
        "file": "a", "client": "192.0.2.7:1", "server": "[2001:db8::1]:80",
        "tunnel": null, "verdict": "http1", "line": null, "reason": null,
    });
    assert_eq!(faults("check", &object), [""; 0]);
    for (key, value) in [
        ("verdict", json!("http3")),
        ("line", json!(1)),
        ("client", json!("192.0.2.7")),
        ("more", json!(null)),
    ] {
        let mut object = object.clone();
        object[key] = value;
        assert_eq!(faults("check", &object).len(), 1, "{key}");
    }
}
