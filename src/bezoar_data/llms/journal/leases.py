"""Which questions are being asked right now, by any process at this journal: equal ones are paid once.

A lease is the kernel's lock on one byte of an empty file beside the journal; which byte, the question's key says. So it
costs a call of a microsecond, and ends with its process however that ends, without a clock or a heartbeat that could be
late. Locks belong to the open file (`F_OFD_SETLK`), not to the process, so that two journals in one process are two
owners as well. Where the system has none of these (macOS) they are the process's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_HEX_DIGITS = 15
"""So many of a key's say its byte: 60 bits. Two questions with one byte wait for each other, and are asked both."""
_FLOCK = "hhqqi4x"
"""C's `struct flock` on 64-bit Linux: type, whence, start, length, owner."""
_OF_THE_FILE = hasattr(fcntl, "F_OFD_SETLK") and sys.maxsize > 1 << 32


class Leases:
    """This gateway's leases. Not for several threads at once."""

    def __init__(self, journal: Path) -> None:
        self._file = _open(journal, "-leases")
        # In another file, as the kernel looks through all locks of one: here everybody who asks has a shared one.
        self._askers = _open(journal, "-askers")
        _lock(self._askers, 0, fcntl.F_RDLCK)

    def take(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that nobody else asks now, and nobody else will until they are given back."""
        return [key for key in keys if _lock(self._file, _byte(key), fcntl.F_WRLCK)]

    def give_back(self, keys: Iterable[str]) -> None:
        for key in keys if self._file >= 0 else ():
            _lock(self._file, _byte(key), fcntl.F_UNLCK)

    @property
    def alone(self) -> bool:
        """Whether surely nobody else is at this journal with questions."""
        if not _OF_THE_FILE:
            return False
        found = fcntl.fcntl(self._askers, fcntl.F_OFD_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
        return bool(struct.unpack(_FLOCK, found)[0] == fcntl.F_UNLCK)

    def close(self) -> None:
        """Give back all of them."""
        if self._file >= 0:
            os.close(self._file)
            os.close(self._askers)
            self._file = -1


def _open(journal: Path, suffix: str) -> int:
    return os.open(journal.with_name(journal.name + suffix), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _lock(file: int, byte: int, kind: int) -> bool:
    """Lock a byte or let it go; False where somebody else has it. Where there are no such locks, nobody has."""
    try:
        if _OF_THE_FILE:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0))
        else:
            how = {fcntl.F_RDLCK: fcntl.LOCK_SH, fcntl.F_WRLCK: fcntl.LOCK_EX, fcntl.F_UNLCK: fcntl.LOCK_UN}[kind]
            fcntl.lockf(file, how | (0 if kind == fcntl.F_UNLCK else fcntl.LOCK_NB), 1, byte)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True


def _byte(key: str) -> int:
    return int(key[:_HEX_DIGITS], 16)
