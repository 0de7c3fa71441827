// SPDX-License-Identifier: GPL-2.0
//! What a module's file says of itself, as kmod's `modinfo` reads it: of compressed ones too.

use std::path::Path;
use std::process::Command;

use anyhow::{anyhow, bail, Context, Result};

/// Where `modinfo` is, also where the PATH is that of a user.
const MODINFO: [&str; 3] = ["modinfo", "/usr/sbin/modinfo", "/sbin/modinfo"];

/// What is known of a module's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModInfo {
    /// Which kernel it was built for: its release, and what its build must have in common with it.
    pub(crate) vermagic: String,
    /// The module's version.
    pub(crate) version: Option<String>,
    /// Who signed it.
    pub(crate) signer: Option<String>,
}

impl ModInfo {
    /// Reads it.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        // A name without a slash would be that of an installed module.
        let file = file
            .canonicalize()
            .with_context(|| file.display().to_string())?;
        let run = |program| Command::new(program).arg("--").arg(&file).output();
        let output = MODINFO.iter().find_map(|program| run(program).ok());
        let output = output.context("modinfo is not there: apt install kmod")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{}", said.trim());
        }
        let modinfo = Self::parse(&String::from_utf8_lossy(&output.stdout));
        modinfo.ok_or_else(|| anyhow!("{} is no kernel module", file.display()))
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            let (_, value) = lines.find(|(key, _)| *key == name)?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        Some(Self {
            vermagic: field("vermagic")?,
            version: field("version"),
            signer: field("signer"),
        })
    }

    /// The release of the kernel that it was built for.
    pub(crate) fn release(&self) -> &str {
        self.vermagic.split(' ').next().unwrap_or_default()
    }

    /// Checks that it was built for the kernel of this release.
    pub(crate) fn check(&self, release: &str) -> Result<()> {
        if self.release() != release {
            bail!(
                "built for kernel {}, and this is {release}: build it for this one with \"make KVER={release}\"",
                self.release()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSIGNED: &str = "\
filename:       /lib/modules/7.3.4+deb13-amd64/updates/http_filter.ko
version:        0.1.0
license:        GPL
depends:        
name:           http_filter
vermagic:       7.3.4+deb13-amd64 SMP preempt mod_unload 
parm:           action:drop, reject, monitor (default: drop)
";

    #[test]
    fn fields_are_found() {
        let modinfo = ModInfo::parse(UNSIGNED).unwrap();
        assert_eq!(modinfo.vermagic, "7.3.4+deb13-amd64 SMP preempt mod_unload");
        assert_eq!(modinfo.version.as_deref(), Some("0.1.0"));
        assert_eq!(modinfo.signer, None);
        let signed = format!("{UNSIGNED}sig_id:         PKCS#7\nsigner:         somebody\n");
        let signer = ModInfo::parse(&signed).unwrap().signer;
        assert_eq!(signer.as_deref(), Some("somebody"));
        assert_eq!(ModInfo::parse("filename: /tmp/x\n"), None);
    }

    #[test]
    fn the_kernel_must_be_the_one_it_was_built_for() {
        let modinfo = ModInfo::parse(UNSIGNED).unwrap();
        assert!(modinfo.check("7.3.4+deb13-amd64").is_ok());
        let error = modinfo
            .check("7.3.4+deb13-cloud-amd64")
            .unwrap_err()
            .to_string();
        for part in ["7.3.4+deb13-amd64,", "make KVER=7.3.4+deb13-cloud-amd64"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
