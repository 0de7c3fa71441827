// SPDX-License-Identifier: GPL-2.0
//! The names and values of the module's interface, from its header `module/uapi/http_filter.h`.

use std::ffi::CStr;

#[allow(dead_code, unreachable_pub)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/uapi.rs"));
}

/// C string constants of the header, under their own names, as `&str`.
macro_rules! strings {
    ($($name:ident)*) => {
        $(pub(crate) const $name: &str = text(bindings::$name);)*
    };
}

strings! {
    HTTP_FILTER_MODULE
    HTTP_FILTER_SYSFS

    HTTP_FILTER_ENABLED
    HTTP_FILTER_ACTION
    HTTP_FILTER_DETECT
    HTTP_FILTER_LOG
    HTTP_FILTER_MAX_UNDECIDED
    HTTP_FILTER_NAMESPACES
    HTTP_FILTER_VERSION_FILE
    HTTP_FILTER_SINCE

    HTTP_FILTER_ACTION_DROP
    HTTP_FILTER_ACTION_MONITOR

    HTTP_FILTER_DETECT_REQUESTS
    HTTP_FILTER_DETECT_H2C
    HTTP_FILTER_DETECT_HTTP09
    HTTP_FILTER_DETECT_RESPONSES

    HTTP_FILTER_NAMESPACES_ALL
    HTTP_FILTER_NAMESPACES_INITIAL

    HTTP_FILTER_STATS
    HTTP_FILTER_RESET
    HTTP_FILTER_STAT_REQUESTS
    HTTP_FILTER_STAT_H2C
    HTTP_FILTER_STAT_HTTP09
    HTTP_FILTER_STAT_RESPONSES
    HTTP_FILTER_STAT_BLOCKED
    HTTP_FILTER_STAT_MONITORED
    HTTP_FILTER_STAT_UNDECIDED
    HTTP_FILTER_STAT_EVICTED
    HTTP_FILTER_STAT_INSPECTED
    HTTP_FILTER_STAT_DROPPED
    HTTP_FILTER_STAT_DEFERRED
    HTTP_FILTER_STAT_REFUSED
    HTTP_FILTER_STAT_MALFORMED
    HTTP_FILTER_STAT_UNINSPECTABLE
    HTTP_FILTER_METHODS
    HTTP_FILTER_METHOD_OTHER
}

/// A C string constant as text; one that isn't stops the build.
const fn text(bytes: &'static [u8]) -> &'static str {
    let Ok(string) = CStr::from_bytes_with_nul(bytes) else {
        panic!("not a C string")
    };
    let Ok(text) = string.to_str() else {
        panic!("not UTF-8")
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_and_module_have_one_version() {
        assert_eq!(
            text(bindings::HTTP_FILTER_VERSION),
            env!("CARGO_PKG_VERSION")
        );
    }
}
