// SPDX-License-Identifier: GPL-2.0

//! Directories in sysfs, one value a file.
//!
//! C header: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use super::{bindings, cstr};
use core::{
    ffi::c_void,
    fmt::{self, Write},
    marker::PhantomData,
    ptr::NonNull,
};
use kernel::{
    ffi::{c_char, c_uint},
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc,
};

/// How many files a directory can have.
const MAX_FILES: usize = 24;

/// A file of a [`Directory`].
pub(crate) trait File: Copy + 'static {
    /// Its name.
    fn name(self) -> &'static CStr;
    /// Its permissions: 0o444, 0o644, 0o600 or 0o200. With 0o600, to read it takes `CAP_NET_ADMIN`.
    fn mode(self) -> u16;
}

/// The files of a directory: how they are read and written. Process context; may sleep.
pub(crate) trait Directory: Send + Sync + 'static {
    /// Names its files.
    type File: File;

    /// All of them.
    const FILES: &'static [Self::File];

    /// Writes the value of `file` to `page`, without a line end. Whoever reads one that is too long gets
    /// `EFBIG`.
    fn show(&self, file: Self::File, page: &mut Page<'_>) -> fmt::Result;

    /// Takes a new value, of less than `PAGE_SIZE` bytes, which comes without white space around it, from
    /// a process that has `CAP_NET_ADMIN`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is none; then nothing was changed, and the kernel log has a line about it.
    fn store(&self, file: Self::File, value: &str) -> Result;
}

/// Where a value is written to: `PAGE_SIZE` bytes.
pub(crate) struct Page<'a> {
    bytes: &'a mut [u8; PAGE_SIZE],
    len: usize,
}

impl Write for Page<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.write_bytes(s.as_bytes())
    }
}

impl Page<'_> {
    /// Writes bytes, which need not be text.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        let end = self.len.saturating_add(bytes.len());
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        // Not `copy_from_slice()`: it panics where lengths differ, and that branch would stay.
        place
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        self.len = end;
        Ok(())
    }
}

/// A directory that exists; dropping it waits for accesses under way, then removes it. Those
/// below it have to be dropped first.
///
/// # Invariants
///
/// `dir` is valid, and its callbacks' data is `_data`.
pub(crate) struct Registration<D: Directory> {
    dir: NonNull<bindings::hf_dir>,
    _data: Arc<D>,
    _type: PhantomData<D>,
}

// SAFETY: sysfs locks for itself; `D` is `Send` and `Sync`.
unsafe impl<D: Directory> Send for Registration<D> {}
// SAFETY: As above.
unsafe impl<D: Directory> Sync for Registration<D> {}

impl<D: Directory> Registration<D> {
    /// A directory in `/sys/kernel`. Process context.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also where there is one of that name.
    pub(crate) fn in_kernel(name: &'static CStr, data: Arc<D>) -> Result<Self> {
        // SAFETY: No parent stands for `/sys/kernel`, which is never removed.
        unsafe { Self::create(core::ptr::null(), name, data) }
    }

    /// A directory in this one.
    ///
    /// # Errors
    ///
    /// As [`Self::in_kernel`].
    pub(crate) fn subdirectory<C: Directory>(
        &self,
        name: &'static CStr,
        data: Arc<C>,
    ) -> Result<Registration<C>> {
        // SAFETY: By the type invariant the directory is valid.
        unsafe { Registration::create(self.dir.as_ptr(), name, data) }
    }

    /// # Safety
    ///
    /// `parent` must be valid or NULL.
    unsafe fn create(
        parent: *const bindings::hf_dir,
        name: &'static CStr,
        data: Arc<D>,
    ) -> Result<Self> {
        const { assert!(D::FILES.len() <= MAX_FILES) };
        let files: [bindings::hf_file; MAX_FILES] = core::array::from_fn(|index| {
            D::FILES
                .get(index)
                .map_or_else(Default::default, |file| bindings::hf_file {
                    name: file.name().as_char_ptr(),
                    mode: file.mode(),
                })
        });
        // SAFETY: `parent` is valid by this function's requirements, names are static, `files` is
        // copied from, and `data` outlives the directory: the type's drop removes it first.
        let dir = unsafe {
            bindings::hf_dir_create(
                parent,
                name.as_char_ptr(),
                files.as_ptr(),
                D::FILES.len() as c_uint,
                Some(show::<D>),
                Some(store::<D>),
                Arc::as_ptr(&data).cast_mut().cast::<c_void>(),
            )
        };
        let dir = kernel::error::from_err_ptr(dir)?;
        // INVARIANT: The function returns a directory or an error.
        Ok(Self {
            dir: NonNull::new(dir).ok_or(ENOMEM)?,
            _data: data,
            _type: PhantomData,
        })
    }
}

impl<D: Directory> Drop for Registration<D> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_dir_remove(self.dir.as_ptr()) }
    }
}

/// Shows a file: a directory's `hf_show`.
///
/// # Safety
///
/// `data` must be a valid `D` that is not changed but through shared references while this runs,
/// and `page` must be valid for reads and writes of `PAGE_SIZE` bytes, with no other access to them
/// meanwhile.
unsafe extern "C" fn show<D: Directory>(
    data: *mut c_void,
    file: c_uint,
    page: *mut c_char,
) -> isize {
    // SAFETY: By this function's requirements `data` is a valid `D`.
    let data = unsafe { &*data.cast::<D>() };
    // SAFETY: By this function's requirements these bytes are nobody else's, and sysfs has cleared
    // them.
    let bytes = unsafe { &mut *page.cast::<[u8; PAGE_SIZE]>() };
    let mut page = Page { bytes, len: 0 };
    let Some(&file) = D::FILES.get(file as usize) else {
        return EINVAL.to_errno() as isize;
    };
    match data
        .show(file, &mut page)
        .and_then(|()| page.write_str("\n"))
    {
        Ok(()) => page.len as isize,
        Err(_) => EFBIG.to_errno() as isize,
    }
}

/// Hands a file a new value: a directory's `hf_store`. As for `sysfs_streq()`, the value may end
/// with a NUL, which some programs write along.
///
/// # Safety
///
/// `data` must be a valid `D` that is not changed but through shared references while this runs,
/// and `value` must be valid for reads of `len` bytes, which do not change meanwhile.
unsafe extern "C" fn store<D: Directory>(
    data: *mut c_void,
    file: c_uint,
    value: *const c_char,
    len: usize,
) -> isize {
    // SAFETY: By this function's requirements `data` is a valid `D`.
    let data = unsafe { &*data.cast::<D>() };
    // SAFETY: By this function's requirements these bytes can be read, and do not change.
    let bytes = unsafe { core::slice::from_raw_parts(value.cast::<u8>(), len) };
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let result = match D::FILES.get(file as usize) {
        // sysfs hands on a longer one in parts.
        _ if len >= PAGE_SIZE => Err(EINVAL),
        Some(&file) => data.store(file, cstr::from_bytes(bytes).trim_ascii()),
        None => Err(EINVAL),
    };
    match result {
        Ok(()) => len as isize,
        Err(e) => e.to_errno() as isize,
    }
}
