# SPDX-License-Identifier: GPL-2.0
"""A sockmap and an sk_msg program that redirect what one socket sends to another, as some service meshes do."""

import contextlib
import ctypes
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_BPF = 321  # of x86-64

_MAP_CREATE, _MAP_UPDATE_ELEM, _PROG_LOAD, _PROG_ATTACH = 0, 2, 5, 8
_MAP_TYPE_SOCKMAP, _PROG_TYPE_SK_MSG, _SK_MSG_VERDICT = 15, 16, 7
_F_INGRESS = 1
_MSG_REDIRECT_MAP = 60

_SENDER, _READER = 0, 1


def _bpf(command, form, *values):
    """Calls bpf(2) with the first attributes of a command; the others are 0."""
    attributes = ctypes.create_string_buffer(struct.pack(form, *values), 144)
    result = _libc.syscall(_SYS_BPF, command, attributes, len(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), f"bpf command {command}")
    return result


def _instruction(code, to=0, source=0, value=0):
    return struct.pack("=BBhi", code, to | source << 4, 0, value)


def _redirect(sockmap):
    """return bpf_msg_redirect_map(msg, sockmap, _READER, BPF_F_INGRESS)"""
    return b"".join([
        _instruction(0x18, to=2, source=1, value=sockmap), _instruction(0),  # the map, of 64 bits
        _instruction(0xb7, to=3, value=_READER),
        _instruction(0xb7, to=4, value=_F_INGRESS),
        _instruction(0x85, value=_MSG_REDIRECT_MAP),
        _instruction(0x95)])


@contextlib.contextmanager
def joined(sender, reader):
    """While the block lasts, what is sent on one socket is received on the other, without a packet."""
    with contextlib.ExitStack() as stack:
        def opened(descriptor):
            stack.callback(os.close, descriptor)
            return descriptor

        sockmap = opened(_bpf(_MAP_CREATE, "=IIII", _MAP_TYPE_SOCKMAP, 4, 4, 2))
        code = ctypes.create_string_buffer(_redirect(sockmap))
        licence = ctypes.create_string_buffer(b"GPL")
        program = opened(_bpf(_PROG_LOAD, "=IIQQIIQII16sII", _PROG_TYPE_SK_MSG, len(code) // 8, ctypes.addressof(code),
                              ctypes.addressof(licence), 0, 0, 0, 0, 0, b"", 0, _SK_MSG_VERDICT))
        _bpf(_PROG_ATTACH, "=IIII", sockmap, program, _SK_MSG_VERDICT, 0)
        for place, sock in (_SENDER, sender), (_READER, reader):
            key, value = (ctypes.c_uint32(number) for number in (place, sock.fileno()))
            _bpf(_MAP_UPDATE_ELEM, "=IIQQQ", sockmap, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
        yield
