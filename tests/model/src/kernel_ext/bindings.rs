// SPDX-License-Identifier: GPL-2.0

//! The names of the interface that the module's settings and counters know. Those of counters stand for
//! themselves.

use core::ffi::CStr;

macro_rules! names {
    ($($name:ident $($value:literal)?;)*) => {$(
        pub(crate) const $name: &CStr = names!(@ $name $($value)?);
    )*};
    (@ $name:ident $value:literal) => { kernel::c_str!($value) };
    (@ $name:ident) => { kernel::c_str!(stringify!($name)) };
}

names! {
    HTTP_FILTER_ACTION_ALLOW "allow";
    HTTP_FILTER_ACTION_DROP "drop";
    HTTP_FILTER_ACTION_MONITOR "monitor";
    HTTP_FILTER_ACTION_REJECT "reject";
    HTTP_FILTER_DETECT_H2C "h2c";
    HTTP_FILTER_DETECT_HTTP09 "http09";
    HTTP_FILTER_DETECT_REQUESTS "requests";
    HTTP_FILTER_DETECT_RESPONSES "responses";
    HTTP_FILTER_NAMESPACES_ALL "all";
    HTTP_FILTER_NAMESPACES_INITIAL "initial";
    HTTP_FILTER_STAT_ALLOWED;
    HTTP_FILTER_STAT_BLOCKED;
    HTTP_FILTER_STAT_DEFERRED;
    HTTP_FILTER_STAT_DROPPED;
    HTTP_FILTER_STAT_EVENTS_LOST;
    HTTP_FILTER_STAT_EVICTED;
    HTTP_FILTER_STAT_H2C;
    HTTP_FILTER_STAT_HTTP09;
    HTTP_FILTER_STAT_INSPECTED;
    HTTP_FILTER_STAT_MALFORMED;
    HTTP_FILTER_STAT_MONITORED;
    HTTP_FILTER_STAT_REFUSED;
    HTTP_FILTER_STAT_REQUESTS;
    HTTP_FILTER_STAT_RESPONSES;
    HTTP_FILTER_STAT_UNINSPECTABLE;
}

pub(crate) const HF_DEVICE_NAME: u32 = 16;
