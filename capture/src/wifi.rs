// SPDX-License-Identifier: GPL-2.0
//! Data in 802.11 frames (IEEE 802.11-2020, 9.2 and 9.3.2).

use crate::bytes::{array, behind, u16, u8, up_to};
use crate::ether::Content;
use crate::unread::{Left, Unread};

/// The bits of a frame's first byte: its version and type; no data; a QoS field in the header.
const VERSION_AND_TYPE: u8 = 0b1111;
const DATA: u8 = 0b1000;
const NO_DATA: u8 = 1 << 6;
const QOS: u8 = 1 << 7;

/// Of its second byte: both of the first ones tell of a fourth address.
const TO_AND_FROM_DS: u8 = 0b11;
const MORE_FRAGMENTS: u8 = 1 << 2;
const PROTECTED: u8 = 1 << 6;
const HT_CONTROL: u8 = 1 << 7;

/// Of its sequence control.
const FRAGMENT_NUMBER: u8 = 0b1111;

/// Of its QoS field: it holds an A-MSDU.
const AGGREGATE: u8 = 1 << 7;

/// The size of the largest A-MSDU, in bytes (IEEE 802.11-2020, table 9-25).
const AGGREGATE_MAX: usize = 11_454;

/// Of radiotap's fields (<https://www.radiotap.org/fields/defined>): which ones there are.
const TSFT: u32 = 1 << 0;
const FLAGS: u32 = 1 << 1;
const MORE_BITMAPS: u32 = 1 << 31;

/// Of its flags: the 802.11 header is padded to four bytes; the frame's checksum is wrong.
const PADDED: u8 = 0x20;
const BAD_FCS: u8 = 0x40;

/// What a frame holds: an LLC header and what follows it, or several of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'a> {
    rest: &'a [u8],
    is_aggregate: bool,
}

/// The data of a frame that begins with an 802.11 header.
pub(crate) fn data(frame: &[u8]) -> Result<Data<'_>, Left> {
    padded_data(frame, false)
}

/// The data of a frame behind a radiotap header.
pub(crate) fn radiotap_data(frame: &[u8]) -> Result<Data<'_>, Left> {
    // The header's size and its first bitmap; numbers are little-endian.
    let length = u16::from_le_bytes(array(frame, 2)?);
    let bitmap = |at: usize| array(frame, at).map(u32::from_le_bytes);
    let present = bitmap(4)?;
    let mut fields: usize = 8;
    let mut last = present;
    while last & MORE_BITMAPS != 0 {
        last = bitmap(fields)?;
        fields = fields.saturating_add(4);
    }
    if present & TSFT != 0 {
        // Eight bytes, aligned.
        fields = fields.next_multiple_of(8).saturating_add(8);
    }
    let flags = match present & FLAGS {
        0 => 0,
        _ => u8(frame, fields)?,
    };
    if flags & BAD_FCS != 0 {
        return Err(Unread::Malformed.into());
    }
    padded_data(behind(frame, length.into())?, flags & PADDED != 0)
}

fn padded_data(frame: &[u8], is_padded: bool) -> Result<Data<'_>, Left> {
    let [kind, flags] = array(frame, 0)?;
    if kind & VERSION_AND_TYPE != DATA || kind & NO_DATA != 0 {
        return Err(Left::NotTcp);
    }
    let mut header: usize = 24;
    if flags & TO_AND_FROM_DS == TO_AND_FROM_DS {
        header = header.saturating_add(6);
    }
    let mut is_aggregate = false;
    if kind & QOS != 0 {
        is_aggregate = u8(frame, header)? & AGGREGATE != 0;
        header = header.saturating_add(2);
        if flags & HT_CONTROL != 0 {
            header = header.saturating_add(4);
        }
    }
    if flags & PROTECTED != 0 {
        return Err(Unread::Encrypted("802.11").into());
    }
    if flags & MORE_FRAGMENTS != 0 || u8(frame, 22)? & FRAGMENT_NUMBER != 0 {
        return Err(Unread::WifiFragment.into());
    }
    if is_padded {
        header = header.next_multiple_of(4);
    }
    let mut rest = behind(frame, header)?;
    if is_aggregate {
        rest = up_to(rest, AGGREGATE_MAX);
    }
    Ok(Data { rest, is_aggregate })
}

impl<'a> Iterator for Data<'a> {
    type Item = Content<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        /// Two addresses and a length, behind which there is padding to four bytes but for the last one.
        const SUBFRAME_HEADER: usize = 14;
        /// Of the frame, which may be at its end.
        const CHECKSUM: usize = 4;
        let rest = self.rest;
        if rest.is_empty() || self.is_aggregate && rest.len() <= CHECKSUM {
            return None;
        }
        if !self.is_aggregate {
            self.rest = &[];
            return Some(Content::Llc(rest));
        }
        let length = u16(rest, 12).map_or(0, usize::from);
        let payload = rest.get(SUBFRAME_HEADER..).unwrap_or_default();
        let end = SUBFRAME_HEADER.saturating_add(length).next_multiple_of(4);
        self.rest = rest.get(end..).unwrap_or_default();
        Some(Content::Llc(up_to(payload, length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Several in one frame: the sizes of what they hold.
    fn sizes(rest: &[u8]) -> Vec<usize> {
        let data = Data {
            rest,
            is_aggregate: true,
        };
        let sizes = data.filter_map(|content| match content {
            Content::Llc(held) => Some(held.len()),
            _ => None,
        });
        sizes.collect()
    }

    fn subframe(size: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend(size.to_be_bytes());
        frame.extend(vec![0; size.into()]);
        frame
    }

    #[test]
    fn a_checksum_is_no_other_subframe() {
        let padded = |size| {
            let mut frame = subframe(size);
            frame.resize(frame.len().next_multiple_of(4), 0);
            frame
        };
        for last in 30..34 {
            let frame = [padded(33), subframe(last)].concat();
            let expected = [33, last.into()];
            assert_eq!(sizes(&frame), expected);
            assert_eq!(sizes(&[frame, vec![0xff; 4]].concat()), expected);
        }
    }

    #[test]
    fn an_aggregate_is_no_larger_than_it_may_be() {
        let header = [0x88, 0, 0, 0];
        let mut frame = [&header[..], &[0; 20], &[AGGREGATE, 0]].concat();
        frame.resize(1 << 20, 0);
        let size = data(&frame).map(|data| data.rest.len());
        assert_eq!(size.ok(), Some(AGGREGATE_MAX));
    }
}
