// SPDX-License-Identifier: GPL-2.0

//! Compiles the programs, with the classifier as a table.

#[path = "src/automaton.rs"]
mod automaton;

use anyhow::{ensure, Context, Result};
use std::{env, fs, path::PathBuf, process::Command};

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("automaton.h"), automaton::header()?)?;
    for program in ["prefixes", "stream"] {
        let source = format!("{program}.bpf.c");
        let status = Command::new("clang")
            .args(["--target=bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror"])
            .arg(format!("-I{}", out.display()))
            // libbpf's own headers.
            .arg(format!("-I{}", env::var("DEP_BPF_INCLUDE")?))
            .arg(format!(
                "-I/usr/include/{}-linux-gnu",
                env::var("CARGO_CFG_TARGET_ARCH")?
            ))
            .args(["-c", &source, "-o"])
            .arg(out.join(format!("{program}.bpf.o")))
            .status()
            .context("clang")?;
        ensure!(status.success(), "clang can't compile {source}");
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=kernel.h");
    println!("cargo:rerun-if-changed=src/automaton.rs");
    Ok(())
}
