// SPDX-License-Identifier: GPL-2.0

//! The scopes: which scenarios are explored.

use crate::scenario::{Begin, Flaw, Limits, Scenario, Segment, Setup};
use classifier::{Classifier, Verdict};

const fn segment(offset: u32, data: &'static [u8]) -> Segment {
    Segment::new(offset, data)
}

/// How many slots a bucket of the table has.
const SLOTS: u8 = 54;

/// Segments at a stream's start, of requests and of others, which overlap and differ.
const PIECES: [Segment; 10] = [
    segment(0, b"GET "),
    segment(4, b"/ HTTP/1.1"),
    segment(0, b"\0\0\0\0\0\0"),
    segment(2, b"T / "),
    segment(6, b"HTTP/1.1"),
    segment(1, b"\0\0"),
    segment(4, b"ME"),
    segment(0, b"GET / HTTP/1.1"),
    segment(0, b"\0\0"),
    segment(3, b"  "),
];

/// What `make test` explores, in less than a minute.
pub fn short() -> Vec<Scenario> {
    let mut scenarios = special();
    scenarios.extend(choices::<3>(&PIECES[..7]));
    scenarios
}

/// What `make test-long` explores.
pub fn long() -> Vec<Scenario> {
    let mut scenarios = special();
    scenarios.extend(choices::<3>(&PIECES).into_iter().flat_map(variants));
    scenarios.extend(choices::<4>(&PIECES));
    scenarios
}

/// One for each thing that can happen to a connection.
fn special() -> Vec<Scenario> {
    let cut = [segment(0, b"GET / "), segment(6, b"HTTP/1.1\r\n")];
    let twice = cut.map(|segment| segment.times(2)).to_vec();
    let differing = [
        segment(0, b"GET "),
        segment(4, b"/ HTTP/1.1"),
        segment(0, b"\0"),
        segment(1, b"ET / HTTP/1.1"),
    ];
    let new = |name, segments: &[Segment]| Scenario::new(name, segments.to_vec());
    let begin = |begin| Setup {
        connections: vec![begin],
        ..Setup::default()
    };
    let two_connections = Setup {
        connections: vec![Begin::Established; 2],
        ..Setup::default()
    };
    let rejecting = |begin| Setup {
        connections: vec![begin],
        rejects: true,
        ..Setup::default()
    };
    let limits = Limits::usual();
    vec![
        Scenario {
            is_preemptive: true,
            ..new("preempted at each lock", &cut)
        },
        Scenario {
            is_preemptive: true,
            innocent: Some(b"GETTING"),
            ..new(
                "an innocent stream, preempted at each lock",
                &[segment(0, b"GET"), segment(3, b"TING")],
            )
        },
        Scenario {
            is_threaded: true,
            ..new("in threads", &twice)
        },
        Scenario {
            is_threaded: true,
            innocent: Some(b"GETTING"),
            ..new(
                "an innocent stream, in threads",
                &[segment(0, b"GET"), segment(3, b"TING"), segment(0, b"GE")],
            )
        },
        Scenario {
            limits: Limits {
                losses: 2,
                ..limits
            },
            innocent: Some(b"GETTING"),
            ..new(
                "acceptable segments that TCP discards",
                &[segment(0, b"GET").times(2), segment(3, b"TING").times(2)],
            )
        },
        Scenario {
            limits: Limits {
                losses: 1,
                ..limits
            },
            ..new("segments of a request that TCP discards", &differing)
        },
        Scenario {
            setup: begin(Begin::Request),
            ..new("from a request socket", &twice)
        },
        Scenario {
            setup: begin(Begin::Request),
            is_preemptive: true,
            ..new("from a request socket, preempted at each lock", &cut)
        },
        Scenario {
            setup: begin(Begin::Cookies),
            ..new("from a SYN cookie", &twice)
        },
        Scenario {
            setup: begin(Begin::Cookies),
            is_preemptive: true,
            ..new("from a SYN cookie, preempted at each lock", &cut)
        },
        Scenario {
            setup: begin(Begin::Cookies),
            ..new(
                "from one of two SYN cookies",
                &[
                    cut[0],
                    cut[1],
                    cut[0].of_next_connection(),
                    cut[1].of_next_connection(),
                ],
            )
        },
        Scenario {
            limits: Limits { owns: 2, ..limits },
            ..new("locked twice", &differing[..3])
        },
        Scenario {
            limits: Limits {
                pressures: 1,
                ..limits
            },
            ..new(
                "a full receive buffer",
                &[
                    segment(0, b"GET"),
                    segment(3, b" /a"),
                    segment(4, b"/ HTTP/1.1"),
                    segment(5, b"b H"),
                ],
            )
        },
        Scenario {
            limits: Limits {
                pressures: 1,
                ..Limits::default()
            },
            ..new(
                "a queue that is collapsed",
                &[
                    segment(0, b"POST /aaaaaaaaaaaaaaaaaa"),
                    segment(24, b"a"),
                    segment(25, b" HTT"),
                    segment(29, b"b HTTbb"),
                    segment(34, b"P/1.1"),
                    segment(29, b"P/1.1"),
                ],
            )
        },
        Scenario {
            limits: Limits { reads: 1, ..limits },
            ..new(
                "urgent bytes",
                &[
                    segment(0, b"GE\0T ").urgent(3),
                    segment(0, b"GET "),
                    segment(5, b"/ HTTP/1.1").urgent(1),
                    segment(4, b"/ HTTP/1.1"),
                ],
            )
        },
        Scenario {
            setup: begin(Begin::Request),
            limits: Limits {
                reopens: 1,
                ..limits
            },
            ..new(
                "a connection that is requested again",
                &[
                    segment(0, b"GET "),
                    segment(4, b"/ HTTP/1.1\r\n"),
                    segment(0, b"GET ").of_next_connection(),
                    segment(4, b"/ HTTP/1.1\r\n").of_next_connection(),
                ],
            )
        },
        Scenario {
            setup: begin(Begin::Request),
            limits: Limits {
                reopens: 2,
                ..Limits::default()
            },
            ..new(
                "a connection that is requested again with the same sequence numbers",
                &[
                    segment(0, b"abcd"),
                    segment(4, b"ef"),
                    segment(0, b"GET ")
                        .of_next_connection()
                        .of_next_connection(),
                    segment(4, b"/ HTTP/1.1\r\n")
                        .of_next_connection()
                        .of_next_connection(),
                ],
            )
        },
        new(
            "a segment that TCP discards",
            &[
                segment(0, b"GE"),
                segment(2, b"\0\0").with(Flaw::Acknowledgment),
                segment(2, b"T / HTTP/1.1"),
            ],
        ),
        Scenario {
            setup: two_connections.clone(),
            ..new(
                "two connections with equal addresses and ports",
                &[
                    segment(0, b"GET "),
                    segment(4, b"/ HTTP/1.1"),
                    segment(0, b"GET ").on_other_device(),
                    segment(4, b"/ HTTP/1.1").on_other_device(),
                ],
            )
        },
        Scenario {
            setup: two_connections,
            innocent: Some(b"GETTING"),
            ..new(
                "two connections in one bucket",
                &[
                    segment(0, b"GET"),
                    segment(3, b"TING"),
                    segment(0, b"GET ").of(1),
                    segment(4, b"/ HTTP/1.1").of(1),
                ],
            )
        },
        Scenario {
            setup: Setup {
                socket_filter: Some(5),
                ..Setup::default()
            },
            ..new(
                "a socket filter that trims",
                &[
                    segment(0, b"GET / "),
                    segment(6, b"HTTP/1.1"),
                    segment(5, b"  HTTP/1.1"),
                    segment(5, b"x HT"),
                ],
            )
        },
        Scenario {
            innocent: Some(b"GETTING"),
            ..new(
                "forged segments",
                &[
                    segment(0, b"GET ").with(Flaw::Checksum),
                    segment(0, b"GET"),
                    segment(3, b"TING"),
                    segment(0, b"GET / HTTP/1.1").with(Flaw::Acknowledgment),
                    segment(3, b" / HTTP/1.1").with(Flaw::Checksum),
                ],
            )
        },
        Scenario {
            innocent: Some(b"GET me"),
            ..new(
                "behind a FIN",
                &[
                    segment(0, b"GET "),
                    segment(4, b"me"),
                    segment(6, b"").fin(),
                    segment(7, b"x"),
                ],
            )
        },
        Scenario {
            setup: Setup {
                fillers: SLOTS,
                ..Setup::default()
            },
            limits: Limits {
                pauses: 1,
                sweeps: 2,
                ..limits
            },
            innocent: Some(b"GETTING"),
            ..new(
                "a full bucket",
                &[segment(0, b"GET").times(2), segment(3, b"TING")],
            )
        },
        Scenario {
            setup: Setup {
                fillers: SLOTS,
                ..Setup::default()
            },
            ..new("a full bucket, and a request", &differing[..3])
        },
        Scenario {
            setup: rejecting(Begin::Established),
            limits: Limits { owns: 2, ..limits },
            ..new("rejected", &differing[..3])
        },
        Scenario {
            setup: rejecting(Begin::Established),
            is_preemptive: true,
            is_rejected: true,
            ..new("rejected, preempted at each lock", &cut)
        },
        Scenario {
            setup: rejecting(Begin::Request),
            is_preemptive: true,
            is_rejected: true,
            ..new(
                "rejected from a request socket, preempted at each lock",
                &cut,
            )
        },
        Scenario {
            setup: rejecting(Begin::Request),
            limits: Limits {
                reopens: 1,
                ..limits
            },
            ..new(
                "rejected, and requested again",
                &[
                    segment(0, b"GET / HTTP/1.1").times(2),
                    segment(0, b""),
                    segment(0, b"GET ").of_next_connection(),
                    segment(4, b"/ HTTP/1.1\r\n").of_next_connection(),
                ],
            )
        },
        Scenario {
            setup: rejecting(Begin::Request),
            innocent: Some(b"GETTING"),
            ..new(
                "an innocent stream among forged requests that would be rejected",
                &[
                    segment(0, b"GET"),
                    segment(3, b"TING"),
                    segment(0, b"GET / HTTP/1.1").with(Flaw::Acknowledgment),
                    segment(0, b"GET / HTTP/1.1").with(Flaw::Checksum),
                    segment(3, b" / HTTP/1.1").with(Flaw::Checksum),
                ],
            )
        },
        Scenario {
            setup: Setup {
                fillers: SLOTS,
                ..Setup::monitoring(&[0])
            },
            innocent: Some(b"GETTING"),
            ..new(
                "a full bucket, and a monitored connection",
                &[segment(0, b"GET").times(2), segment(3, b"TING")],
            )
        },
        Scenario {
            setup: Setup {
                fillers: SLOTS - 1,
                connections: vec![Begin::Established; 2],
                ..Setup::monitoring(&[1])
            },
            limits: Limits::default(),
            ..new(
                "a full bucket that has a monitored connection",
                &[
                    segment(0, b"GET ").of(1),
                    segment(4, b"/ HTTP/1.1").of(1),
                    segment(0, b"GET "),
                    segment(4, b"/ HTTP/1.1"),
                ],
            )
        },
        Scenario {
            setup: Setup {
                allows_http09: true,
                ..Setup::default()
            },
            ..new(
                "where HTTP/0.9 is allowed",
                &[
                    segment(0, b"GET /"),
                    segment(5, b"\r\n HTTP/1.1"),
                    segment(5, b" HTTP/1.1\r\n"),
                    segment(5, b"\r"),
                ],
            )
        },
        Scenario {
            setup: Setup {
                allows_http09: true,
                ..Setup::default()
            },
            innocent: Some(b"GET /\r\n"),
            ..new(
                "HTTP/0.9 that is allowed",
                &[segment(0, b"GET "), segment(4, b"/\r"), segment(6, b"\n")],
            )
        },
        Scenario {
            setup: Setup::monitoring(&[0]),
            ..new("monitored", &differing[..3])
        },
        Scenario {
            setup: Setup::monitoring(&[0]),
            ..new(
                "monitored, and forged segments",
                &[
                    segment(0, b"GET "),
                    segment(4, b"/ HTTP/1.1"),
                    segment(4, b"/ HTTP/1.1").with(Flaw::Checksum),
                    segment(0, b"GET / HTTP/1.1").with(Flaw::Acknowledgment),
                ],
            )
        },
    ]
}

/// All choices of `SIZE` pieces. If they agree, and are no request, they are an innocent stream.
fn choices<const SIZE: usize>(pieces: &[Segment]) -> Vec<Scenario> {
    (0..1_u32 << pieces.len())
        .filter(|choice| choice.count_ones() as usize == SIZE)
        .map(|choice| {
            let chosen = |&(bit, _): &(u32, _)| choice & (1 << bit) != 0;
            let segments: Vec<Segment> = (0..)
                .zip(pieces.iter().copied())
                .filter(chosen)
                .map(|(_, piece)| piece)
                .collect();
            let name: Vec<String> = segments.iter().map(Segment::to_string).collect();
            Scenario {
                innocent: innocent(&segments),
                ..Scenario::new(name.join(", "), segments)
            }
        })
        .collect()
}

/// The stream that segments make, if all agree and it is not forbidden.
fn innocent(segments: &[Segment]) -> Option<&'static [u8]> {
    let len = segments
        .iter()
        .map(|segment| segment.offset as usize + segment.data.len())
        .max()?;
    let mut stream = vec![None; len];
    for segment in segments {
        for (place, &byte) in stream
            .iter_mut()
            .skip(segment.offset as usize)
            .zip(segment.data)
        {
            if place.replace(byte).is_some_and(|other| other != byte) {
                return None;
            }
        }
    }
    let stream: Vec<u8> = stream.into_iter().collect::<Option<_>>()?;
    let mut classifier = Classifier::new();
    let verdict = classifier.feed(&stream);
    let is_innocent = verdict.is_none_or(|verdict| verdict == Verdict::Other);
    is_innocent.then(|| &*stream.leak())
}

/// The same scenario with more that can happen.
fn variants(scenario: Scenario) -> Vec<Scenario> {
    let named = |what: &str| format!("{}: {what}", scenario.name);
    let with = |what: &str, limits: Limits| Scenario {
        name: named(what),
        limits,
        ..scenario.clone()
    };
    let limits = scenario.limits;
    vec![
        with("locked twice", Limits { owns: 2, ..limits }),
        with(
            "under pressure",
            Limits {
                pressures: 1,
                ..limits
            },
        ),
        with(
            "lossy",
            Limits {
                losses: 2,
                ..limits
            },
        ),
        with(
            "two grace periods",
            Limits {
                grace_periods: 2,
                ..limits
            },
        ),
        Scenario {
            name: named("from a request socket"),
            setup: Setup {
                connections: vec![Begin::Request],
                ..Setup::default()
            },
            ..scenario.clone()
        },
        Scenario {
            name: named("monitored"),
            setup: Setup::monitoring(&[0]),
            innocent: None,
            ..scenario.clone()
        },
    ]
}
