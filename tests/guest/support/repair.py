# SPDX-License-Identifier: GPL-2.0
"""TCP_REPAIR: closes a socket silently and restores it in the same state, as checkpoint and restore (CRIU) do."""

import socket
import struct

_TCP = socket.IPPROTO_TCP
_REPAIR, _QUEUE, _SEQUENCE, _WINDOW = 19, 20, 21, 29
_NO_QUEUE = 0
_QUEUES = _RECEIVED, _SENT = 1, 2
_WINDOW_SIZE = 20

# Options of a listener that was in repair mode, and on which TCP_REPAIR_QUEUE was left set.
LEFT_CHOSEN = [(_TCP, _REPAIR, 1), (_TCP, _QUEUE, _QUEUES[0]), (_TCP, _REPAIR, 0)]


def restore(connection, leaves_trace=True):
    """Closes a socket without a FIN or RST; returns a new one of the same connection, with empty queues.

    Its TCP_REPAIR_QUEUE remains set if `leaves_trace`; else it is set to TCP_NO_QUEUE.
    """
    connection.setsockopt(_TCP, _REPAIR, 1)
    sequences = []
    for queue in _QUEUES:
        connection.setsockopt(_TCP, _QUEUE, queue)
        sequences.append(connection.getsockopt(_TCP, _SEQUENCE) & 0xFFFFFFFF)
    window = connection.getsockopt(_TCP, _WINDOW, _WINDOW_SIZE)
    family, name, peer = connection.family, connection.getsockname(), connection.getpeername()
    connection.close()

    restored = socket.socket(family)
    restored.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    restored.setsockopt(_TCP, _REPAIR, 1)
    for queue, sequence in zip(_QUEUES, sequences):
        restored.setsockopt(_TCP, _QUEUE, queue)
        restored.setsockopt(_TCP, _SEQUENCE, struct.pack("I", sequence))
    restored.bind(name)
    restored.connect(peer)
    restored.setsockopt(_TCP, _WINDOW, window)
    if not leaves_trace:
        restored.setsockopt(_TCP, _QUEUE, _NO_QUEUE)
    restored.setsockopt(_TCP, _REPAIR, 0)
    return restored
