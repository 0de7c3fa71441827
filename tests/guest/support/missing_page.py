# SPDX-License-Identifier: GPL-2.0
"""A missing page (userfaultfd): a thread that touches it waits until it is provided, within a system call, too."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import select
import struct
import threading

_SYS_USERFAULTFD = 323  # of x86-64
_API, _REGISTER, _ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
_VERSION, _MODE_MISSING = 0xAA, 1
_SIZE = mmap.PAGESIZE

_libc = ctypes.CDLL(None, use_errno=True)


class Unsupported(Exception):
    """This kernel has no userfaultfd()."""


class MissingPage:
    """The end of the block provides the page."""

    def __init__(self):
        self._file = _libc.syscall(_SYS_USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK)
        if self._file < 0:
            error = ctypes.get_errno()
            raise Unsupported if error == errno.ENOSYS else OSError(error, os.strerror(error))
        fcntl.ioctl(self._file, _API, bytearray(struct.pack("QQQ", _VERSION, 0, 0)))
        self._memory = mmap.mmap(-1, _SIZE)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        fcntl.ioctl(self._file, _REGISTER, bytearray(struct.pack("QQQQ", self._address, _SIZE, _MODE_MISSING, 0)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is not None:
            self.provide()

    def send_from(self, connection, size=1):
        """Sends from the page: the calling thread owns the socket (lock_sock()) and waits for the page."""
        _libc.send(connection.fileno(), ctypes.c_void_p(self._address), size, 0)

    def receive_into(self, connection, size=_SIZE):
        """Receives into the page; once there is data, the calling thread owns the socket and waits."""
        _libc.recv(connection.fileno(), ctypes.c_void_p(self._address), size, 0)

    def wait_until_touched(self):
        """Waits until a thread has touched the page."""
        ready, _, _ = select.select([self._file], [], [], 10)
        assert ready, "nobody has touched the page"

    def provide(self):
        """Provides a page of zeros: the waiting threads go on."""
        fcntl.ioctl(self._file, _ZEROPAGE, bytearray(struct.pack("QQQq", self._address, _SIZE, 0, 0)))
        os.close(self._file)
        self._file = None


@contextlib.contextmanager
def stuck(page, call, accepted):
    """While the block lasts, a thread owns the socket, in a system call that waits for the page."""
    owner = threading.Thread(target=call, args=[accepted])
    owner.start()
    try:
        page.wait_until_touched()
        yield
    finally:
        page.provide()
        owner.join()
