// SPDX-License-Identifier: GPL-2.0
//! Where the classifier differs from a search for `HTTP` in each segment.

use classifier::{Classifier, Verdict};

/// Whether the classifier calls a stream of these segments a request or a response of HTTP.
fn is_http(segments: &[&[u8]]) -> bool {
    let mut classifier = Classifier::new();
    for segment in segments {
        classifier.feed(segment);
    }
    classifier
        .verdict()
        .is_some_and(|verdict| verdict != Verdict::Other)
}

/// Whether the example would drop one of the segments.
fn example_drops(segments: &[&[u8]]) -> bool {
    segments
        .iter()
        .any(|segment| reference::example_matches(segment))
}

#[test]
fn both_find_a_request_in_one_segment() {
    let request: &[&[u8]] = &[b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"];
    assert!(is_http(request));
    assert!(example_drops(request));
}

#[test]
fn the_example_drops_what_merely_mentions_http() {
    let mail: &[&[u8]] = &[
        b"EHLO h\r\n",
        b"MAIL FROM:<a@h>\r\n",
        b"DATA\r\n",
        b"On HTTP: ...\r\n",
    ];
    let query: &[&[u8]] = &[b"*2\r\n$3\r\nGET\r\n$12\r\nHTTP_COUNTER\r\n"];
    for stream in [mail, query] {
        assert!(!is_http(stream));
        assert!(example_drops(stream));
    }
}

#[test]
fn the_example_misses_a_request_cut_in_two() {
    let request: &[&[u8]] = &[b"GET / HT", b"TP/1.1\r\n\r\n"];
    assert!(is_http(request));
    assert!(!example_drops(request));
}

#[test]
fn the_example_misses_a_request_without_a_version() {
    let request: &[&[u8]] = &[b"GET /\r\n"];
    assert!(is_http(request));
    assert!(!example_drops(request));
}
