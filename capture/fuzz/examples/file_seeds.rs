// SPDX-License-Identifier: GPL-2.0
//! Writes the tests' captures into a folder: what the fuzzer begins with.

use std::path::PathBuf;
use std::{env, fs};

#[path = "../../tests/capture/support/mod.rs"]
mod support;

fn main() {
    let folder = env::args_os().nth(1).expect("usage: file_seeds FOLDER");
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).expect("the folder should be made");
    for (number, (_, file)) in support::samples::all().into_iter().enumerate() {
        let path = folder.join(format!("seed-{number}"));
        fs::write(path, file).expect("the seed should be written");
    }
}
