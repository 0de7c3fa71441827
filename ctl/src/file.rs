// SPDX-License-Identifier: GPL-2.0
//! Files that are replaced as a whole.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context, Result};

/// The mode of a file that anybody may read, and only its owner write.
pub(crate) const PUBLIC: u32 = 0o644;

/// Gives a file these contents and this mode, whatever the umask. Whoever opens it meanwhile finds all
/// that was there before, or all of this; and so does who opens it after a crash.
pub(crate) fn replace(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let replaced = target(path).and_then(|target| replace_at(&target, contents, mode));
    replaced.with_context(|| format!("cannot write {}", path.display()))
}

/// The file that a path leads to, also by way of links. Nothing else is replaced, such as a device.
fn target(path: &Path) -> Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(fs::canonicalize(path)?),
        Ok(_) => bail!("what is there is no file"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error.into()),
    }
}

fn replace_at(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().context("it has no name")?;
    // It is in the same folder, since only within a file system a file can be renamed. Random letters
    // end its name, so that who looks for files by their ending passes it over.
    let prefix = [".".as_ref(), name, ".".as_ref()].join("".as_ref());
    let temporary = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder);
    let mut temporary = temporary.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow!("there is no folder {}", folder.display()),
        _ => error.into(),
    })?;
    temporary.write_all(contents)?;
    let file = temporary.as_file();
    file.set_permissions(Permissions::from_mode(mode))?;
    // Or else a crash could leave the name without the contents.
    file.sync_all()?;
    // Unless it gets its name, it is removed.
    temporary.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_file_is_made_or_replaced_and_nothing_is_left_beside_it() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.prom");
        for contents in ["one", "another", ""] {
            replace(&path, contents.as_bytes(), 0o644).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
            assert_eq!(names(&folder), ["a.prom"]);
        }
    }

    #[test]
    fn who_has_it_open_reads_on_in_the_old_one() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.prom");
        replace(&path, b"old", 0o644).unwrap();
        let old = fs::File::open(&path).unwrap();
        replace(&path, b"new", 0o644).unwrap();
        assert_eq!(io::read_to_string(old).unwrap(), "old");
    }

    #[test]
    fn links_are_followed() {
        let folder = TempDir::new().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "old").unwrap();
        symlink("a", &link).unwrap();
        replace(&link, b"new", 0o644).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(link.is_symlink());
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_nothing_is_left_beside_it() {
        let folder = TempDir::new().unwrap();
        let (missing, full) = (folder.path().join("no/a"), folder.path().join("full"));
        fs::create_dir(&full).unwrap();
        symlink("/dev/full", folder.path().join("device")).unwrap();
        for (path, part) in [
            (missing, "there is no folder"),
            (full, "no file"),
            (folder.path().join("device"), "no file"),
            (folder.path().join("new/"), "Not a directory"),
            ("/".into(), "no file"),
            ("".into(), "no name"),
        ] {
            let error = format!("{:#}", replace(&path, b"new", 0o644).unwrap_err());
            assert!(error.starts_with("cannot write "), "{error}");
            assert!(error.contains(part), "{error}");
            assert_eq!(names(&folder), ["device", "full"], "{error}");
        }
    }
}
