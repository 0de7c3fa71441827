// SPDX-License-Identifier: GPL-2.0
//! What a stream turns out to be.

/// What a stream turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A request of HTTP/1, or of any version that writes its first line alike.
    Http1,
    /// The preface of HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// A request of HTTP/0.9: a line without a version.
    Http09,
    /// A response: the stream of a server.
    Response,
    /// Anything else.
    Other,
}

impl Verdict {
    /// The name that programs and people are shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::H2c => "h2c",
            Self::Http09 => "http09",
            Self::Response => "response",
            Self::Other => "other",
        }
    }
}
