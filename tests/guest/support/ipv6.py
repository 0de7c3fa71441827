# SPDX-License-Identifier: GPL-2.0
"""Builds IPv6 packets: extension headers and fragments (RFC 8200)."""

import hmac
import struct

HOP_BY_HOP, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 44, 51, 60

# Next header (to be filled in), length, and one PadN option of six bytes.
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])


def chain(protocol, payload, extensions=()):
    """Puts extension headers before a payload; returns the first header's number, and the bytes.

    Each header is its number, and its bytes, whose first (the next header) is filled in.
    """
    numbers = [number for number, _ in extensions] + [protocol]
    headers = b"".join(bytes([follows]) + header[1:] for (_, header), follows in zip(extensions, numbers[1:]))
    return numbers[0], headers + payload


def packet(source, destination, protocol, payload, extensions=(), hop_limit=64):
    """An IPv6 packet with extension headers, each as chain() takes it."""
    first, payload = chain(protocol, payload, extensions)
    return struct.pack("!IHBB", 6 << 28, len(payload), first, hop_limit) + source.packed + destination.packed + payload


def fragment(offset, more=False, identification=1):
    """A fragment header; the offset is a multiple of 8."""
    return FRAGMENT, struct.pack("!BBHI", 0, 0, offset | more, identification)


def fragments(source, destination, protocol, payload, size, identification, extensions=()):
    """An IPv6 packet in fragments, each with `size` bytes of the payload, a multiple of 8. A single one is an atomic
    fragment (RFC 6946)."""
    for offset in range(0, len(payload), size):
        header = fragment(offset, offset + size < len(payload), identification)
        yield packet(source, destination, protocol, payload[offset:offset + size], [*extensions, header])


def authenticated(source, destination, protocol, payload, key, spi, number, before=(), behind=()):
    """A packet with an authentication header (RFC 4302, HMAC-SHA-256 cut to 96 bits) behind some extension headers and
    before others, none of them mutable."""
    def with_value(value, hop_limit):
        header = struct.pack("!BBHII", first, (12 + len(value)) // 4 - 2, 0, spi, number) + value
        return packet(source, destination, AUTHENTICATION, header + protected, before, hop_limit)

    first, protected = chain(protocol, payload, behind)
    return with_value(hmac.digest(key, with_value(bytes(12), 0), "sha256")[:12], 64)
