// SPDX-License-Identifier: GPL-2.0
//! Putting the module into the kernel and taking it out.

mod image;
mod locate;
mod parameter;
mod refusal;

use std::ffi::CString;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::{env, io};

use anyhow::{anyhow, bail, Context, Result};
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};
use nix::sys::utsname::uname;
use nix::unistd::geteuid;

pub(crate) use image::Image;
pub(crate) use locate::Module;
pub(crate) use parameter::Parameter;

use crate::uapi::HTTP_FILTER_MODULE;

/// Loads the module: the given file, or the one that is found.
pub(crate) fn load(file: Option<&Path>, parameters: &[Parameter]) -> Result<()> {
    let parameters: Vec<String> = parameters.iter().map(Parameter::to_string).collect();
    let kernel = uname().context("cannot tell the kernel's release")?;
    let module = match file {
        Some(file) => Module::File(file.to_owned()),
        None => find(&Path::new("/lib/modules").join(kernel.release()))?,
    };
    let path = module.path();
    // What is no module, or cannot be read, the kernel explains.
    if let Ok(image) = Image::read(path) {
        let checked = image.check(&kernel.release().to_string_lossy());
        checked.with_context(|| format!("cannot load {}", path.display()))?;
    }
    match &module {
        Module::File(file) => insert(file, &parameters),
        Module::Installed(_) => modprobe(&parameters),
    }
}

/// Unloads the module.
pub(crate) fn unload() -> Result<()> {
    let name = CString::new(HTTP_FILTER_MODULE)?;
    match delete_module(&name, DeleteModuleFlags::O_NONBLOCK) {
        // Somebody else was faster.
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(anyhow!(refusal::of_unload(errno, is_root())))
            .with_context(|| format!("cannot unload {HTTP_FILTER_MODULE}")),
    }
}

/// Finds the module that is loaded if no file is given, for the kernel whose modules are in this folder.
pub(crate) fn find(modules: &Path) -> Result<Module> {
    let exe = env::current_exe().context("cannot tell where filterctl is")?;
    locate::find(&exe, modules)
}

fn insert(file: &Path, parameters: &[String]) -> Result<()> {
    let context = || format!("cannot load {}", file.display());
    let parameters = CString::new(parameters.join(" "))?;
    let opened = File::open(file).with_context(context)?;
    finit_module(&opened, &parameters, ModuleInitFlags::empty())
        .map_err(|errno| anyhow!(refusal::of_load(errno, is_root())))
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
            Some(errno) => anyhow!(refusal::of_load(errno, is_root())).context(said.to_owned()),
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
