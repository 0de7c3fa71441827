// SPDX-License-Identifier: GPL-2.0
//! The second opinion of `httparse`, the parser of hyper and with it of most servers in Rust, and all
//! that it may differ in. The fuzzer includes this file too.
#![allow(dead_code, unreachable_pub)]

use classifier::{Classifier, Verdict, LIMIT};
use httparse::{ParserConfig, Request, Response, Status};

/// What `httparse` takes the first line of a stream for. What comes behind it is not its matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    Request,
    Response,
    Neither,
    /// It may yet become one or the other.
    Undecided,
}

/// The opinion on the stream that begins with `bytes`, with several spaces allowed between the parts
/// of a line, as hyper does.
pub fn opinion(bytes: &[u8]) -> Opinion {
    let mut config = ParserConfig::default();
    config.allow_multiple_spaces_in_request_line_delimiters(true);
    // Without room for headers it goes no further than the first line, and has set the version by then.
    let (mut request, mut response) = (Request::new(&mut []), Response::new(&mut []));
    let results = [
        config.parse_request(&mut request, bytes),
        config.parse_response(&mut response, bytes),
    ];
    if request.version.is_some() {
        Opinion::Request
    } else if response.version.is_some() {
        Opinion::Response
    } else if results.contains(&Ok(Status::Partial)) {
        Opinion::Undecided
    } else {
        Opinion::Neither
    }
}

/// Whether that is what the classifier says too.
pub fn agree(verdict: Option<Verdict>, opinion: Opinion) -> bool {
    let same = match verdict {
        Some(Verdict::Http1) => Opinion::Request,
        Some(Verdict::Response) => Opinion::Response,
        Some(Verdict::Other) => Opinion::Neither,
        None => Opinion::Undecided,
        // It knows neither.
        Some(Verdict::H2c | Verdict::Http09) => return false,
    };
    opinion == same
}

/// The methods that take any target without white space.
pub const REGISTERED: [&str; 40] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// Why the two differ. But for the last four, it is the classifier that calls more streams HTTP, or
/// holds it possible for longer: it must take for a request whatever some server answers as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// `HTTP/1` has come, and no more: the digit decides, and `httparse` waits for the minor version.
    Early,
    /// A version other than 1.0 and 1.1: servers answer it, if only to say that they don't know it.
    Version,
    /// A request of HTTP/0.9.
    NoVersion,
    /// The preface of HTTP/2.
    Preface,
    /// Before the method is white space that is no empty line: some servers skip it.
    SpaceFirst,
    /// Between the parts of the line is white space other than SP, which RFC 9112, section 3 allows.
    OtherSpace,
    /// White space in the target: some servers take the line's last word for the version.
    SpaceInTarget,
    /// A control character in the target: some servers don't look at the target at all.
    ControlInTarget,
    /// A target that is not UTF-8: the same.
    NotUtf8,
    /// A target that is no path, no `*` and has no scheme, behind a method that is not registered:
    /// log lines and other protocols look like that.
    OtherTarget,
    /// A method of more than 32 characters: `httparse` has no bound.
    LongMethod,
    /// A longer line than the classifier looks at.
    LongLine,
    /// A response behind an empty line: a client may skip it, but no server begins with one.
    EmptyLineBeforeResponse,
}

/// Tells from the stream that begins with `bytes`, and where the classifier has decided it, whether
/// and why the second opinion differs.
pub fn difference(bytes: &[u8], decided: Classifier) -> Option<Difference> {
    let (start, behind) = bytes.split_at(decided.offset() as usize);
    match decided.verdict() {
        None => in_request(start),
        Some(Verdict::Http1) => in_request(start).or_else(|| in_number(start, behind)),
        Some(Verdict::Response) => in_number(start, behind),
        Some(Verdict::Http09) => Some(Difference::NoVersion),
        Some(Verdict::H2c) => Some(Difference::Preface),
        Some(Verdict::Other) => in_other(start),
    }
}

/// Checks that the two agree on `stream`, or differ for a reason that is known.
pub fn check(stream: &[u8]) {
    let mut classifier = Classifier::new();
    let verdict = classifier.feed(stream);
    let opinion = opinion(stream);
    let agree = agree(verdict, opinion);
    let why = difference(stream, classifier);
    let both = format!("{} {verdict:?} {opinion:?} {why:?}", stream.escape_ascii());
    assert!(agree || why.is_some(), "{both}");
    // Of what the classifier has done with, `httparse` may find something else amiss.
    assert!(
        !agree || why.is_none() || verdict == Some(Verdict::Other),
        "{both}"
    );
}

/// What there is in the `start` of a request, up to the version's digit.
fn in_request(start: &[u8]) -> Option<Difference> {
    let (blank, line) = split(start, |byte| byte != b'\n' && !is_space(byte));
    if !is_empty_lines(blank, line.is_empty()) {
        return Some(Difference::SpaceFirst);
    }
    let (_method, rest) = split(line, is_space);
    let (gap, rest) = split(rest, |byte| !is_space(byte));
    let (target, rest) = split(rest, is_space);
    let (space, version) = split(rest, |byte| !is_space(byte));
    if target.iter().any(u8::is_ascii_control) {
        return Some(Difference::ControlInTarget);
    }
    // It looks at the whole of it, so not before its end.
    if !space.is_empty() && std::str::from_utf8(target).is_err() {
        return Some(Difference::NotUtf8);
    }
    if [gap, space].concat().iter().any(|&byte| byte != b' ') {
        return Some(Difference::OtherSpace);
    }
    let (name, number) = version.split_at(version.len().min(b"HTTP/".len()));
    let is_version = b"HTTP/".starts_with(name) && matches!(number, [] | [b'0'..=b'9']);
    (!is_version).then_some(Difference::SpaceInTarget)
}

/// What there is in the version of which `start` ends with the first digit.
fn in_number(start: &[u8], behind: &[u8]) -> Option<Difference> {
    match (start.last(), behind) {
        (Some(b'1'), [b'.', b'0' | b'1', ..]) => None,
        (Some(b'1'), [] | [b'.']) => Some(Difference::Early),
        _ => Some(Difference::Version),
    }
}

/// What there may be in the `start` of what the classifier calls no HTTP.
fn in_other(start: &[u8]) -> Option<Difference> {
    let (blank, line) = split(start, |byte| byte != b'\n' && !is_space(byte));
    if line.len() > 32 && !line.contains(&b' ') {
        Some(Difference::LongMethod)
    } else if start.len() == LIMIT as usize {
        Some(Difference::LongLine)
    } else if !blank.is_empty() && line == b"HTTP/" {
        Some(Difference::EmptyLineBeforeResponse)
    } else if is_other_target(line) {
        Some(Difference::OtherTarget)
    } else {
        None
    }
}

/// Whether a `line`, up to where it is no more a request, has a target that its method does not take.
fn is_other_target(line: &[u8]) -> bool {
    let (method, rest) = split(line, is_space);
    let (_gap, rest) = split(rest, |byte| !is_space(byte));
    let (target, _) = split(rest, is_space);
    let is_absolute = target.windows(3).any(|bytes| bytes == b"://");
    let is_taken = target.starts_with(b"/") || target == b"*" || is_absolute;
    let is_registered = REGISTERED.iter().any(|name| name.as_bytes() == method);
    !target.is_empty() && !is_taken && !is_registered
}

/// Whether `blank` is made of empty lines. The last may be `cut` before its LF.
fn is_empty_lines(blank: &[u8], cut: bool) -> bool {
    match blank {
        [] => true,
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => is_empty_lines(rest, cut),
        [b'\r'] => cut,
        _ => false,
    }
}

/// Splits `bytes` before the first for which `ends` holds.
fn split(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| ends(byte));
    bytes.split_at(at.unwrap_or(bytes.len()))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r')
}
