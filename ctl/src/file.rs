// SPDX-License-Identifier: GPL-2.0
//! Files that are replaced at once: who reads one meanwhile finds the old content or the new one.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{fchown, MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::Builder;

/// What a new file's mode is, whatever the umask.
const MODE: u32 = 0o644;

/// Gives a file this content. It keeps its mode and owner, if it is there; a link to it stays one.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let (file, old) = match fs::canonicalize(file) {
        Ok(target) => {
            let old = fs::metadata(&target)?;
            (target, Some(old))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (file.to_owned(), None),
        Err(error) => return Err(error),
    };
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Renamed over the file in the end, and removed if that does not happen.
    let mut new = Builder::new().prefix(".filterctl-").tempfile_in(folder)?;
    new.write_all(content)?;
    let mode = old.as_ref().map_or(MODE, |old| old.mode() & 0o7777);
    new.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    if let Some(old) = old {
        let same = |new: &fs::Metadata| (new.uid(), new.gid()) == (old.uid(), old.gid());
        if !same(&new.as_file().metadata()?) {
            fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
    }
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_to_it_stays() {
        let dir = TempDir::new().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        replace(&file, b"1").unwrap();
        assert_eq!(mode(&file), MODE);
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, b"2").unwrap();
        assert_eq!(
            (fs::read(&file).unwrap(), mode(&file)),
            (b"2".to_vec(), 0o640)
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_is_left_of_what_could_not_be_written() {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        assert!(replace(&dir.path().join("folder"), b"1").is_err());
        assert!(replace(&dir.path().join("missing/file"), b"1").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
