// SPDX-License-Identifier: GPL-2.0
//! Generates the bindings of the module's interface from the header that the module is built with.

use std::env;
use std::error::Error;
use std::path::PathBuf;

const HEADER: &str = "../module/uapi/http_filter.h";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={HEADER}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    bindgen::Builder::default()
        .header(HEADER)
        .allowlist_item("HTTP_FILTER_.*")
        .generate()?
        .write_to_file(out.join("uapi.rs"))?;
    Ok(())
}
