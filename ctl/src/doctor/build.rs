// SPDX-License-Identifier: GPL-2.0
//! What the facts mean for a build of the module, of which `scripts/kernel-tree` asks the same.

use super::facts::{version, Facts, Rustc};
use super::finding::{bad, ok, Finding, Status};

/// The oldest kernel whose own kernel crate has what the module uses.
const OLDEST_NATIVE: (u32, u32) = (7, 2);

/// The oldest versions of rustc and bindgen that will do for the stand-in.
const OLDEST_RUSTC: (u32, u32) = (1, 85);
const OLDEST_BINDGEN: (u32, u32) = (0, 71);

/// Options for which Rust code is compiled in a way that the kernel's own build alone has.
const UNSUPPORTED: [&str; 10] = [
    "KASAN",
    "CFI",
    "CFI_CLANG",
    "RANDSTRUCT",
    "RANDSTRUCT_FULL",
    "RANDSTRUCT_PERFORMANCE",
    "GCC_PLUGIN_RANDSTRUCT",
    "SHADOW_CALL_STACK",
    "LTO_CLANG",
    "UML",
];

/// Which kernel crate a build takes.
enum KernelCrate<'a> {
    /// The kernel's own, with this rustc.
    Native(&'a Rustc),
    /// The stand-in, and why.
    StandIn(String),
}

/// The findings on what a build takes; `lacking` is how bad it is if something is not there.
pub(super) fn findings(facts: &Facts, lacking: Status) -> [Finding; 5] {
    let kernel_crate = kernel_crate(facts);
    [
        headers(facts, lacking),
        support(facts, &kernel_crate, lacking),
        rustc(facts, &kernel_crate, lacking),
        cc(facts, lacking),
        tools(facts, &kernel_crate, lacking),
    ]
}

fn headers(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "headers";
    let headers = facts.build.headers.display();
    if facts.build.has_headers {
        return ok(NAME, headers.to_string());
    }
    bad(
        NAME,
        lacking,
        format!("missing: {headers}"),
        format!("apt install linux-headers-{}", facts.release),
    )
}

/// The kernel's own crate where its metadata is there, or can be made, and can be read: by no other
/// version of rustc.
fn kernel_crate(facts: &Facts) -> KernelCrate<'_> {
    let build = &facts.build;
    let wanted = facts.option("RUSTC_VERSION_TEXT").unwrap_or_default();
    // "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)".
    let is_same = |rustc: &&Rustc| {
        let [wanted, version] = [wanted, &rustc.version].map(|text| text.split(' ').take(2));
        wanted.eq(version)
    };
    let why = if facts.config.is_none() {
        "the kernel's configuration is not known".to_owned()
    } else if facts.option("RUST") != Some("y") {
        "the kernel is built without CONFIG_RUST".to_owned()
    } else if version(&facts.release).is_none_or(|version| version < OLDEST_NATIVE) {
        let (major, minor) = OLDEST_NATIVE;
        format!("the kernel's own is older than that of Linux {major}.{minor}")
    } else if let Some(rustc) = build.rustc.iter().find(is_same) {
        if build.has_metadata || build.has_source {
            return KernelCrate::Native(rustc);
        }
        let source = build.source.display();
        format!("the headers carry no Rust metadata, and there is no {source} to make it from")
    } else {
        format!("the kernel was built with another rustc ({wanted})")
    };
    KernelCrate::StandIn(why)
}

fn support(facts: &Facts, kernel_crate: &KernelCrate<'_>, lacking: Status) -> Finding {
    const NAME: &str = "kernel crate";
    let why = match kernel_crate {
        KernelCrate::Native(_) if facts.build.has_metadata => {
            return ok(NAME, "the kernel's own, whose metadata is in the headers");
        }
        KernelCrate::Native(_) => {
            let source = facts.build.source.display();
            return ok(NAME, format!("the kernel's own, made from {source}"));
        }
        KernelCrate::StandIn(why) => why,
    };
    let is_set = |option: &&&str| facts.option(option) == Some("y");
    let is_supported = ["X86_64", "ARM64"].iter().any(|option| is_set(&option));
    let (obstacle, advice) = if facts.config.is_some() && !is_supported {
        (
            "that is for x86-64 and arm64 alone".to_owned(),
            "choose a kernel with CONFIG_RUST whose metadata is there",
        )
    } else if facts.option("IPV6") == Some("m") {
        (
            "IPv6 is a module (CONFIG_IPV6=m)".to_owned(),
            "choose a kernel with CONFIG_IPV6=y",
        )
    } else if let Some(option) = UNSUPPORTED.iter().find(is_set) {
        (
            format!("it does not support CONFIG_{option}"),
            "choose a kernel without that option, or one with CONFIG_RUST whose metadata is there",
        )
    } else {
        return ok(NAME, format!("the stand-in, since {why}"));
    };
    bad(
        NAME,
        lacking,
        format!("the stand-in, since {why}; but {obstacle}"),
        advice,
    )
}

/// Whether what a program says of its version (`rustc 1.85.1 (x)`, `bindgen 0.71.1`) is older than this
/// version, or tells none.
fn is_older(program: &str, oldest: (u32, u32)) -> bool {
    let number = program.split(' ').nth(1).unwrap_or_default();
    version(number).is_none_or(|version| version < oldest)
}

fn rustc(facts: &Facts, kernel_crate: &KernelCrate<'_>, lacking: Status) -> Finding {
    const NAME: &str = "rustc";
    let rustc = match kernel_crate {
        KernelCrate::Native(rustc) => Some(*rustc),
        KernelCrate::StandIn(_) => facts.build.rustc.first(),
    };
    match rustc {
        None => bad(
            NAME,
            lacking,
            "missing",
            "apt install rustc, on Debian 12 rustc-web, on Ubuntu 24.04 rustc-1.89 (and RUSTC=rustc-1.89)",
        ),
        Some(rustc) if is_older(&rustc.version, OLDEST_RUSTC) => bad(
            NAME,
            lacking,
            format!(
                "{}, older than {}.{}",
                rustc.version, OLDEST_RUSTC.0, OLDEST_RUSTC.1
            ),
            "install a newer one, on Debian 12: apt install rustc-web, on Ubuntu 24.04: rustc-1.89 (and RUSTC=rustc-1.89)",
        ),
        Some(rustc) if !rustc.has_source => bad(
            NAME,
            lacking,
            format!("{}, without the sources of its core library", rustc.version),
            "apt install rust-src, on Debian 12 rust-web-src, on Ubuntu 24.04 rust-1.89-src",
        ),
        Some(rustc) => ok(NAME, &rustc.version),
    }
}

/// One of the same major version, whose options the kernel's makefiles use.
fn cc(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "C compiler";
    let wanted = facts.option("CC_VERSION_TEXT").unwrap_or_default();
    // "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0", of which the name may differ, or "Debian
    // clang version 19.1.7 (3)".
    let number = wanted.split_once(") ").map_or(wanted, |(_, number)| number);
    let number = number
        .rsplit_once("version ")
        .map_or(number, |(_, number)| number);
    let major = number.split('.').next().unwrap_or_default();
    let here = &facts.build.cc;
    let is_same = |cc: &&String| !major.is_empty() && cc.contains(&format!(" {major}."));
    match here.iter().find(is_same) {
        Some(cc) => ok(NAME, cc),
        None => {
            let here = here.first().map(String::as_str);
            another(NAME, lacking, wanted, here, "the compiler")
        }
    }
}

/// That the compiler which the kernel was built with is not there.
fn another(
    name: &'static str,
    lacking: Status,
    wanted: &str,
    here: Option<&str>,
    package: &str,
) -> Finding {
    let here = here.unwrap_or("none");
    let found = match wanted {
        "" => format!("{here}; what the kernel was built with is not known"),
        wanted => format!("{here}; the kernel was built with {wanted}"),
    };
    let advice = format!("apt install {package} of that kernel's Debian release");
    bad(name, lacking, found, advice)
}

fn tools(facts: &Facts, kernel_crate: &KernelCrate<'_>, lacking: Status) -> Finding {
    const NAME: &str = "tools";
    let build = &facts.build;
    let mut missing = build.missing.clone();
    let is_native = matches!(kernel_crate, KernelCrate::Native(_));
    if is_native && !build.has_metadata {
        missing.extend(&build.missing_for_metadata);
    }
    if !missing.is_empty() {
        let (tools, packages): (Vec<_>, Vec<_>) = missing.iter().copied().unzip();
        return bad(
            NAME,
            lacking,
            format!("missing: {}", tools.join(", ")),
            format!("apt install {}", packages.join(" ")),
        );
    }
    let is_old = |bindgen: &String| is_older(bindgen, OLDEST_BINDGEN);
    let old = build
        .bindgen
        .last()
        .filter(|_| build.bindgen.iter().all(is_old));
    if let (false, Some(bindgen)) = (is_native, old) {
        let (major, minor) = OLDEST_BINDGEN;
        return bad(
            NAME,
            lacking,
            format!("{bindgen}, older than {major}.{minor}"),
            "install a newer one: cargo install --locked bindgen-cli",
        );
    }
    ok(NAME, "make, cargo and bindgen")
}
