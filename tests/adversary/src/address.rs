// SPDX-License-Identifier: GPL-2.0
//! The addresses: one server, and for each connection a client address and port, derived from its
//! number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The server's addresses and the lengths of their networks' prefixes. The clients live in the same
/// networks, all behind the TUN device. Both are set aside for tests and documentation.
pub(crate) const SERVER4: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 1), 15);
pub(crate) const SERVER6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 64);

/// The first client's last 32 bits, behind the server's, and how many ports each client uses.
const FIRST_HOST: u32 = 0x0010;
const FIRST_PORT: u16 = 20_000;
const PORTS: u32 = 40_000;

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

impl Ends {
    /// The ends of the connection with this number.
    pub(crate) fn of(serial: u32, family: Family, server_port: u16) -> Self {
        let (host, port) = (
            FIRST_HOST + serial / PORTS,
            FIRST_PORT + (serial % PORTS) as u16,
        );
        let (client, server) = match family {
            Family::Ipv4 => {
                let network = SERVER4.0.to_bits() & !0xFFFF;
                (
                    IpAddr::V4(Ipv4Addr::from_bits(network + host)),
                    IpAddr::V4(SERVER4.0),
                )
            }
            Family::Ipv6 => {
                let network = SERVER6.0.to_bits() & !0xFFFF_FFFF;
                (
                    IpAddr::V6(Ipv6Addr::from_bits(network + u128::from(host))),
                    IpAddr::V6(SERVER6.0),
                )
            }
        };
        Self {
            client: SocketAddr::new(client, port),
            server: SocketAddr::new(server, server_port),
        }
    }
}

/// The number of a client's connection; the address may be IPv4-mapped.
pub(crate) fn serial_of(client: SocketAddr) -> Option<u32> {
    let host = match client.ip().to_canonical() {
        IpAddr::V4(address) => address.to_bits() & 0xFFFF,
        IpAddr::V6(address) => address.to_bits() as u32,
    };
    let port = u32::from(client.port().checked_sub(FIRST_PORT)?);
    (host.checked_sub(FIRST_HOST)?)
        .checked_mul(PORTS)?
        .checked_add(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_its_client() {
        for serial in [0, 1, 39_999, 40_000, 1_000_000] {
            for family in Family::BOTH {
                assert_eq!(serial_of(Ends::of(serial, family, 80).client), Some(serial));
            }
        }
        assert_eq!(
            serial_of(SocketAddr::new(IpAddr::V4(SERVER4.0), 8000)),
            None
        );
    }
}
