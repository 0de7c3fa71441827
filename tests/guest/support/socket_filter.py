# SPDX-License-Identifier: GPL-2.0
"""Socket filters in classic BPF: they see a segment from its TCP header on, and return how long it may be."""

import contextlib
import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26

LENGTH, LOAD_BYTE, IS, HAS_BITS, AND, SHIFT_RIGHT, ADD, RETURN, RETURN_RESULT = (
    0x80, 0x30, 0x15, 0x45, 0x54, 0x74, 0x04, 0x06, 0x16)


def instruction(code, value=0, if_true=0, if_false=0):
    """An instruction of classic BPF; `if_true` and `if_false` are the offsets of the jumps."""
    return struct.pack("HBBI", code, if_true, if_false, value)


@contextlib.contextmanager
def attached(*instructions):
    """The socket option that attaches a filter of these instructions."""
    program = ctypes.create_string_buffer(b"".join(instructions))
    filter_of = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(program))
    yield socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_of
