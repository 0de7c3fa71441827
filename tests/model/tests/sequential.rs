// SPDX-License-Identifier: GPL-2.0

//! What the filter decides where one thing happens after the other.

use model::{
    host::{Host, Verdict::*},
    scenario::{Begin, Flaw, Segment, Setup, Syn},
};

fn host() -> Host {
    Host::new(&Setup::default())
}

fn segment(offset: u32, data: &'static [u8]) -> Segment {
    Segment::new(offset, data)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n";

#[test]
fn a_request_is_dropped_and_counted_once() {
    let host = host();
    for _ in 0..3 {
        assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
    }
    assert_eq!((host.received(0), host.blocked()), (vec![], 1));
}

#[test]
fn a_request_that_comes_again_is_not_read() {
    let host = host();
    host.send(&segment(0, REQUEST));
    assert_ne!(host.cost(), (0, 0));
    assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
    assert_eq!(host.cost(), (0, 0));
}

#[test]
fn a_request_is_counted_once_in_whatever_pieces_it_comes_again() {
    let host = Host::new(&Setup {
        socket_filter: Some(48),
        ..Setup::default()
    });
    for _ in 0..3 {
        assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
        assert_eq!(host.send(&segment(0, b"GET / HTTP/1.0\r\n")), Dropped);
    }
    assert_eq!(host.blocked(), 1);
}

#[test]
fn a_blackholed_connection_is_inspected_again_after_a_change_of_settings() {
    let host = host();
    host.send(&segment(0, REQUEST));
    host.detect("responses");
    assert_eq!(host.send(&segment(0, REQUEST)), Passes);
}

#[test]
fn a_request_of_a_kind_that_is_not_detected_passes() {
    let host = host();
    host.detect("h2c");
    assert_eq!(host.send(&segment(0, REQUEST)), Passes);
    assert_eq!(host.received(0), REQUEST);
}

#[test]
fn a_request_in_two_segments_is_dropped() {
    for cut in 1..b"GET / HTTP/1".len() {
        let host = host();
        assert_eq!(host.send(&segment(0, &REQUEST[..cut])), Passes);
        assert_eq!(host.send(&segment(cut as u32, &REQUEST[cut..])), Dropped);
    }
}

#[test]
fn a_request_behind_a_long_target_is_dropped() {
    let request = [b"GET /", &[b'a'; 9000][..], b" HTTP/1.1\r\n"]
        .concat()
        .leak();
    let host = host();
    assert_eq!(host.send(&segment(0, request)), Dropped);
}

#[test]
fn a_monitored_request_passes_and_is_counted() {
    let host = Host::new(&Setup::monitoring(&[0]));
    assert_eq!(host.send(&segment(0, REQUEST)), Passes);
    assert_eq!((host.received(0), host.monitored()), (REQUEST.to_vec(), 1));
}

/// A host that rejects, with one connection.
fn rejecting_host(begin: Begin) -> Host {
    Host::new(&Setup {
        connections: vec![begin],
        rejects: true,
        ..Setup::default()
    })
}

#[test]
fn a_rejected_connection_is_over() {
    for begin in [Begin::Established, Begin::Request] {
        let host = rejecting_host(begin);
        assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
        assert!(host.is_over(0), "{begin:?}");
        assert_eq!(host.blocked(), 1);
    }
}

#[test]
fn a_connection_whose_socket_has_an_owner_is_rejected_later() {
    let host = rejecting_host(Begin::Established);
    host.own(0);
    for _ in 0..2 {
        assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
        assert!(!host.is_over(0));
    }
    host.release(0);
    assert_eq!(host.send(&segment(0, REQUEST)), Dropped);
    assert!(host.is_over(0));
    assert_eq!(host.blocked(), 1);
}

#[test]
fn forged_requests_reject_no_connection() {
    for begin in [Begin::Established, Begin::Request] {
        for flaw in [Flaw::Checksum, Flaw::Acknowledgment] {
            let host = rejecting_host(begin);
            assert_eq!(host.send(&segment(0, REQUEST).with(flaw)), Dropped);
            assert!(!host.is_over(0), "{begin:?}, {flaw:?}");
        }
    }
}

#[test]
fn the_queue_is_read_behind_the_segment_that_fills_the_gap() {
    let host = host();
    assert_eq!(host.send(&segment(4, b"/ HTTP/1.1")), Passes);
    assert_eq!(host.send(&segment(0, b"GET ")), Dropped);
}

#[test]
fn a_queued_segment_that_another_covers_is_not_read() {
    let host = host();
    host.send(&segment(5, b"a H"));
    host.send(&segment(4, b"/a"));
    host.send(&segment(8, b"TTP/1.1"));
    assert_eq!(host.send(&segment(0, b"GET ")), Dropped);
}

#[test]
fn a_grace_period_is_requested_for_a_segment_that_is_deferred() {
    let host = host();
    host.own(0);
    assert_eq!(host.send(&segment(0, b"GE")), Passes);
    assert!(!host.grace_period_is_requested());
    assert_eq!(host.send(&segment(0, b"PUT me")), Deferred);
    assert!(host.grace_period_is_requested());
}

#[test]
fn a_segment_that_tcp_discards_decides_nothing() {
    for flaw in [Flaw::Checksum, Flaw::Acknowledgment] {
        let host = host();
        host.send(&segment(0, b"GET "));
        assert_eq!(host.send(&segment(4, b"\0\0").with(flaw)), Passes);
        assert_eq!(host.send(&segment(4, b"/ HTTP/1.1")), Dropped, "{flaw:?}");
        assert_eq!(host.received(0), b"GET ");
    }
}

#[test]
fn a_segment_that_tcp_discards_is_not_counted() {
    for flaw in [Flaw::Checksum, Flaw::Acknowledgment] {
        let host = host();
        assert_eq!(host.send(&segment(0, REQUEST).with(flaw)), Dropped);
        assert_eq!(host.send(&segment(0, b"SSH-2.0")), Passes);
        assert_eq!(host.blocked(), 0, "{flaw:?}");
    }
}

#[test]
fn data_of_a_syn_are_inspected_with_fast_open() {
    let host = Host::new(&Setup {
        connections: vec![Begin::Request],
        ..Setup::default()
    });
    assert_eq!(host.send(&segment(0, REQUEST).syn(Syn::FastOpen)), Dropped);
    assert_eq!(host.send(&segment(0, b"GET ").syn(Syn::FastOpen)), Deferred);
    assert_eq!(
        host.send(&segment(0, b"SSH-2.0-x\r\n").syn(Syn::FastOpen)),
        Passes
    );
    assert_eq!(host.send(&segment(0, REQUEST).syn(Syn::Connection)), Passes);
}

#[test]
fn second_subflows_are_refused() {
    assert_eq!(host().send(&segment(0, b"").syn(Syn::Subflow)), Refused);
}

#[test]
fn nothing_is_deferred_behind_a_fin() {
    let host = Host::new(&Setup {
        socket_filter: Some(40),
        ..Setup::default()
    });
    // More states than are kept: a filter may cut it at any of them.
    assert_eq!(
        host.send(&segment(0, b"GET /aaaaaaaaaaaaaaaa b c d e f g h ")),
        Passes
    );
    host.send(&segment(36, b"").fin());
    assert_eq!(host.send(&segment(37, b"x")), Passes);
}

#[test]
fn the_table_holds_its_capacity_and_is_cleared_when_switched_off() {
    let host = Host::new(&full_bucket(1));
    assert!(host.capacity() <= usize::from(FILLERS));
    assert_eq!(host.undecided(), u32::from(FILLERS));
    host.switch_off();
    assert_eq!(host.undecided(), 0);
}

/// How many connections leave one slot of a bucket free.
const FILLERS: u8 = 54 - 1;

/// Connections that have all stopped within their first line, in a bucket that they fill; the last
/// place is left to others.
fn full_bucket(others: usize) -> Setup {
    Setup {
        connections: vec![Begin::Established; others],
        fillers: FILLERS,
        ..Setup::default()
    }
}

/// A host in whose bucket connection 0 has taken the last place ten seconds after the others.
fn host_with_a_full_bucket() -> Host {
    let host = Host::new(&full_bucket(2));
    host.sleep(10);
    assert_eq!(host.send(&segment(0, b"GE")), Passes);
    host
}

#[test]
fn the_newest_connection_is_evicted() {
    let host = host_with_a_full_bucket();
    host.sleep(6);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
    host.sleep(1);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Passes);
    assert!(host.is_over(0));
    assert!((1..2 + usize::from(FILLERS)).all(|flow| !host.is_over(flow)));
}

#[test]
fn no_connection_is_evicted_that_has_just_become_undecided() {
    let host = Host::new(&full_bucket(2));
    assert_eq!(host.send(&segment(0, b"GE")), Passes);
    host.sleep(2);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
    host.sleep(2);
    assert!((0..2 + usize::from(FILLERS)).all(|flow| !host.is_over(flow)));
}

#[test]
fn an_idle_connection_is_spared_while_others_can_be_evicted_soon() {
    let host = Host::new(&full_bucket(2));
    host.sleep(40);
    assert_eq!(host.send(&segment(0, b"GE")), Passes);
    host.sleep(2);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
    host.sleep(2);
    assert!((0..2 + usize::from(FILLERS)).all(|flow| !host.is_over(flow)));
}

#[test]
fn a_connection_that_cannot_be_aborted_is_tried_again_after_all_others() {
    let host = host_with_a_full_bucket();
    host.own(0);
    for _ in 0..2 {
        host.sleep(6);
        assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
    }
    host.sleep(1);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Passes);
    assert!(!host.is_over(0));
}

#[test]
fn a_connection_that_keeps_sending_is_evicted_like_others() {
    let host = host_with_a_full_bucket();
    host.sleep(6);
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
    // It is on its way when the sweep comes.
    assert_eq!(host.send(&segment(5, b"x")), Passes);
    host.sleep_without_grace();
    assert!(host.is_over(0));
}

#[test]
fn segments_that_tcp_discards_take_no_slot() {
    let host = Host::new(&full_bucket(2));
    host.sleep(10);
    let keen = segment(0, b"GE").with(Flaw::Acknowledgment);
    for _ in 0..7 {
        assert_eq!(host.send(&keen), Passes);
        host.sleep_without_grace();
    }
    for _ in 0..2 {
        assert_eq!(host.send(&segment(0, b"GE").of(1)), Refused);
        assert_eq!(host.send(&keen), Passes);
        host.sleep_without_grace();
    }
    assert_eq!(host.send(&segment(0, b"GE").of(1)), Passes);
}

#[test]
fn the_rest_of_a_line_that_a_socket_filter_trims_completes_no_request() {
    let line = b"POST /aaaaaaaaaaaaaaaaaa HTTaa HTTaa HTTaa HTTaa HTTaa";
    for cut in 1..line.len() {
        let host = Host::new(&Setup {
            socket_filter: Some(cut as u8),
            ..Setup::default()
        });
        assert_eq!(host.send(&segment(0, line)), Passes);
        assert_eq!(host.received(0), line[..cut]);
        let is_version = line[..cut].ends_with(b" HTT");
        let verdict = host.send(&segment(cut as u32, b"P/1.1\r\n"));
        assert!(!is_version || verdict != Passes, "{cut}: {verdict:?}");
    }
}

/// What waits behind a gap: bytes of one each.
fn queue(host: &Host, first: u32, step: u32) {
    for number in 0..1000 {
        assert_eq!(host.send(&segment(first + step * number, b"a")), Passes);
    }
}

/// How many segments of its queue one flow may have visited at once, and in a second more: four units each.
const AT_ONCE: u32 = 4096 / 4;
const A_SECOND: u32 = 256 / 4;

#[test]
fn the_segments_visited_for_a_segment_are_bounded() {
    let covering = [b"GET /", &[b'a'; 2000][..]].concat().leak();
    for (monitored, flaw) in [(&[][..], Flaw::Checksum), (&[0], Flaw::Acknowledgment)] {
        let host = Host::new(&Setup::monitoring(monitored));
        queue(&host, 10, 2);
        let filler = segment(0, covering).with(flaw);
        let mut visited = 0;
        for _ in 0..20 {
            host.send(&filler);
            visited += host.cost().1 - 1;
        }
        assert!((AT_ONCE..AT_ONCE + 1000).contains(&visited), "{visited}");
        host.sleep(1);
        for _ in 0..20 {
            host.send(&filler);
            visited += host.cost().1 - 1;
        }
        assert!(visited <= AT_ONCE + A_SECOND + 1000, "{visited}");
    }
}
