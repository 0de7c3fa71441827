// SPDX-License-Identifier: GPL-2.0

//! Builds the reader in C, as the kernel's sources are built: optimised, and without SIMD.

fn main() {
    println!("cargo:rerun-if-changed=src/reference.c");
    cc::Build::new()
        .file("src/reference.c")
        .opt_level(2)
        .flag_if_supported("-mgeneral-regs-only")
        .compile("reference");
}
