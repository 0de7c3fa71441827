// SPDX-License-Identifier: GPL-2.0
//! Files that are read or replaced as a whole.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{fchown, MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{anyhow, bail, Context, Error, Result};

/// The file that is standard input or output.
const STDIO: &str = "-";

/// Whether a path stands for standard input or output.
pub(crate) fn is_stdio(path: &Path) -> bool {
    path == Path::new(STDIO)
}

/// What is in a file, or on standard input.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    if is_stdio(path) {
        return io::read_to_string(io::stdin());
    }
    fs::read_to_string(path)
}

/// The mode of a file that anybody may read, and only its owner write.
const PUBLIC: u32 = 0o644;

/// Gives a file these contents; also one that the path leads to by way of links. It keeps its mode and owner. A new one can
/// be read by anybody, whatever the umask.
///
/// Whoever opens it meanwhile finds all that was there before, or all of this; and so does who opens it after a crash.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let written = match fs::metadata(path) {
        Ok(old) if old.is_file() => fs::canonicalize(path)
            .map_err(Error::from)
            .and_then(|target| replace_at(&target, contents, Some(&old))),
        found => is_replaceable(found).and_then(|()| replace_at(path, contents, None)),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The same, but anybody may read the file, whoever has made it before. A link is replaced, not followed: who may write
/// to the folder could let it lead to any file.
pub(crate) fn publish(path: &Path, contents: &[u8]) -> Result<()> {
    let written = match fs::symlink_metadata(path) {
        Ok(old) if old.is_symlink() => Ok(()),
        found => is_replaceable(found),
    }
    .and_then(|()| replace_at(path, contents, None));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Whether there is nothing, or a file; nothing else is replaced, such as a device.
fn is_replaceable(found: io::Result<Metadata>) -> Result<()> {
    match found {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => bail!("what is there is no file"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn replace_at(path: &Path, contents: &[u8], old: Option<&Metadata>) -> Result<()> {
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
    if let Some(old) = old {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    let mode = old.map_or(PUBLIC, |old| old.mode() & 0o7777);
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
            replace(&path, contents.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
            assert_eq!(names(&folder), ["a.prom"]);
        }
    }

    #[test]
    fn who_has_it_open_reads_on_in_the_old_one() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.prom");
        replace(&path, b"old").unwrap();
        let old = fs::File::open(&path).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(io::read_to_string(old).unwrap(), "old");
    }

    #[test]
    fn what_is_replaced_stays_where_it_is_and_whose_it_is() {
        let folder = TempDir::new().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        symlink("a", &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert!(link.is_symlink());
    }

    #[test]
    fn what_is_published_is_where_it_is_told_and_for_anybody() {
        let folder = TempDir::new().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        symlink("a", &link).unwrap();
        publish(&link, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        publish(&path, b"new").unwrap();
        for file in [path, link] {
            let found = fs::symlink_metadata(file).unwrap();
            assert!(found.is_file());
            assert_eq!(found.mode() & 0o7777, PUBLIC);
        }
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
            let error = format!("{:#}", replace(&path, b"new").unwrap_err());
            assert!(error.starts_with("cannot write "), "{error}");
            assert!(error.contains(part), "{error}");
            assert_eq!(names(&folder), ["device", "full"], "{error}");
        }
    }
}
