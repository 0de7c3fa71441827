// SPDX-License-Identifier: GPL-2.0
//! Compiles `reference.c`.

fn main() {
    println!("cargo::rerun-if-changed=reference.c");
    cc::Build::new()
        .file("reference.c")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("reference");
}
