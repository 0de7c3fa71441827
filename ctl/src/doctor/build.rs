// SPDX-License-Identifier: GPL-2.0
//! What the facts mean for a build of the module, of which `scripts/kernel-tree` asks the same.

use super::facts::Facts;
use super::finding::{bad, ok, Finding, Status};

/// The findings on what a build takes; `lacking` is how bad it is if something is not there.
pub(super) fn findings(facts: &Facts, lacking: Status) -> [Finding; 5] {
    [
        headers(facts, lacking),
        metadata(facts, lacking),
        rustc(facts, lacking),
        cc(facts, lacking),
        tools(facts, lacking),
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

fn metadata(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "Rust metadata";
    if facts.build.has_metadata {
        return ok(NAME, "in the headers");
    }
    let source = &facts.build.source;
    let found = format!("{}, to make it from", source.display());
    if facts.build.has_source {
        return ok(NAME, found);
    }
    let package = source.file_name().unwrap_or_default().to_string_lossy();
    let package = package.trim_end_matches(".tar.xz");
    bad(
        NAME,
        lacking,
        format!("missing: {found}"),
        format!("apt install {package}"),
    )
}

/// Rust's metadata can be read by no other version.
fn rustc(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "rustc";
    let wanted = facts.option("RUSTC_VERSION_TEXT").unwrap_or_default();
    // "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)".
    let is_same = |version: &str| {
        let [wanted, version] = [wanted, version].map(|text| text.split(' ').take(2));
        wanted.eq(version)
    };
    let here = &facts.build.rustc;
    match here.iter().find(|rustc| is_same(&rustc.version)) {
        Some(same) if same.has_source => ok(NAME, &same.version),
        Some(same) => bad(
            NAME,
            lacking,
            format!("{}, without the sources of its core library", same.version),
            "apt install rust-src",
        ),
        None => {
            let here = here.first().map(|rustc| rustc.version.as_str());
            another(NAME, lacking, wanted, here, "rustc and rust-src")
        }
    }
}

fn cc(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "C compiler";
    let wanted = facts.option("CC_VERSION_TEXT").unwrap_or_default();
    // "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0", of which the name may differ, or "Debian
    // clang version 19.1.7 (3)".
    let number = wanted.split_once(") ").map_or(wanted, |(_, number)| number);
    let here = &facts.build.cc;
    let is_same = |cc: &&String| !number.is_empty() && cc.contains(number);
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

fn tools(facts: &Facts, lacking: Status) -> Finding {
    const NAME: &str = "tools";
    let missing = &facts.build.missing;
    if missing.is_empty() {
        return ok(NAME, "make, cargo, bindgen and what they need");
    }
    let (tools, packages): (Vec<_>, Vec<_>) = missing.iter().copied().unzip();
    bad(
        NAME,
        lacking,
        format!("missing: {}", tools.join(", ")),
        format!("apt install {}", packages.join(" ")),
    )
}
