// SPDX-License-Identifier: GPL-2.0
//! The rows of the catalogue: the only place of their numbers and titles.

use crate::address::Family;

macro_rules! rows {
    ($($number:literal $name:ident $title:literal,)*) => {
        /// A row: cases of one technique.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Row {
            $($name = $number,)*
        }

        impl Row {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            pub(super) const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

rows! {
    1 Cut "first line cut in two",
    2 Bytes "segments of one byte",
    3 Order "segments out of order or reversed",
    4 Repetition "a sequence number repeated with other bytes",
    5 Overlap "overlapping segments, bytes of the past",
    6 HopLimit "a low hop limit",
    7 Checksum "decoys with a wrong checksum",
    8 Numbers "decoys with a wrong sequence or acknowledgement number",
    9 Signature "decoys with an MD5 or TCP-AO option",
    10 Timestamp "decoys with an old timestamp",
    11 NoAck "decoys without the ACK flag",
    12 Header "decoys with a broken header, an absurd window scale",
    13 RstAndFin "RST and FIN decoys",
    14 Handshake "SYN again, SYN with data, split handshake, data on the third ACK",
    15 FastOpen "Fast Open",
    16 Urgent "an urgent byte in the first line",
    17 Ipv4Fragments "IPv4 fragments",
    18 Ipv6Headers "IPv6 fragments and extension headers",
    19 EmptyLines "empty lines before the method",
    20 LeadingSpace "white space before the method",
    21 Separators "other white space than one space behind the method",
    22 LetterCase "the method in lower or mixed case",
    23 LineEnds "lines that end with LF, or not at all",
    24 Methods "unknown methods",
    25 Targets "targets in absolute, asterisk and authority form",
    26 Http09 "HTTP/0.9",
    27 HostField "tricks with the Host field",
    28 PriorKnowledge "HTTP/2 by prior knowledge",
    29 Upgrade "upgrade to h2c",
    30 SmallSegments "small segments on a small maximum segment size",
    31 Identifications "repeated and equal IP identifications",
    32 BehindAnother "HTTP behind another protocol's start",
    33 Later "HTTP on a connection that is past its start",
    34 Exhaustion "thousands of half-started connections",
    35 Swapped "other protocols' starts, the first two segments swapped",
}

impl Row {
    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    /// Whether its HTTP comes after a start that is not HTTP: no attack on a filter of starts.
    pub(super) const fn is_after_start(self) -> bool {
        matches!(self, Self::BehindAnother | Self::Later)
    }

    /// The only version of IP that it is about, if it is not about both.
    pub(super) const fn family(self) -> Option<Family> {
        match self {
            Self::Ipv4Fragments => Some(Family::Ipv4),
            Self::Ipv6Headers => Some(Family::Ipv6),
            _ => None,
        }
    }
}
