# SPDX-License-Identifier: GPL-2.0
"""Packets of IPv6 made by hand: extension headers and fragments (RFC 8200)."""

import struct

HOP_BY_HOP, FRAGMENT, DESTINATION = 0, 44, 60

# Next header (to be filled in), length, and one PadN option of six bytes.
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])


def packet(source, destination, protocol, payload, extensions=()):
    """A packet with such extension headers, each a number and bytes whose first is filled in."""
    numbers = [number for number, _ in extensions] + [protocol]
    headers = b"".join(bytes([follows]) + header[1:] for (_, header), follows in zip(extensions, numbers[1:]))
    payload = headers + payload
    addresses = source.packed + destination.packed
    return struct.pack("!IHBB", 6 << 28, len(payload), numbers[0], 64) + addresses + payload


def fragments(source, destination, protocol, payload, size, identification, extensions=()):
    """The same in fragments, each with `size` bytes of the payload, a multiple of 8; one alone is "atomic"."""
    for offset in range(0, len(payload), size):
        more = offset + size < len(payload)
        header = struct.pack("!BBHI", 0, 0, offset | more, identification)
        yield packet(source, destination, protocol, payload[offset:offset + size], [*extensions, (FRAGMENT, header)])
