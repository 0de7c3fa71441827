// SPDX-License-Identifier: GPL-2.0
//! That nothing in the compiled crate can panic, which would stop the machine.

use std::process::Command;
use std::{env, fs};

/// Compiles the crate as the kernel does and looks for the panics of `core` among the symbols.
#[test]
fn the_object_refers_to_no_panic() {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let object = concat!(env!("CARGO_TARGET_TMPDIR"), "/classifier.o");
    let status = Command::new(rustc)
        .args([
            "--crate-name=classifier",
            "--crate-type=lib",
            "--edition=2021",
            "--emit=obj",
        ])
        .args([
            "-Copt-level=2",
            "-Cpanic=abort",
            "-Coverflow-checks=on",
            "-Ccodegen-units=1",
        ])
        .args([
            "-o",
            object,
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs"),
        ])
        .status()
        .expect("rustc should run");
    assert!(status.success());

    let object = fs::read(object).expect("rustc should have written it");
    let mentions = |name: &str| {
        object
            .windows(name.len())
            .any(|bytes| bytes == name.as_bytes())
    };
    assert!(
        mentions("Classifier8feed_all"),
        "symbols should be found at all"
    );
    // All of them are in `core::panicking`, or called `..._fail` or `..._failed`.
    assert!(!mentions("panic") && !mentions("fail"));
}
