// SPDX-License-Identifier: GPL-2.0
//! The module's files: one value each, below one directory.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, Error, Result};
use nix::errno::Errno;

/// The most that one write to a sysfs file can hold.
const WRITE_MAX: usize = 4095;

/// The directory isn't there, and so neither is the module.
#[derive(Debug)]
pub(crate) struct NotLoaded;

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the module is not loaded: run \"filterctl load\"")
    }
}

impl std::error::Error for NotLoaded {}

/// There are no files of the kernel's, so that nobody can tell whether the module is loaded.
#[derive(Debug)]
pub(crate) struct NotMounted;

impl fmt::Display for NotMounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/sys is not mounted: mount -t sysfs sysfs /sys")
    }
}

impl std::error::Error for NotMounted {}

/// The module's directory.
#[derive(Debug)]
pub(crate) struct Sysfs {
    root: PathBuf,
}

/// A file in it.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// Its name, without the directory.
    pub(crate) name: String,
    mode: u32,
}

impl Attribute {
    /// Whether anybody may read it. Told by its mode: root may open what can't be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.mode & 0o444 != 0
    }

    /// Whether anybody may write it.
    pub(crate) fn is_writable(&self) -> bool {
        self.mode & 0o222 != 0
    }
}

impl Sysfs {
    /// Finds the loaded module's directory.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`], or [`NotMounted`].
    pub(crate) fn open(root: &Path) -> Result<Self> {
        if root.is_dir() {
            Ok(Self {
                root: root.to_owned(),
            })
        } else {
            Err(absence(root))
        }
    }

    /// The files in a directory below the module's (`""` for itself), by name. A missing one has none.
    pub(crate) fn attributes(&self, dir: &str) -> Result<Vec<Attribute>> {
        let list = || -> io::Result<Vec<Attribute>> {
            let mut attributes = Vec::new();
            for entry in fs::read_dir(self.root.join(dir))? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                // A name that is not UTF-8 is none of the module's.
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if metadata.is_file() {
                    attributes.push(Attribute {
                        name,
                        mode: metadata.permissions().mode(),
                    });
                }
            }
            attributes.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(attributes)
        };
        match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.root.is_dir() => {
                Ok(Vec::new())
            }
            listed => listed.map_err(|error| self.failure("read", dir, error)),
        }
    }

    /// A file's value, without the line's end.
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        self.try_read(name)
            .map_err(|error| self.failure("read", name, error))
    }

    /// The same, with the kernel's own error.
    pub(crate) fn try_read(&self, name: &str) -> io::Result<String> {
        let text = fs::read_to_string(self.root.join(name))?;
        Ok(text.trim_end().to_owned())
    }

    /// Gives a file a value.
    pub(crate) fn write(&self, name: &str, value: &str) -> Result<()> {
        self.try_write(name, value)
            .map_err(|error| self.failure("write", name, error))
    }

    /// Gives a file a value, in one write, since each is a new value to the module.
    fn try_write(&self, name: &str, value: &str) -> io::Result<()> {
        let line = format!("{value}\n");
        if line.len() > WRITE_MAX {
            return Err(io::Error::other(format!(
                "the value is longer than the {WRITE_MAX} bytes of a sysfs write"
            )));
        }
        let mut file: File = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(self.root.join(name))?;
        let written = file.write(line.as_bytes())?;
        if written < value.len() {
            return Err(io::Error::from(io::ErrorKind::WriteZero));
        }
        Ok(())
    }

    /// What to tell of a failed access: the module may have gone in the meantime.
    fn failure(&self, verb: &str, name: &str, error: io::Error) -> Error {
        if !self.root.is_dir() {
            return absence(&self.root);
        }
        let what = format!("cannot {verb} {}", self.root.join(name).display());
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EACCES) => anyhow!("permission denied: run as root"),
            Some(Errno::EPERM) => anyhow!("permission denied: it takes CAP_NET_ADMIN on the host, which root has unless it was taken away"),
            _ => error.into(),
        }
        .context(what)
    }
}

/// Why the module's directory is not there. The one above it is there whatever is loaded.
fn absence(root: &Path) -> Error {
    match root.parent() {
        Some(parent) if parent.is_dir() => NotLoaded.into(),
        _ => NotMounted.into(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn tree() -> (TempDir, Sysfs) {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("action"), "drop\n").unwrap();
        let sysfs = Sysfs::open(dir.path()).unwrap();
        (dir, sysfs)
    }

    #[test]
    fn a_value_is_replaced_whole() {
        let (_dir, sysfs) = tree();
        sysfs.write("action", "monitor").unwrap();
        assert_eq!(sysfs.read("action").unwrap(), "monitor");
        sysfs.write("action", "").unwrap();
        assert_eq!(sysfs.read("action").unwrap(), "");
    }

    #[test]
    fn no_file_is_made_by_writing() {
        let (dir, sysfs) = tree();
        assert!(sysfs.write("new", "1").is_err());
        assert!(!dir.path().join("new").exists());
    }

    #[test]
    fn a_value_too_long_for_one_write_changes_nothing() {
        let (_dir, sysfs) = tree();
        let error = sysfs.write("action", &"x".repeat(WRITE_MAX)).unwrap_err();
        assert!(format!("{error:#}").contains("4095 bytes"), "{error:#}");
        assert_eq!(sysfs.read("action").unwrap(), "drop");
        sysfs.write("action", &"x".repeat(WRITE_MAX - 1)).unwrap();
    }

    #[test]
    fn a_missing_directory_is_empty() {
        let (_dir, sysfs) = tree();
        assert!(sysfs.attributes("stats").unwrap().is_empty());
    }

    #[test]
    fn a_module_unloaded_meanwhile_is_not_loaded() {
        let (dir, sysfs) = tree();
        dir.close().unwrap();
        assert!(sysfs.read("action").unwrap_err().is::<NotLoaded>());
        assert!(sysfs.write("action", "drop").unwrap_err().is::<NotLoaded>());
        assert!(sysfs.attributes("").unwrap_err().is::<NotLoaded>());
    }

    #[test]
    fn without_sysfs_nobody_knows_what_is_loaded() {
        let dir = TempDir::new().unwrap();
        let root = dir.path().join("kernel/http_filter");
        assert!(Sysfs::open(&root).unwrap_err().is::<NotMounted>());
        fs::create_dir(root.parent().unwrap()).unwrap();
        assert!(Sysfs::open(&root).unwrap_err().is::<NotLoaded>());
        fs::create_dir(&root).unwrap();
        Sysfs::open(&root).unwrap();
    }

    #[test]
    fn who_may_not_is_told_what_it_takes() {
        let (_dir, sysfs) = tree();
        for (errno, part) in [
            (Errno::EACCES, "run as root"),
            (Errno::EPERM, "CAP_NET_ADMIN"),
        ] {
            let error = sysfs.failure("write", "action", errno.into());
            let text = format!("{error:#}");
            assert!(text.contains("action: permission denied: "), "{text}");
            assert!(text.contains(part), "{text}");
        }
    }
}
