// SPDX-License-Identifier: GPL-2.0
//! A missing page (userfaultfd): a thread that touches it waits until it is provided, within a
//! system call, too.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::ptr::NonNull;

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::mman::{mmap_anonymous, munmap, MapFlags, ProtFlags};

const SIZE: NonZero<usize> = NonZero::new(4096).unwrap();

// linux/userfaultfd.h
const API: u64 = 0xAA;
const MODE_MISSING: u64 = 1;
nix::ioctl_readwrite!(uffdio_api, 0xAA, 0x3F, [u64; 3]);
nix::ioctl_readwrite!(uffdio_register, 0xAA, 0x00, [u64; 4]);
nix::ioctl_readwrite!(uffdio_zeropage, 0xAA, 0x04, [u64; 4]);

/// A page that is missing until it is provided.
pub(crate) struct MissingPage {
    faults: File,
    page: NonNull<libc::c_void>,
}

impl MissingPage {
    /// A new missing page.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The call takes a flag, and returns a new file or an error.
        let file = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        if file < 0 {
            let error = io::Error::last_os_error();
            return Err(error).context("this kernel gives no userfaultfd (CONFIG_USERFAULTFD)");
        }
        // SAFETY: The file is new, and nobody else's.
        let faults = unsafe { File::from_raw_fd(file as RawFd) };
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: The mapping is a new one.
        let page = unsafe { mmap_anonymous(None, SIZE, protection, MapFlags::MAP_PRIVATE) }?;
        let mut range = [page.as_ptr() as u64, SIZE.get() as u64, MODE_MISSING, 0];
        // SAFETY: The arguments are of the types that the calls take; the range is this page's.
        unsafe {
            uffdio_api(file as RawFd, &mut [API, 0, 0])?;
            uffdio_register(file as RawFd, &mut range)?;
        }
        Ok(Self { faults, page })
    }

    /// Sends a byte of it: the thread waits for the page while it owns the socket.
    pub(crate) fn send(&self, socket: &impl AsRawFd) -> io::Result<()> {
        // SAFETY: The page is mapped as long as this lives.
        match unsafe {
            libc::send(
                socket.as_raw_fd(),
                self.page.as_ptr(),
                1,
                libc::MSG_NOSIGNAL,
            )
        } {
            1 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits until a thread has touched it.
    pub(crate) fn wait_until_touched(&self) -> io::Result<()> {
        // A `struct uffd_msg`.
        (&self.faults).read_exact(&mut [0; 32])
    }

    /// Provides a page of zeros: the waiting thread goes on.
    pub(crate) fn provide(&self) -> io::Result<()> {
        let mut range = [self.page.as_ptr() as u64, SIZE.get() as u64, 0, 0];
        // SAFETY: The argument is of the type that the call takes; the range is this page's.
        unsafe { uffdio_zeropage(self.faults.as_raw_fd(), &mut range) }?;
        Ok(())
    }
}

impl Drop for MissingPage {
    fn drop(&mut self) {
        // SAFETY: Nobody has a reference to the page.
        let _ = unsafe { munmap(self.page, SIZE.get()) };
    }
}

// SAFETY: The page is only touched by the kernel.
unsafe impl Send for MissingPage {}
// SAFETY: As above.
unsafe impl Sync for MissingPage {}
