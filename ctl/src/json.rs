// SPDX-License-Identifier: GPL-2.0
//! Objects of JSON put together from parts.

use serde_json::{Map, Value};

/// One object with the fields of all of them, in their order.
pub(crate) fn joined<const N: usize>(objects: [Value; N]) -> Value {
    let fields = objects.into_iter().filter_map(|object| match object {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    fields.flatten().collect::<Map<_, _>>().into()
}
