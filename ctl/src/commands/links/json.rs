// SPDX-License-Identifier: GPL-2.0
//! Links, addresses, and what changes of them, as objects of JSON.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{json, Map, Value};

use super::people;
use crate::json::{joined, SCHEMA_VERSION};
use crate::links::{Address, Change, Named};

/// A link as it is at the beginning.
pub(super) fn link_state(time: Timestamp, named: &Named) -> Value {
    object("link", time, "state", &Value::Null, link(named))
}

/// An address as it is at the beginning.
pub(super) fn address_state(time: Timestamp, link: Option<&str>, of: &Address) -> Value {
    let fields = address(link, of, Instant::now());
    object("address", time, "state", &Value::Null, fields)
}

/// A change. There is none, if it is neither before nor after it.
pub(super) fn change(time: Timestamp, change: &Change) -> Option<Value> {
    match change {
        Change::Link {
            before,
            after,
            moved,
        } => {
            let (before, after) = (before.as_deref().map(link), after.as_deref().map(link));
            let mut told = changed("link", time, before, after)?;
            if let (Some(moved), Some(object)) = (moved, told.as_object_mut()) {
                let to = json!({"nsid": moved.nsid, "index": moved.index});
                object.insert("moved_to".to_owned(), to);
            }
            Some(told)
        }
        Change::Address {
            link,
            before,
            after,
        } => {
            let now = Instant::now();
            let of = |it: &Address| address(link.as_deref(), it, now);
            let (before, after) = (before.as_deref().map(of), after.as_deref().map(of));
            changed("address", time, before, after)
        }
    }
}

/// That changes were missed, and all was read anew.
pub(super) fn resync(time: Timestamp) -> Value {
    head("resync", time)
}

/// That an interface is not there.
pub(super) fn absent(time: Timestamp, name: &str) -> Value {
    joined([head("absent", time), json!({"name": name})])
}

fn head(kind: &str, time: Timestamp) -> Value {
    let micros = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    json!({
        "schema_version": SCHEMA_VERSION,
        "type": kind,
        "time": micros.to_string(),
    })
}

fn object(kind: &str, time: Timestamp, event: &str, was: &Value, fields: Value) -> Value {
    let what = json!({"event": event, "was": was});
    joined([head(kind, time), what, fields])
}

fn changed(
    kind: &str,
    time: Timestamp,
    before: Option<Value>,
    after: Option<Value>,
) -> Option<Value> {
    Some(match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => object(kind, time, "added", &Value::Null, after),
        (Some(before), None) => object(kind, time, "removed", &Value::Null, before),
        (Some(before), Some(after)) => {
            let was = differing(&before, &after);
            object(kind, time, "changed", &was, after)
        }
    })
}

/// What of an object is different in another one.
fn differing(before: &Value, after: &Value) -> Value {
    let fields = before.as_object().into_iter().flatten();
    let different = fields.filter(|(key, value)| after.get(key) != Some(value));
    let different = different.map(|(key, value)| (key.clone(), value.clone()));
    different.collect::<Map<_, _>>().into()
}

fn link(named: &Named) -> Value {
    let Named {
        link,
        master,
        lower,
    } = named;
    json!({
        "index": link.index,
        "name": link.name,
        "altnames": link.altnames,
        "alias": link.alias,
        "kind": link.kind,
        "up": link.is_up,
        "carrier": link.carrier,
        "operstate": link.operstate,
        "mtu": link.mtu,
        "mac": link.mac.as_deref().map(people::mac),
        "master": master,
        "master_index": link.master,
        "lower": lower,
        "lower_index": link.lower.map(|lower| lower.index),
        "lower_nsid": link.lower.and_then(|lower| lower.nsid),
        "moved_to": null,
    })
}

fn address(link: Option<&str>, address: &Address, now: Instant) -> Value {
    json!({
        "index": address.index,
        "link": link,
        "family": if address.local.is_ipv4() { "inet" } else { "inet6" },
        "address": address.local,
        "prefix_length": address.prefix_length,
        "peer": address.peer,
        "broadcast": address.broadcast,
        "scope": address.scope,
        "label": address.label,
        "protocol": address.protocol,
        "metric": address.metric,
        "flags": address.flags().collect::<Vec<_>>(),
        "valid_lifetime": address.valid.left(now),
        "preferred_lifetime": address.preferred.left(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::tests::{address, link};
    use crate::links::{Link, Move, Notice, State};

    const TIME: Timestamp = Timestamp::UNIX_EPOCH;

    fn told(state: &mut State, notice: Notice) -> Vec<Value> {
        let changes = state.apply(notice).into_iter();
        changes.filter_map(|it| change(TIME, &it)).collect()
    }

    #[test]
    fn all_of_a_link_is_told() {
        let expected = json!({
            "schema_version": 1,
            "type": "link",
            "time": "1970-01-01T00:00:00Z",
            "event": "added",
            "was": null,
            "index": 2,
            "name": "eth0",
            "altnames": [],
            "alias": null,
            "kind": "veth",
            "up": true,
            "carrier": true,
            "operstate": "up",
            "mtu": 1500,
            "mac": "02:00:00:00:00:01",
            "master": null,
            "master_index": null,
            "lower": null,
            "lower_index": null,
            "lower_nsid": null,
            "moved_to": null,
        });
        let told = told(&mut State::default(), Notice::Link(link(2, "eth0")));
        assert_eq!(told, [expected]);
    }

    #[test]
    fn all_of_an_address_is_told() {
        let mut state: State = [Notice::Link(link(2, "eth0"))].into_iter().collect();
        let expected = json!({
            "schema_version": 1,
            "type": "address",
            "time": "1970-01-01T00:00:00Z",
            "event": "added",
            "was": null,
            "index": 2,
            "link": "eth0",
            "family": "inet",
            "address": "192.0.2.1",
            "prefix_length": 24,
            "peer": null,
            "broadcast": null,
            "scope": "global",
            "label": null,
            "protocol": null,
            "metric": null,
            "flags": [],
            "valid_lifetime": null,
            "preferred_lifetime": null,
        });
        let told = told(&mut state, Notice::Address(address(2, "192.0.2.1", 24)));
        assert_eq!(told, [expected]);
    }

    #[test]
    fn a_change_tells_what_was() {
        let mut state: State = [Notice::Link(link(2, "eth0"))].into_iter().collect();
        let other = Link {
            mtu: 9000,
            alias: Some("uplink".to_owned()),
            ..link(2, "eth0")
        };
        let [told] = &told(&mut state, Notice::Link(other))[..] else {
            panic!("one change")
        };
        assert_eq!(told["event"], "changed");
        assert_eq!(told["mtu"], 9000);
        assert_eq!(told["was"], json!({"alias": null, "mtu": 1500}));
    }

    #[test]
    fn where_a_link_has_moved_to_is_told() {
        let mut state: State = [Notice::Link(link(2, "eth0"))].into_iter().collect();
        let moved = Some(Move {
            nsid: 3,
            index: Some(7),
        });
        let [told] = &told(&mut state, Notice::LinkGone(2, moved))[..] else {
            panic!("one change")
        };
        assert_eq!(told["event"], "removed");
        assert_eq!(told["moved_to"], json!({"nsid": 3, "index": 7}));
    }
}
