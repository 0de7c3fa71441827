// SPDX-License-Identifier: GPL-2.0
//! Events: what the module tells of a connection when it is found, and when it ends.

mod culprit;
mod queue;

use std::net::SocketAddr;

use anyhow::{bail, Result};

use crate::genetlink::Attributes;
use crate::policy::{Action, Kind};
use crate::uapi::*;

pub(crate) use culprit::{Culprit, Owners};
pub(crate) use queue::queue;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// How many were lost before it, as far as that is known: at least so many.
    pub(crate) lost: u64,
    /// In nanoseconds since 1970.
    pub(crate) time: u64,
    /// The same in all events of one connection.
    pub(crate) flow_id: u64,
    /// The network namespace of its socket, by its inode.
    pub(crate) netns: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) what: What,
}

/// What has happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Found(Found),
    Ended(Ended),
}

/// A connection was found to speak HTTP. Text is printable ASCII, what else came is escaped.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) device: String,
    pub(crate) kind: Kind,
    pub(crate) method: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) action: Action,
    /// The number of the rule that has decided.
    pub(crate) rule: Option<usize>,
    pub(crate) receiver: Option<Receiver>,
}

/// The socket that receives it: its own, or its listener while it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver {
    /// The number of the control group that it, or the listener that it comes from, was made in.
    pub(crate) cgroup: Option<u64>,
    pub(crate) cookie: u64,
    pub(crate) uid: u32,
    /// Whether the user is that of the process that has accepted it, not of the one that listens.
    pub(crate) accepted: bool,
}

/// Nothing more is told of a connection that was dropped or rejected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) reason: EndReason,
    /// The milliseconds between finding it and its last segment.
    pub(crate) duration: u64,
    /// How many of its segments were dropped.
    pub(crate) segments: u64,
}

/// Why nothing more is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    Aborted,
    Closed,
    Silent,
    Displaced,
    Disabled,
}

impl Event {
    pub(crate) fn read(message: &Attributes) -> Result<Self> {
        let end = |address, port| {
            let port = u16::try_from(message.number(port)?)?;
            Ok::<_, anyhow::Error>(SocketAddr::new(message.address(address)?, port))
        };
        let kind = u32::try_from(message.number(HTTP_FILTER_A_EVENT_TYPE)?)?;
        Ok(Self {
            lost: message
                .optional_number(HTTP_FILTER_A_EVENT_LOST)
                .unwrap_or(0),
            time: message.number(HTTP_FILTER_A_EVENT_TIME)?,
            flow_id: message.number(HTTP_FILTER_A_EVENT_FLOW_ID)?,
            netns: message.number(HTTP_FILTER_A_EVENT_NETNS)?,
            peer: end(HTTP_FILTER_A_EVENT_FROM, HTTP_FILTER_A_EVENT_FROM_PORT)?,
            local: end(HTTP_FILTER_A_EVENT_TO, HTTP_FILTER_A_EVENT_TO_PORT)?,
            what: match kind {
                HTTP_FILTER_EVENT_TYPE_FOUND => What::Found(Found::read(message)?),
                HTTP_FILTER_EVENT_TYPE_ENDED => What::Ended(Ended::read(message)?),
                _ => bail!("the module tells of an unknown event: {kind}"),
            },
        })
    }
}

impl Found {
    fn read(message: &Attributes) -> Result<Self> {
        let rule = message.optional_number(HTTP_FILTER_A_EVENT_RULE);
        Ok(Self {
            device: message.text(HTTP_FILTER_A_EVENT_DEVICE).unwrap_or_default(),
            kind: Kind::of(message.number(HTTP_FILTER_A_EVENT_KIND)?)?,
            method: message.text(HTTP_FILTER_A_EVENT_METHOD),
            target: message.text(HTTP_FILTER_A_EVENT_TARGET),
            host: message.text(HTTP_FILTER_A_EVENT_HOST),
            action: Action::of(message.number(HTTP_FILTER_A_EVENT_ACTION)?)?,
            rule: rule.map(usize::try_from).transpose()?,
            receiver: Receiver::read(message)?,
        })
    }
}

impl Receiver {
    fn read(message: &Attributes) -> Result<Option<Self>> {
        let Some(cookie) = message.optional_number(HTTP_FILTER_A_EVENT_COOKIE) else {
            return Ok(None);
        };
        Ok(Some(Self {
            cgroup: message.optional_number(HTTP_FILTER_A_EVENT_CGROUP),
            cookie,
            uid: message.number(HTTP_FILTER_A_EVENT_UID)?.try_into()?,
            accepted: message.has(HTTP_FILTER_A_EVENT_ACCEPTED),
        }))
    }
}

impl Ended {
    fn read(message: &Attributes) -> Result<Self> {
        Ok(Self {
            reason: EndReason::of(message.number(HTTP_FILTER_A_EVENT_REASON)?)?,
            duration: message.number(HTTP_FILTER_A_EVENT_DURATION)?,
            segments: message.number(HTTP_FILTER_A_EVENT_SEGMENTS)?,
        })
    }
}

impl EndReason {
    fn of(number: u64) -> Result<Self> {
        Ok(match u32::try_from(number)? {
            HTTP_FILTER_END_REASON_ABORTED => Self::Aborted,
            HTTP_FILTER_END_REASON_CLOSED => Self::Closed,
            HTTP_FILTER_END_REASON_SILENT => Self::Silent,
            HTTP_FILTER_END_REASON_DISPLACED => Self::Displaced,
            HTTP_FILTER_END_REASON_DISABLED => Self::Disabled,
            _ => bail!("the module tells of an unknown end: {number}"),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::Displaced => "displaced",
            Self::Disabled => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genetlink::Attribute;

    /// What all events have, and then `more`.
    fn message(more: Vec<Attribute>) -> Attributes {
        let common = [
            Attribute::new(HTTP_FILTER_A_EVENT_TIME, 5_u64.to_ne_bytes()),
            Attribute::new(HTTP_FILTER_A_EVENT_FLOW_ID, 6_u32.to_ne_bytes()),
            Attribute::new(HTTP_FILTER_A_EVENT_NETNS, 7_u32.to_ne_bytes()),
            Attribute::new(HTTP_FILTER_A_EVENT_FROM, [192, 0, 2, 7]),
            Attribute::new(HTTP_FILTER_A_EVENT_FROM_PORT, 51_034_u16.to_ne_bytes()),
            Attribute::new(HTTP_FILTER_A_EVENT_TO, [0; 16]),
            Attribute::new(HTTP_FILTER_A_EVENT_TO_PORT, 80_u16.to_ne_bytes()),
        ];
        common.into_iter().chain(more).collect()
    }

    #[test]
    fn a_message_is_read_as_it_is_specified() {
        let number = |number, value: u32| Attribute::new(number, value.to_ne_bytes());
        let message = message(vec![
            number(HTTP_FILTER_A_EVENT_TYPE, HTTP_FILTER_EVENT_TYPE_FOUND),
            number(HTTP_FILTER_A_EVENT_LOST, 3),
            Attribute::new(HTTP_FILTER_A_EVENT_DEVICE, "lo\0"),
            number(HTTP_FILTER_A_EVENT_KIND, HTTP_FILTER_KIND_HTTP09),
            Attribute::new(HTTP_FILTER_A_EVENT_METHOD, "GET\0"),
            Attribute::new(HTTP_FILTER_A_EVENT_TARGET, "/x\0"),
            number(HTTP_FILTER_A_EVENT_ACTION, HTTP_FILTER_RULE_ACTION_REJECT),
            number(HTTP_FILTER_A_EVENT_RULE, 2),
            number(HTTP_FILTER_A_EVENT_COOKIE, 9),
            number(HTTP_FILTER_A_EVENT_UID, 33),
            Attribute::new(HTTP_FILTER_A_EVENT_ACCEPTED, []),
        ]);
        let event = Event::read(&message).unwrap();
        assert_eq!(
            (event.lost, event.time, event.flow_id, event.netns),
            (3, 5, 6, 7)
        );
        assert_eq!(event.peer.to_string(), "192.0.2.7:51034");
        assert_eq!(event.local.to_string(), "[::]:80");
        let What::Found(found) = event.what else {
            panic!("found")
        };
        assert_eq!((found.kind, found.action), (Kind::Http09, Action::Reject));
        assert_eq!(
            (found.device.as_str(), found.rule, found.host),
            ("lo", Some(2), None)
        );
        assert_eq!(found.target.as_deref(), Some("/x"));
        let receiver = found.receiver.unwrap();
        assert_eq!(
            (receiver.cookie, receiver.uid, receiver.cgroup),
            (9, 33, None)
        );
        assert!(receiver.accepted);
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        let of = |kind: u32| Attribute::new(HTTP_FILTER_A_EVENT_TYPE, kind.to_ne_bytes());
        for more in [vec![], vec![of(99)], vec![of(HTTP_FILTER_EVENT_TYPE_ENDED)]] {
            assert!(Event::read(&message(more)).is_err());
        }
    }
}
