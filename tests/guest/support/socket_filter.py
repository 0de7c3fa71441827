# SPDX-License-Identifier: GPL-2.0
"""Programs in classic BPF for sockets.

Filters see a segment from its TCP header on, and return how long it may be; a program of a SO_REUSEPORT group returns
which of the group's sockets is to have a connection.
"""

import contextlib
import ctypes
import socket
import struct

SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF = 26, 51

LENGTH, LOAD_BYTE, IS, HAS_BITS, AND, SHIFT_RIGHT, ADD, RETURN, RETURN_RESULT = (
    0x80, 0x30, 0x15, 0x45, 0x54, 0x74, 0x04, 0x06, 0x16)


def instruction(code, value=0, if_true=0, if_false=0):
    """An instruction of classic BPF; `if_true` and `if_false` are the offsets of the jumps."""
    return struct.pack("HBBI", code, if_true, if_false, value)


@contextlib.contextmanager
def attached(*instructions, option=SO_ATTACH_FILTER):
    """The socket option that attaches a program of these instructions."""
    program = ctypes.create_string_buffer(b"".join(instructions))
    program_of = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(program))
    yield socket.SOL_SOCKET, option, program_of
