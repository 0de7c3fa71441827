# SPDX-License-Identifier: GPL-2.0
"""A TCP client that builds its own packets: IP fragments, wrong checksums, options, sequence and ACK numbers."""

import functools
import ipaddress
import itertools
import socket
import struct

from support import ipv6
from support.cpus import on_one_cpu
from support.topology import IPV4, bracketed

_ETHERTYPE = {4: 0x0800, 6: 0x86DD}
_FIN, _SYN, _RST, _PSH, _ACK, _URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

# The greatest sequence number, after which they wrap around.
_LAST = (1 << 32) - 1


def _checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(source, destination, ports, data):
    """A UDP datagram, with its checksum over IPv6."""
    head = struct.pack("!HHH", *ports, 8 + len(data))
    pseudo = source.packed + destination.packed + struct.pack("!II", 8 + len(data), socket.IPPROTO_UDP)
    return head + struct.pack("!H", _checksum(pseudo + head + bytes(2) + data)) + data


def link_address(namespace, device):
    """A device's hardware address."""
    with namespace, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as probe:
        probe.bind((device, 0))
        return probe.getsockname()[4]


@functools.cache
def _make_neighbour(namespace, device, address, mac):
    """Tells a namespace, once, where an address is that answers no question for it."""
    namespace.ip("neighbour replace", address, "lladdr", mac.hex(":"), "dev", device)


class HandmadeClient:
    """One connection over a veth pair, from an address that the client's kernel does not know."""

    def __init__(self, topology, endpoint, port=40_000, bare_ack=True, first=1000, in_syn=b""):
        """Without the bare ACK, the first data completes the handshake. The SYN has the sequence number `first`, and
        carries `in_syn`."""
        own = "192.0.2.99" if endpoint.family == IPV4 else "2001:db8::99"
        self.name = own, port
        self._source = ipaddress.ip_address(own)
        self._destination = ipaddress.ip_address(endpoint.address)
        self._ports = port, endpoint.port
        self._bare_ack = bare_ack
        self._in_syn = in_syn
        self._first = self._sequence = first
        self._acknowledged = 0
        mac = link_address(topology.client, topology.device)
        self._ethernet = link_address(topology.server, topology.device) + mac
        self._ethernet += struct.pack("!H", _ETHERTYPE[self._source.version])
        _make_neighbour(topology.server, topology.device, own, mac)
        with topology.client:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind((topology.device, 3))
        self._socket.settimeout(5)

    def __enter__(self):
        self._send(self._segment(_SYN, self._in_syn, options=self._syn_options()))
        self._sequence += 1
        syn_ack = self._read(_SYN)
        self._acknowledged = struct.unpack("!I", syn_ack[4:8])[0] + 1
        options = self._ack_options(syn_ack[20:syn_ack[12] >> 2])
        if self._bare_ack:
            self._send(self._segment(_ACK, options=options))
        return self

    def __exit__(self, *_):
        self.reset()
        self._socket.close()

    def __str__(self):
        return f"{bracketed(self.name[0])}:{self.name[1]}"

    def send(self, data, fragment_size=None, extensions=(), only=slice(None), **header):
        """Sends a segment, without advancing the sequence number; the header is that of _segment().

        With a fragment size (a multiple of 8), it is sent in fragments. The extension headers are those of IPv6. `only`
        is the slice of the packets that is sent.
        """
        self._send(self._segment(_PSH | _ACK, data, **header), fragment_size, extensions=extensions, only=only)

    def send_corrupt(self, data, **header):
        """Sends a segment with a wrong TCP checksum."""
        segment = bytearray(self._segment(_PSH | _ACK, data, **header))
        segment[17] ^= 0xFF
        self._send(bytes(segment))

    def send_syn(self, **header):
        """Sends a SYN-ACK, or another SYN; the header is that of _segment()."""
        self._send(self._segment(_SYN | _ACK, **header))

    def finish(self):
        """Sends a FIN."""
        self._send(self._segment(_FIN | _ACK))

    def reset(self):
        self._send(self._segment(_RST | _ACK))

    def wait_for_reset(self):
        """Waits until the server resets the connection, with the sequence number that the client accepts."""
        reset = self._read(_RST)
        assert struct.unpack("!I", reset[4:8])[0] == self._acknowledged

    def begin_anew(self):
        """Resets the connection, and opens another with the same four-tuple and sequence numbers."""
        self.reset()
        self._sequence = self._first
        self.__enter__()

    def advance(self, size):
        """Advances the sequence number, behind data that the server has accepted."""
        self._sequence += size

    def _syn_options(self):
        """The TCP options of the SYN, padded to a multiple of four bytes."""
        return b""

    def _ack_options(self, _):
        """The TCP options of the ACK that completes the handshake, given those of the SYN-ACK."""
        return b""

    def _segment(self, flags, data=b"", ahead=0, options=b"", acknowledges=0, urgent=None):
        """A segment `ahead` bytes after the client's sequence number (before it, if negative).

        Its ACK number is `acknowledges` bytes after the server's SYN; with None it has no ACK flag. `urgent` is the
        urgent pointer.
        """
        if acknowledges is None:
            flags, acknowledges = flags & ~_ACK, 0
        if urgent is not None:
            flags |= _URG
        head = struct.pack("!HHIIBBHHH", *self._ports, self._sequence + ahead & _LAST,
                           self._acknowledged + acknowledges & _LAST, 5 + len(options) // 4 << 4, flags, 65535, 0,
                           urgent or 0)
        data = options + data
        pseudo = self._source.packed + self._destination.packed
        pseudo += struct.pack("!II", len(head + data), socket.IPPROTO_TCP)
        checksum = _checksum(pseudo + head + data)
        return head[:16] + struct.pack("!H", checksum) + head[18:] + data

    def _send(self, segment, fragment_size=None, **options):
        for packet in self._packets(segment, fragment_size, **options):
            self._transmit(packet)

    def _transmit(self, packet):
        # From two CPUs, the filter may defer a segment because of one in flight on the other CPU, and no segment is
        # retransmitted here.
        with on_one_cpu():
            self._socket.send(self._ethernet + packet)

    def _packets(self, segment, fragment_size, extensions=(), only=slice(None)):
        if self._source.version == 4:
            packets = self._ipv4_packets(segment, fragment_size or len(segment))
        elif fragment_size is None:
            packets = [ipv6.packet(self._source, self._destination, socket.IPPROTO_TCP, segment, extensions)]
        else:
            packets = ipv6.fragments(self._source, self._destination, socket.IPPROTO_TCP, segment, fragment_size,
                                     self._sequence, extensions)
        return list(packets)[only]

    def _ipv4_packets(self, segment, size):
        addresses = self._source.packed + self._destination.packed
        for offset in range(0, len(segment), size):
            piece = segment[offset:offset + size]
            more = offset + size < len(segment)
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(piece), self._sequence & 0xFFFF,
                               more << 13 | offset // 8, 64, socket.IPPROTO_TCP, 0)
            checksum = _checksum(head + addresses)
            yield head[:10] + struct.pack("!H", checksum) + addresses + piece

    def _read(self, flag):
        """Waits for a segment with this flag."""
        while True:
            packet = self._socket.recv(2048)[14:]
            segment = packet[20 if self._source.version == 4 else 40:]
            if len(segment) >= 20 and struct.unpack("!HH", segment[:4]) == self._ports[::-1]:
                if segment[13] & flag:
                    return segment


class AuthenticatedClient(HandmadeClient):
    """A client whose packets have an authentication header (IPsec AH, IPv6).

    It follows the extension headers `before` and precedes those of `behind`. The server's kernel gets the xfrm state.
    """

    before = behind = ()

    _KEY, _SPI = b"k" * 32, 99

    def __init__(self, topology, endpoint, **options):
        super().__init__(topology, endpoint, **options)
        self._numbers = itertools.count(1)
        ends = f"src {self._source} dst {self._destination}"
        how = f"proto ah spi {self._SPI}"
        topology.server.ip("xfrm state add", ends, how, "mode transport auth hmac(sha256)", "0x" + self._KEY.hex())
        self._undo = lambda: topology.server.ip("xfrm state delete", ends, how)

    def __exit__(self, *_):
        self.before = self.behind = ()
        super().__exit__()
        self._undo()

    def _packets(self, segment, *_, **__):
        return [ipv6.authenticated(self._source, self._destination, socket.IPPROTO_TCP, segment, self._KEY, self._SPI,
                                   next(self._numbers), self.before, self.behind)]


class LoopbackClient(HandmadeClient):
    """A client in the server's own namespace (IPv6): its packets are sent there and come in over loopback.

    The server's answers go out by the topology's device.
    """

    def __init__(self, topology, endpoint, **options):
        super().__init__(topology, endpoint, **options)
        with topology.server:
            self._raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def __exit__(self, *_):
        super().__exit__()
        self._raw.close()

    def _transmit(self, packet):
        with on_one_cpu():
            self._raw.sendto(packet, (str(self._destination), 0))


def deliver(server, client, *pieces, **options):
    """Sends each piece in a segment, once the server has read the pieces before it."""
    sent = server.read_from(client)
    for piece in pieces:
        client.send(piece, **options)
        sent += piece
        server.wait_for(client, sent)
        client.advance(len(piece))
