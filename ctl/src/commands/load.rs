// SPDX-License-Identifier: GPL-2.0
//! `filterctl load`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{anyhow, bail, Context, Error, Result};

use super::switch;
use crate::cli::Load;
use crate::configuration::{Configuration, FILE};
use crate::genetlink::Connection;
use crate::module::{self, Parameter};
use crate::settings;
use crate::sysfs::{NotLoaded, Sysfs};
use crate::uapi::{
    HTTP_FILTER_ACTION, HTTP_FILTER_ACTION_MONITOR, HTTP_FILTER_ENABLED, HTTP_FILTER_MODULE,
    HTTP_FILTER_RULES, HTTP_FILTER_VERSION_FILE,
};

/// Loads the module, unless it is loaded already, and says what is now.
pub(crate) fn run(root: &Path, arguments: &Load, out: &mut dyn Write) -> Result<()> {
    if arguments.fallback {
        return boot(root, arguments, out);
    }
    match Sysfs::open(root) {
        Err(error) if error.is::<NotLoaded>() => {
            let configuration = configuration(arguments).context("nothing was loaded")?;
            let sysfs = match &configuration {
                Some(configuration) => load_configured(root, arguments, configuration)?,
                None => load(root, arguments, &arguments.parameters)?,
            };
            let how = match arguments.parameters.is_empty() {
                true => "is loaded",
                false => "is loaded by the command line, and else",
            };
            tell(&sysfs, how, configuration.as_ref(), out)
        }
        // What could not be controlled is not loaded.
        Err(error) => Err(error.context("nothing was loaded")),
        Ok(sysfs) if arguments.parameters.is_empty() => {
            tell(&sysfs, "is already loaded", None, out)
        }
        Ok(_) => {
            bail!("the module is already loaded: change its settings with \"filterctl set\"")
        }
    }
}

/// What the configuration file says, if there is one. Only one that nobody has named need not be there.
fn configuration(arguments: &Load) -> Result<Option<Configuration>> {
    let is_missing = || fs::symlink_metadata(FILE).is_err();
    if arguments.no_config || arguments.config.is_none() && is_missing() {
        return Ok(None);
    }
    read(arguments).map(Some)
}

/// What the configuration file says, and what the command line says before that.
fn read(arguments: &Load) -> Result<Configuration> {
    let file = arguments.config.as_deref().unwrap_or(Path::new(FILE));
    let mut configuration = Configuration::read(file)?;
    for parameter in &arguments.parameters {
        configuration.override_with(parameter);
    }
    Ok(configuration)
}

/// Loads the module with these parameters. It is switched on unless they say something else, whatever
/// modprobe is configured to do.
fn load(root: &Path, arguments: &Load, parameters: &[Parameter]) -> Result<Sysfs> {
    let mut parameters = parameters.to_vec();
    let is_enabled = |parameter: &Parameter| parameter.key() == HTTP_FILTER_ENABLED;
    if !parameters.iter().any(is_enabled) {
        parameters.push(parameter(HTTP_FILTER_ENABLED, "1")?);
    }
    module::load(arguments.module.as_deref(), &parameters)?;
    Sysfs::open(root).map_err(|_| {
        anyhow!(
            "the module is loaded and at work, but {} is not there to control it: is /sys \
             that of this kernel? \"filterctl unload\" takes it out again",
            root.display()
        )
    })
}

/// Loads the module as a configuration says, or does not load it.
fn load_configured(root: &Path, arguments: &Load, configuration: &Configuration) -> Result<Sysfs> {
    let sysfs = load_disabled(root, arguments, configuration)?;
    let applied = Connection::open().and_then(|module| configuration.apply(&sysfs, &module));
    if let Err(error) = applied {
        module::unload()?;
        return Err(error.context("nothing was loaded"));
    }
    Ok(sysfs)
}

/// Loads the module as a configuration says, but switched off and without rules.
fn load_disabled(root: &Path, arguments: &Load, configuration: &Configuration) -> Result<Sysfs> {
    load(root, arguments, &configuration.parameters()?)
}

/// Loads the module as the configuration file says, or else so that it only monitors, which is a failure.
/// One that is loaded already is made the same.
fn boot(root: &Path, arguments: &Load, out: &mut dyn Write) -> Result<()> {
    let configuration = read(arguments);
    let sysfs = match (Sysfs::open(root), &configuration) {
        (Ok(sysfs), _) => sysfs,
        (Err(error), Ok(configuration)) if error.is::<NotLoaded>() => {
            load_disabled(root, arguments, configuration)?
        }
        (Err(error), Err(_)) if error.is::<NotLoaded>() => {
            load(root, arguments, &[parameter(HTTP_FILTER_ENABLED, "0")?])?
        }
        (Err(error), _) => return Err(error.context("nothing was loaded")),
    };
    let configured = configuration.and_then(|configuration| {
        configuration.apply(&sysfs, &Connection::open()?)?;
        Ok(configuration)
    });
    match configured {
        Ok(configuration) => tell(&sysfs, "is loaded", Some(&configuration), out),
        Err(error) => {
            monitor(&sysfs)?;
            Err(error.context("not configured, so that http_filter only monitors"))
        }
    }
}

/// Lets all of HTTP pass, and be counted and told.
fn monitor(sysfs: &Sysfs) -> Result<()> {
    settings::write(sysfs, HTTP_FILTER_ACTION, HTTP_FILTER_ACTION_MONITOR)?;
    settings::write(sysfs, HTTP_FILTER_RULES, "")?;
    settings::write(sysfs, HTTP_FILTER_ENABLED, "1")
}

/// Says what the module does, and which file says so, if one does.
fn tell(
    sysfs: &Sysfs,
    how: &str,
    configuration: Option<&Configuration>,
    out: &mut dyn Write,
) -> Result<()> {
    let version = sysfs.read(HTTP_FILTER_VERSION_FILE)?;
    let state = switch::state(sysfs)?;
    write!(out, "{HTTP_FILTER_MODULE} {version} {how}")?;
    if let Some(configuration) = configuration {
        write!(out, " as {} says", configuration.file().display())?;
    }
    writeln!(out, ": {state}")?;
    Ok(())
}

fn parameter(key: &str, value: &str) -> Result<Parameter> {
    Parameter::new(key, value).map_err(Error::msg)
}
