// SPDX-License-Identifier: GPL-2.0
//! Control groups (version 2), whose names tell what runs in them: a systemd unit, or a container.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, DirEntry};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;

/// The kinds of systemd units that processes and sockets belong to.
const UNITS: [&str; 3] = [".service", ".scope", ".socket"];

/// What stands before a container's number, and which runtime writes it.
const RUNTIMES: [(&str, &str); 5] = [
    ("docker", "docker"),
    ("libpod", "podman"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
];

/// A file that each control group of version 2 has, and none of version 1.
const VERSION_2: &str = "cgroup.controllers";

/// How many digits of a container's number are shown, as its runtime shows it.
const SHORT: usize = 12;

/// A control group, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cgroup(String);

impl Cgroup {
    /// The one of a process, from its `/proc/PID/cgroup`.
    pub(crate) fn of_process(text: &str) -> Option<Self> {
        let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
        Some(Self(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &str {
        &self.0
    }

    /// The innermost systemd unit that it belongs to.
    pub(crate) fn unit(&self) -> Option<&str> {
        self.components().rfind(|name| is_unit(name))
    }

    /// The innermost container that it belongs to.
    pub(crate) fn container(&self) -> Option<Container> {
        self.place().0
    }

    /// Whether it belongs to a unit, `nginx.service` or in short `nginx`, to which the sockets of `nginx.socket` belong
    /// as well; or, for a path (`/system.slice`), whether it is that group or below it.
    pub(crate) fn is_of(&self, unit: &str) -> bool {
        if unit.starts_with('/') {
            return Path::new(&self.0).starts_with(unit);
        }
        let stem = unit.strip_suffix(".service").unwrap_or(unit);
        self.components().any(|name| {
            name == unit || matches!(name.strip_prefix(stem), Some(".service" | ".socket"))
        })
    }

    /// The innermost container, and the innermost unit within that.
    fn place(&self) -> (Option<Container>, Option<&str>) {
        let (mut container, mut unit, mut parent) = (None, None, "");
        for name in self.components() {
            if let Some(found) = Container::named(parent, name) {
                (container, unit) = (Some(found), None);
            } else if is_unit(name) {
                unit = Some(name);
            }
            parent = name;
        }
        (container, unit)
    }

    fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }
}

/// What people call it: `nginx.service`, `docker 0123456789ab`, `nginx.service in lxc web`; or its path.
impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            (None, None) => f.write_str(&self.0),
            (None, Some(unit)) => f.write_str(unit),
            (Some(container), None) => container.fmt(f),
            (Some(container), Some(unit)) => write!(f, "{unit} in {container}"),
        }
    }
}

fn is_unit(name: &str) -> bool {
    UNITS.iter().any(|kind| name.ends_with(kind))
}

/// A container, or another machine that systemd knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    /// What runs it: `docker`, `podman`, `lxc`, ...
    pub(crate) runtime: &'static str,
    /// Its name, or its number of 64 hexadecimal digits.
    pub(crate) name: String,
}

impl Container {
    /// The one that a control group, of this name and within this parent, is made for.
    fn named(parent: &str, name: &str) -> Option<Self> {
        let of = |runtime, name| Some(Self { runtime, name });
        let stem = name.strip_suffix(".scope").unwrap_or(name);
        if is_number(stem) {
            return match parent {
                "docker" => of("docker", stem.to_owned()),
                _ if parent.starts_with("pod") => of("kubernetes", stem.to_owned()),
                _ => of("container", stem.to_owned()),
            };
        }
        if let Some((prefix, number)) = stem.rsplit_once('-').filter(|(_, end)| is_number(end)) {
            let (_, runtime) = RUNTIMES.iter().find(|(written, _)| *written == prefix)?;
            return of(runtime, number.to_owned());
        }
        if let Some(name) = name.strip_prefix("lxc.payload.") {
            return of("lxc", name.to_owned());
        }
        if let Some(instance) = name.strip_prefix("systemd-nspawn@") {
            return of("nspawn", unescape(instance.strip_suffix(".service")?));
        }
        let machine = name.strip_prefix("machine-")?.strip_suffix(".scope")?;
        of("machine", unescape(machine))
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.name.get(..SHORT) {
            Some(short) if is_number(&self.name) => short,
            _ => &self.name,
        };
        write!(f, "{} {name}", self.runtime)
    }
}

/// Whether it is the number of a container.
fn is_number(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Undoes what systemd does to a name to make it part of a unit's: `\x2d` is `-`.
fn unescape(name: &str) -> String {
    let mut pieces = name.split("\\x");
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.split_at_checked(2);
        match digits.and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest))) {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend(rest.bytes());
            }
            None => {
                bytes.extend(b"\\x");
                bytes.extend(piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All control groups, by the numbers that the kernel gives them.
#[derive(Debug, Default)]
pub(crate) struct Cgroups(HashMap<u64, Cgroup>);

impl Cgroups {
    /// Reads those that are mounted here: on 64-bit machines, the number is that of the folder's inode. What cannot be
    /// read is left out; so are those of version 1, whose inodes have other numbers.
    pub(crate) fn read(mount: &Path) -> Self {
        let mut found = HashMap::new();
        let mut folders = Vec::new();
        if let (Ok(root), true) = (fs::metadata(mount), mount.join(VERSION_2).exists()) {
            found.insert(root.ino(), Cgroup("/".to_owned()));
            folders.push((mount.to_owned(), String::new()));
        }
        while let Some((folder, path)) = folders.pop() {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries.filter(is_folder) {
                let path = format!("{path}/{}", entry.file_name().to_string_lossy());
                found.insert(entry.ino(), Cgroup(path.clone()));
                folders.push((entry.path(), path));
            }
        }
        Self(found)
    }

    /// The one of this number.
    pub(crate) fn get(&self, id: u64) -> Option<&Cgroup> {
        self.0.get(&id)
    }
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn cgroup(path: &str) -> Cgroup {
        Cgroup(path.replace("NUMBER", NUMBER))
    }

    #[test]
    fn the_unit_is_the_innermost_one() {
        for (path, unit) in [
            ("/", None),
            ("/system.slice", None),
            ("/init.scope", Some("init.scope")),
            ("/system.slice/nginx.service", Some("nginx.service")),
            ("/system.slice/web.socket", Some("web.socket")),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                Some("getty@tty1.service"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service",
                Some("web.service"),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope",
                Some("session-3.scope"),
            ),
            ("/system.slice/web.service/worker", Some("web.service")),
        ] {
            assert_eq!(cgroup(path).unit(), unit, "{path}");
        }
    }

    #[test]
    fn containers_are_known_as_each_runtime_names_them() {
        for (path, runtime) in [
            ("/system.slice/docker-NUMBER.scope", "docker"),
            ("/docker/NUMBER", "docker"),
            ("/machine.slice/libpod-NUMBER.scope/container", "podman"),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-NUMBER.scope",
                "podman",
            ),
            ("/libpod_parent/libpod-NUMBER", "podman"),
            (
                "/kubepods.slice/kubepods-pod1.slice/cri-containerd-NUMBER.scope",
                "containerd",
            ),
            ("/system.slice/nerdctl-NUMBER.scope", "containerd"),
            (
                "/kubepods.slice/kubepods-pod1.slice/crio-NUMBER.scope",
                "cri-o",
            ),
            ("/kubepods/burstable/pod1/NUMBER", "kubernetes"),
            ("/k8s.io/NUMBER", "container"),
        ] {
            let cgroup = cgroup(path);
            let name = NUMBER.to_owned();
            assert_eq!(
                cgroup.container(),
                Some(Container { runtime, name }),
                "{path}"
            );
            assert_eq!(cgroup.to_string(), format!("{runtime} 0123456789ab"));
        }
    }

    #[test]
    fn what_runs_beside_a_container_is_not_in_it() {
        for path in [
            "/machine.slice/libpod-conmon-NUMBER.scope",
            "/kubepods.slice/crio-conmon-NUMBER.scope",
            "/lxc.monitor.web",
            "/system.slice/docker.service",
            "/system.slice/docker-short.scope",
        ] {
            assert_eq!(cgroup(path).container(), None, "{path}");
        }
    }

    #[test]
    fn it_is_shown_as_people_call_it() {
        for (path, shown) in [
            ("/", "/"),
            ("/tests", "/tests"),
            ("/system.slice/nginx.service", "nginx.service"),
            ("/lxc.payload.web", "lxc web"),
            (
                "/lxc.payload.web/system.slice/nginx.service",
                "nginx.service in lxc web",
            ),
            ("/lxc.payload.web/docker/NUMBER", "docker 0123456789ab"),
            (
                r"/machine.slice/systemd-nspawn@my\x2dweb.service/payload/system.slice/nginx.service",
                "nginx.service in nspawn my-web",
            ),
            (
                r"/machine.slice/machine-qemu\x2d1\x2dweb.scope",
                "machine qemu-1-web",
            ),
            (r"/machine.slice/machine-odd\xzz.scope", r"machine odd\xzz"),
        ] {
            assert_eq!(cgroup(path).to_string(), shown, "{path}");
        }
    }

    #[test]
    fn it_is_of_its_units_and_paths() {
        let nginx = cgroup("/user.slice/user@1000.service/app.slice/nginx.service");
        for unit in [
            "nginx.service",
            "nginx",
            "user@1000.service",
            "/",
            "/user.slice",
            "/user.slice/",
            "/user.slice/user@1000.service/app.slice/nginx.service",
        ] {
            assert!(nginx.is_of(unit), "{unit}");
        }
        for unit in ["", "ngin", "nginx.socket", "nginx.scope", "/user", "user"] {
            assert!(!nginx.is_of(unit), "{unit}");
        }
        assert!(cgroup("/system.slice/nginx.socket").is_of("nginx.service"));
    }

    #[test]
    fn a_process_tells_its_own() {
        let of = |text| Cgroup::of_process(text).map(|cgroup| cgroup.0);
        assert_eq!(of("0::/init.scope\n").as_deref(), Some("/init.scope"));
        let both = "4:memory:/x\n1:name=systemd:/x\n0::/y\n";
        assert_eq!(of(both).as_deref(), Some("/y"));
        assert_eq!(of("1:name=systemd:/x\n"), None);
    }

    #[test]
    fn a_number_stands_for_the_folder_whose_inode_has_it() {
        let mount = tempfile::tempdir().unwrap();
        let file = mount.path().join(VERSION_2);
        let folder = mount.path().join("system.slice/nginx.service");
        fs::create_dir_all(&folder).unwrap();
        fs::write(&file, "").unwrap();
        let of = |path: &Path| {
            let cgroups = Cgroups::read(mount.path());
            cgroups.get(fs::metadata(path).unwrap().ino()).cloned()
        };
        assert_eq!(of(&folder), Some(cgroup("/system.slice/nginx.service")));
        assert_eq!(of(mount.path()), Some(cgroup("/")));
        assert_eq!(of(&file), None);
        fs::remove_file(&file).unwrap();
        assert_eq!(of(&folder), None);
    }
}
