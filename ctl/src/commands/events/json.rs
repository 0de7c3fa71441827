// SPDX-License-Identifier: GPL-2.0
//! An event as an object of JSON.

use jiff::Timestamp;
use serde_json::{json, Value};

use super::Told;
use crate::events::{Culprit, Ended, Event, Found, What};
use crate::json::{joined, SCHEMA_VERSION};
use crate::owner::{self, Cgroup};

pub(super) fn object(told: &Told) -> Value {
    let event = &told.event;
    let &Event {
        lost,
        flow_id,
        netns,
        peer,
        local,
        ..
    } = event;
    // An end is in the namespace of its beginning.
    let beginning = told.beginning.as_deref().unwrap_or(told);
    let common = json!({
        "schema_version": SCHEMA_VERSION,
        "type": kind(&event.what),
        "time": time(event).to_string(),
        // Of 64 bits: as a number, some programs would round it.
        "flow_id": flow_id.to_string(),
        "lost": lost,
        "netns": {"inode": netns, "name": beginning.culprit.netns},
        "peer": peer.to_string(),
        "local": local.to_string(),
    });
    let more = match &event.what {
        What::Found(found) => of_found(found, told),
        What::Ended(ended) => of_ended(ended),
    };
    joined([common, more])
}

/// When it has happened, to the microsecond.
pub(super) fn time(event: &Event) -> Timestamp {
    let micros = i64::try_from(event.time / 1000).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

fn kind(what: &What) -> &'static str {
    match what {
        What::Found(_) => "found",
        What::Ended(_) => "ended",
    }
}

fn of_found(found: &Found, told: &Told) -> Value {
    let Culprit {
        holders,
        cgroup,
        made_in,
        ..
    } = &told.culprit;
    let what = json!({
        "device": found.device,
        "kind": found.kind.name(),
        "method": found.method,
        "target": found.target,
        "host": found.host,
        "action": found.action.name(),
        "rule": found.rule,
        "comment": told.comment,
    });
    let receiver = json!({
        "made_in": made_in.as_ref().map(Cgroup::path),
        "uid": found.receiver.map(|receiver| receiver.uid),
        "accepted": found.receiver.map(|receiver| receiver.accepted),
    });
    joined([
        what,
        owner::json::object(holders, cgroup.as_ref()),
        receiver,
    ])
}

fn of_ended(ended: &Ended) -> Value {
    json!({
        "reason": ended.reason.name(),
        "duration": ended.duration as f64 / 1000.0,
        "segments": ended.segments,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{culprit, ended, found, told};
    use super::*;
    use crate::events::EndReason;

    #[test]
    fn all_that_is_known_is_told() {
        let found = Found {
            rule: Some(3),
            ..found()
        };
        let told = Told {
            culprit: culprit(),
            comment: Some("ticket 4711".to_owned()),
            ..told(What::Found(found))
        };
        let expected = json!({
            "schema_version": 1,
            "type": "found",
            "time": "2023-11-14T22:13:20.123456Z",
            "flow_id": "18446744073709551615",
            "lost": 0,
            "netns": {"inode": 4_026_531_840_u64, "name": "initial"},
            "peer": "192.0.2.7:51034",
            "local": "[2001:db8::1]:80",
            "device": "eth0",
            "kind": "requests",
            "method": "GET",
            "target": "/index.html",
            "host": "example.org:8080",
            "action": "drop",
            "rule": 3,
            "comment": "ticket 4711",
            "program": "nginx",
            "processes": [
                {"pid": 812, "name": "nginx", "executable": "nginx"},
                {"pid": 813, "name": "nginx", "executable": "nginx"},
            ],
            "unit": "nginx.service",
            "container": null,
            "cgroup": "/system.slice/nginx.service",
            "made_in": "/system.slice/nginx.socket",
            "uid": 33,
            "accepted": true,
        });
        assert_eq!(object(&told), expected);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let object = object(&told(What::Found(Found {
            receiver: None,
            host: None,
            ..found()
        })));
        for key in [
            "host", "rule", "program", "unit", "cgroup", "made_in", "uid", "accepted",
        ] {
            assert_eq!(object.get(key), Some(&Value::Null), "{key}");
        }
        assert_eq!(object["processes"], json!([]));
    }

    #[test]
    fn an_end_has_its_reason() {
        let object = object(&ended(EndReason::Silent));
        assert_eq!(object["type"], "ended");
        assert_eq!(object["reason"], "silent");
        assert_eq!(
            (&object["duration"], &object["segments"]),
            (&json!(15.25), &json!(7))
        );
    }
}
