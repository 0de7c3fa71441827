// SPDX-License-Identifier: GPL-2.0
//! Whether this kernel can take the module, and whether the module can be built here.

mod build;
mod facts;
mod finding;
mod machine;

pub(crate) use facts::Facts;
pub(crate) use finding::{Finding, Status};

/// All findings: on the kernel, on the module, and on what a build takes.
pub(crate) fn examine(facts: &Facts) -> Vec<Finding> {
    let module = machine::module(facts);
    // Who has the module needs no build.
    let lacking = match module.status {
        Status::Ok => Status::Warning,
        Status::Warning | Status::Problem => Status::Problem,
    };
    let mut findings = machine::findings(facts, module);
    findings.extend(build::findings(facts, lacking));
    findings
}
