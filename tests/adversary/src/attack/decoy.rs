// SPDX-License-Identifier: GPL-2.0
//! Decoys: segments that TCP discards, inserted between those of a stream.

use rand::seq::IndexedRandom;
use rand::Rng;

use crate::plan::{Fault, Kind, Plan, Segment};

/// Adds some decoys, or none.
pub(super) fn add(
    random: &mut impl Rng,
    plan: &Plan,
    unknown: &[Fault],
    segments: &mut Vec<Segment>,
) {
    if random.random_bool(0.5) {
        return;
    }
    // Without a bare ACK in the handshake, a decoy may reach a listener, which does not know the
    // connection's timestamps, or a request socket, which a SYN or RST ends.
    let open = !plan.opening.third_ack_carries;
    let mut faults = Fault::ALL.to_vec();
    faults.retain(|fault| !unknown.contains(fault));
    faults.retain(|fault| *fault != Fault::OldTimestamp || (plan.options.timestamps && open));
    // TCP does not check the ACK number and the timestamp of a reset.
    let mut reset_faults = faults.clone();
    reset_faults.retain(|fault| {
        !matches!(
            fault,
            Fault::NoAck | Fault::FutureAck | Fault::AncientAck | Fault::OldTimestamp
        )
    });
    for _ in 0..random.random_range(1..=5) {
        let place = random.random_range(0..=segments.len());
        let fault = *faults.choose(random).unwrap_or(&Fault::Checksum);
        let reset_fault = *reset_faults.choose(random).unwrap_or(&Fault::Checksum);
        let decoy = match random.random_range(if open { 0..10 } else { 2..10 }) {
            // Within the window, but not at rcv_nxt: TCP answers with a challenge ACK.
            0 => Segment::new(plan.stream.len() as i32 + 100, []).with_kind(Kind::Rst),
            1 => Segment::new(random.random_range(-1..20), content(random, plan, 0))
                .with_kind(Kind::Syn),
            2 => Segment::new(0, [])
                .with_kind(Kind::Rst)
                .with_fault(reset_fault),
            3 => Segment::new(0, []).with_kind(Kind::Fin).with_fault(fault),
            // Wholly before the stream.
            4 => old_bytes(random),
            // Urgent, and discarded.
            5 => {
                let offset = near(random, segments);
                let data = content(random, plan, offset);
                let pointer = random.random_range(0..=data.len() as u16);
                Segment::new(offset, data)
                    .with_urgent(pointer)
                    .with_fault(fault)
            }
            _ => {
                let offset = near(random, segments);
                Segment::new(offset, content(random, plan, offset)).with_fault(fault)
            }
        };
        segments.insert(place, decoy);
    }
}

/// A place where a segment begins.
fn near(random: &mut impl Rng, segments: &[Segment]) -> i32 {
    if random.random_bool(0.6) {
        return 0;
    }
    segments
        .choose(random)
        .map_or(0, |segment| segment.offset.max(0))
}

/// The bytes of a decoy: HTTP, a benign stream, noise, or the stream's own bytes with one changed.
fn content(random: &mut impl Rng, plan: &Plan, offset: i32) -> Vec<u8> {
    match random.random_range(0..5) {
        0 => b"GET / HTTP/1.1\r\nHost: decoy\r\n\r\n".to_vec(),
        1 => b"SSH-2.0-decoy\r\n".to_vec(),
        2 => b"G".to_vec(),
        3 => (0..random.random_range(1..40))
            .map(|_| random.random())
            .collect(),
        _ => {
            let rest = plan.stream.get(offset as usize..).unwrap_or_default();
            let mut data = rest[..rest.len().min(random.random_range(1..60))].to_vec();
            if let Some(byte) = data.first_mut() {
                *byte ^= 0x20;
            }
            data
        }
    }
}

fn old_bytes(random: &mut impl Rng) -> Segment {
    let data = if random.random_bool(0.5) {
        b"GET / HTTP/1.1\r\n\r\n".to_vec()
    } else {
        (0..random.random_range(1..40))
            .map(|_| random.random())
            .collect()
    };
    Segment::new(-(data.len() as i32), data)
}
