// SPDX-License-Identifier: GPL-2.0
//! Fields of headers, which may be cut off.

use crate::unread::{Left, Unread};

const CUT: Left = Left::Unread(Unread::Malformed);

/// The byte at an offset.
pub(crate) fn u8(bytes: &[u8], at: usize) -> Result<u8, Left> {
    bytes.get(at).copied().ok_or(CUT)
}

/// The number at an offset, in the network's order of bytes; so are the others.
pub(crate) fn u16(bytes: &[u8], at: usize) -> Result<u16, Left> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(crate) fn u24(bytes: &[u8], at: usize) -> Result<u32, Left> {
    array(bytes, at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
}

pub(crate) fn u32(bytes: &[u8], at: usize) -> Result<u32, Left> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// So many bytes at an offset.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Left> {
    let array = bytes.get(at..).and_then(<[u8]>::first_chunk);
    array.copied().ok_or(CUT)
}

/// All behind a header.
pub(crate) fn behind(bytes: &[u8], header: usize) -> Result<&[u8], Left> {
    bytes.get(header..).ok_or(CUT)
}

/// As much of some bytes as a header tells, which may be more than was captured.
pub(crate) fn up_to(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}
