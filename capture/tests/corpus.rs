// SPDX-License-Identifier: GPL-2.0
//! The connections of real captures are what their labels say. They are in the folder `CORPUS`, and
//! the labels in its `flows.jsonl`; without it this test stays ignored.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use capture::{Flow, Judge, Outcome};
use classifier::Verdict::{H2c, Http09, Http1};
use serde::Deserialize;

#[derive(Deserialize)]
struct Label {
    id: String,
    pcap: String,
    client_ip: IpAddr,
    client_port: u16,
    server_ip: IpAddr,
    server_port: u16,
    label: String,
}

#[test]
#[ignore = "CORPUS is not set"]
fn every_connection_is_what_its_label_says() {
    let corpus = env::var_os("CORPUS").expect("CORPUS names the folder of captures");
    let corpus = Path::new(&corpus);
    let labels = fs::read_to_string(corpus.join("flows.jsonl")).unwrap();
    let mut told = BTreeMap::<String, Vec<Flow>>::new();
    let mut counts = [0, 0];
    for line in labels.lines() {
        let label: Label = serde_json::from_str(line).unwrap();
        let flows = told.entry(label.pcap.clone()).or_insert_with(|| {
            let file = File::open(corpus.join("pcap").join(&label.pcap)).unwrap();
            // Of a capture that is cut off, what is before that.
            Judge::open(file).unwrap().filter_map(Result::ok).collect()
        });
        let client = SocketAddr::new(label.client_ip, label.client_port);
        let server = SocketAddr::new(label.server_ip, label.server_port);
        let outcomes: Vec<Outcome> = flows
            .iter()
            .filter(|flow| (flow.client, flow.server) == (client, server))
            .map(|flow| flow.outcome)
            .collect();
        let any = |verdicts: &[_]| {
            outcomes
                .iter()
                .any(|outcome| outcome.is_ok_and(|verdict| verdicts.contains(&verdict)))
        };
        let is_http = label.label == "http1";
        let is_right = match is_http {
            true => any(&[Http1]),
            false => !outcomes.is_empty() && !any(&[Http1, H2c, Http09]),
        };
        assert!(is_right, "{} is {}: {outcomes:?}", label.id, label.label);
        counts[usize::from(is_http)] += 1;
    }
    assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
}
