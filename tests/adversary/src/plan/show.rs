// SPDX-License-Identifier: GPL-2.0
//! Plans as text, an action a line.

use std::fmt;

use super::{Action, Encapsulation, Kind, Plan, Segment};

/// How many bytes are shown of a longer piece.
const SHOWN: usize = 72;

/// Bytes as text, escaped, and cut where they are many.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..SHOWN) {
            Some(start) if self.0.len() > SHOWN => write!(
                f,
                "\"{}\"... ({} bytes)",
                start.escape_ascii(),
                self.0.len()
            ),
            _ => write!(f, "\"{}\"", self.0.escape_ascii()),
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}) {}", self.offset, self.end(), Text(&self.data))?;
        if self.kind != Kind::Data {
            write!(f, " {:?}", self.kind)?;
        }
        if let Some(pointer) = self.urgent {
            write!(f, " urgent pointer {pointer}")?;
        }
        if let Some(fault) = self.fault {
            write!(f, " (discarded: {fault:?})")?;
        }
        if self.encapsulation != Encapsulation::Plain {
            write!(f, " {:?}", self.encapsulation)?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(segment) => write!(f, "send {segment}"),
            Self::Together(one, other) => write!(f, "send {one} and {other} at the same time"),
            Self::KeepAlive(byte) => write!(f, "keep-alive probe with {}", Text(&[*byte])),
            Self::Cpu(cpu) => write!(f, "continue on CPU {cpu}"),
            Self::Settle => write!(f, "wait for acknowledgements"),
            Self::Hold => write!(f, "hold the connection open"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        writeln!(
            f,
            "  {} to a {:?} socket, segments of up to {}",
            self.family.name(),
            self.socket,
            options.segment_size
        )?;
        let offered = [
            (options.timestamps, "timestamps"),
            (options.selective_acks, "selective acknowledgements"),
            (options.window_scale.is_some(), "window scaling"),
            (self.opening.fast_open, "fast open"),
        ];
        let offered: Vec<&str> = offered
            .iter()
            .filter(|(yes, _)| *yes)
            .map(|(_, name)| *name)
            .collect();
        writeln!(
            f,
            "  offers {}",
            if offered.is_empty() {
                "no option".into()
            } else {
                offered.join(", ")
            }
        )?;
        writeln!(f, "  stream {}", Text(&self.stream))?;
        if !self.opening.syn_data.is_empty() {
            writeln!(f, "  SYN with {}", Text(&self.opening.syn_data))?;
        }
        if self.opening.third_ack_carries {
            writeln!(f, "  no bare acknowledgement in the handshake")?;
        }
        if self.opening.start_is_open {
            writeln!(
                f,
                "  the server takes the stream's start from the first segment (SYN cookie)"
            )?;
        }
        for action in &self.actions {
            writeln!(f, "  {action}")?;
        }
        let how = if self.retransmission.recut.is_some() {
            "with new boundaries"
        } else {
            "in full segments"
        };
        write!(
            f,
            "  retransmit what is not acknowledged, {how}, {} times",
            self.retransmission.tries
        )
    }
}
