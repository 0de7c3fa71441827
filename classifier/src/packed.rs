// SPDX-License-Identifier: GPL-2.0
//! A classifier in one word: state and form in the low byte, the offset above.

use crate::automaton::{Automaton, Form, State};
use crate::{Classifier, Verdict, LIMIT};

/// The bits of the low byte that are the state's. The others are the form's.
const STATE: u32 = 0x3f;

impl Classifier {
    /// Packs the classifier into a word: 0 at the start of a stream.
    pub const fn pack(self) -> u32 {
        let Automaton { state, form } = self.automaton;
        (self.offset << u8::BITS) | ((form as u32) << STATE.count_ones()) | (state.code() as u32)
    }

    /// Unpacks a classifier. A word into which none is packed gives one that may be unreachable, but
    /// keeps all promises from there on.
    pub const fn unpack(word: u32) -> Self {
        let mut automaton = Automaton {
            state: State::of((word & STATE) as u8),
            form: Form::of((word as u8) >> STATE.count_ones()),
        };
        let mut offset = word >> u8::BITS;
        if offset >= LIMIT {
            offset = LIMIT;
            if !matches!(automaton.state, State::Decided(_)) {
                automaton.state = State::Decided(Verdict::Other);
            }
        }
        Self { automaton, offset }
    }
}

impl State {
    const fn code(self) -> u8 {
        match self {
            Self::Blank => 0x00,
            Self::Gap => 0x01,
            Self::Target => 0x02,
            Self::Status => 0x03,
            Self::Decided(Verdict::Http1) => 0x08,
            Self::Decided(Verdict::H2c) => 0x09,
            Self::Decided(Verdict::Http09) => 0x0a,
            Self::Decided(Verdict::Response) => 0x0b,
            Self::Decided(Verdict::Other) => 0x0c,
            Self::Version(n) => 0x10 | n,
            Self::Method(n) => 0x20 | n.saturating_sub(1),
        }
    }

    const fn of(code: u8) -> Self {
        match code {
            0x00 => Self::Blank,
            0x01 => Self::Gap,
            0x02 => Self::Target,
            0x03 => Self::Status,
            0x08 => Self::Decided(Verdict::Http1),
            0x09 => Self::Decided(Verdict::H2c),
            0x0a => Self::Decided(Verdict::Http09),
            0x0b => Self::Decided(Verdict::Response),
            0x10..=0x15 => Self::Version(code & 0x0f),
            0x20..=0x3f => Self::Method((code & 0x1f).saturating_add(1)),
            _ => Self::Decided(Verdict::Other),
        }
    }
}

impl Form {
    const fn of(code: u8) -> Self {
        match code {
            0 => Self::Ordinary,
            1 => Self::Simple,
            2 => Self::Preface,
            _ => Self::Response,
        }
    }
}
