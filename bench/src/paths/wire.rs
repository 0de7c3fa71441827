// SPDX-License-Identifier: GPL-2.0

//! Segments of a connection that its client's TCP does not send.

use anyhow::{bail, Context, Result};
use nix::{libc, net::if_::if_nametoindex};
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io::{ErrorKind, Read},
    mem::size_of,
    os::fd::AsRawFd,
};

/// `struct virtio_net_hdr`, which comes before each frame.
const OFFLOAD: usize = 10;
const ETHERNET: usize = 14;

/// What a segment of a full packet holds, as Ethernet has them.
const SEGMENT: u16 = 1428;

/// A packet socket on a device of this network namespace.
pub(super) struct Wire(Socket);

impl Wire {
    pub(super) fn open(device: &str) -> Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let on: libc::c_int = 1;
        // SAFETY: The option's value is an int, which lives as long as the call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_VNET_HDR,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as u32,
            )
        };
        nix::errno::Errno::result(result)?;
        let index = if_nametoindex(device).with_context(|| device.to_owned())?;
        // SAFETY: The storage is zeroed, and large enough for the address of any family.
        let ((), address) = unsafe {
            SockAddr::try_init(|storage, len| {
                let address = storage.cast::<libc::sockaddr_ll>();
                (*address).sll_family = libc::AF_PACKET as u16;
                (*address).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
                (*address).sll_ifindex = index as i32;
                *len = size_of::<libc::sockaddr_ll>() as u32;
                Ok(())
            })
        }?;
        socket.bind(&address)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// The headers of the last segment that was sent to this port: what comes before its data.
    fn headers(&mut self, port: u16) -> Result<Vec<u8>> {
        let mut found = None;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let len = match self.0.read(&mut buffer) {
                Ok(len) => len,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(e.into()),
            };
            let frame = &buffer[..len];
            let tcp = OFFLOAD + tcp_offset(frame);
            if frame.get(tcp + 2..tcp + 4) == Some(&port.to_be_bytes()) {
                let header = usize::from(frame[tcp + 12] >> 4) * 4;
                found = Some(frame[..tcp + header].to_vec());
            }
        }
        found.context("no segment was seen")
    }

    /// The next segment of the connection to this port, with these data, as one packet: a client
    /// sends it if nothing but the handshake was sent.
    pub(super) fn segment(&mut self, port: u16, data: &[u8]) -> Result<Vec<u8>> {
        let mut frame = self.headers(port)?;
        let headers = frame.len() - OFFLOAD;
        let tcp = OFFLOAD + tcp_offset(&frame);
        let ip = OFFLOAD + ETHERNET;
        let ip_payload = u16::try_from(frame.len() - tcp + data.len())?;
        let gso = match frame[ip] >> 4 {
            4 => {
                let len = ip_payload + (tcp - ip) as u16;
                frame[ip + 2..ip + 4].copy_from_slice(&len.to_be_bytes());
                frame[ip + 10..ip + 12].fill(0);
                let sum = checksum(&frame[ip..tcp]);
                frame[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
                1
            }
            6 => {
                frame[ip + 4..ip + 6].copy_from_slice(&ip_payload.to_be_bytes());
                4
            }
            _ => bail!("the segment seen is not IP's"),
        };
        if data.len() > SEGMENT.into() {
            frame[1] = gso;
            frame[2..4].copy_from_slice(&(headers as u16).to_le_bytes());
            frame[4..6].copy_from_slice(&SEGMENT.to_le_bytes());
        }
        frame.extend_from_slice(data);
        Ok(frame)
    }

    pub(super) fn send(&self, frame: &[u8]) -> Result<()> {
        self.0.send(frame).context("the segment can't be sent")?;
        Ok(())
    }
}

/// Where TCP's header begins in a frame: its checksum is still to be made from there on.
fn tcp_offset(frame: &[u8]) -> usize {
    u16::from_le_bytes([frame[6], frame[7]]).into()
}

/// IP's checksum.
fn checksum(header: &[u8]) -> u16 {
    let sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}
