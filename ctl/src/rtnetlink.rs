// SPDX-License-Identifier: GPL-2.0
//! Links and addresses, as the kernel tells of them: rtnetlink(7).
//!
//! There are two sockets. One, the [`Monitor`], is subscribed to the changes; the other, the [`Reader`], asks how
//! everything is. On a single one, the parts of an answer and the notifications would wait in one queue, and seem to be
//! in order; but the kernel fills in an answer without the lock under which it makes changes, so that it may put a part
//! behind the notification of a change which that part does not have yet.
//!
//! It takes no common order. Whoever has subscribed before asking, and takes in the answer first and then all
//! notifications that have come since, in their order, ends up with what the kernel has: a notification tells the whole
//! of its link or address (those that do not are passed over), so that the last one of each decides, and of what none has come, the answer is right. What a
//! notification tells that is older than the answer is put right by the later ones. Only if notifications were lost, for
//! want of room, or if the kernel says that an answer may have gaps since something changed meanwhile, is the whole asked
//! for once more.

mod message;

use std::io;

use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc::{MSG_PEEK, MSG_TRUNC, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_LINK};
use nix::sys::socket::{setsockopt, sockopt};

use crate::links::Notice;
use message::Told;

/// Room for notifications that are not received yet, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The most that a datagram takes, in bytes; unless an interface has thousands of names.
const DATAGRAM: usize = 32 << 10;

/// What asks how everything is.
pub(crate) struct Reader {
    mailbox: Mailbox,
    /// The number of the last question.
    sequence: u32,
}

impl Reader {
    /// One for the network namespace that this thread is in.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self {
            mailbox: Mailbox::open()?,
            sequence: 0,
        })
    }

    /// All links and addresses; none, if the answer may have gaps.
    pub(crate) fn read(&mut self) -> io::Result<Option<Vec<Notice>>> {
        let mut links = LinkMessage::default();
        // There is no use for the counters of each.
        links.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
        let mut notices = Vec::new();
        // Addresses last, so that none comes without its link, unless that is new.
        for question in [
            RouteNetlinkMessage::GetLink(links),
            RouteNetlinkMessage::GetAddress(AddressMessage::default()),
        ] {
            if !self.ask(question, &mut notices)? {
                return Ok(None);
            }
        }
        Ok(Some(notices))
    }

    /// Adds what the answer tells. False, if it may have gaps.
    fn ask(
        &mut self,
        question: RouteNetlinkMessage,
        notices: &mut Vec<Notice>,
    ) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut question = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(question));
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        self.mailbox.socket.send(&bytes, 0)?;
        let mut is_whole = true;
        loop {
            let Some(datagram) = self.mailbox.receive()? else {
                is_whole = false;
                continue;
            };
            for message in messages(&datagram, notices) {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                is_whole &= message.header.flags & NLM_F_DUMP_INTR == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(told) => notices.extend(told.0),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io())
                    }
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    NetlinkPayload::Done(_) => return Ok(is_whole),
                    _ => {}
                }
            }
        }
    }
}

/// What hears of changes.
pub(crate) struct Monitor(Mailbox);

impl Monitor {
    /// One for the network namespace that this thread is in, which hears of whatever changes from now on.
    pub(crate) fn open() -> io::Result<Self> {
        let mailbox = Mailbox::open()?;
        let socket = &mailbox.socket;
        // Who may not gets as much as everybody may have.
        if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        for group in [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
            socket.add_membership(group)?;
        }
        Ok(Self(mailbox))
    }

    /// Waits for what is told next; none, where some was lost, since it came faster than it was received.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Vec<Notice>>> {
        let Some(datagram) = self.0.receive()? else {
            return Ok(None);
        };
        let mut notices = Vec::new();
        for message in messages(&datagram, &mut notices) {
            if let NetlinkPayload::InnerMessage(told) = message.payload {
                notices.extend(told.0);
            }
        }
        Ok(Some(notices))
    }
}

/// A socket, and how large a datagram it takes.
struct Mailbox {
    socket: Socket,
    datagram: usize,
}

impl Mailbox {
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            datagram: DATAGRAM,
        })
    }

    /// Waits for a datagram; none, where some were lost for want of room.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.take() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks first how long it is, with the buffer that it is for: the kernel makes answers as long as that.
    fn take(&mut self) -> io::Result<Vec<u8>> {
        let receive = |room, flags| loop {
            let mut bytes = Vec::with_capacity(room);
            match self.socket.recv(&mut bytes, flags) {
                Ok(length) => return Ok((length, bytes)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let (length, _) = receive(self.datagram, MSG_PEEK | MSG_TRUNC)?;
        let (_, bytes) = receive(self.datagram.max(length), 0)?;
        self.datagram = self.datagram.max(length);
        Ok(bytes)
    }
}

/// The messages of a datagram. Of what cannot be read, it is noted why.
fn messages(datagram: &[u8], notices: &mut Vec<Notice>) -> Vec<NetlinkMessage<Told>> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        match NetlinkMessage::<Told>::deserialize(rest) {
            Ok(message) => {
                let length = (message.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
                messages.push(message);
            }
            Err(error) => {
                notices.push(Notice::Unread(error.to_string()));
                break;
            }
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::links::State;

    #[test]
    fn loopback_is_told_of_and_all_can_be_read() {
        let mut reader = Reader::open().unwrap();
        let notices = reader.read().unwrap().unwrap();
        let unread = notices
            .iter()
            .find(|notice| matches!(notice, Notice::Unread(_)));
        assert_eq!(unread, None);
        let state: State = notices.into_iter().collect();
        let lo = state.links().find(|link| link.name == "lo").unwrap();
        assert_eq!(
            (lo.index, lo.mtu, &lo.mac, &lo.kind),
            (1, 65536, &None, &None)
        );
        if lo.is_up {
            let addresses: Vec<_> = state.addresses(1).map(|address| address.local).collect();
            assert!(
                addresses.contains(&Ipv4Addr::LOCALHOST.into()),
                "{addresses:?}"
            );
        }
    }

    #[test]
    fn one_can_ask_again() {
        let mut reader = Reader::open().unwrap();
        let mut read = || {
            reader
                .read()
                .unwrap()
                .unwrap()
                .into_iter()
                .collect::<State>()
        };
        let (first, second) = (read(), read());
        assert!(first.links().eq(second.links()));
    }

    #[test]
    fn what_follows_an_unreadable_message_does_not_end_the_program() {
        let mut notices = Vec::new();
        assert!(messages(&[1, 0, 0, 0, 16], &mut notices).is_empty());
        assert!(matches!(notices[..], [Notice::Unread(_)]));
    }
}
