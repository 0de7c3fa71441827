// SPDX-License-Identifier: GPL-2.0
//! The oracle: what the server program read, against the two invariants.

use classifier::{Classifier, Verdict};

use crate::address::Family;
use crate::plan::{Encapsulation, Plan, Socket};

/// The length of a TCP header without options.
const TCP_HEADER: usize = 20;

/// The outcome of a plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What read(2) returned to the server, in order.
    pub(crate) read: Vec<u8>,
    /// How the server's read(2) failed, if it did.
    pub(crate) error: Option<String>,
    /// The client's report.
    pub(crate) client: ClientReport,
}

/// What the client has observed on its connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientReport {
    /// Whether the server answered its SYN.
    pub(crate) answered: bool,
    /// How many segments it retransmitted, SYNs among them.
    pub(crate) retransmissions: u32,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The server read a complete first line of HTTP.
    Safety(Verdict),
    /// The server did not read a stream that is no HTTP, byte for byte, or lost the connection.
    Liveness,
}

/// The verdict on a stream, if it is one that the filter forbids by default.
pub(crate) fn forbidden(stream: &[u8]) -> Option<Verdict> {
    Classifier::new()
        .feed(stream)
        .filter(|verdict| matches!(verdict, Verdict::Http1 | Verdict::H2c | Verdict::Http09))
}

/// Whether a plan's stream must be delivered: all accepted copies of a byte are equal, and it is no
/// HTTP, whether or not urgent bytes are taken out of it.
pub(crate) fn must_be_delivered(plan: &Plan) -> bool {
    plan.copies_agree()
        && readings(plan)
            .iter()
            .all(|reading| forbidden(reading).is_none())
}

/// Whether retransmissions are avoidable: nothing was lost. The kernel
/// itself loses what a small receive buffer has no room for, one of two segments that complete one
/// handshake on two CPUs, and over IPv6 first fragments without a whole TCP header
/// (`ipv6frag_thdr_truncated()`). The filter may defer urgent data, and the data of a SYN.
pub(crate) fn is_lossless(plan: &Plan) -> bool {
    must_be_delivered(plan)
        && plan.socket != Socket::SmallBuffer
        && !plan
            .segments()
            .filter(|segment| segment.fault.is_none())
            .any(|segment| segment.urgent.is_some() || is_lost(segment.encapsulation, plan.family))
        && plan.opening.syn_data.is_empty()
        && (plan.is_on_one_cpu() || !plan.opening.third_ack_carries)
}

fn is_lost(encapsulation: Encapsulation, family: Family) -> bool {
    matches!(encapsulation, Encapsulation::Fragments { size, .. } if family == Family::Ipv6 && size < TCP_HEADER)
}

/// Checks an outcome against the invariants.
pub(crate) fn check(plan: &Plan, outcome: &Outcome) -> Option<Violation> {
    // Safety: what the server read never contains a complete forbidden first line.
    if let Some(verdict) = forbidden(&outcome.read) {
        return Some(Violation::Safety(verdict));
    }
    // Liveness: if every accepted copy of a byte is equal and the stream is not HTTP, the server
    // reads the whole stream byte for byte, and the connection is not reset.
    if must_be_delivered(plan) && !is_delivered(plan, outcome) {
        return Some(Violation::Liveness);
    }
    None
}

/// Whether the server read the whole stream, byte for byte, and kept the connection.
pub(crate) fn is_delivered(plan: &Plan, outcome: &Outcome) -> bool {
    outcome.error.is_none() && readings(plan).contains(&outcome.read)
}

/// What a server may read of a stream: any of its urgent bytes may be taken out, since which of
/// them still is urgent when it is read depends on when that is.
fn readings(plan: &Plan) -> Vec<Vec<u8>> {
    let mut readings = vec![plan.stream.clone()];
    // From the end, so that the places before stay where they are.
    for offset in plan.urgent_offsets().into_iter().rev() {
        let without = readings.iter().map(|reading| {
            let mut reading = reading.clone();
            reading.remove(offset);
            reading
        });
        let without: Vec<_> = without.collect();
        readings.extend(without);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Family;
    use crate::plan::{Action, Opening, Options, Retransmission, Segment};

    fn plan(stream: &[u8], segments: impl IntoIterator<Item = Segment>) -> Plan {
        Plan {
            family: Family::Ipv6,
            socket: Socket::Plain,
            options: Options {
                timestamps: false,
                selective_acks: false,
                window_scale: None,
                segment_size: 1400,
            },
            opening: Opening::default(),
            stream: stream.to_vec(),
            actions: segments.into_iter().map(Action::Send).collect(),
            retransmission: Retransmission {
                tries: 1,
                recut: None,
            },
        }
    }

    fn read(bytes: &[u8]) -> Outcome {
        Outcome {
            read: bytes.to_vec(),
            ..Outcome::default()
        }
    }

    #[test]
    fn a_complete_first_line_is_a_leak_whatever_was_meant() {
        for meant in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-x"] {
            let plan = plan(meant, []);
            assert_eq!(
                check(&plan, &read(b"GET / HTTP/1.1")),
                Some(Violation::Safety(Verdict::Http1))
            );
            assert_eq!(
                check(&plan, &read(b"PRI * HTTP/2.0")),
                Some(Violation::Safety(Verdict::H2c))
            );
            assert_eq!(
                check(&plan, &read(b"GET /\r\n")),
                Some(Violation::Safety(Verdict::Http09))
            );
        }
    }

    #[test]
    fn a_part_of_a_first_line_is_no_leak() {
        assert_eq!(
            check(&plan(b"GET / HTTP/1.1\r\n", []), &read(b"GET / HTTP/")),
            None
        );
        assert_eq!(check(&plan(b"GET / HTTP/1.1\r\n", []), &read(b"")), None);
    }

    #[test]
    fn other_streams_must_be_whole() {
        let plan = plan(b"SSH-2.0-x", []);
        assert_eq!(check(&plan, &read(b"SSH-2.0-x")), None);
        for wrong in [&b""[..], b"SSH-2.0-", b"SSH-2.0-y", b"SSH-2.0-xx"] {
            assert_eq!(check(&plan, &read(wrong)), Some(Violation::Liveness));
        }
    }

    #[test]
    fn a_lost_connection_is_a_violation_even_if_all_was_read() {
        let outcome = Outcome {
            error: Some("reset".into()),
            ..read(b"SSH-2.0-x")
        };
        assert_eq!(
            check(&plan(b"SSH-2.0-x", []), &outcome),
            Some(Violation::Liveness)
        );
    }

    #[test]
    fn where_copies_differ_only_safety_is_demanded() {
        let plan = plan(b"SSH-2.0-x", [Segment::new(0, "SSH-1.0-x")]);
        assert_eq!(check(&plan, &read(b"SSH")), None);
        assert!(check(&plan, &read(b"GET / HTTP/1.1")).is_some());
    }

    #[test]
    fn an_urgent_byte_may_be_missing_but_no_other() {
        let plan = plan(b"SSH-2.0-x", [Segment::new(0, "SSH-2.0-x").with_urgent(4)]);
        assert_eq!(check(&plan, &read(b"SSH2.0-x")), None);
        assert_eq!(check(&plan, &read(b"SSH-2.0-x")), None);
        assert_eq!(check(&plan, &read(b"SS-2.0-x")), Some(Violation::Liveness));
    }

    #[test]
    fn a_stream_that_is_http_without_its_urgent_byte_need_not_be_delivered() {
        let plan = plan(
            b"GE(T / HTTP/1.1\r\n",
            [Segment::new(0, "GE(T / HTTP/1.1\r\n").with_urgent(3)],
        );
        assert!(!must_be_delivered(&plan));
        assert_eq!(
            check(&plan, &read(b"GET / HTTP/1.1\r\n")),
            Some(Violation::Safety(Verdict::Http1))
        );
    }

    #[test]
    fn an_undecided_stream_must_be_delivered() {
        assert!(must_be_delivered(&plan(b"GET / HTTP", [])));
    }
}
