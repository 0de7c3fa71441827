// SPDX-License-Identifier: GPL-2.0
//! What the facts mean for the kernel and the module, and what to do about them.

use super::facts::{version, Facts, NoModule};
use super::finding::{bad, ok, Finding, Status};

/// The oldest kernel that is supported, as Debian packages it.
const OLDEST: (u32, u32) = (6, 1);

/// What to do without the kernel's files.
const MOUNT_SYSFS: &str = "mount -t sysfs sysfs /sys";

/// The findings on the kernel and on the module, of which the one on its file is `module`.
pub(super) fn findings(facts: &Facts, module: Finding) -> Vec<Finding> {
    vec![
        kernel(facts),
        option(
            facts,
            "CONFIG_MODULES",
            "choose a kernel that can load modules",
        ),
        option(
            facts,
            "CONFIG_NETFILTER",
            "choose a kernel that has hooks for packet filters",
        ),
        loading(facts),
        signatures(facts),
        module,
        loaded(facts),
    ]
}

fn kernel(facts: &Facts) -> Finding {
    let release = &facts.release;
    match version(release) {
        Some(version) if version < OLDEST => bad(
            "kernel",
            Status::Problem,
            format!("Linux {release}, older than {}.{}", OLDEST.0, OLDEST.1),
            "install a newer one",
        ),
        Some(_) => ok("kernel", format!("Linux {release}")),
        _ => bad(
            "kernel",
            Status::Warning,
            format!("Linux {release}, of no version that is known"),
            "compare it with the README",
        ),
    }
}

/// An option that the kernel must have been built with.
fn option(facts: &Facts, name: &'static str, advice: &str) -> Finding {
    match facts.option(name.trim_start_matches("CONFIG_")) {
        Some("y") => ok(name, "set"),
        Some(_) => bad(
            name,
            Status::Problem,
            "not set: this kernel was built without",
            advice,
        ),
        None => bad(
            name,
            Status::Warning,
            "not known: the kernel's configuration is neither in /boot nor beside its modules nor in /proc",
            format!("apt install linux-headers-{}", facts.release),
        ),
    }
}

fn loading(facts: &Facts) -> Finding {
    const NAME: &str = "permission";
    if !facts.has_proc {
        return bad(
            NAME,
            Status::Warning,
            "not known: /proc is not mounted",
            "mount -t proc proc /proc",
        );
    }
    if facts.modules_disabled {
        let found = "no module can be loaded any more: kernel.modules_disabled is set";
        return bad(
            NAME,
            Status::Problem,
            found,
            "boot again, and load the module before it is set",
        );
    }
    if !facts.root_may_load {
        let found = "not even root may load modules here: this is a container";
        return bad(
            NAME,
            Status::Problem,
            found,
            "load the module on the host: it filters in containers too",
        );
    }
    if !facts.may_load {
        let found = "only root may load modules";
        return bad(
            NAME,
            Status::Warning,
            found,
            "run filterctl load as root, with sudo for example",
        );
    }
    ok(NAME, "modules can be loaded")
}

fn signatures(facts: &Facts) -> Finding {
    const NAME: &str = "signatures";
    if !facts.has_sysfs {
        return bad(
            NAME,
            Status::Warning,
            "not known: /sys is not mounted",
            MOUNT_SYSFS,
        );
    }
    let locked = facts
        .lockdown
        .as_deref()
        .filter(|&lockdown| lockdown != "none");
    let because = match locked {
        Some(lockdown) => format!("the kernel is locked down ({lockdown})"),
        None if facts.sig_enforce => "the kernel was told to enforce them".to_owned(),
        None if facts.secure_boot && facts.lockdown.is_none() => "Secure Boot is on".to_owned(),
        None => return ok(NAME, "not asked for"),
    };
    let of_module = match &facts.module {
        Ok((_, modinfo)) => match &modinfo.signer {
            Some(signer) => {
                return bad(
                    NAME,
                    Status::Warning,
                    format!("asked for, since {because}; the module is signed by {signer}"),
                    "if it is refused, enroll that key: mokutil --import",
                );
            }
            None => "; the module has none",
        },
        Err(_) => "",
    };
    let is_certain = locked.is_some() || facts.sig_enforce;
    bad(
        NAME,
        if is_certain { Status::Problem } else { Status::Warning },
        format!("asked for, since {because}{of_module}"),
        format!(
            "sign the module with /lib/modules/{}/build/scripts/sign-file, and enroll the key: mokutil --import",
            facts.release
        ),
    )
}

pub(super) fn module(facts: &Facts) -> Finding {
    const NAME: &str = "module";
    match &facts.module {
        Err(NoModule::Missing(error)) => bad(
            NAME,
            Status::Problem,
            error,
            "make && make install; below is what that takes",
        ),
        Err(NoModule::Unreadable(error)) => bad(
            NAME,
            Status::Problem,
            error,
            "name a module's file with --module, or build it anew: make && make install",
        ),
        Ok((file, modinfo)) => {
            let version = modinfo.version.as_deref().unwrap_or("of no version");
            match modinfo.check(&facts.release) {
                Ok(()) => ok(
                    NAME,
                    format!("{} {version}, for this kernel", file.display()),
                ),
                Err(_) => bad(
                    NAME,
                    Status::Problem,
                    format!(
                        "{} {version}, but for kernel {}",
                        file.display(),
                        modinfo.release()
                    ),
                    format!("make KVER={} && make install", facts.release),
                ),
            }
        }
    }
}

fn loaded(facts: &Facts) -> Finding {
    if !facts.has_sysfs {
        let found = match facts.listed {
            Some(true) => {
                "yes, as /proc/modules has it; it can't be controlled: /sys is not mounted"
            }
            Some(false) => "no, as /proc/modules has it; /sys is not mounted",
            None => "not known: neither /sys nor /proc is mounted",
        };
        return bad("loaded", Status::Problem, found, MOUNT_SYSFS);
    }
    let file = facts
        .module
        .as_ref()
        .ok()
        .and_then(|(_, modinfo)| modinfo.version.as_ref());
    match (&facts.loaded, file) {
        (Some(loaded), Some(file)) if loaded != file => bad(
            "loaded",
            Status::Warning,
            format!("{loaded}, which is another version than the file's"),
            "filterctl unload, then filterctl load",
        ),
        (Some(loaded), _) => ok("loaded", loaded),
        (None, _) => ok("loaded", "no"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::super::examine;
    use super::super::facts::{Build, Rustc};
    use super::*;
    use crate::module::ModInfo;

    const RELEASE: &str = "7.3.4+deb13-amd64";
    const RUSTC: &str = "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)";

    /// A machine where all is well.
    fn sound() -> Facts {
        let options = [
            ("RUST", "y"),
            ("X86_64", "y"),
            ("MODULES", "y"),
            ("NETFILTER", "y"),
            ("RUSTC_VERSION_TEXT", RUSTC),
            (
                "CC_VERSION_TEXT",
                "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0",
            ),
        ];
        let modinfo = ModInfo {
            vermagic: format!("{RELEASE} SMP preempt mod_unload"),
            version: Some("0.1.0".to_owned()),
            signer: None,
        };
        Facts {
            release: RELEASE.to_owned(),
            config: Some(
                options
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            ),
            has_proc: true,
            may_load: true,
            root_may_load: true,
            modules_disabled: false,
            has_sysfs: true,
            sig_enforce: false,
            lockdown: Some("none".to_owned()),
            secure_boot: false,
            loaded: None,
            listed: Some(false),
            module: Ok((
                PathBuf::from("/lib/modules/x/updates/http_filter.ko"),
                modinfo,
            )),
            build: Build {
                headers: PathBuf::from("/lib/modules/x/build"),
                has_headers: true,
                has_metadata: false,
                source: PathBuf::from("/usr/src/linux-source-7.3.tar.xz"),
                has_source: true,
                rustc: ["rustc 1.95.0 (x)", RUSTC]
                    .map(|version| Rustc {
                        version: version.to_owned(),
                        has_source: true,
                    })
                    .into(),
                cc: vec!["gcc-14 (Debian 14.2.0-19) 14.2.0".to_owned()],
                bindgen: vec!["bindgen 0.71.1".to_owned()],
                missing: Vec::new(),
                missing_for_metadata: Vec::new(),
            },
        }
    }

    /// What is not ok where one thing has been changed.
    fn found(change: impl Fn(&mut Facts)) -> Vec<(&'static str, Status, String)> {
        let mut facts = sound();
        change(&mut facts);
        let findings = examine(&facts).into_iter();
        findings
            .filter(|finding| finding.status != Status::Ok)
            .map(|finding| {
                (
                    finding.name,
                    finding.status,
                    format!("{}: {}", finding.found, finding.advice.unwrap()),
                )
            })
            .collect()
    }

    fn set(facts: &mut Facts, option: &str, value: &str) {
        facts
            .config
            .get_or_insert_with(HashMap::new)
            .insert(option.to_owned(), value.to_owned());
    }

    #[test]
    fn where_all_is_well_nothing_is_found() {
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|facts| facts.loaded = Some("0.1.0".to_owned())), []);
        assert_eq!(found(|facts| facts.build.has_metadata = true), []);
    }

    #[test]
    fn the_kernel_crate_is_told_with_the_reason() {
        type Change = fn(&mut Facts);
        let cases: &[(Change, &str)] = &[
            (
                |_| {},
                "the kernel's own, made from /usr/src/linux-source-7.3.tar.xz",
            ),
            (
                |facts| facts.build.has_metadata = true,
                "metadata is in the headers",
            ),
            (|facts| set(facts, "RUST", ""), "without CONFIG_RUST"),
            (
                |facts| facts.release = "7.1.9".to_owned(),
                "older than that of Linux 7.2",
            ),
            (
                |facts| facts.build.has_source = false,
                "there is no /usr/src/linux-source-7.3",
            ),
            (
                |facts| facts.build.rustc.truncate(1),
                "another rustc (rustc 1.85.1",
            ),
            (
                |facts| {
                    set(facts, "RUST", "");
                    facts.build.missing_for_metadata = vec![("flex", "flex")];
                },
                "the stand-in",
            ),
        ];
        for (change, part) in cases {
            let mut facts = sound();
            change(&mut facts);
            let findings = examine(&facts);
            let is_crate = |finding: &&Finding| finding.name == "kernel crate";
            let told = findings.iter().find(is_crate).unwrap();
            assert_eq!(told.status, Status::Ok, "{told:?}");
            assert!(told.found.contains(part), "{told:?}");
        }
    }

    #[test]
    fn each_fault_is_found_with_what_to_do() {
        type Change = fn(&mut Facts);
        let cases: &[(Change, &str, Status, &str)] = &[
            (
                |facts| set(facts, "MODULES", ""),
                "CONFIG_MODULES",
                Status::Problem,
                "modules",
            ),
            (
                |facts| set(facts, "NETFILTER", "n"),
                "CONFIG_NETFILTER",
                Status::Problem,
                "hooks",
            ),
            (
                |facts| facts.modules_disabled = true,
                "permission",
                Status::Problem,
                "boot again",
            ),
            (
                |facts| facts.root_may_load = false,
                "permission",
                Status::Problem,
                "on the host",
            ),
            (
                |facts| facts.may_load = false,
                "permission",
                Status::Warning,
                "as root",
            ),
            (
                |facts| facts.sig_enforce = true,
                "signatures",
                Status::Problem,
                "sign-file",
            ),
            (
                |facts| facts.lockdown = Some("integrity".to_owned()),
                "signatures",
                Status::Problem,
                "(integrity)",
            ),
            (
                |facts| (facts.secure_boot, facts.lockdown) = (true, None),
                "signatures",
                Status::Warning,
                "Secure Boot",
            ),
            (
                |facts| facts.loaded = Some("0.0.9".to_owned()),
                "loaded",
                Status::Warning,
                "filterctl unload",
            ),
            (
                |facts| facts.build.has_headers = false,
                "headers",
                Status::Warning,
                "linux-headers-7.3.4",
            ),
            (
                |facts| facts.build.rustc.clear(),
                "rustc",
                Status::Warning,
                "apt install rustc",
            ),
            (
                |facts| {
                    facts.build.rustc.remove(1);
                    facts.build.rustc[0].version = "rustc 1.84.1 (x)".to_owned();
                },
                "rustc",
                Status::Warning,
                "older than 1.85",
            ),
            (
                |facts| {
                    set(facts, "RUST", "");
                    facts.build.bindgen = vec!["bindgen 0.60.1".to_owned()];
                },
                "tools",
                Status::Warning,
                "cargo install --locked bindgen-cli",
            ),
            (
                |facts| {
                    set(facts, "RUST", "");
                    set(facts, "KASAN", "y");
                },
                "kernel crate",
                Status::Warning,
                "CONFIG_KASAN",
            ),
            (
                |facts| {
                    set(facts, "RUST", "");
                    set(facts, "X86_64", "");
                },
                "kernel crate",
                Status::Warning,
                "for x86-64 and arm64 alone",
            ),
            (
                |facts| {
                    set(facts, "RUST", "");
                    set(facts, "IPV6", "m");
                },
                "kernel crate",
                Status::Warning,
                "CONFIG_IPV6=m",
            ),
            (
                |facts| facts.build.missing_for_metadata = vec![("flex", "flex")],
                "tools",
                Status::Warning,
                "apt install flex",
            ),
            (
                |facts| facts.build.cc.clear(),
                "C compiler",
                Status::Warning,
                "none; the kernel",
            ),
            (
                |facts| facts.build.rustc[1].has_source = false,
                "rustc",
                Status::Warning,
                "apt install rust-src",
            ),
            (
                |facts| {
                    set(facts, "CC_VERSION_TEXT", "Debian clang version 19.1.7 (3)");
                },
                "C compiler",
                Status::Warning,
                "built with Debian clang version 19.1.7 (3)",
            ),
            (
                |facts| facts.build.missing = vec![("bindgen", "bindgen"), ("xz", "xz-utils")],
                "tools",
                Status::Warning,
                "apt install bindgen xz-utils",
            ),
        ];
        for (change, name, status, part) in cases {
            let found = found(change);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].0, found[0].1), (*name, *status), "{found:?}");
            assert!(found[0].2.contains(part), "{found:?}");
        }
    }

    #[test]
    fn an_old_bindgen_beside_a_new_one_does_no_harm() {
        let found = found(|facts| {
            set(facts, "RUST", "");
            facts.build.bindgen.insert(0, "bindgen 0.60.1".to_owned());
        });
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_cannot_be_known_is_no_finding() {
        let without_proc = |facts: &mut Facts| {
            (facts.has_proc, facts.may_load, facts.root_may_load) = (false, false, false);
        };
        let findings = found(without_proc);
        assert_eq!(
            (findings[0].0, findings[0].1),
            ("permission", Status::Warning)
        );
        assert!(findings[0]
            .2
            .contains("not known: /proc is not mounted: mount"));
        assert_eq!(findings.len(), 1);

        for (listed, says) in [
            (Some(true), "yes, "),
            (Some(false), "no, "),
            (None, "not known: "),
        ] {
            let findings = found(|facts| {
                (facts.has_sysfs, facts.lockdown, facts.listed) = (false, None, listed);
            });
            let names: Vec<_> = findings
                .iter()
                .map(|(name, status, _)| (*name, *status))
                .collect();
            let expected = [("signatures", Status::Warning), ("loaded", Status::Problem)];
            assert_eq!(names, expected);
            assert!(
                findings[0].2.contains("not known: /sys is not mounted"),
                "{findings:?}"
            );
            assert!(findings[1].2.starts_with(says), "{findings:?}");
            assert!(
                findings[1].2.ends_with("mount -t sysfs sysfs /sys"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_signed_module_needs_an_enrolled_key() {
        let found = found(|facts| {
            facts.sig_enforce = true;
            facts.module.as_mut().unwrap().1.signer = Some("somebody".to_owned());
        });
        assert_eq!((found[0].0, found[0].1), ("signatures", Status::Warning));
        assert!(found[0].2.contains("signed by somebody"), "{found:?}");
    }

    #[test]
    fn without_a_module_nothing_is_said_of_its_signature() {
        let found = found(|facts| {
            facts.sig_enforce = true;
            facts.module = Err(NoModule::Unreadable("it is no module".to_owned()));
        });
        let names = found.iter().map(|(name, ..)| *name);
        assert!(names.eq(["signatures", "module"]), "{found:?}");
        assert!(!found[0].2.contains("has none"), "{found:?}");
        assert!(found[1].2.contains("--module"), "{found:?}");
    }

    #[test]
    fn a_kernel_by_clang_wants_clang() {
        let clang = "Debian clang version 19.1.7 (3)";
        let found = found(|facts| {
            set(facts, "CC_VERSION_TEXT", clang);
            facts.build.cc.push(clang.to_owned());
        });
        assert_eq!(found, []);
    }

    #[test]
    fn old_kernels_are_told_apart() {
        for (release, status) in [
            ("5.10.0-35-amd64", Some(Status::Problem)),
            ("6.0.9", Some(Status::Problem)),
            ("6.1.0-56-cloud-amd64", None),
            ("6.12.57+deb13-amd64", None),
            ("7.2.12-amd64", None),
            ("7.10.0", None),
            ("10.0-rc1", None),
            ("next", Some(Status::Warning)),
        ] {
            let found = found(|facts| facts.release = release.to_owned());
            let kernel = found.iter().find(|(name, ..)| *name == "kernel");
            assert_eq!(kernel.map(|(_, status, _)| *status), status, "{release}");
        }
    }

    #[test]
    fn without_a_module_for_this_kernel_the_build_matters() {
        for change in [
            (|facts: &mut Facts| {
                facts.module = Err(NoModule::Missing("no http_filter.ko found".to_owned()))
            }) as fn(&mut Facts),
            |facts| facts.module.as_mut().unwrap().1.vermagic = "7.3.3 SMP".to_owned(),
        ] {
            let found = found(|facts| {
                change(facts);
                facts.build.has_headers = false;
            });
            let names: Vec<_> = found
                .iter()
                .map(|(name, status, _)| (*name, *status))
                .collect();
            assert_eq!(
                names,
                [("module", Status::Problem), ("headers", Status::Problem)]
            );
        }
    }

    #[test]
    fn an_unknown_configuration_is_a_warning() {
        let found = found(|facts| facts.config = None);
        let names: Vec<_> = found
            .iter()
            .map(|(name, status, _)| (*name, *status))
            .collect();
        let expected = ["CONFIG_MODULES", "CONFIG_NETFILTER", "C compiler"];
        assert_eq!(names, expected.map(|name| (name, Status::Warning)));
    }
}
