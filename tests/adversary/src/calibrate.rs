// SPDX-License-Identifier: GPL-2.0
//! Finds the faults that this kernel does not know: it would take a decoy with one.

use std::sync::Arc;

use anyhow::{bail, Result};

use crate::address::Family;
use crate::engine::Engine;
use crate::namespace::Environment;
use crate::plan::{Action, Fault, Opening, Options, Plan, Retransmission, Segment, Socket};

/// The faults that this kernel does not know: without CONFIG_TCP_MD5SIG and CONFIG_TCP_AO it
/// ignores these options. It is an error if it takes a segment with another fault, or none without
/// a fault.
pub(crate) fn unknown_faults(engine: &mut Engine) -> Result<Vec<Fault>> {
    engine.set_environment(&Environment::default())?;
    let faults = [None].into_iter().chain(Fault::ALL.map(Some));
    let plans =
        faults.flat_map(|fault| Family::BOTH.map(|family| (fault, Arc::new(plan(family, fault)))));
    let (mut taken, mut sound) = (Vec::new(), 0);
    engine.run(plans.collect::<Vec<_>>(), 64, |fault, _, outcome| {
        match fault {
            Some(fault) if !outcome.read.is_empty() => taken.push(fault),
            None if !outcome.read.is_empty() => sound += 1,
            _ => {}
        }
        true
    })?;
    if sound != Family::BOTH.len() {
        bail!("the server has not read a plain segment: IPv4 or IPv6 does not work here, or something filters it");
    }
    taken.dedup();
    if let Some(fault) = taken
        .iter()
        .find(|fault| !matches!(fault, Fault::Md5 | Fault::Ao))
    {
        bail!("this kernel takes a segment that it should discard: {fault:?}");
    }
    Ok(taken)
}

/// A plan of one segment, with a fault or without.
fn plan(family: Family, fault: Option<Fault>) -> Plan {
    let stream = b"SSH-2.0-calibration\r\n";
    let mut segment = Segment::new(0, stream);
    segment.fault = fault;
    Plan {
        family,
        socket: Socket::Plain,
        options: Options {
            timestamps: true,
            selective_acks: true,
            window_scale: Some(7),
            segment_size: 1400,
        },
        opening: Opening::default(),
        stream: stream.to_vec(),
        actions: vec![Action::Send(segment)],
        retransmission: Retransmission {
            tries: 0,
            recut: None,
        },
    }
}
