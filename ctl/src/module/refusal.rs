// SPDX-License-Identifier: GPL-2.0
//! What the kernel means by refusing to load or unload the module, and what to do about it.

use nix::errno::Errno;

const NOT_PERMITTED: &str =
    "not permitted even to root: kernel.modules_disabled is set, the kernel is locked down \
    (Secure Boot), or this is a container; load it on the host, signed where that is asked for";

/// Why loading failed, with parameters or without.
pub(crate) fn of_load(errno: Errno, is_root: bool, has_parameters: bool) -> String {
    match errno {
        Errno::EPERM if is_root => NOT_PERMITTED,
        Errno::EPERM | Errno::EACCES => "permission denied: run as root",
        Errno::EKEYREJECTED | Errno::ENOKEY | Errno::EBADMSG => {
            "the kernel takes only modules signed by a key it trusts (Secure Boot): sign the module and enroll its key"
        }
        Errno::ENOEXEC | Errno::ENOENT => {
            "built for another kernel, or not a module: build it for this one with \"make KVER=$(uname -r)\"; \
             \"filterctl doctor\" tells more"
        }
        Errno::EINVAL if has_parameters => "a parameter was refused: the kernel log (dmesg) tells which",
        Errno::EEXIST | Errno::EBUSY => {
            "a module of this name is there already, or just being loaded or unloaded: see \"lsmod\", try again"
        }
        Errno::ENOSYS => "this kernel cannot load modules",
        _ => return format!("{}; the kernel log (dmesg) may tell more", errno.desc()),
    }
    .to_owned()
}

/// What the kernel refused with, as modprobe tells it at the end of a line:
/// `modprobe: ERROR: could not insert 'http_filter': Key was rejected by service`.
pub(crate) fn told(by_modprobe: &str) -> Option<Errno> {
    const TOLD: [Errno; 8] = [
        Errno::EPERM,
        Errno::EKEYREJECTED,
        Errno::ENOKEY,
        Errno::EBADMSG,
        Errno::ENOEXEC,
        Errno::EINVAL,
        Errno::EBUSY,
        Errno::ENOSYS,
    ];
    let is_told = |errno: &Errno| by_modprobe.ends_with(&format!(": {}", errno.desc()));
    TOLD.into_iter().find(is_told)
}

/// Why unloading failed.
pub(crate) fn of_unload(errno: Errno, is_root: bool) -> String {
    match errno {
        Errno::EPERM if is_root => {
            "not permitted even to root: kernel.modules_disabled is set, or this is a container"
        }
        Errno::EPERM | Errno::EACCES => "permission denied: run as root",
        Errno::EWOULDBLOCK => {
            "it is in use: see \"lsmod\" for what holds it; \"filterctl disable\" stops the filter meanwhile"
        }
        Errno::EBUSY => "it is just being loaded or unloaded, or the kernel cannot unload it: try again",
        Errno::ENOSYS => "this kernel cannot unload modules",
        _ => return format!("{}; the kernel log (dmesg) may tell more", errno.desc()),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_load_says_what_to_do() {
        for (errno, root, part) in [
            (Errno::EPERM, false, "run as root"),
            (Errno::EPERM, true, "modules_disabled"),
            (Errno::EPERM, true, "locked down"),
            (Errno::EKEYREJECTED, true, "sign the module"),
            (Errno::ENOEXEC, true, "make KVER="),
            (Errno::ENOEXEC, true, "filterctl doctor"),
            (Errno::ENOENT, true, "another kernel"),
            (Errno::EINVAL, true, "dmesg"),
            (Errno::EEXIST, true, "there already"),
            (Errno::ENOSYS, true, "cannot load modules"),
            (Errno::ENOMEM, true, "Out of memory"),
        ] {
            let text = of_load(errno, root, true);
            assert!(text.contains(part), "{errno}: {text}");
            assert!(!text.contains('\n'), "{errno}: {text}");
        }
    }

    #[test]
    fn no_parameter_is_blamed_where_none_was_given() {
        let text = of_load(Errno::EINVAL, true, false);
        assert_eq!(
            text,
            "Invalid argument; the kernel log (dmesg) may tell more"
        );
    }

    #[test]
    fn what_modprobe_tells_is_understood() {
        let say = |what: &str| {
            told(&format!(
                "modprobe: ERROR: could not insert 'http_filter': {what}"
            ))
        };
        assert_eq!(say("Operation not permitted"), Some(Errno::EPERM));
        assert_eq!(
            say("Key was rejected by service"),
            Some(Errno::EKEYREJECTED)
        );
        assert_eq!(say("Required key not available"), Some(Errno::ENOKEY));
        assert_eq!(say("Exec format error"), Some(Errno::ENOEXEC));
        assert_eq!(say("Invalid argument"), Some(Errno::EINVAL));
        assert_eq!(say("No such device"), None);
    }

    #[test]
    fn a_refused_unload_says_what_to_do() {
        for (errno, root, part) in [
            (Errno::EPERM, false, "run as root"),
            (Errno::EPERM, true, "modules_disabled"),
            (Errno::EWOULDBLOCK, true, "in use"),
            (Errno::EBUSY, true, "try again"),
            (Errno::ENOSYS, true, "cannot unload"),
            (Errno::EIO, true, "dmesg"),
        ] {
            let text = of_unload(errno, root);
            assert!(text.contains(part), "{errno}: {text}");
        }
    }
}
