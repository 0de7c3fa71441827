// SPDX-License-Identifier: GPL-2.0
//! Messages to a group, which the module sends to whoever listens.

use std::io;

use anyhow::{anyhow, bail, Context, Result};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::constants::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID, CTRL_ATTR_MCAST_GRP_NAME,
    CTRL_CMD_DELFAMILY,
};
use netlink_packet_generic::GenlMessage;
use netlink_sys::Socket;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

use super::{connect, Attributes, Connection, Family, Message};
use crate::sysfs::NotLoaded;

/// Room for messages that are not received yet, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The most that a message takes, in bytes.
const DATAGRAM: usize = 32 << 10;

/// The family that tells of families, and its group.
const CONTROLLER: &str = "nlctrl";
const CONTROLLERS_GROUP: &str = "notify";

/// What hears the messages of a group.
pub(crate) struct Listener {
    /// The way to the module, to ask whether it is still there.
    connection: Connection,
    socket: Socket,
    family: u16,
}

impl Connection {
    /// Listens to one of the module's groups.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`].
    pub(crate) fn listen(self, group: &str) -> Result<Listener> {
        let socket = connect().context("cannot open a netlink socket")?;
        // Who may not, may not listen either, and is told so then.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        let join = |group: u32| {
            let joined = socket.add_membership(group);
            joined.map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => anyhow!(
                    "permission denied: it takes CAP_NET_ADMIN in the network namespace, which root has"
                ),
                _ => error.into(),
            })
        };
        // First of all, so that it is told whenever the module goes.
        join(self.find(CONTROLLER)?.group(CONTROLLERS_GROUP)?)?;
        let module = self.module()?;
        join(module.group(group)?).with_context(|| format!("cannot listen to {group}"))?;
        Ok(Listener {
            family: module.id,
            connection: self,
            socket,
        })
    }
}

impl Listener {
    /// Waits for the next message; none, where some were lost, because they came faster than they were received.
    ///
    /// # Errors
    ///
    /// [`NotLoaded`], when the module is unloaded.
    pub(crate) fn receive(&self) -> Result<Option<Attributes>> {
        loop {
            let mut bytes = Vec::with_capacity(DATAGRAM);
            match self.socket.recv(&mut bytes, 0) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    // That of the module's end may be among them.
                    if self.connection.module()?.id != self.family {
                        return Err(NotLoaded.into());
                    }
                    return Ok(None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot receive a netlink message"),
            }
            let message = NetlinkMessage::<GenlMessage<Message>>::deserialize(&bytes)?;
            let NetlinkPayload::InnerMessage(GenlMessage { payload, .. }) = message.payload else {
                continue;
            };
            if message.header.message_type == self.family {
                return Ok(Some(payload.attributes));
            }
            // All else is the controller's.
            let family = payload
                .attributes
                .optional_number(CTRL_ATTR_FAMILY_ID.into());
            if payload.command == CTRL_CMD_DELFAMILY && family == Some(self.family.into()) {
                return Err(NotLoaded.into());
            }
        }
    }
}

impl Family {
    /// The number of one of its groups.
    fn group(&self, name: &str) -> Result<u32> {
        let groups = self.reply.nests(CTRL_ATTR_MCAST_GROUPS.into());
        let groups = groups.collect::<Result<Vec<_>>>()?;
        for group in groups.iter().flat_map(Attributes::all) {
            let group = group?;
            if group.text(CTRL_ATTR_MCAST_GRP_NAME.into()).as_deref() == Some(name) {
                return Ok(group.number(CTRL_ATTR_MCAST_GRP_ID.into())?.try_into()?);
            }
        }
        bail!("the module that is loaded has no {name}: it is an older one")
    }
}
