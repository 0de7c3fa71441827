// SPDX-License-Identifier: GPL-2.0

//! A packet's data (`struct sk_buff`), read only.
//!
//! Data may lie in the linear part, in page fragments or in a list of fragments, and a GRO packet may
//! hold 64 kB of them. The linear part, which is the kernel's, is read where it is. Pages may be a
//! sender's, who can write to them meanwhile: they are copied.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::bindings;
use core::ffi::c_void;

/// The linear part of `skb` from `offset` on; empty behind it.
///
/// # Safety
///
/// `skb` must be valid for `'a`, and nobody may write to its linear part.
#[inline]
pub(super) unsafe fn linear<'a>(skb: *const bindings::sk_buff, offset: u32) -> &'a [u8] {
    // SAFETY: By this function's requirements.
    let (data, len, paged) = unsafe { ((*skb).data, (*skb).len, (*skb).data_len) };
    match len
        .checked_sub(paged)
        .and_then(|len| len.checked_sub(offset))
    {
        // SAFETY: The linear part has `len - paged` bytes (`skb_headlen()`).
        Some(len) => unsafe {
            core::slice::from_raw_parts(data.add(offset as usize), len as usize)
        },
        None => &[],
    }
}

/// Passes what `skb` holds from offset `from` to `to`, both of which lie within it, piece by piece to
/// `consume`, until there is no more, or until it returns false. Returns whether there is no more.
///
/// # Safety
///
/// `skb` must be valid, and nobody may write to its linear part.
#[inline]
pub(super) unsafe fn read<F: FnMut(&[u8]) -> bool>(
    skb: *const bindings::sk_buff,
    from: u32,
    to: u32,
    mut consume: F,
) -> bool {
    // SAFETY: By this function's requirements.
    let bytes = unsafe { linear(skb, from) };
    // The linear part may have more, which is not asked for.
    let bytes = bytes
        .get(..to.saturating_sub(from) as usize)
        .unwrap_or(bytes);
    if !bytes.is_empty() && !consume(bytes) {
        return false;
    }
    let from = from.saturating_add(bytes.len() as u32);
    if from >= to {
        return true;
    }
    let context = core::ptr::from_mut(&mut consume).cast::<c_void>();
    // SAFETY: By this function's requirements; `context` is what `call::<F>` expects.
    unsafe { bindings::hf_skb_read(skb, from, to, Some(call::<F>), context) }
}

/// Calls a closure from C.
///
/// # Safety
///
/// `context` must point to the closure, to which nothing else refers, and `data` to `len` bytes.
unsafe extern "C" fn call<F: FnMut(&[u8]) -> bool>(
    context: *mut c_void,
    data: *const u8,
    len: u32,
) -> bool {
    // SAFETY: By this function's requirements.
    let consume = unsafe { &mut *context.cast::<F>() };
    // SAFETY: By this function's requirements.
    consume(unsafe { core::slice::from_raw_parts(data, len as usize) })
}
