// SPDX-License-Identifier: GPL-2.0
//! Captures, made in memory, and what is found in them. The generator of the fuzzer's seeds includes
//! this too.
#![allow(dead_code, unreachable_pub)]

pub mod file;
pub mod fragment;
pub mod link;
pub mod samples;
pub mod segment;

use std::io::Read;

use capture::{Error, Flow, Judge, Summary};

pub use file::{pcap, Order, PcapNg, ETHERNET, RAW};
pub use fragment::Fragmented;
pub use segment::{Connection, Segment};

/// A request, and what is told of it.
pub const REQUEST: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n";
pub const HTTP1: &str = "http1 GET /index.html HTTP/1.1";

/// The start of another protocol's stream, and what is told of it.
pub const OTHER: &[u8] = b"SSH-2.0-OpenSSH_9.9\r\n";
pub const TOLD_OTHER: &str = "other SSH-2.0-OpenSSH_9.9";

/// What is found in a capture.
#[derive(Debug)]
pub struct Found {
    pub flows: Vec<Flow>,
    pub error: Option<Error>,
    pub summary: Summary,
}

impl Found {
    /// What is told of each connection.
    pub fn told(&self) -> Vec<String> {
        self.flows.iter().map(told).collect()
    }
}

/// Judges a file to its end. One that can't be opened has no flows.
pub fn judge(file: impl Read) -> Found {
    let mut found = Found {
        flows: Vec::new(),
        error: None,
        summary: Summary::default(),
    };
    match Judge::open(file) {
        Ok(mut judge) => {
            for flow in judge.by_ref() {
                assert!(found.error.is_none(), "errors come last");
                match flow {
                    Ok(flow) => found.flows.push(flow),
                    Err(error) => found.error = Some(error),
                }
            }
            assert!(judge.next().is_none(), "the end remains the end");
            found.summary = judge.summary().clone();
        }
        Err(error) => found.error = Some(error),
    }
    found
}

/// What is found in segments that were captured in this order.
pub fn found<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<Flow> {
    let frames = segments.into_iter().map(Segment::frame);
    let found = judge(&*pcap(ETHERNET, frames));
    assert!(found.error.is_none(), "{found:?}");
    found.flows
}

/// What is told of the connections of these segments.
pub fn told_of<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<String> {
    found(segments).iter().map(told).collect()
}

/// What is told of the packets in a capture of raw IP.
pub fn told_of_packets<T: AsRef<[u8]>>(packets: impl IntoIterator<Item = T>) -> Vec<String> {
    let found = judge(&*pcap(RAW, packets));
    assert!(found.error.is_none(), "{found:?}");
    found.told()
}

/// What is told of a connection: the verdict, or why there is none, and the line.
pub fn told(flow: &Flow) -> String {
    let line = flow.line.as_deref().unwrap_or_default();
    let outcome = match flow.outcome {
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
