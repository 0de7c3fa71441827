// SPDX-License-Identifier: GPL-2.0
//! An event as Suricata would write it into its `eve.json`: a found connection as of type `http`, with
//! the verdict that Suricata adds to its own, and an ended one as of type `flow`.

use std::net::IpAddr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::Timestamp;
use serde_json::{json, Map, Value};

use super::{json, Told};
use crate::events::{EndReason, Ended, Found, What};
use crate::policy::{Action, Kind};

pub(super) fn object(told: &Told) -> Value {
    let event = &told.event;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| _ = object.insert(name.to_owned(), value);
    put("timestamp", stamp(json::time(event)).into());
    put("flow_id", event.flow_id.into());
    if let What::Found(found) = &event.what {
        put("in_iface", found.device.as_str().into());
    }
    let event_type = match event.what {
        What::Found(_) => "http",
        What::Ended(_) => "flow",
    };
    put("event_type", event_type.into());
    put("src_ip", ip(event.peer.ip()).into());
    put("src_port", event.peer.port().into());
    put("dest_ip", ip(event.local.ip()).into());
    put("dest_port", event.local.port().into());
    put("proto", "TCP".into());
    match &event.what {
        What::Found(found) => {
            put("app_proto", app_proto(found.kind).into());
            put("verdict", verdict(found.action));
            put("http", http(found).into());
        }
        What::Ended(ended) => put("flow", flow(*ended, told.beginning.as_deref()).into()),
    }
    put("http_filter", json::object(told));
    object.into()
}

/// A moment in local time, as Suricata writes it.
fn stamp(time: Timestamp) -> String {
    let local = time.to_zoned(TimeZone::system());
    local.strftime("%Y-%m-%dT%H:%M:%S%.6f%z").to_string()
}

/// An address, as Suricata writes it: IPv6 in full.
fn ip(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:04x}"));
            groups.join(":")
        }
    }
}

fn app_proto(kind: Kind) -> &'static str {
    match kind {
        Kind::H2c => "http2",
        Kind::Requests | Kind::Http09 | Kind::Responses => "http",
    }
}

fn verdict(action: Action) -> Value {
    match action {
        Action::Drop => json!({"action": "drop"}),
        Action::Reject => {
            json!({"action": "drop", "reject-target": "both", "reject": ["tcp-reset"]})
        }
        Action::Monitor => json!({"action": "alert"}),
        Action::Allow => json!({"action": "pass"}),
    }
}

fn http(found: &Found) -> Map<String, Value> {
    let (hostname, port) = found.host.as_deref().map(host_and_port).unzip();
    let protocol = match found.kind {
        Kind::Requests | Kind::Responses => "HTTP/1",
        Kind::H2c => "HTTP/2",
        Kind::Http09 => "HTTP/0.9",
    };
    known([
        ("hostname", hostname.into()),
        ("http_port", port.flatten().into()),
        ("url", found.target.as_deref().into()),
        ("http_method", found.method.as_deref().into()),
        ("protocol", protocol.into()),
    ])
}

/// The two parts of a Host field; IPv6 addresses, which have colons of their own, are in brackets.
fn host_and_port(host: &str) -> (&str, Option<u16>) {
    let parts = host.rsplit_once(':');
    match parts.and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

fn flow(ended: Ended, beginning: Option<&Told>) -> Map<String, Value> {
    let (state, reason) = match ended.reason {
        EndReason::Aborted => ("closed", Some("forced")),
        EndReason::Closed => ("closed", None),
        EndReason::Silent => ("established", Some("timeout")),
        EndReason::Displaced => ("established", Some("forced")),
        EndReason::Disabled => ("established", Some("shutdown")),
    };
    let elapsed = Duration::from_millis(ended.duration);
    let start = beginning.map(|beginning| json::time(&beginning.event));
    let end = start.and_then(|start| start.checked_add(elapsed).ok());
    known([
        ("start", start.map(stamp).into()),
        ("end", end.map(stamp).into()),
        ("age", elapsed.as_secs().into()),
        ("state", state.into()),
        ("reason", reason.into()),
    ])
}

/// What is not null of this.
fn known<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ended, found, told};
    use super::*;

    #[test]
    fn a_connection_is_told_as_suricata_does() {
        let told = told(What::Found(found()));
        let mut object = object(&told);
        let mut take = |key: &str| object.as_object_mut().and_then(|object| object.remove(key));
        let stamp = take("timestamp").unwrap();
        // With microseconds, and with the time zone as four digits.
        let (_, behind) = stamp.as_str().unwrap().split_once(".123456").unwrap();
        assert!(
            behind.len() == 5 && behind.starts_with(['+', '-']),
            "{stamp}"
        );
        assert_eq!(take("http_filter"), Some(json::object(&told)));
        let expected = json!({
            "flow_id": u64::MAX,
            "in_iface": "eth0",
            "event_type": "http",
            "src_ip": "192.0.2.7",
            "src_port": 51034,
            "dest_ip": "2001:0db8:0000:0000:0000:0000:0000:0001",
            "dest_port": 80,
            "proto": "TCP",
            "app_proto": "http",
            "verdict": {"action": "drop"},
            "http": {
                "hostname": "example.org",
                "http_port": 8080,
                "url": "/index.html",
                "http_method": "GET",
                "protocol": "HTTP/1",
            },
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn an_end_is_that_of_a_flow() {
        let object = object(&ended(EndReason::Silent));
        assert_eq!(object["event_type"], "flow");
        let flow = &object["flow"];
        assert_eq!(
            (&flow["state"], &flow["reason"]),
            (&json!("established"), &json!("timeout"))
        );
        assert_eq!(flow["age"], 15);
        assert!(flow["start"].as_str().unwrap().contains(":20.123456"));
        assert!(flow["end"].as_str().unwrap().contains(":35.373456"));
    }

    #[test]
    fn a_host_may_have_a_port() {
        for (host, name, port) in [
            ("example.org", "example.org", None),
            ("example.org:80", "example.org", Some(80)),
            ("[2001:db8::1]:80", "[2001:db8::1]", Some(80)),
            ("[2001:db8::1]", "[2001:db8::1]", None),
            ("2001:db8::1:80", "2001:db8::1:80", None),
            ("example.org:", "example.org:", None),
            ("example.org:99999", "example.org:99999", None),
            ("", "", None),
        ] {
            assert_eq!(host_and_port(host), (name, port));
        }
    }

    #[test]
    fn only_what_was_rejected_is_reset() {
        for (action, verdict) in [
            (Action::Drop, json!({"action": "drop"})),
            (
                Action::Reject,
                json!({"action": "drop", "reject-target": "both", "reject": ["tcp-reset"]}),
            ),
            (Action::Monitor, json!({"action": "alert"})),
            (Action::Allow, json!({"action": "pass"})),
        ] {
            let told = told(What::Found(Found { action, ..found() }));
            assert_eq!(object(&told)["verdict"], verdict);
        }
    }
}
