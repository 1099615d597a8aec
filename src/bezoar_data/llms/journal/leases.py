"""Which questions are being asked right now, by any process at this journal: equal ones are paid once.

A lease is the kernel's lock on one byte of an empty file beside the journal; which byte, the question's key says. So it
ends with its process however that ends, without a heartbeat that could be late. Whoever is alone takes none, as each
costs a hundredth of a row's whole time: it says so by another lock, and who comes later waits until it has seen them
and has taken the leases of all that it asks.

Locks belong to the open file (`F_OFD_SETLK`), not to the process, so that two journals in one process are two owners as
well. Where the system has none of these (macOS) they are the process's, and nobody is ever taken to be alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from bezoar_data.llms.journal.integrity import LEASES

_PRESENT, _SILENT = 0, 1
"""Bytes of the other file on which have shared locks: everybody who asks; who takes no leases. The kernel looks through
all locks of a file, so these are not among the leases."""
_HEX_DIGITS = 15
"""So many of a key's say its byte: 60 bits. Two questions with one byte wait for each other, and are asked both."""
_FLOCK = struct.Struct("hhqqi4x")
"""C's `struct flock` on 64-bit Linux: type, whence, start, length, owner."""
_OF_THE_FILE = hasattr(fcntl, "F_OFD_SETLK") and sys.maxsize > 1 << 32


class Leases:
    """One gateway's leases. Not for several threads at once."""

    def __init__(self, journal: Path) -> None:
        self._leases = _open(journal, LEASES[0])
        self._askers = _open(journal, LEASES[1])
        self.silent = False
        """Whether it takes no leases, being alone."""
        _lock(self._askers, _PRESENT, fcntl.F_RDLCK)
        if self.alone:
            _lock(self._askers, _SILENT, fcntl.F_RDLCK)
            self.silent = True
            if not self.alone:  # who came in between has perhaps not seen this
                self.speak(())

    @property
    def alone(self) -> bool:
        """Whether surely nobody else is at this journal with questions."""
        return _OF_THE_FILE and not _taken(self._askers, _PRESENT)

    @property
    def others_are_silent(self) -> bool:
        """Whether somebody else asks what nobody can know of."""
        return _OF_THE_FILE and not self.silent and _taken(self._askers, _SILENT)

    def speak(self, keys: Iterable[str]) -> None:
        """Take leases from now on, and those of what is being asked."""
        self.silent = False
        self.take(keys)
        _lock(self._askers, _SILENT, fcntl.F_UNLCK)

    def take(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that nobody else asks now, and nobody else will until they are given back."""
        return [key for key in keys if self.silent or _lock(self._leases, _byte(key), fcntl.F_WRLCK)]

    def give_back(self, keys: Iterable[str]) -> None:
        if not self.silent and self._leases >= 0:
            for key in keys:
                _lock(self._leases, _byte(key), fcntl.F_UNLCK)

    def close(self) -> None:
        """Give back all of them."""
        if self._leases >= 0:
            os.close(self._leases)
            os.close(self._askers)
            self._leases = -1


def _open(journal: Path, suffix: str) -> int:
    return os.open(journal.with_name(journal.name + suffix), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _lock(file: int, byte: int, kind: int) -> bool:
    """Lock a byte or let it go; False where somebody else has it. Where there are no such locks, nobody has."""
    try:
        if _OF_THE_FILE:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
        else:
            how = {fcntl.F_RDLCK: fcntl.LOCK_SH, fcntl.F_WRLCK: fcntl.LOCK_EX, fcntl.F_UNLCK: fcntl.LOCK_UN}[kind]
            fcntl.lockf(file, how | (0 if kind == fcntl.F_UNLCK else fcntl.LOCK_NB), 1, byte)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES)
    return True


def _taken(file: int, byte: int) -> bool:
    """Whether somebody else has a lock on the byte."""
    try:
        found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except OSError:
        return False
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


def _byte(key: str) -> int:
    return int(key[:_HEX_DIGITS], 16)
