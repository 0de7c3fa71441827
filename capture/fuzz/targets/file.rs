// SPDX-License-Identifier: GPL-2.0
//! Any file is read to its end or to an error, to the same result in pieces of any size, and what is
//! found early does not depend on what follows.
#![no_main]

use std::io::{self, Read};

use capture::{Capture, Error, Finding, Summary};
use classifier::{LogLine, Verdict};
use libfuzzer_sys::fuzz_target;

/// The least that a packet takes in a file: the header of a pcap record, or a Simple Packet Block.
const PACKET_MIN: usize = 16;

/// The least that a segment takes in one: the header of TCP. An 802.11 frame may hold several.
const SEGMENT_MIN: usize = 20;

/// What is found of a file.
#[derive(Debug, Default, PartialEq)]
struct Found {
    /// The connections, each with the number of packets that had been read.
    findings: Vec<(Finding, u64)>,
    error: Option<String>,
    summary: Summary,
}

impl Found {
    /// The connections that were found before so many packets had been read.
    fn before(&self, packets: u64) -> impl Iterator<Item = &Finding> {
        let early = move |&&(_, read): &&(Finding, u64)| read < packets;
        self.findings
            .iter()
            .take_while(early)
            .map(|(finding, _)| finding)
    }
}

fn read_all(file: impl Read) -> Found {
    let mut found = Found::default();
    let mut capture = match Capture::open(file) {
        Ok(capture) => capture,
        Err(error) => {
            found.error = Some(error.to_string());
            return found;
        }
    };
    while let Some(finding) = capture.next() {
        assert_eq!(found.error, None, "errors come last");
        match finding {
            Ok(finding) => found.findings.push((finding, capture.summary().packets)),
            Err(error) => {
                assert!(!matches!(error, Error::NotCapture(_) | Error::Io(_)));
                found.error = Some(error.to_string());
            }
        }
    }
    assert!(capture.next().is_none(), "the end remains the end");
    found.summary = capture.summary().clone();
    found
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
    let found = read_all(file);
    assert_eq!(found, read_all(Slow(file)));

    let Summary { packets, .. } = &found.summary;
    assert!(*packets <= (file.len() / PACKET_MIN) as u64);
    // Each connection has a segment of its own at least, and so is found once at most.
    assert!(found.findings.len() <= file.len() / SEGMENT_MIN);
    for (finding, _) in &found.findings {
        let line = finding.line.as_deref().unwrap_or_default();
        assert!(line.len() <= LogLine::DISPLAY_MAX);
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(finding.client.is_ipv4(), finding.server.is_ipv4());
        assert_ne!(finding.tunnel.as_deref(), Some(""));
        assert_eq!(finding.file, 0);
        let has_line = matches!(
            finding.outcome,
            Ok(Verdict::Http1 | Verdict::H2c | Verdict::Http09 | Verdict::Response)
        );
        assert!(!has_line || !line.is_empty());
    }

    // Half of it: the same up to there.
    let half = read_all(&file[..file.len() / 2]);
    let packets = half.summary.packets;
    assert!(packets <= found.summary.packets);
    assert!(found.before(packets).eq(half.before(packets)));
});
