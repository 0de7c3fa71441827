// SPDX-License-Identifier: GPL-2.0
//! Putting the module into the kernel and taking it out.

mod elf;
mod locate;
mod modinfo;
mod parameter;
mod refusal;

use std::ffi::CString;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use anyhow::{anyhow, bail, Context, Result};
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};
use nix::sys::utsname::uname;
use nix::unistd::geteuid;

pub(crate) use locate::Module;
pub(crate) use modinfo::ModInfo;
pub(crate) use parameter::Parameter;

use crate::uapi::HTTP_FILTER_MODULE;

/// The modules that are loaded, or being loaded or unloaded; whoever may read it.
const PROC_MODULES: &str = "/proc/modules";

/// Loads the module: the given file, or the one that is found.
pub(crate) fn load(file: Option<&Path>, parameters: &[Parameter]) -> Result<()> {
    let parameters: Vec<String> = parameters.iter().map(Parameter::to_string).collect();
    let kernel = uname().context("cannot tell the kernel's release")?;
    let module = match file {
        Some(file) => Module::File(file.to_owned()),
        None => find(&Path::new("/lib/modules").join(kernel.release()))?,
    };
    let path = module.path();
    let context = || format!("cannot load {}", path.display());
    module.check().with_context(context)?;
    // Where modinfo is missing, the kernel explains.
    if let Ok(modinfo) = ModInfo::read(path) {
        let checked = modinfo.check(&kernel.release().to_string_lossy());
        checked.with_context(context)?;
    }
    match &module {
        Module::File(file) => insert(file, &parameters),
        Module::Installed(_) => modprobe(&parameters),
    }
}

/// Unloads the module; false if it was not loaded.
pub(crate) fn unload() -> Result<bool> {
    let name = CString::new(HTTP_FILTER_MODULE)?;
    match delete_module(&name, DeleteModuleFlags::O_NONBLOCK) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        // Who may not unload is told first of all that; unless there is nothing to unload.
        Err(Errno::EPERM)
            if fs::read_to_string(PROC_MODULES).is_ok_and(|modules| !is_in(&modules)) =>
        {
            Ok(false)
        }
        Err(errno) => Err(anyhow!(refusal::of_unload(errno, is_root())))
            .with_context(|| format!("cannot unload {HTTP_FILTER_MODULE}")),
    }
}

/// Whether the module is in a list of modules as /proc/modules is one: `http_filter 65536 0 - Live 0x0`.
pub(crate) fn is_in(modules: &str) -> bool {
    modules
        .lines()
        .any(|line| line.split(' ').next() == Some(HTTP_FILTER_MODULE))
}

/// Finds the module that is loaded if no file is given, for the kernel whose modules are in this folder.
pub(crate) fn find(modules: &Path) -> Result<Module> {
    // Without /proc it is not known where this program is.
    let exe = env::current_exe().ok();
    locate::find(exe.as_deref(), modules)
}

fn insert(file: &Path, parameters: &[String]) -> Result<()> {
    let context = || format!("cannot load {}", file.display());
    let arguments = CString::new(parameters.join(" "))?;
    let opened = File::open(file).with_context(context)?;
    finit_module(&opened, &arguments, ModuleInitFlags::empty())
        .map_err(|errno| anyhow!(refusal::of_load(errno, is_root(), !parameters.is_empty())))
        .with_context(context)
}

fn modprobe(parameters: &[String]) -> Result<()> {
    let mut command = Command::new("modprobe");
    command.arg(HTTP_FILTER_MODULE).args(parameters);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("modprobe is not in the PATH: install kmod, or give the file with --module")
        }
        Err(error) => return Err(error).context("cannot run modprobe"),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        return Err(match refusal::told(said) {
            Some(errno) => {
                let why = refusal::of_load(errno, is_root(), !parameters.is_empty());
                anyhow!(why).context(said.to_owned())
            }
            None => anyhow!(
                "modprobe failed ({}): {said}; \"filterctl doctor\" may tell more",
                output.status
            ),
        });
    }
    Ok(())
}

fn is_root() -> bool {
    geteuid().is_root()
}
