// SPDX-License-Identifier: GPL-2.0
//! `filterctl connections`, of this machine. Whose they are, and that they end, is the guest's tests'.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use predicates::str::contains;
use serde_json::Value;

use crate::schema;
use crate::tree::Tree;

/// A connection within this process: its listener, the client's and the server's end.
fn connection() -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (listener, client, server)
}

/// What asks `filterctl` for the connections to a port.
fn arguments<'a>(port: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["connections", "--port", port], more].concat()
}

fn port(address: SocketAddr) -> String {
    address.port().to_string()
}

#[test]
fn the_servers_end_is_listed_and_the_clients_is_not() {
    let (listener, client, _server) = connection();
    let (local, peer) = (listener.local_addr().unwrap(), client.local_addr().unwrap());
    let json = |port: &str| {
        let lines = Tree::unloaded().output(&arguments(port, &["--json"]));
        let lines = lines
            .lines()
            .map(|line| schema::object("connections", line));
        lines.collect::<Vec<Value>>()
    };
    let [told] = &json(&port(local))[..] else {
        panic!("one connection")
    };
    assert_eq!(told["local"], local.to_string());
    assert_eq!(told["peer"], peer.to_string());
    assert_eq!(told["processes"][0]["pid"], std::process::id());
    assert_eq!(told["ssh"], false);
    assert!(json(&port(peer)).is_empty());
}

#[test]
fn a_dry_run_ends_nothing_and_says_what_would() {
    let (listener, mut client, mut server) = connection();
    let port = port(listener.local_addr().unwrap());
    let said = Tree::unloaded().output(&arguments(&port, &["--end"]));
    for part in [
        "would end",
        "1 inbound connection: 1 would end",
        "--yes ends them",
    ] {
        assert!(said.contains(part), "{said}");
    }
    std::io::Write::write_all(&mut client, b"x").unwrap();
    std::io::Read::read_exact(&mut server, &mut [0]).unwrap();
}

#[test]
fn selectors_of_several_kinds_have_to_fit_all() {
    let (listener, _client, _server) = connection();
    let port = port(listener.local_addr().unwrap());
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    for (program, total) in [
        (name.trim_end(), "1 inbound connection\n"),
        ("else", "0 inbound connections\n"),
    ] {
        let said =
            Tree::unloaded().output(&arguments(&port, &["--port", "1", "--program", program]));
        assert!(said.ends_with(total), "{said}");
    }
}

#[test]
fn no_connection_is_no_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = port(listener.local_addr().unwrap());
    for more in [&[][..], &["--end"], &["--end", "--yes"]] {
        let said = Tree::unloaded().output(&arguments(&port, more));
        assert_eq!(said, "0 inbound connections\n");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    let command = &["connections", "--netns", "nowhere"];
    let assert = Tree::unloaded().filterctl(command).assert().code(1);
    assert.stderr(contains("there is no network namespace nowhere"));
}
