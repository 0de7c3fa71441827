// SPDX-License-Identifier: GPL-2.0
//! Connections in real captures are what their labels say. They are in the folder `CORPUS`, as
//! `flows.jsonl` and `pcap/`; without it this test stays ignored.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use capture::Outcome;
use classifier::Verdict;
use serde::Deserialize;

use crate::support::read_all;

/// A connection with its label.
#[derive(Deserialize)]
struct Labelled {
    id: String,
    label: String,
    pcap: String,
    client_ip: IpAddr,
    client_port: u16,
    server_ip: IpAddr,
    server_port: u16,
}

/// What was found between a client and a server of a file. There may be several connections.
type Outcomes = BTreeMap<(SocketAddr, SocketAddr), Vec<Outcome>>;

fn outcomes(file: &Path) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for finding in read_all(File::open(file).unwrap()).findings {
        let ends = (finding.client, finding.server);
        outcomes.entry(ends).or_default().push(finding.outcome);
    }
    outcomes
}

#[test]
#[ignore = "CORPUS is not set"]
fn every_connection_is_what_its_label_says() {
    let corpus = env::var_os("CORPUS").expect("CORPUS names the folder of captures");
    let corpus = Path::new(&corpus);
    let flows = fs::read_to_string(corpus.join("flows.jsonl")).unwrap();
    let mut files = BTreeMap::new();
    let mut labels = [0, 0];
    let mut wrong = Vec::new();
    for line in flows.lines() {
        let flow: Labelled = serde_json::from_str(line).unwrap();
        let file = corpus.join("pcap").join(&flow.pcap);
        let file = files.entry(flow.pcap).or_insert_with(|| outcomes(&file));
        let client = SocketAddr::new(flow.client_ip, flow.client_port);
        let server = SocketAddr::new(flow.server_ip, flow.server_port);
        let found = file.get(&(client, server)).map_or(&[][..], Vec::as_slice);
        let is_http = flow.label == "http1";
        let is_right = if is_http {
            found.contains(&Ok(Verdict::Http1))
        } else {
            let http = [Verdict::Http1, Verdict::H2c, Verdict::Http09].map(Ok);
            !found.is_empty() && !found.iter().any(|outcome| http.contains(outcome))
        };
        if !is_right {
            wrong.push((flow.id, flow.label, found.to_vec()));
        }
        labels[usize::from(is_http)] += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(labels.iter().all(|&count| count > 100), "{labels:?}");
}
