// SPDX-License-Identifier: GPL-2.0
//! Where `httparse` and the classifier agree, and an example of each way in which they don't.

mod common;

use classifier::{Classifier, Verdict, LIMIT};
use common::second_opinion::{agree, check, difference, opinion, Difference, Opinion};
use common::{config, stream};
use proptest::collection::vec;
use proptest::prelude::*;

/// Checks what each says of `stream`, and that they differ for just that reason.
#[track_caller]
fn differ(stream: impl AsRef<[u8]>, why: Difference, verdict: Option<Verdict>, other: Opinion) {
    let stream = stream.as_ref();
    let mut classifier = Classifier::new();
    assert_eq!(classifier.feed(stream), verdict);
    assert_eq!(opinion(stream), other);
    assert!(!agree(verdict, other));
    assert_eq!(difference(stream, classifier), Some(why));
}

const HTTP1: Option<Verdict> = Some(Verdict::Http1);
const OTHER: Option<Verdict> = Some(Verdict::Other);

#[test]
fn requests_that_only_the_classifier_sees() {
    use Difference::*;
    differ("GET / HTTP/1", Early, HTTP1, Opinion::Undecided);
    differ("GET / HTTP/1.", Early, HTTP1, Opinion::Undecided);
    differ("GET / HTTP/2.0\r\n", Version, HTTP1, Opinion::Neither);
    differ("GET / HTTP/1.2\r\n", Version, HTTP1, Opinion::Neither);
    differ(" GET / HTTP/1.1\r\n", SpaceFirst, HTTP1, Opinion::Neither);
    differ(
        "\r\rGET / HTTP/1.1\r\n",
        SpaceFirst,
        HTTP1,
        Opinion::Neither,
    );
    differ("GET\t/ HTTP/1.1\r\n", OtherSpace, HTTP1, Opinion::Neither);
    differ("GET /\x0bHTTP/1.1\r\n", OtherSpace, HTTP1, Opinion::Neither);
    differ(
        "GET /a b HTTP/1.1\r\n",
        SpaceInTarget,
        HTTP1,
        Opinion::Neither,
    );
    differ(
        "GET /\x01 HTTP/1.1\r\n",
        ControlInTarget,
        HTTP1,
        Opinion::Neither,
    );
    differ(
        "GET /\x7f HTTP/1.1\r\n",
        ControlInTarget,
        HTTP1,
        Opinion::Neither,
    );
    differ(b"GET /\xff HTTP/1.1\r\n", NotUtf8, HTTP1, Opinion::Neither);
    differ(
        "GET /\r\n",
        NoVersion,
        Some(Verdict::Http09),
        Opinion::Neither,
    );
    differ(
        "PRI * HTTP/2.0\r\n",
        Preface,
        Some(Verdict::H2c),
        Opinion::Neither,
    );
}

#[test]
fn responses_that_only_the_classifier_sees() {
    use Difference::*;
    const RESPONSE: Option<Verdict> = Some(Verdict::Response);
    differ("HTTP/1", Early, RESPONSE, Opinion::Undecided);
    differ("HTTP/2 200\r\n", Version, RESPONSE, Opinion::Neither);
}

#[test]
fn what_only_the_classifier_holds_possible() {
    use Difference::*;
    differ("\t", SpaceFirst, None, Opinion::Neither);
    differ("GET\r", OtherSpace, None, Opinion::Neither);
    differ("GET / x", SpaceInTarget, None, Opinion::Neither);
    differ("GET /\x01", ControlInTarget, None, Opinion::Neither);
    differ(b"GET /\xff ", NotUtf8, None, Opinion::Neither);
}

#[test]
fn what_only_httparse_sees() {
    use Difference::*;
    let method = "M".repeat(33);
    differ(&method, LongMethod, OTHER, Opinion::Undecided);
    let request = format!("{method} / HTTP/1.1\r\n");
    differ(request, LongMethod, OTHER, Opinion::Request);

    let target = "a".repeat(LIMIT as usize);
    differ(
        format!("GET /{target}"),
        LongLine,
        OTHER,
        Opinion::Undecided,
    );
    let request = format!("GET /{target} HTTP/1.1\r\n");
    differ(request, LongLine, OTHER, Opinion::Request);

    differ("get key ", OtherTarget, OTHER, Opinion::Undecided);
    differ(
        "FOO h:80 HTTP/1.1\r\n",
        OtherTarget,
        OTHER,
        Opinion::Request,
    );
    differ("FOO ** HTTP/1.1\r\n", OtherTarget, OTHER, Opinion::Request);

    let response = "\r\nHTTP/1.1 200 OK\r\n";
    differ(response, EmptyLineBeforeResponse, OTHER, Opinion::Response);
}

#[test]
fn they_agree_on_what_is_common() {
    for (stream, expected) in [
        ("", Opinion::Undecided),
        ("\r\nGET / HT", Opinion::Undecided),
        ("HTTP/", Opinion::Undecided),
        ("GET / HTTP/1.1\r\n", Opinion::Request),
        ("\r\n\nM-SEARCH  *  HTTP/1.0\n", Opinion::Request),
        ("GET http://h/?é HTTP/1.1 and more", Opinion::Request),
        ("HTTP/1.1 200 OK\r\n", Opinion::Response),
        ("HTTP/1.0-", Opinion::Response),
        ("GET / RTSP/1.0\r\n", Opinion::Neither),
        ("SSH-2.0-OpenSSH_9.9\r\n", Opinion::Neither),
        ("\x16\x03\x01", Opinion::Neither),
    ] {
        assert_eq!(opinion(stream.as_bytes()), expected, "{stream:?}");
        check(stream.as_bytes());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_difference_is_known(stream in stream()) {
        check(&stream);
    }

    #[test]
    fn every_difference_in_arbitrary_bytes_is_known(stream in vec(any::<u8>(), 0..64)) {
        check(&stream);
    }
}
