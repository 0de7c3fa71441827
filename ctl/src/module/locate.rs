// SPDX-License-Identifier: GPL-2.0
//! Where the module is.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use nix::sys::utsname::uname;

use super::elf;
use crate::uapi::HTTP_FILTER_MODULE;

/// Where a kernel's modules from elsewhere are installed; DKMS has a folder of its own.
const INSTALLED: [&str; 3] = ["updates", "updates/dkms", "extra"];

/// Modules may be installed compressed.
const COMPRESSIONS: [&str; 4] = ["", ".xz", ".zst", ".gz"];

/// A module that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// A file to load as it is.
    File(PathBuf),
    /// Installed: modprobe knows how to load it, also where it is compressed.
    Installed(PathBuf),
}

impl Module {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Module::File(file) | Module::Installed(file) => file,
        }
    }

    /// Checks that the file can be a module for this machine. Into what modprobe decompresses nobody
    /// looks.
    pub(crate) fn check(&self) -> Result<()> {
        let file = self.path();
        if matches!(self, Module::Installed(_)) && file.extension() != Some("ko".as_ref()) {
            return Ok(());
        }
        let system = uname().context("cannot tell what machine this is")?;
        elf::check(file, &system.machine().to_string_lossy())
    }
}

/// Finds the module: beside the program `exe`, if it is known where that is, or installed below
/// `modules`, the running kernel's folder.
pub(crate) fn find(exe: Option<&Path>, modules: &Path) -> Result<Module> {
    let name = format!("{HTTP_FILTER_MODULE}.ko");

    let beside = exe.map(|exe| exe.with_file_name(&name));
    let beside = match beside {
        Some(beside) if beside.is_file() => return Ok(Module::File(beside)),
        Some(beside) => beside.display().to_string(),
        None => "beside filterctl (where that is, /proc would tell)".to_owned(),
    };
    for folder in INSTALLED {
        for compression in COMPRESSIONS {
            let file = modules.join(folder).join(format!("{name}{compression}"));
            if file.is_file() {
                return Ok(Module::Installed(file));
            }
        }
    }
    bail!(
        "no {name} found: neither {beside} nor below {} in {}; build it with \"make\", or give it with --module",
        modules.display(),
        INSTALLED.join(", "),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A folder with empty files in it.
    fn folder(files: &[&str]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn find_in(folder: &TempDir) -> Result<Module> {
        let root = folder.path();
        find(Some(&root.join("bin/filterctl")), &root.join("modules"))
    }

    #[test]
    fn the_one_beside_the_program_comes_first() {
        let folder = folder(&["bin/http_filter.ko", "modules/updates/http_filter.ko"]);
        let beside = folder.path().join("bin/http_filter.ko");
        assert_eq!(find_in(&folder).unwrap(), Module::File(beside));
    }

    #[test]
    fn an_installed_one_is_left_to_modprobe() {
        for installed in [
            "modules/updates/http_filter.ko",
            "modules/updates/dkms/http_filter.ko.xz",
            "modules/extra/http_filter.ko.zst",
            "modules/extra/http_filter.ko.gz",
        ] {
            let folder = folder(&[installed]);
            let file = folder.path().join(installed);
            assert_eq!(find_in(&folder).unwrap(), Module::Installed(file));
        }
    }

    #[test]
    fn without_one_the_error_says_where_it_was_looked_for() {
        let folder = folder(&["bin/filterctl", "modules/kernel/http_filter.ko"]);
        let error = find_in(&folder).unwrap_err().to_string();
        for part in [
            "bin/http_filter.ko",
            "modules in updates",
            "extra",
            "make",
            "--module",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn where_the_program_is_need_not_be_known() {
        let folder = folder(&["modules/updates/http_filter.ko"]);
        let (modules, nothing) = (folder.path().join("modules"), folder.path().join("nothing"));
        let file = modules.join("updates/http_filter.ko");
        assert_eq!(find(None, &modules).unwrap(), Module::Installed(file));
        let error = find(None, &nothing).unwrap_err().to_string();
        assert!(error.contains("/proc would tell"), "{error}");
    }

    #[test]
    fn what_modprobe_decompresses_is_not_looked_into() {
        let folder = folder(&["http_filter.ko", "http_filter.ko.xz"]);
        let [plain, packed] =
            ["http_filter.ko", "http_filter.ko.xz"].map(|name| folder.path().join(name));
        assert!(Module::File(packed.clone()).check().is_err());
        assert!(Module::Installed(plain).check().is_err());
        Module::Installed(packed).check().unwrap();
    }
}
