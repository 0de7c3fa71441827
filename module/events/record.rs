// SPDX-License-Identifier: GPL-2.0

//! What an event tells, as the hook records it, and as attributes of a message.

#![forbid(unsafe_code)]

use crate::{
    kernel_ext::{
        bindings,
        genetlink::{attribute_size, Event, Message, STRING_MAX},
        packet::{DeviceName, Receiver},
        pernet,
        socket::Flow,
    },
    netlink::{action_number, kind_number},
    policy::{Action, Kind},
};
use classifier::{Escaped, HostField, LogLine};
use core::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
};
use kernel::prelude::*;

/// An event.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// Nanoseconds since 1970 (`CLOCK_REALTIME`).
    pub(super) time: u64,
    pub(super) flow_id: u64,
    pub(super) flow: Flow,
    /// The inode of the flow's network namespace.
    pub(super) netns: u32,
    pub(super) what: What,
}

static_assert!(size_of::<Record>() <= 440);

/// What has happened.
#[derive(Clone, Copy)]
pub(super) enum What {
    Found(Found),
    Ended(Ended),
}

/// A connection was found to speak HTTP.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) receiver: Receiver,
    pub(super) device: DeviceName,
    pub(super) kind: Kind,
    pub(super) action: Action,
    /// The number of the rule that has decided.
    pub(super) rule: Option<u32>,
    pub(super) line: LogLine,
    pub(super) host: HostField,
}

/// Nothing more is told of a connection.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) reason: EndReason,
    /// Milliseconds between its first segment and its last one that were dropped.
    pub(super) duration: u64,
    /// How many were.
    pub(super) segments: u64,
}

/// Why nothing more is told of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The module has ended it.
    Aborted,
    /// Its socket is gone.
    Closed,
    /// Nothing has come on it for a while.
    Silent,
    /// Its place was needed for another.
    Displaced,
    /// The filter was switched off.
    Disabled,
}

impl EndReason {
    fn number(self) -> u32 {
        match self {
            Self::Aborted => bindings::HTTP_FILTER_END_REASON_ABORTED,
            Self::Closed => bindings::HTTP_FILTER_END_REASON_CLOSED,
            Self::Silent => bindings::HTTP_FILTER_END_REASON_SILENT,
            Self::Displaced => bindings::HTTP_FILTER_END_REASON_DISPLACED,
            Self::Disabled => bindings::HTTP_FILTER_END_REASON_DISABLED,
        }
    }
}

/// The most that the attributes of an event take, in bytes: no more than eight numbers of 32 bits, as
/// many of 64, two ports, two addresses, a flag and four strings.
const MAX_SIZE: usize = 8 * attribute_size(size_of::<u32>())
    + 8 * attribute_size(size_of::<u64>())
    + 2 * attribute_size(size_of::<u16>())
    + 2 * attribute_size(size_of::<[u8; 16]>())
    + attribute_size(0)
    + 4 * attribute_size(STRING_MAX + 1);

impl Record {
    /// Sends it to who listens in the initial network namespace, and in its own; `lost` events were
    /// lost before it. Process context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. Then nobody has got it, or its own namespace has not.
    pub(super) fn send(&self, lost: u64) -> Result {
        let initial = pernet::initial_cookie();
        self.message(lost, true)?.send(initial);
        if self.flow.netns_cookie() != initial {
            self.message(lost, false)?.send(self.flow.netns_cookie());
        }
        Ok(())
    }

    /// The message with it for the initial namespace, or for its own, which is not told what only the
    /// host knows.
    fn message(&self, lost: u64, is_initial: bool) -> Result<Event> {
        let mut event = Event::new(MAX_SIZE)?;
        let message = event.message();
        let ty = match self.what {
            What::Found(_) => bindings::HTTP_FILTER_EVENT_TYPE_FOUND,
            What::Ended(_) => bindings::HTTP_FILTER_EVENT_TYPE_ENDED,
        };
        message.put_u32(bindings::HTTP_FILTER_A_EVENT_TYPE, ty)?;
        if lost != 0 {
            message.put_uint(bindings::HTTP_FILTER_A_EVENT_LOST, lost)?;
        }
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_TIME, self.time)?;
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_FLOW_ID, self.flow_id)?;
        message.put_u32(bindings::HTTP_FILTER_A_EVENT_NETNS, self.netns)?;
        let cookie = self.flow.netns_cookie();
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_NETNS_COOKIE, cookie)?;
        put_address(
            message,
            [
                bindings::HTTP_FILTER_A_EVENT_FROM,
                bindings::HTTP_FILTER_A_EVENT_FROM_PORT,
            ],
            self.flow.source(),
        )?;
        put_address(
            message,
            [
                bindings::HTTP_FILTER_A_EVENT_TO,
                bindings::HTTP_FILTER_A_EVENT_TO_PORT,
            ],
            self.flow.destination(),
        )?;
        match &self.what {
            What::Found(found) => found.put(message, is_initial)?,
            What::Ended(ended) => ended.put(message)?,
        }
        Ok(event)
    }
}

impl Found {
    fn put(&self, message: &mut Message, is_initial: bool) -> Result {
        let device = Escaped(self.device.as_bytes());
        put_text(message, bindings::HTTP_FILTER_A_EVENT_DEVICE, &device)?;
        message.put_u32(bindings::HTTP_FILTER_A_EVENT_KIND, kind_number(self.kind))?;
        if matches!(self.kind, Kind::Requests | Kind::Http09) {
            let (method, target) = (self.line.shown_method(), self.line.shown_target());
            put_text(message, bindings::HTTP_FILTER_A_EVENT_METHOD, &method)?;
            put_text(message, bindings::HTTP_FILTER_A_EVENT_TARGET, &target)?;
        }
        if let Some(host) = self.host.value() {
            put_text(message, bindings::HTTP_FILTER_A_EVENT_HOST, &host)?;
        }
        message.put_u32(
            bindings::HTTP_FILTER_A_EVENT_ACTION,
            action_number(self.action),
        )?;
        if let (Some(rule), true) = (self.rule, is_initial) {
            message.put_u32(bindings::HTTP_FILTER_A_EVENT_RULE, rule)?;
        }
        let Some(owner) = self.receiver.owner() else {
            return Ok(());
        };
        if let (Some(cgroup), true) = (owner.cgroup, is_initial) {
            message.put_uint(bindings::HTTP_FILTER_A_EVENT_CGROUP, cgroup)?;
        }
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_COOKIE, owner.cookie)?;
        let uid = match is_initial {
            true => owner.uid,
            false => owner.uid_in_netns,
        };
        message.put_u32(bindings::HTTP_FILTER_A_EVENT_UID, uid)?;
        message.put_flag(bindings::HTTP_FILTER_A_EVENT_ACCEPTED, owner.is_accepted)
    }
}

impl Ended {
    fn put(&self, message: &mut Message) -> Result {
        message.put_u32(bindings::HTTP_FILTER_A_EVENT_REASON, self.reason.number())?;
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_DURATION, self.duration)?;
        message.put_uint(bindings::HTTP_FILTER_A_EVENT_SEGMENTS, self.segments)
    }
}

fn put_text(message: &mut Message, ty: u32, text: &impl Display) -> Result {
    message.put_string(ty, format_args!("{text}"))
}

fn put_address(message: &mut Message, [ip, port]: [u32; 2], address: SocketAddr) -> Result {
    match address.ip() {
        IpAddr::V4(v4) => message.put(ip, &v4.octets())?,
        IpAddr::V6(v6) => message.put(ip, &v6.octets())?,
    }
    message.put(port, &address.port().to_ne_bytes())
}
