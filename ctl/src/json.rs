// SPDX-License-Identifier: GPL-2.0
//! What all objects of JSON that are printed have in common, as `docs/schemas/` tells.

use serde_json::{Map, Value};

/// The version of what they look like.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// One object with the fields of all of them, in their order.
pub(crate) fn joined<const N: usize>(objects: [Value; N]) -> Value {
    let fields = objects.into_iter().filter_map(|object| match object {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    fields.flatten().collect::<Map<_, _>>().into()
}
