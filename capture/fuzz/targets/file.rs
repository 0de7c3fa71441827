// SPDX-License-Identifier: GPL-2.0
//! Any file is read to its end or to an error, to the same result in pieces of any size, and what is
//! told early does not depend on what follows.
#![no_main]

use std::io::{self, Read};

use capture::{Error, Flow, Judge, Summary};
use classifier::{Line, Verdict};
use libfuzzer_sys::fuzz_target;

/// The least that a packet takes in a file: the header of a pcap record, or a Simple Packet Block.
const PACKET_MIN: usize = 16;

/// What is told of a file.
#[derive(Debug, Default, PartialEq)]
struct Told {
    /// The connections, each with the number of packets that had been read.
    flows: Vec<(Flow, u64)>,
    error: Option<String>,
    summary: Summary,
}

impl Told {
    /// The connections that were told before so many packets had been read.
    fn before(&self, packets: u64) -> impl Iterator<Item = &Flow> {
        let early = move |&&(_, read): &&(Flow, u64)| read < packets;
        self.flows.iter().take_while(early).map(|(flow, _)| flow)
    }
}

fn judge(file: impl Read) -> Told {
    let mut told = Told::default();
    let mut judge = match Judge::open(file) {
        Ok(judge) => judge,
        Err(error) => {
            told.error = Some(error.to_string());
            return told;
        }
    };
    while let Some(flow) = judge.next() {
        assert_eq!(told.error, None, "errors come last");
        match flow {
            Ok(flow) => told.flows.push((flow, judge.summary().packets)),
            Err(error) => {
                assert!(!matches!(error, Error::NotCapture(_) | Error::Io(_)));
                told.error = Some(error.to_string());
            }
        }
    }
    assert!(judge.next().is_none(), "the end remains the end");
    told.summary = judge.summary().clone();
    told
}

/// Gives a byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

fuzz_target!(|file: &[u8]| {
    let told = judge(file);
    assert_eq!(told, judge(Slow(file)));

    let Summary { packets, unknown } = &told.summary;
    assert!(*packets <= (file.len() / PACKET_MIN) as u64);
    // Each connection has a packet of its own at least, and so is told once at most.
    let known = packets - unknown.values().sum::<u64>();
    assert!(told.flows.len() as u64 <= known);
    for (flow, _) in &told.flows {
        let line = flow.line.as_deref().unwrap_or_default();
        assert!(line.len() <= Line::DISPLAY_MAX);
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(flow.client.is_ipv4(), flow.server.is_ipv4());
        let has_line = matches!(
            flow.outcome,
            Ok(Verdict::Http1 | Verdict::H2c | Verdict::Http09 | Verdict::Response)
        );
        assert!(!has_line || !line.is_empty());
    }

    // Half of it: the same up to there.
    let half = judge(&file[..file.len() / 2]);
    let packets = half.summary.packets;
    assert!(packets <= told.summary.packets);
    assert!(told.before(packets).eq(half.before(packets)));
});
