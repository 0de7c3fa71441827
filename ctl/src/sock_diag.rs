// SPDX-License-Identifier: GPL-2.0
//! TCP sockets, as the kernel tells of them and ends them: sock_diag(7).

mod message;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::Socket;
use nix::errno::Errno;
use nix::libc::{AF_INET, AF_INET6};

use message::{Answer, Id, Request, SOCK_DESTROY, SOCK_DIAG_BY_FAMILY};

/// The most that the kernel puts into a datagram, in bytes.
const DATAGRAM: usize = 32 << 10;

/// A socket that listens, or that has a connection.
#[derive(Clone, Debug)]
pub(crate) struct TcpSocket {
    pub(crate) is_listening: bool,
    pub(crate) state: &'static str,
    /// Its addresses; those that IPv4 has in an IPv6 socket are IPv4's.
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    /// Whether it is one of IPv6 that takes IPv4 as well; known of those that listen.
    pub(crate) is_dual_stack: bool,
    /// The number of the file by which programs hold it; 0, if none does.
    pub(crate) inode: u32,
    /// The number of the control group that it, or the listening socket that it comes from, was made in.
    pub(crate) cgroup_id: Option<u64>,
    /// How many bytes it has received, and how long ago the last of them; if it has none, how long ago the connection
    /// was made.
    pub(crate) received: Option<(u64, Duration)>,
    family: u8,
    id: Id,
}

impl TcpSocket {
    /// Whether this one, which listens, takes connections to an address, their port being its own.
    pub(crate) fn takes(&self, local: IpAddr) -> bool {
        let listener = self.local.ip();
        let is_its_version = listener.is_ipv4() == local.is_ipv4() || self.is_dual_stack;
        listener == local || listener.is_unspecified() && is_its_version
    }

    /// Whether it has to do with one network device alone (`SO_BINDTODEVICE`).
    pub(crate) fn is_bound_to_device(&self) -> bool {
        message::device(&self.id) != 0
    }

    /// Tells it from all other sockets, of all namespaces and times (`SO_COOKIE`).
    pub(crate) fn cookie(&self) -> u64 {
        message::cookie(&self.id)
    }
}

/// A way to the kernel, for the network namespace that it was opened in.
pub(crate) struct SockDiag(Socket);

impl SockDiag {
    pub(crate) fn open() -> io::Result<Self> {
        Socket::new(NETLINK_SOCK_DIAG).map(Self)
    }

    /// All sockets that listen or have a connection. `Unsupported`, if the kernel cannot tell.
    pub(crate) fn sockets(&self) -> io::Result<Vec<TcpSocket>> {
        self.dump(false, [0; 48])
    }

    /// The sockets that listen on a port.
    pub(crate) fn listeners(&self, port: u16) -> io::Result<Vec<TcpSocket>> {
        let any = Ipv4Addr::UNSPECIFIED;
        let id = message::id((any, port).into(), (any, 0).into(), 0, 0);
        self.dump(true, id)
    }

    fn dump(&self, only_listeners: bool, id: Id) -> io::Result<Vec<TcpSocket>> {
        let mut sockets = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let (kind, family) = (SOCK_DIAG_BY_FAMILY, family as u8);
            let request = Request {
                kind,
                family,
                only_listeners,
                id,
            };
            let add = |answer: Answer| sockets.extend(answer.0);
            let done = self.exchange(request, NLM_F_DUMP, add);
            done.map_err(|error| explain(error, Errno::ENOENT, "CONFIG_INET_DIAG"))?;
        }
        Ok(sockets)
    }

    /// The socket of a connection, if it still has one, by its addresses and cookie. One that is bound to a device is
    /// only found by that.
    pub(crate) fn find(
        &self,
        local: SocketAddr,
        peer: SocketAddr,
        device: u32,
        cookie: u64,
    ) -> io::Result<Option<TcpSocket>> {
        let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
        let request = Request {
            kind: SOCK_DIAG_BY_FAMILY,
            family: family as u8,
            only_listeners: false,
            id: message::id(local, peer, device, cookie),
        };
        let mut found = None;
        match self.exchange(request, NLM_F_ACK, |answer| found = answer.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(found),
        }
    }

    /// Ends a connection: its peer gets a reset, its program an error. `NotFound`, if it has ended already: the cookie
    /// in its id is never that of another socket. `Unsupported`, if the kernel cannot do it.
    pub(crate) fn destroy(&self, socket: &TcpSocket) -> io::Result<()> {
        let &TcpSocket { family, id, .. } = socket;
        let request = Request {
            kind: SOCK_DESTROY,
            family,
            only_listeners: false,
            id,
        };
        let done = self.exchange(request, NLM_F_ACK, |_| ());
        done.map_err(|error| explain(error, Errno::EOPNOTSUPP, "CONFIG_INET_DIAG_DESTROY"))
    }

    /// Sends a request, and hands on each of the answers.
    fn exchange(
        &self,
        request: Request,
        flags: u16,
        mut each: impl FnMut(Answer),
    ) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        loop {
            let mut datagram = Vec::with_capacity(DATAGRAM);
            self.0.recv(&mut datagram, 0)?;
            let mut rest = datagram.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => each(answer),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::Error(_) => return Ok(()),
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    NetlinkPayload::Done(_) => return Ok(()),
                    _ => {}
                }
                let length = (message.header.length as usize).next_multiple_of(4);
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
}

/// Explains the error by which a kernel tells that it was built without an option.
fn explain(error: io::Error, errno: Errno, option: &str) -> io::Error {
    if error.raw_os_error() != Some(errno as i32) {
        return error;
    }
    let text = format!("this kernel was built without {option}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::net::{Ipv6Addr, TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    /// What the kernel tells of a socket of this process.
    fn told_of(file: &impl AsRawFd) -> TcpSocket {
        let link = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        let mut sockets = SockDiag::open().unwrap().sockets().unwrap().into_iter();
        let name = |socket: &TcpSocket| format!("socket:[{}]", socket.inode);
        let socket = sockets.find(|socket| link.to_str() == Some(&name(socket)));
        socket.unwrap()
    }

    #[test]
    fn a_listener_and_both_ends_of_its_connection_are_told_of() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (server, peer) = listener.accept().unwrap();
        client.write_all(b"GET /").unwrap();
        let listening = told_of(&listener);
        assert!(listening.is_listening && !listening.is_dual_stack);
        assert_eq!(listening.local, address);
        let accepted = told_of(&server);
        assert!(!accepted.is_listening);
        assert_eq!(accepted.state, "established");
        assert_eq!((accepted.local, accepted.peer), (address, peer));
        assert_eq!(accepted.received.map(|(bytes, _)| bytes), Some(5));
        assert_eq!(told_of(&client).local, peer);
        assert_eq!(told_of(&client).received.map(|(bytes, _)| bytes), Some(0));
    }

    #[test]
    fn a_listener_takes_what_comes_to_its_address() {
        let any = told_of(&TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        for (listener, is_dual_stack, local, is_taken) in [
            ("192.0.2.1", false, "192.0.2.1", true),
            ("192.0.2.1", false, "192.0.2.2", false),
            ("0.0.0.0", false, "192.0.2.1", true),
            ("0.0.0.0", false, "2001:db8::1", false),
            ("2001:db8::1", true, "2001:db8::1", true),
            ("2001:db8::1", true, "192.0.2.1", false),
            ("::", true, "2001:db8::1", true),
            ("::", true, "192.0.2.1", true),
            ("::", false, "2001:db8::1", true),
            ("::", false, "192.0.2.1", false),
        ] {
            let socket = TcpSocket {
                local: SocketAddr::new(listener.parse().unwrap(), 80),
                is_dual_stack,
                ..any.clone()
            };
            assert_eq!(
                socket.takes(local.parse().unwrap()),
                is_taken,
                "{listener} {local}"
            );
        }
    }

    #[test]
    fn one_is_found_by_its_addresses_and_cookie() {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        for address in [
            Ipv4Addr::LOCALHOST.into(),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ] {
            let client = TcpStream::connect((address, port)).unwrap();
            let (local, peer) = (client.peer_addr().unwrap(), client.local_addr().unwrap());
            let (server, _) = listener.accept().unwrap();
            let (diag, told) = (SockDiag::open().unwrap(), told_of(&server));
            let find = |cookie| diag.find(local, peer, 0, cookie).unwrap();
            assert_eq!(find(told.cookie()).unwrap().inode, told.inode);
            assert!(find(told.cookie() + 1).is_none());
            drop((client, server));
            assert!(find(told.cookie()).is_none());
        }
    }

    #[test]
    fn the_listeners_of_a_port_are_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let diag = SockDiag::open().unwrap();
        let found = diag.listeners(port).unwrap();
        let inodes: Vec<u32> = found.iter().map(|socket| socket.inode).collect();
        assert_eq!(inodes, [told_of(&listener).inode]);
        drop(listener);
        assert!(diag.listeners(port).unwrap().is_empty());
    }

    #[test]
    fn ipv4_in_an_ipv6_socket_is_told_as_ipv4() {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(told_of(&listener).is_dual_stack);
        assert_eq!(told_of(&server).peer, client.local_addr().unwrap());
        assert_eq!(told_of(&server).local, client.peer_addr().unwrap());
    }

    #[test]
    fn what_has_ended_is_not_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let accepted = told_of(&server);
        drop((client, server));
        // Its addresses are those of what waits for its last packets, and its port is the listener's.
        let done = SockDiag::open().unwrap().destroy(&accepted);
        assert_eq!(done.unwrap_err().kind(), io::ErrorKind::NotFound);
        told_of(&listener);
    }

    #[test]
    fn what_a_kernel_lacks_is_named() {
        let told = |errno: Errno| explain(errno.into(), Errno::EOPNOTSUPP, "CONFIG_X").to_string();
        assert_eq!(
            told(Errno::EOPNOTSUPP),
            "this kernel was built without CONFIG_X"
        );
        assert!(told(Errno::EPERM).contains("not permitted"));
    }
}
