// SPDX-License-Identifier: GPL-2.0
//! Tells from the first bytes of a TCP stream whether it is plaintext HTTP.
//!
//! A [`Classifier`] is fed the bytes of a stream from its first one, in pieces of any size, and
//! decides as soon as they leave no choice. The same bytes fed to a [`LogLine`] give what a person is
//! shown of them. Neither allocates, panics, or grows.
//!
//! ```
//! use classifier::{Classifier, LogLine, Verdict};
//!
//! let stream = b"GET /index.html?token=x HTTP/1.1\r\n";
//! let mut classifier = Classifier::new();
//! assert_eq!(classifier.feed(&stream[..8]), None);
//! assert_eq!(classifier.feed(&stream[8..]), Some(Verdict::Http1));
//! assert_eq!(classifier.offset(), 30); // the version's first digit decides
//!
//! let mut line = LogLine::new();
//! line.feed(stream);
//! assert_eq!(line.display(Verdict::Http1).to_string(), "GET /index.html HTTP/1.1");
//! ```
//!
//! # The language
//!
//! White space is SP, HTAB, VT, FF and a CR that no LF follows (RFC 9112, section 3); a line ends
//! with LF or CRLF. The automaton takes every CR as white space and LF alone as the end of a line.
//! That accepts the same streams and decides them at the same byte, since everything below allows
//! white space before the end of a line, and needs no state to remember a CR.
//!
//! - [`Http1`](Verdict::Http1): white space and empty lines, if any; a method of 1 to 32 token
//!   characters; white space; a target; white space; `HTTP/` and a digit, which decides. The target
//!   - begins with `/`, or is `*`, or begins with a scheme (RFC 3986, section 3.1) and `://`;
//!   - is anything else only behind a method that IANA's registry has, in its own letter case (and
//!     not the `*` that the registry reserves);
//!   - has white space in it only if it begins with `/` behind a registered method, in any letter
//!     case. Servers disagree on where such a target ends: here it ends before the first version
//!     that follows its first byte;
//!   - has no LF and no NUL in it.
//! - [`Http09`](Verdict::Http09): the same up to the target, with the method `GET` and a target
//!   that begins with `/` or with a scheme and `://`, and has no white space in it; the end of the
//!   line decides. So `GET /info RTSP/1.0` is none.
//! - [`H2c`](Verdict::H2c): `PRI * HTTP/2` as the first bytes of the stream.
//! - [`Response`](Verdict::Response): `HTTP/` and a digit as the first bytes of the stream.
//! - [`Other`](Verdict::Other): as soon as the stream can't become any of these, and at the latest
//!   at byte number [`LIMIT`].

// The kernel passes `no_std` on the command line too.
#![allow(unused_attributes)]
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod automaton;
mod classifier;
mod host_field;
mod log_line;
mod method;
mod octet;
mod packed;
mod redacted_target;
mod registry;
mod text;
mod verdict;

pub use crate::classifier::{Classifier, LIMIT};
pub use crate::host_field::HostField;
pub use crate::log_line::LogLine;
pub use crate::method::Method;
pub use crate::text::Escaped;
pub use crate::verdict::Verdict;
