// SPDX-License-Identifier: GPL-2.0
//! A classifier in one word: the state in its low bits, the form above, the offset above these.

use crate::automaton::{Automaton, Form, State, Target};
use crate::registry::Prefix;
use crate::{Classifier, Verdict, LIMIT};

/// How many bits the state takes, and state and form together.
const STATE_BITS: u32 = 11;
const AUTOMATON_BITS: u32 = 14;

const _: () = assert!(LIMIT <= u32::MAX >> AUTOMATON_BITS);

impl Classifier {
    /// Packs the classifier into a word: 0 at the start of a stream.
    pub const fn pack(self) -> u32 {
        let Automaton { state, form } = self.automaton;
        (self.offset << AUTOMATON_BITS) | ((form as u32) << STATE_BITS) | (state.code() as u32)
    }

    /// Unpacks a classifier. A word into which none is packed gives one that may be unreachable, but
    /// keeps all promises from there on.
    pub const fn unpack(word: u32) -> Self {
        let mut automaton = Automaton {
            state: State::of((word & !(u32::MAX << STATE_BITS)) as u16),
            form: Form::of(((word & !(u32::MAX << AUTOMATON_BITS)) >> STATE_BITS) as u8),
        };
        let mut offset = word >> AUTOMATON_BITS;
        if offset >= LIMIT {
            offset = LIMIT;
            if !matches!(automaton.state, State::Decided(_)) {
                automaton.state = State::Decided(Verdict::Other);
            }
        }
        Self { automaton, offset }
    }
}

/// What is asked of packed classifiers without unpacking them.
impl Classifier {
    /// The [offset](Self::offset) of a classifier that was packed into `word`.
    #[inline]
    pub const fn packed_offset(word: u32) -> u32 {
        word >> AUTOMATON_BITS
    }

    /// Whether two packed classifiers differ in nothing but their offsets.
    #[inline]
    pub const fn packed_is_moved(word: u32, other: u32) -> bool {
        (word ^ other) << (u32::BITS - AUTOMATON_BITS) == 0
    }

    /// Whether a classifier that was packed into `word` has a [verdict](Self::verdict).
    #[inline]
    pub const fn packed_is_decided(word: u32) -> bool {
        matches!(
            (word & !(u32::MAX << STATE_BITS)) as u16,
            DECIDED..=DECIDED_LAST
        )
    }
}

/// Where the codes of verdicts begin and end, and those of targets, versions and methods begin.
const DECIDED: u16 = State::Decided(Verdict::Http1).code();
const DECIDED_LAST: u16 = State::Decided(Verdict::Other).code();
const TARGET: u16 = 0x10;
const VERSION: u16 = 0x40;
const METHOD: u16 = 0x80;

impl State {
    const fn code(self) -> u16 {
        match self {
            Self::Blank => 0x00,
            Self::Gap => 0x01,
            Self::Status => 0x02,
            Self::Decided(Verdict::Http1) => 0x08,
            Self::Decided(Verdict::H2c) => 0x09,
            Self::Decided(Verdict::Http09) => 0x0a,
            Self::Decided(Verdict::Response) => 0x0b,
            Self::Decided(Verdict::Other) => 0x0c,
            Self::Target(target) => TARGET | target as u16,
            Self::Version(target, n) => VERSION | ((target as u16) << 3) | n as u16,
            Self::Method(prefix) => {
                let len = prefix.len().saturating_sub(1);
                METHOD.saturating_add(((prefix.first() as u16) << 5) | len as u16)
            }
        }
    }

    const fn of(code: u16) -> Self {
        match code {
            0x00 => Self::Blank,
            0x01 => Self::Gap,
            0x02 => Self::Status,
            0x08 => Self::Decided(Verdict::Http1),
            0x09 => Self::Decided(Verdict::H2c),
            0x0a => Self::Decided(Verdict::Http09),
            0x0b => Self::Decided(Verdict::Response),
            TARGET..=0x17 => Self::Target(Target::of(code & 0x7)),
            VERSION..=0x7f if code & 0x7 <= 5 => {
                Self::Version(Target::of((code >> 3) & 0x7), (code & 0x7) as u8)
            }
            METHOD.. => {
                let method = code.saturating_sub(METHOD);
                let (first, len) = ((method >> 5) as u8, (method & 0x1f) as u8);
                if first > Prefix::UNKNOWN {
                    return Self::Decided(Verdict::Other);
                }
                Self::Method(Prefix::new(first, len.saturating_add(1)))
            }
            _ => Self::Decided(Verdict::Other),
        }
    }
}

impl Target {
    const fn of(code: u16) -> Self {
        match code {
            0 => Self::Path,
            1 => Self::Asterisk,
            2 => Self::Scheme,
            3 => Self::Colon,
            4 => Self::Slash,
            5 => Self::Absolute,
            _ => Self::Opaque,
        }
    }
}

impl Form {
    const fn of(code: u8) -> Self {
        match code {
            0 => Self::Registered,
            1 => Self::Folded,
            2 => Self::Token,
            3 => Self::Simple,
            4 => Self::Preface,
            _ => Self::Response,
        }
    }
}
