// SPDX-License-Identifier: GPL-2.0
//! Generates the bindings of the module's interface from the headers that the module is built with.

use std::env;
use std::error::Error;
use std::path::PathBuf;

const HEADERS: [&str; 2] = [
    "../module/uapi/http_filter.h",
    "../module/uapi/http_filter_netlink.h",
];

fn main() -> Result<(), Box<dyn Error>> {
    for header in HEADERS {
        println!("cargo::rerun-if-changed={header}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    bindgen::Builder::default()
        .headers(HEADERS)
        .allowlist_item("(HTTP_FILTER|http_filter)_.*")
        .prepend_enum_name(false)
        .generate()?
        .write_to_file(out.join("uapi.rs"))?;
    Ok(())
}
