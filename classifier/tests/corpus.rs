// SPDX-License-Identifier: GPL-2.0
//! Streams from real captures are what their labels say. They are in the folder `CORPUS`, as
//! `flows.jsonl`; without it these tests stay ignored.

use std::path::Path;
use std::{env, fs};

use base64::prelude::*;
use classifier::{Classifier, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Flow {
    id: String,
    label: String,
    /// Offset in the stream and base64, in the order of capture.
    segments: Vec<(i64, String)>,
}

impl Flow {
    /// The stream as its receiver reads it: without repetitions, up to the first gap.
    fn stream(&self) -> Vec<u8> {
        let mut segments: Vec<(i64, Vec<u8>)> = self
            .segments
            .iter()
            .map(|(at, text)| (*at, BASE64_STANDARD.decode(text).unwrap()))
            .collect();
        segments.sort_by_key(|&(at, _)| at);
        let mut stream = Vec::new();
        for (at, bytes) in segments {
            let Ok(known) = usize::try_from(stream.len() as i64 - at) else {
                break;
            };
            stream.extend(bytes.iter().skip(known));
        }
        stream
    }
}

#[test]
#[ignore = "CORPUS is not set"]
fn every_stream_is_what_its_label_says() {
    let corpus = env::var_os("CORPUS").expect("CORPUS names the folder of captures");
    let flows = fs::read_to_string(Path::new(&corpus).join("flows.jsonl")).unwrap();
    let mut labels = [0, 0];
    for line in flows.lines() {
        let flow: Flow = serde_json::from_str(line).unwrap();
        let verdict = Classifier::new().feed(&flow.stream());
        let is_http = matches!(
            verdict,
            Some(Verdict::Http1 | Verdict::H2c | Verdict::Http09)
        );
        assert_eq!(is_http, flow.label == "http1", "{}: {verdict:?}", flow.id);
        labels[usize::from(is_http)] += 1;
    }
    assert!(labels.iter().all(|&count| count > 100), "{labels:?}");
}
