// SPDX-License-Identifier: GPL-2.0
//! The `Host` field behind a request line.

use classifier::HostField;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The value that is found behind these bytes, which come in pieces of this size.
fn found_in_pieces(bytes: &[u8], size: usize) -> Option<String> {
    let mut host = HostField::new();
    for piece in bytes.chunks(size) {
        if !host.feed(piece) {
            break;
        }
    }
    host.value().map(|value| value.to_string())
}

fn found(bytes: &[u8]) -> Option<String> {
    let whole = found_in_pieces(bytes, usize::MAX);
    assert_eq!(found_in_pieces(bytes, 1), whole);
    whole
}

#[test]
fn it_is_found_among_other_fields() {
    for (fields, expected) in [
        (".1\r\nHost: example.com\r\n\r\n", Some("example.com")),
        (".1\r\nhOsT:example.com:8080\r\n", Some("example.com:8080")),
        (".1\nHost: \t a \t\n", Some("a")),
        (
            ".1\r\nA: b\r\nX-Host: c\r\nHost: d\r\nHost: e\r\n\r\n",
            Some("d"),
        ),
        (".1\r\nHost:\r\n", Some("")),
        (".1\r\nHost: a b\r\n", Some("a\\x20b")),
        (".1\r\nHost: \x1b[31m\"\r\n", Some("\\x1b[31m\\x22")),
        (
            ".1\r\nHos: a\r\nHostt: b\r\nHost : c\r\n Host: d\r\n\r\n",
            None,
        ),
        (".1\r\n\r\nHost: body\r\n", None),
        (".1\n\nHost: body\n", None),
        (".1\r\nHost: cut off", None),
        (".1\r\nHost: cut off\r", None),
        (".1 Host: in the line", None),
        ("\r\rHost: a\r\n", None),
        ("", None),
    ] {
        assert_eq!(found(fields.as_bytes()).as_deref(), expected, "{fields:?}");
    }
}

#[test]
fn it_is_looked_for_within_a_limit() {
    let with = |len: usize| [".1\r\n", &"a".repeat(len), "\r\nHost: b\r\n"].concat();
    let around = with(0).len();
    let room = usize::from(HostField::LIMIT) - around;
    assert_eq!(found(with(room).as_bytes()).as_deref(), Some("b"));
    assert_eq!(found(with(room + 1).as_bytes()), None);
}

#[test]
fn a_long_value_is_cut() {
    let fields = [".1\r\nHost: ", &"a".repeat(1000), "\r\n"].concat();
    assert_eq!(found(fields.as_bytes()), Some("a".repeat(128)));
}

/// What stands there, looked for by lines.
fn expected(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = &bytes[..bytes.len().min(HostField::LIMIT.into())];
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n').skip(1);
    let mut fields = lines.by_ref().map_while(|line| {
        let line = line.strip_suffix(b"\n")?;
        (!matches!(line, b"" | b"\r")).then_some(line)
    });
    let value = fields.find_map(|line| {
        let (name, value) = line.split_at_checked(5)?;
        name.eq_ignore_ascii_case(b"host:").then_some(value)
    })?;
    let blanks = value
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t');
    let value = &value[blanks.count()..];
    let value = &value[..value.len().min(128)];
    Some(value.trim_ascii_end().to_vec())
}

const PIECES: [&[u8]; 11] = [
    b"\r\n",
    b"\n",
    b"Host",
    b"hoST:",
    b":",
    b" ",
    b"\t",
    b"\r",
    b"example.com",
    b"\xff\0",
    &[b'x'; 700],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn it_is_what_stands_there(
        pieces in vec(select(&PIECES[..]), 0..24),
        size in 1_usize..40,
    ) {
        let bytes = pieces.concat();
        let shown = expected(&bytes).map(|value| classifier::Escaped(&value).to_string());
        prop_assert_eq!(found_in_pieces(&bytes, size), shown);
    }
}
