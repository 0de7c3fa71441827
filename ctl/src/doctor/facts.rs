// SPDX-License-Identifier: GPL-2.0
//! The facts about a machine, from which `machine` and `build` draw conclusions.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use nix::sys::utsname::uname;

use crate::module::{self, ModInfo, Module};
use crate::uapi::{HTTP_FILTER_SYSFS, HTTP_FILTER_VERSION_FILE};

/// Who may load modules: a bit of a process's capabilities (`CAP_SYS_MODULE` of `linux/capability.h`).
const CAP_SYS_MODULE: u32 = 16;

/// The firmware's variable that tells whether Secure Boot is on, behind four bytes of attributes.
const SECURE_BOOT: &str =
    "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// What is known of a machine.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The running kernel's release.
    pub(crate) release: String,
    /// How it was configured: the values of options by their names, without `CONFIG_`.
    pub(crate) config: Option<HashMap<String, String>>,
    /// Whether there is a /proc, without which the next three are not known.
    pub(crate) has_proc: bool,
    /// Whether this process may load modules, and whether root could, where it runs.
    pub(crate) may_load: bool,
    pub(crate) root_may_load: bool,
    /// Whether no more modules can be loaded until the next boot.
    pub(crate) modules_disabled: bool,
    /// Whether there is a /sys, without which the next four are not known.
    pub(crate) has_sysfs: bool,
    /// Whether only signed modules are taken.
    pub(crate) sig_enforce: bool,
    /// The kernel's lockdown, where it can be read: `none`, `integrity` or `confidentiality`.
    pub(crate) lockdown: Option<String>,
    pub(crate) secure_boot: bool,
    /// The version of the module that is loaded.
    pub(crate) loaded: Option<String>,
    /// Whether /proc/modules has the module, if it can be read.
    pub(crate) listed: Option<bool>,
    /// The module's file, and what it says of itself.
    pub(crate) module: Result<(PathBuf, ModInfo), NoModule>,
    /// What a build of the module takes.
    pub(crate) build: Build,
}

/// Why there is no module to look at.
#[derive(Debug)]
pub(crate) enum NoModule {
    /// None was found.
    Missing(String),
    /// The file says nothing of itself that can be read.
    Unreadable(String),
}

/// What a build takes.
#[derive(Debug, Default)]
pub(crate) struct Build {
    /// Where the kernel's headers are looked for, and whether they are there.
    pub(crate) headers: PathBuf,
    pub(crate) has_headers: bool,
    /// Whether these carry Rust metadata; otherwise, whether the source is there that it is made from.
    pub(crate) has_metadata: bool,
    pub(crate) source: PathBuf,
    pub(crate) has_source: bool,
    /// The compilers that are there.
    pub(crate) rustc: Vec<Rustc>,
    pub(crate) cc: Vec<String>,
    /// What the bindgens that are there say of their versions.
    pub(crate) bindgen: Vec<String>,
    /// Tools that are not there, and their packages.
    pub(crate) missing: Vec<(&'static str, &'static str)>,
    /// Tools and headers that Rust metadata is made with and that are not there, and their packages.
    pub(crate) missing_for_metadata: Vec<(&'static str, &'static str)>,
}

/// A Rust compiler.
#[derive(Debug)]
pub(crate) struct Rustc {
    /// What it says of its version.
    pub(crate) version: String,
    /// Whether the sources of its core library are there.
    pub(crate) has_source: bool,
}

/// Tools that every build takes, and tools and headers that prepare Rust metadata, with their packages.
const TOOLS: [(&str, &str); 1] = [("make", "make")];
const METADATA_TOOLS: [(&str, &str); 4] = [
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("xz", "xz-utils"),
];
const METADATA_HEADERS: [(&str, &str); 2] = [
    ("libelf.h", "libelf-dev"),
    ("openssl/opensslv.h", "libssl-dev"),
];

impl Facts {
    /// Looks at the machine whose files are below `root`, and at a module's file: the given one, or that
    /// which is found.
    pub(crate) fn collect(root: &Path, module: Option<&Path>) -> Result<Self> {
        // None of the kernel's files is empty where it is mounted.
        let text = |name: &str| {
            let text = fs::read_to_string(root.join(name)).ok();
            text.filter(|text| !text.trim().is_empty())
        };
        // But for the list of modules.
        let modules = fs::read_to_string(root.join("proc/modules"));
        let release = match text("proc/sys/kernel/osrelease") {
            Some(release) => release.trim_end().to_owned(),
            None => {
                let system = uname().context("cannot tell the kernel's release")?;
                system.release().to_string_lossy().into_owned()
            }
        };
        let installed = root.join("lib/modules").join(&release);
        let headers = installed.join("build");
        let config = [
            root.join("boot").join(format!("config-{release}")),
            installed.join("config"),
            headers.join(".config"),
        ];
        let config = config.iter().find_map(|file| fs::read_to_string(file).ok());
        let config = config.or_else(|| unpack(&root.join("proc/config.gz")).ok());
        // A file without options is none of a kernel's.
        let config = config.as_deref().map(options);
        let config = config.filter(|options| !options.is_empty());

        let status = text("proc/self/status");
        let has_proc = status.is_some();
        let status = status.unwrap_or_default();
        let lockdown = text("sys/kernel/security/lockdown");
        let loaded = format!("{HTTP_FILTER_SYSFS}/{HTTP_FILTER_VERSION_FILE}");
        let loaded = loaded.trim_start_matches('/');
        let secure_boot = fs::read(root.join(SECURE_BOOT)).unwrap_or_default();
        Ok(Self {
            has_proc,
            may_load: has_capability(&status, "CapEff:"),
            root_may_load: has_capability(&status, "CapBnd:"),
            modules_disabled: text("proc/sys/kernel/modules_disabled")
                .is_some_and(|text| text.trim() == "1"),
            has_sysfs: root.join("sys/kernel").is_dir(),
            sig_enforce: text("sys/module/module/parameters/sig_enforce")
                .is_some_and(|text| text.trim() == "Y"),
            lockdown: lockdown.and_then(|text| chosen(&text)),
            secure_boot: secure_boot.get(4) == Some(&1),
            loaded: text(loaded).map(|text| text.trim_end().to_owned()),
            listed: modules.ok().map(|modules| module::is_in(&modules)),
            module: find(module, &installed),
            build: Build::collect(root, &release, headers, config.as_ref()),
            release,
            config,
        })
    }

    /// The value of an option of the kernel's configuration, if that is known: empty, if it is not set.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        let config = self.config.as_ref()?;
        Some(config.get(name).map_or("", String::as_str))
    }
}

impl Build {
    fn collect(
        root: &Path,
        release: &str,
        headers: PathBuf,
        config: Option<&HashMap<String, String>>,
    ) -> Self {
        let series: Vec<&str> = release.splitn(3, ['.', '-', '+']).take(2).collect();
        let source = format!("usr/src/linux-source-{}.tar.xz", series.join("."));
        let source = env::var_os("KERNEL_SOURCE").map_or_else(|| root.join(source), PathBuf::from);
        let has_metadata = headers.join("rust/libkernel.rmeta").exists();
        let is_missing = |&&(tool, _): &&(&str, _)| output(tool, &["--version"]).is_none();
        let folders = [
            root.join("usr/include"),
            root.join(format!("usr/include/{}-linux-gnu", env::consts::ARCH)),
        ];
        let is_no_header =
            |&&(header, _): &&(&str, _)| folders.iter().all(|folder| !folder.join(header).exists());
        let tools = METADATA_TOOLS.iter().filter(is_missing);
        let bindgen = bindgens();
        let mut missing: Vec<_> = TOOLS.iter().filter(is_missing).copied().collect();
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        if output(&cargo, &["--version"]).is_none() {
            missing.push(("cargo", "cargo"));
        }
        if bindgen.is_empty() {
            missing.push(("bindgen", "bindgen"));
        }
        let missing_for_metadata = tools.chain(METADATA_HEADERS.iter().filter(is_no_header));
        // As scripts/kernel-tree looks for them.
        let named = |variable, names: &[&str]| -> Vec<String> {
            let names = names.iter().map(|&name| name.to_owned());
            env::var(variable).into_iter().chain(names).collect()
        };
        let cc = config.and_then(|config| config.get("CC_VERSION_TEXT"));
        let cc = cc.map_or_else(|| "gcc".to_owned(), |text| compiler(text));
        let unnumbered = cc.split('-').next().unwrap_or_default();
        Self {
            has_headers: headers.join("Makefile").exists(),
            has_metadata,
            has_source: source.exists(),
            rustc: named("RUSTC", &["rustc", "/usr/bin/rustc"])
                .iter()
                .filter_map(|program| Rustc::ask(program))
                .collect(),
            cc: named("CC", &[&cc, unnumbered])
                .iter()
                .filter_map(|program| output(program, &["--version"]))
                .collect(),
            bindgen,
            missing,
            missing_for_metadata: missing_for_metadata.copied().collect(),
            headers,
            source,
        }
    }
}

/// What bindgens say of their versions, where `scripts/kernel-tree` looks for them too.
fn bindgens() -> Vec<String> {
    let named = env::var("BINDGEN").ok();
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let cargo = cargo.map(|cargo| cargo.join("bin/bindgen").to_string_lossy().into_owned());
    let programs = match named {
        Some(named) => vec![named],
        None => Some("bindgen".to_owned())
            .into_iter()
            .chain(cargo)
            .collect(),
    };
    let versions = programs.iter();
    versions
        .filter_map(|program| output(program, &["--version"]))
        .collect()
}

impl Rustc {
    fn ask(program: &str) -> Option<Self> {
        const CORE: &str = "lib/rustlib/src/rust/library/core/src/lib.rs";
        let version = output(program, &["--version"])?;
        let sysroot = output(program, &["--print", "sysroot"]).unwrap_or_default();
        Some(Self {
            version,
            has_source: env::var_os("RUST_LIB_SRC").is_some()
                || Path::new(&sysroot).join(CORE).exists(),
        })
    }
}

/// The first two numbers of a version: `1.85.1`, `6.12.57+deb13-amd64`.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .split(|byte: char| !byte.is_ascii_digit())
        .map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The program that says this of its version, as Debian names it: `gcc-14`, `clang-19`.
fn compiler(version: &str) -> String {
    let number = |text: &str| {
        text.split(|byte: char| !byte.is_ascii_digit())
            .next()
            .map(str::to_owned)
    };
    for (name, mark) in [("gcc", "gcc-"), ("clang", "clang version ")] {
        if let Some((_, rest)) = version.split_once(mark) {
            let number = number(rest).filter(|number| !number.is_empty());
            return number.map_or_else(|| name.to_owned(), |number| format!("{name}-{number}"));
        }
    }
    "gcc".to_owned()
}

/// What a compressed file holds.
fn unpack(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(file)?).read_to_string(&mut text)?;
    Ok(text)
}

/// The options that are set in a configuration.
fn options(text: &str) -> HashMap<String, String> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='));
    lines
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Whether a process that has this `status` (proc_pid_status(5)) may load modules.
fn has_capability(status: &str, set: &str) -> bool {
    let mut lines = status.lines().filter_map(|line| line.strip_prefix(set));
    let capabilities = lines
        .next()
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    capabilities.is_some_and(|capabilities| (capabilities >> CAP_SYS_MODULE) & 1 == 1)
}

/// The one of several words that stands in brackets.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

fn find(module: Option<&Path>, modules: &Path) -> Result<(PathBuf, ModInfo), NoModule> {
    let module = match module {
        Some(file) => Ok(Module::File(file.to_owned())),
        None => module::find(modules),
    };
    let module = module.map_err(|error| NoModule::Missing(format!("{error:#}")))?;
    let file = module.path();
    let checked = module.check().with_context(|| file.display().to_string());
    let modinfo = checked.and_then(|()| ModInfo::read(file));
    let modinfo = modinfo.map_err(|error| NoModule::Unreadable(format!("{error:#}")))?;
    Ok((file.to_owned(), modinfo))
}

/// The first line of what a program says, if it is there and ends well.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default().to_owned();
    output.status.success().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_that_are_set() {
        let options =
            options("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"rustc 1.85.1 (x)\"\n\n");
        assert_eq!(options.len(), 2);
        assert_eq!(options["B"], "y");
        assert_eq!(options["C"], "rustc 1.85.1 (x)");
    }

    #[test]
    fn compilers_are_named_as_debian_names_them() {
        for (version, name) in [
            (
                "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0",
                "gcc-14",
            ),
            ("gcc (GCC) 15.1.1", "gcc"),
            ("Debian clang version 19.1.7 (3)", "clang-19"),
            ("", "gcc"),
        ] {
            assert_eq!(compiler(version), name);
        }
    }

    #[test]
    fn capabilities_are_bits() {
        for (status, may) in [
            ("Name:\tx\nCapEff:\t000001ffffffffff\n", true),
            ("CapEff:\t0000000000010000\n", true),
            ("CapEff:\t00000000fffeffff\n", false),
            ("CapBnd:\t000001ffffffffff\n", false),
            ("", false),
        ] {
            assert_eq!(has_capability(status, "CapEff:"), may, "{status}");
        }
    }

    #[test]
    fn the_chosen_word_is_in_brackets() {
        assert_eq!(
            chosen("none [integrity] confidentiality\n").as_deref(),
            Some("integrity")
        );
        assert_eq!(chosen("none\n"), None);
    }
}
