// SPDX-License-Identifier: GPL-2.0
//! Whether a file can be a module at all: what can be seen before the kernel is asked, whose errors
//! tell less.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{bail, Result};

/// What a file begins with if it is compressed.
const COMPRESSED: [(&[u8], &str); 3] = [
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x8b", "gzip"),
];

const MAGIC: &[u8] = b"\x7fELF";

/// The size of the header of ELF, of 64 bits; that of 32 is shorter.
const HEADER: usize = 64;

/// A file to be linked: `ET_REL`.
const RELOCATABLE: u64 = 1;

/// Machines whose kernels have Rust (`EM_*`), as uname(2) names them to programs of 64 bits.
const MACHINES: [(u64, &str); 4] = [
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];

/// Checks that a file is a whole ELF object for a machine of this name.
///
/// # Errors
///
/// What it is instead, or why it cannot be read.
pub(crate) fn check(file: &Path, machine: &str) -> Result<()> {
    let metadata = fs::metadata(file)?;
    if metadata.is_dir() {
        bail!("it is a folder");
    }
    // To open one may wait for whoever writes it.
    if !metadata.is_file() {
        bail!("it is no regular file");
    }
    let mut bytes = Vec::new();
    File::open(file)?
        .take(HEADER as u64)
        .read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        bail!("the file is empty");
    }
    if let Some((_, format)) = COMPRESSED
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
    {
        bail!("the file is compressed with {format}: decompress it first");
    }
    if !bytes.starts_with(MAGIC) {
        bail!("it is no ELF file, and so no kernel module");
    }
    let Some(header) = Header::parse(&bytes) else {
        bail!("the file is cut off within its first {HEADER} bytes");
    };
    let this = MACHINES.iter().find(|(_, name)| *name == machine);
    if this.is_some_and(|(number, _)| *number != header.machine) {
        let of_file = MACHINES
            .iter()
            .find(|(number, _)| *number == header.machine);
        let of_file = of_file.map_or_else(
            || format!("number {} of ELF's", header.machine),
            |(_, name)| (*name).to_owned(),
        );
        bail!("it is for another machine ({of_file}), and this is {machine}");
    }
    if header.kind != RELOCATABLE {
        bail!("it is a program or a library, no kernel module");
    }
    let size = metadata.len();
    if size < header.sections_end {
        bail!(
            "the file is cut off: it has {size} bytes of at least {}",
            header.sections_end
        );
    }
    Ok(())
}

/// What the header of ELF says.
struct Header {
    kind: u64,
    machine: u64,
    /// Where the table of sections ends, which comes last but for a signature.
    sections_end: u64,
}

impl Header {
    /// Reads it, unless bytes are missing.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let is_wide = *bytes.get(4)? == 2;
        let is_little_endian = *bytes.get(5)? == 1;
        let number = |start: usize, size: usize| {
            let mut field = bytes.get(start..start + size)?.to_vec();
            if is_little_endian {
                field.reverse();
            }
            Some(
                field
                    .iter()
                    .fold(0, |number, &byte| (number << 8) | u64::from(byte)),
            )
        };
        let (table, entry, count) = if is_wide {
            (number(40, 8)?, number(58, 2)?, number(60, 2)?)
        } else {
            (number(32, 4)?, number(46, 2)?, number(48, 2)?)
        };
        Some(Self {
            kind: number(16, 2)?,
            machine: number(18, 2)?,
            sections_end: table.saturating_add(entry * count),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// A whole object of no sections, but for the bytes at an offset.
    fn object(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut object = vec![0; HEADER];
        object[..4].copy_from_slice(MAGIC);
        object[4..7].copy_from_slice(&[2, 1, 1]);
        object[16] = RELOCATABLE as u8;
        object[18] = 62;
        object[at..at + bytes.len()].copy_from_slice(bytes);
        object
    }

    fn said(bytes: &[u8], machine: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let checked = check(file.path(), machine);
        checked.map_or_else(|error| format!("{error:#}"), |()| "fine".to_owned())
    }

    #[test]
    fn what_is_no_module_is_named() {
        let whole = object(0, MAGIC);
        for (bytes, part) in [
            (&whole[..], "fine"),
            (&object(40, &[0, 0, 0, 0, 0, 0, 0, 0])[..], "fine"),
            (b"", "empty"),
            (b"#!/bin/sh\n", "no ELF file"),
            (b"\x7fEL", "no ELF file"),
            (&whole[..60], "cut off within"),
            (&object(40, &[100]), "64 bytes of at least 100"),
            (&object(40, &[0xff; 8]), "cut off"),
            (&object(58, &[64, 0, 2, 0]), "64 bytes of at least 128"),
            (&object(16, &[2]), "a program"),
            (&object(18, &[183]), "aarch64), and this is x86_64"),
            (&object(18, &[0xcd, 0xab]), "number 43981 of"),
            // The same in the other order of bytes.
            (&object(5, &[2]), "number 15872 of"),
            (b"\xfd7zXZ\0\0", "xz: decompress"),
            (b"\x28\xb5\x2f\xfd", "zstd"),
            (b"\x1f\x8b\x08", "gzip"),
        ] {
            let said = said(bytes, "x86_64");
            assert!(said.contains(part), "{bytes:?}: {said}");
        }
    }

    #[test]
    fn of_32_bits_the_header_is_another() {
        let mut narrow = object(4, &[1]);
        narrow[18] = 3;
        narrow[32..36].copy_from_slice(&[52, 0, 0, 0]);
        narrow[46..50].copy_from_slice(&[40, 0, 1, 0]);
        assert!(said(&narrow, "i686").contains("of at least 92"));
        narrow.resize(92, 0);
        assert_eq!(said(&narrow, "i686"), "fine");
    }

    #[test]
    fn on_a_machine_that_is_not_known_here_the_kernel_decides() {
        for machine in ["future", "i686"] {
            assert_eq!(said(&object(18, &[0xcd, 0xab]), machine), "fine");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = TempDir::new().unwrap();
        for (path, part) in [
            (folder.path(), "it is a folder"),
            (Path::new("/dev/null"), "no regular file"),
            (&folder.path().join("nothing"), "No such file"),
        ] {
            let error = format!("{:#}", check(path, "x86_64").unwrap_err());
            assert!(error.contains(part), "{error}");
        }
        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert!(check(&link, "x86_64").is_err());
    }
}
