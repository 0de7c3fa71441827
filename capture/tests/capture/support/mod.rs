// SPDX-License-Identifier: GPL-2.0
//! Captures, made in memory, and what is found in them. The generator of the fuzzer's seeds includes
//! this too.
#![allow(dead_code, unreachable_pub)]

pub mod file;
pub mod fragment;
pub mod link;
pub mod samples;
pub mod segment;
pub mod tunnel;

use std::io::Read;

use capture::{Capture, Error, Finding, Summary};

pub use file::{pcap, Order, PcapNg, ETHERNET, RAW};
pub use fragment::Fragmented;
pub use segment::{Connection, Segment};

/// A request, and what is told of it.
pub const REQUEST: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n";
pub const HTTP1: &str = "http1 GET /index.html HTTP/1.1";

/// The start of another protocol's stream, and what is told of it.
pub const OTHER: &[u8] = b"SSH-2.0-OpenSSH_9.9\r\n";
pub const FOUND_OTHER: &str = "other SSH-2.0-OpenSSH_9.9";

/// What is found in a capture.
#[derive(Debug)]
pub struct Found {
    pub findings: Vec<Finding>,
    pub error: Option<Error>,
    pub summary: Summary,
}

impl Found {
    /// What is found of each connection.
    pub fn descriptions(&self) -> Vec<String> {
        self.findings.iter().map(describe).collect()
    }
}

/// Reads a file to its end. One that cannot be opened has no findings.
pub fn read_all(file: impl Read) -> Found {
    let mut found = Found {
        findings: Vec::new(),
        error: None,
        summary: Summary::default(),
    };
    match Capture::open(file) {
        Ok(mut capture) => {
            for finding in capture.by_ref() {
                assert!(found.error.is_none(), "errors come last");
                match finding {
                    Ok(finding) => found.findings.push(finding),
                    Err(error) => found.error = Some(error),
                }
            }
            assert!(capture.next().is_none(), "the end remains the end");
            found.summary = capture.summary().clone();
        }
        Err(error) => found.error = Some(error),
    }
    found
}

/// What is found in segments that were captured in this order.
pub fn found<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<Finding> {
    let frames = segments.into_iter().map(Segment::frame);
    let found = read_all(&*pcap(ETHERNET, frames));
    assert!(found.error.is_none(), "{found:?}");
    found.findings
}

/// What is found of the connections of these segments.
pub fn findings_of<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<String> {
    found(segments).iter().map(describe).collect()
}

/// What is found of the packets in a capture of raw IP.
pub fn findings_of_packets<T: AsRef<[u8]>>(packets: impl IntoIterator<Item = T>) -> Vec<String> {
    let found = read_all(&*pcap(RAW, packets));
    assert!(found.error.is_none(), "{found:?}");
    found.descriptions()
}

/// What is found of a connection: the verdict, or why there is none, and the line.
pub fn describe(finding: &Finding) -> String {
    let line = finding.line.as_deref().unwrap_or_default();
    let outcome = match finding.outcome {
        Ok(verdict) => verdict.name(),
        Err(reason) => reason.name(),
    };
    format!("{outcome} {line}").trim_end().to_owned()
}

/// All orders of some things.
pub fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    let Some((last, rest)) = things.split_last() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, last.clone());
            all.push(order);
        }
    }
    all
}
