// SPDX-License-Identifier: GPL-2.0
//! Requests to the module by generic netlink, its replies, and what it tells of its own accord.

mod listener;

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::net::IpAddr;

use anyhow::{bail, Context, Error, Result};
use netlink_packet_core::{
    DecodeError, Emitable, ErrorMessage, NetlinkMessage, NetlinkPayload, Nla, NlaBuffer,
    NlasIterator, ParseableParametrized, NLM_F_REQUEST,
};
use netlink_packet_generic::constants::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_ID_CTRL,
};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::constants::NLMSGERR_ATTR_MSG;
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

pub(crate) use listener::Listener;

use crate::sysfs::NotLoaded;
use crate::uapi::{HTTP_FILTER_FAMILY_NAME, HTTP_FILTER_FAMILY_VERSION, HTTP_FILTER_TEXT_MAX};

/// Room for the longest request, in bytes.
const SEND_BUFFER: usize = 2 * HTTP_FILTER_TEXT_MAX as usize;

/// The module's answer to a request is no.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The error.
    pub(crate) errno: Errno,
    /// What the module has to say about it.
    words: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.errno, &self.words) {
            (_, Some(words)) => f.write_str(words),
            (Errno::EPERM, None) => {
                f.write_str("permission denied: run as root on the host, not in a container")
            }
            (errno, None) => f.write_str(errno.desc()),
        }
    }
}

impl std::error::Error for Refused {}

/// An attribute: its number in the module's header, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    number: u16,
    value: Vec<u8>,
}

impl Attribute {
    /// An attribute to send.
    pub(crate) fn new(number: u32, value: impl Into<Vec<u8>>) -> Self {
        Self {
            // C's enums are of 32 bits, an attribute's number of 14.
            number: number as u16,
            value: value.into(),
        }
    }
}

impl Nla for Attribute {
    fn value_len(&self) -> usize {
        self.value.len()
    }

    fn kind(&self) -> u16 {
        self.number
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.value);
    }
}

/// The attributes of a message or of a nest.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(Vec<Attribute>);

impl FromIterator<Attribute> for Attributes {
    fn from_iter<I: IntoIterator<Item = Attribute>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl Attributes {
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let parse = |nla: Result<NlaBuffer<&[u8]>, DecodeError>| {
            let nla = nla?;
            Ok(Attribute {
                number: nla.kind(),
                value: nla.value().to_vec(),
            })
        };
        let all: Result<_, _> = NlasIterator::new(bytes).map(parse).collect();
        all.map(Self)
    }

    /// The values of the attributes with this number.
    pub(crate) fn values(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        let attributes = self.0.iter();
        let found = attributes.filter(move |attribute| u32::from(attribute.number) == number);
        found.map(|attribute| attribute.value.as_slice())
    }

    /// All of them, as nests.
    fn all(&self) -> impl Iterator<Item = Result<Self>> + '_ {
        let values = self.0.iter().map(|attribute| &attribute.value);
        values.map(|value| Ok(Self::parse(value)?))
    }

    /// The nests with this number.
    pub(crate) fn nests(&self, number: u32) -> impl Iterator<Item = Result<Self>> + '_ {
        self.values(number).map(|value| Ok(Self::parse(value)?))
    }

    /// Whether there is an attribute with this number.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.values(number).next().is_some()
    }

    /// The unsigned integer with this number, of whatever length it is.
    pub(crate) fn number(&self, number: u32) -> Result<u64> {
        let value = self.optional_number(number);
        value.with_context(|| format!("the module's message lacks attribute {number}"))
    }

    /// The same, if there is one.
    pub(crate) fn optional_number(&self, number: u32) -> Option<u64> {
        let value = self.values(number).next()?;
        Some(match value.len() {
            2 => u16::from_ne_bytes(value.try_into().ok()?).into(),
            4 => u32::from_ne_bytes(value.try_into().ok()?).into(),
            8 => u64::from_ne_bytes(value.try_into().ok()?),
            _ => return None,
        })
    }

    /// The string with this number, if there is one.
    pub(crate) fn text(&self, number: u32) -> Option<String> {
        let value = self.values(number).next()?;
        Some(String::from_utf8_lossy(value.strip_suffix(b"\0")?).into_owned())
    }

    /// The address of IPv4 or IPv6 with this number.
    pub(crate) fn address(&self, number: u32) -> Result<IpAddr> {
        let value = self.values(number).next().unwrap_or_default();
        let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(value).map(IpAddr::from);
        let address = v4.or(v6).ok();
        address.with_context(|| format!("the module's message lacks address {number}"))
    }
}

/// A generic netlink message without its header: a request or a reply of any family.
#[derive(Clone, Debug)]
struct Message {
    command: u8,
    attributes: Attributes,
}

impl GenlFamily for Message {
    fn family_name() -> &'static str {
        HTTP_FILTER_FAMILY_NAME
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        HTTP_FILTER_FAMILY_VERSION as u8
    }
}

impl Emitable for Message {
    fn buffer_len(&self) -> usize {
        self.attributes.0.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.0.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Message {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self {
            command: header.cmd,
            attributes: Attributes::parse(bytes)?,
        })
    }
}

/// A way to the module.
pub(crate) struct Connection {
    socket: Socket,
    family: u16,
}

impl Connection {
    /// Finds the module.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`] where there is none.
    pub(crate) fn open() -> Result<Self> {
        let socket = connect().context("cannot open a netlink socket")?;
        // Who may not, may not ask the module either, and is told so then.
        let _ = setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER);
        let mut connection = Self {
            socket,
            family: GENL_ID_CTRL,
        };
        connection.family = connection.module()?.id;
        Ok(connection)
    }

    /// The module's family, as it is now.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`] where there is none.
    fn module(&self) -> Result<Family> {
        let found = self.find(HTTP_FILTER_FAMILY_NAME);
        found.map_err(|error| match error.downcast_ref::<Refused>() {
            Some(refused) if refused.errno == Errno::ENOENT => NotLoaded.into(),
            _ => error,
        })
    }

    fn find(&self, family: &str) -> Result<Family> {
        let name = Attribute::new(CTRL_ATTR_FAMILY_NAME.into(), format!("{family}\0"));
        let reply = self.ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY.into(), vec![name])?;
        let id = reply.number(CTRL_ATTR_FAMILY_ID.into())?.try_into()?;
        Ok(Family { id, reply })
    }

    /// Sends a request, and waits for the reply to it.
    ///
    /// # Errors
    ///
    /// [`Refused`], or [`NotLoaded`] if the module was unloaded meanwhile.
    pub(crate) fn request(&self, command: u32, attributes: Vec<Attribute>) -> Result<Attributes> {
        self.ask(self.family, command, attributes)
    }

    fn ask(&self, family: u16, command: u32, attributes: Vec<Attribute>) -> Result<Attributes> {
        let request = GenlMessage::from_payload(Message {
            command: command as u8,
            attributes: Attributes(attributes),
        });
        let mut request = NetlinkMessage::from(request);
        request.header.flags = NLM_F_REQUEST;
        if let NetlinkPayload::InnerMessage(message) = &mut request.payload {
            message.set_resolved_family_id(family);
        }
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket
            .send(&bytes, 0)
            .context("cannot send a netlink message")?;

        let received = self.socket.recv_from_full();
        let (bytes, _) = received.context("cannot receive a netlink message")?;
        let reply = NetlinkMessage::<GenlMessage<Message>>::deserialize(&bytes)?;
        match reply.payload {
            NetlinkPayload::InnerMessage(message) => Ok(message.payload.attributes),
            NetlinkPayload::Error(error) => Err(refusal(family, &error)),
            other => bail!("unexpected netlink message: {other:?}"),
        }
    }
}

fn refusal(family: u16, error: &ErrorMessage) -> Error {
    let errno = Errno::from_raw(error.raw_code().wrapping_neg());
    if errno == Errno::ENOENT && family != GENL_ID_CTRL {
        return NotLoaded.into();
    }
    Refused {
        errno,
        words: words(error),
    }
    .into()
}

/// A family, as the kernel tells of it.
struct Family {
    id: u16,
    reply: Attributes,
}

/// A socket to the kernel, with errors in words, and without a copy of the request in them.
fn connect() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.set_ext_ack(true)?;
    socket.set_cap_ack(true)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// What an error says in words (an extended ACK): behind the request's header.
fn words(error: &ErrorMessage) -> Option<String> {
    const REQUEST_HEADER: usize = 16;
    let attributes = Attributes::parse(error.header.get(REQUEST_HEADER..)?).ok()?;
    let text = attributes.values(NLMSGERR_ATTR_MSG as u32).next()?;
    Some(
        CStr::from_bytes_with_nul(text)
            .ok()?
            .to_str()
            .ok()?
            .to_owned(),
    )
}
