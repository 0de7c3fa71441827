// SPDX-License-Identifier: GPL-2.0
//! What rules can say here and not in the module: a unit of systemd for its cgroup, and a date or a
//! span of time for seconds since 1970.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};
use jiff::civil::DateTime;
use jiff::{Span, Zoned};

/// Where cgroups of version 2 are, alone or beside those of version 1.
const CGROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// What a unit's name can end in where processes are in it; without any of these it is a service.
const UNIT_TYPES: [&str; 4] = [".service", ".socket", ".scope", ".slice"];

/// Puts rules into the module's words.
pub(crate) struct Sugar {
    /// What spans of time begin at, in the time zone that dates are of.
    now: Zoned,
    /// Whether spans of time may be there.
    spans: bool,
    /// Where cgroups are looked for.
    cgroups: PathBuf,
    /// Tells the slice that a unit is in when it runs.
    slice_of: fn(&str) -> Option<String>,
}

impl Sugar {
    /// With the system's time and cgroups.
    pub(crate) fn new() -> Self {
        let mut places = CGROUPS.iter().map(PathBuf::from);
        let found = places.find(|place| place.join("cgroup.controllers").exists());
        Self {
            now: Zoned::now(),
            spans: true,
            cgroups: found.unwrap_or_default(),
            slice_of: slice_by_systemd,
        }
    }

    /// The same for rules in a file, which are read more than once: a span of time would begin anew each time.
    pub(crate) fn of_file() -> Self {
        Self {
            spans: false,
            ..Self::new()
        }
    }

    /// The same rules in the module's words; all that is in these already stays as it is.
    pub(crate) fn expand(&self, text: &str) -> Result<String> {
        let mut expanded = String::with_capacity(text.len());
        for part in text.split_inclusive(['\n', ';']) {
            let end = part.find(['#', '\n', ';']).unwrap_or(part.len());
            let (rule, rest) = part.split_at(end);
            expanded += &self.expand_rule(rule)?;
            expanded += rest;
        }
        Ok(expanded)
    }

    /// A rule is an action, and then a condition's name and value, and so on.
    fn expand_rule(&self, rule: &str) -> Result<String> {
        let mut expanded = String::with_capacity(rule.len());
        let mut is_first = true;
        let mut name = None;
        for piece in rule.split_inclusive(char::is_whitespace) {
            let (word, blank) = piece.split_at(piece.trim_end().len());
            if word.is_empty() || is_first {
                expanded += piece;
                is_first &= word.is_empty();
                continue;
            }
            match name.take() {
                None => {
                    expanded += match word {
                        "unit" => "in",
                        "for" => "until",
                        _ => word,
                    };
                    name = Some(word);
                }
                Some("unit") => {
                    let cgroups: Result<Vec<_>> =
                        word.split(',').map(|unit| self.cgroups_of(unit)).collect();
                    expanded += &cgroups?.join(",");
                }
                Some("for") => expanded += &self.after(word)?.to_string(),
                Some("until") => expanded += &self.until(word)?,
                Some(_) => expanded += word,
            }
            expanded += blank;
        }
        Ok(expanded)
    }

    /// The paths of the cgroups that a unit's sockets are made in: that of a service may have been made by
    /// the `.socket` unit that activates it.
    fn cgroups_of(&self, unit: &str) -> Result<String> {
        let cgroup = self.cgroup(unit)?;
        let service = cgroup.strip_suffix(UNIT_TYPES[0]);
        let Some((_, name)) = service.and_then(|service| service.rsplit_once('/')) else {
            return Ok(cgroup);
        };
        let socket = self.cgroup(&format!("{name}.socket"))?;
        Ok(format!("{cgroup},{socket}"))
    }

    /// The path of a unit's cgroup; while there is none, as early at boot, where systemd would make it.
    pub(crate) fn cgroup(&self, unit: &str) -> Result<String> {
        if unit.is_empty() || unit.contains('/') {
            bail!("{unit:?} is no name of a unit");
        }
        let mut unit = unit.to_owned();
        if !UNIT_TYPES.iter().any(|suffix| unit.ends_with(suffix)) {
            unit += UNIT_TYPES[0];
        }
        if let Some(path) = find_dir(&self.cgroups, &unit) {
            return Ok(format!("/{}", path.strip_prefix(&self.cgroups)?.display()));
        }
        if unit.ends_with(".slice") {
            return Ok(slice_path(&unit));
        }
        let slice = (self.slice_of)(&unit).filter(|slice| !slice.is_empty());
        let slice = slice.as_deref().unwrap_or("system.slice");
        Ok(format!("{}/{unit}", slice_path(slice)))
    }

    /// The time after a span of it such as `7d` or `1d12h`, in seconds since 1970.
    fn after(&self, span: &str) -> Result<i64> {
        if !self.spans {
            bail!(
                "\"for {span}\" would begin anew whenever the file is read: take until and a date"
            );
        }
        let context = || {
            format!("{span:?} is no span of time: it takes one such as 30m, 12h, 7d, 2w or 1d12h")
        };
        let parsed: Span = span.parse().with_context(context)?;
        let end = self.now.checked_add(parsed).with_context(context)?;
        if end <= self.now {
            bail!("{span:?} is over already");
        }
        Ok(end.timestamp().as_second())
    }

    /// A date, with a time if need be, in seconds since 1970; what is that already stays.
    fn until<'a>(&self, date: &'a str) -> Result<Cow<'a, str>> {
        if date.parse::<u64>().is_ok() {
            return Ok(date.into());
        }
        let context = || {
            format!("{date:?} is no time: it takes one such as 2026-12-31, 2026-12-31T18:00 or seconds since 1970")
        };
        let parsed: DateTime = date.parse().with_context(context)?;
        let end = parsed
            .to_zoned(self.now.time_zone().clone())
            .with_context(context)?;
        Ok(end.timestamp().as_second().to_string().into())
    }
}

/// The slice that systemd would run a unit in, if it runs here and knows the unit.
fn slice_by_systemd(unit: &str) -> Option<String> {
    let mut command = Command::new("systemctl");
    command.args(["show", "--property=Slice", "--value", "--", unit]);
    let output = command.stdin(Stdio::null()).output().ok()?;
    let slice = String::from_utf8(output.stdout).ok()?;
    Some(slice.trim().to_owned())
}

/// The path of a slice's cgroup: `a-b.slice` is in `a.slice`, and `-.slice` is the root. systemd.slice(5)
fn slice_path(slice: &str) -> String {
    let Some(name) = slice.strip_suffix(".slice").filter(|name| *name != "-") else {
        return String::new();
    };
    let ends = name.match_indices('-').map(|(end, _)| end);
    let ends = ends.chain([name.len()]);
    let above = ends.filter_map(|end| name.get(..end));
    above.fold(String::new(), |path, name| path + "/" + name + ".slice")
}

/// The directory of this name that is nearest to `root`.
fn find_dir(root: &Path, name: &str) -> Option<PathBuf> {
    let mut dirs = VecDeque::from([root.to_owned()]);
    while let Some(dir) = dirs.pop_front() {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut below: Vec<_> = below.map(|entry| entry.path()).collect();
        below.sort();
        if let Some(found) = below.iter().find(|path| path.ends_with(name)) {
            return Some(found.clone());
        }
        dirs.extend(below);
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;

    fn sugar(cgroups: &Path) -> Sugar {
        let hour_east = TimeZone::fixed(jiff::tz::offset(1));
        Sugar {
            now: Timestamp::from_second(1_700_000_000)
                .unwrap()
                .to_zoned(hour_east),
            spans: true,
            cgroups: cgroups.to_owned(),
            slice_of: |unit| {
                let slice = match unit {
                    "idle@1.service" => "system-idle.slice",
                    "idle.scope" => "-.slice",
                    "unknown.service" => "",
                    _ => return None,
                };
                Some(slice.to_owned())
            },
        }
    }

    #[test]
    fn times_become_seconds() {
        let dir = TempDir::new().unwrap();
        for (rule, expected) in [
            ("allow for 90s", "allow until 1700000090"),
            ("allow for 30m", "allow until 1700001800"),
            (
                "allow  for\t1d12h  port 80",
                "allow  until\t1700129600  port 80",
            ),
            ("allow for 2w", "allow until 1701209600"),
            ("allow until 1700000001", "allow until 1700000001"),
            ("allow until 1970-01-02", "allow until 82800"),
            ("allow until 1970-01-02T18:00", "allow until 147600"),
        ] {
            assert_eq!(sugar(dir.path()).expand(rule).unwrap(), expected);
        }
    }

    #[test]
    fn a_time_that_is_none_is_named() {
        let dir = TempDir::new().unwrap();
        for (rule, part) in [
            ("allow for ever", "\"ever\" is no span of time"),
            ("allow for 7", "\"7\" is no span of time"),
            ("allow for -7d", "\"-7d\" is over already"),
            ("allow for 999999w", "\"999999w\" is no span of time"),
            ("allow until tomorrow", "\"tomorrow\" is no time"),
            ("allow until 2026-13-01", "\"2026-13-01\" is no time"),
            ("allow unit a/b", "\"a/b\" is no name of a unit"),
            ("allow unit a,", "\"\" is no name of a unit"),
        ] {
            let error = sugar(dir.path()).expand(rule).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{rule}: {error:#}");
        }
    }

    #[test]
    fn in_a_file_time_has_an_end_but_no_length() {
        let dir = TempDir::new().unwrap();
        let sugar = Sugar {
            spans: false,
            ..sugar(dir.path())
        };
        let error = sugar.expand("allow for 7d").unwrap_err().to_string();
        assert!(error.contains("until"), "{error}");
        let expanded = sugar.expand("allow until 1970-01-02").unwrap();
        assert_eq!(expanded, "allow until 82800");
    }

    #[test]
    fn a_unit_becomes_its_cgroup() {
        let dir = TempDir::new().unwrap();
        for cgroup in [
            "system.slice/nginx.service",
            "system.slice/system-db.slice/db@1.service",
            "a.slice/db@1.socket",
            "user.slice/a/nginx.service/b.scope",
        ] {
            fs::create_dir_all(dir.path().join(cgroup)).unwrap();
        }
        fs::write(dir.path().join("file.service"), "").unwrap();
        for (unit, cgroup) in [
            (
                "nginx",
                "/system.slice/nginx.service,/system.slice/nginx.socket",
            ),
            (
                "nginx.service",
                "/system.slice/nginx.service,/system.slice/nginx.socket",
            ),
            (
                "db@1",
                "/system.slice/system-db.slice/db@1.service,/a.slice/db@1.socket",
            ),
            ("b.scope", "/user.slice/a/nginx.service/b.scope"),
            ("user.slice", "/user.slice"),
            (
                "file",
                "/system.slice/file.service,/system.slice/file.socket",
            ),
            (
                "new.name",
                "/system.slice/new.name.service,/system.slice/new.name.socket",
            ),
            ("new.socket", "/system.slice/new.socket"),
            (
                "idle@1",
                "/system.slice/system-idle.slice/idle@1.service,/system.slice/idle@1.socket",
            ),
            ("idle.scope", "/idle.scope"),
            ("idle-app.slice", "/idle.slice/idle-app.slice"),
            (
                "unknown",
                "/system.slice/unknown.service,/system.slice/unknown.socket",
            ),
            (
                "user.slice,new.socket",
                "/user.slice,/system.slice/new.socket",
            ),
        ] {
            let rule = sugar(dir.path())
                .expand(&format!("allow unit {unit}"))
                .unwrap();
            assert_eq!(rule, format!("allow in {cgroup}"));
        }
    }

    #[test]
    fn all_else_stays() {
        let dir = TempDir::new().unwrap();
        let text = "# for 7d unit x\n\n allow on for # unit x for 7d; drop  on unit\n\
            monitor in unit; reject until\n for 7d;unit x; until";
        assert_eq!(sugar(dir.path()).expand(text).unwrap(), text);
    }
}
