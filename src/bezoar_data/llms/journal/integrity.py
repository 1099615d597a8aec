"""What stands between the journal and the ways a file goes wrong: a network file system under it, another run
beside it, damage in it.

SQLite's write-ahead log needs shared memory and honest locks, which network file systems do not give: they are
refused. Every open journal holds a shared lock on a file beside it, so that whoever needs the file alone (to repair,
prune or redact it) knows for certain whether anyone else is there; a killed process lets go by itself.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal.entry import JournalError
from bezoar_data.llms.journal.schema import connect, lenient

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs",
     "glusterfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "davfs", "ncpfs", "coda"}
)  # fmt: skip
"""Kinds of file system on which locks or shared memory cannot be trusted."""

NETWORK_FUSE = ("sshfs", "rclone", "s3fs", "gcsfuse", "goofys", "glusterfs", "ceph", "juicefs", "davfs", "blobfuse",
                "mountpoint-s3", "geesefs", "smbnetfs", "curlftpfs", "lustre", "beegfs", "gvfsd")  # fmt: skip

WAIT_SECONDS = 600.0
"""How long an opener waits for another one that is checking or repairing the file."""

FULL_CHECK_BYTES = 128 << 20
"""A journal up to this size is checked whole each time it is opened (0.4 s); a larger one only when it was not closed
properly: its rows' checksums still guard every answer read."""


def refuse_network(folder: Path) -> None:
    """Raise `InputError` when the folder lies on a network file system."""
    kind = filesystem_of(folder, mounts())
    if kind is not None and is_network(kind):
        raise InputError(
            Problem(
                "journal-on-network",
                f"the journal cannot be kept on a network file system ({kind}): {folder}",
                Place(str(folder)),
                "name a file on a local disk with --journal; the run's folder too must be on one (--out)",
            )
        )


def mounts() -> str:
    """The kernel's table of mounts; empty where there is none (not Linux)."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def filesystem_of(folder: Path, table: str) -> str | None:
    """The kind of file system a folder lies on, by the last of the longest mount points above it."""
    target = os.path.realpath(folder)
    best, kind = "", None
    for line in table.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if len(fields) < 5 or not tail[0]:
            continue
        point = _unescape(fields[4])
        inside = point == "/" or target == point or target.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, tail[0]
    return kind


def is_network(kind: str) -> bool:
    name, _, sub = kind.partition(".")
    return name in NETWORK or (name in ("fuse", "fuseblk") and sub.startswith(NETWORK_FUSE))


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


LEASES = ("-leases", "-askers")
"""The files of those who ask: what their names end in (`leases.py`)."""


class JournalLock:
    """This process's lock on a journal: shared while it is used, exclusive while it is checked or pruned.

    Whoever is the last to leave takes the files away that only those who use the journal need, this one among them. So
    a lock counts only if its file is still the one that others find under this name."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".lock")
        self._needed_by_users = (*(journal.with_name(journal.name + suffix) for suffix in LEASES), self.path)
        self._file = -1
        self._open()

    def try_exclusive(self) -> bool:
        """Lock the file, if no other process has it. On False no lock is held any more: `share` comes next."""
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            if self._is_there():
                return True
            self._open()

    def share(self) -> None:
        """Lock the file together with others, waiting for one that has it exclusively."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                if self._is_there():
                    return
                self._open()
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"another process has been checking or pruning the journal beside {self.path} for "
                        f"{WAIT_SECONDS:.0f} s: wait for it, or end it, then run the same command again"
                    ) from None
                if not self._is_there():  # whoever has it has taken it away, and a child of that process keeps it open
                    self._open()
                time.sleep(0.02)

    def release(self) -> None:
        if self._file < 0:
            return
        try:
            if self.try_exclusive():
                for path in self._needed_by_users:
                    path.unlink(missing_ok=True)
        except OSError:
            pass  # they are empty, and do no harm
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self._close()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self.path.stat())
        except FileNotFoundError:
            return False


def damage_of(connection: sqlite3.Connection, *, thorough: bool) -> str | None:
    """What SQLite finds wrong with the file, or None. `thorough` also holds the indexes against the tables: an
    answer missing from its index would silently be paid again."""
    try:
        found = connection.execute(f"PRAGMA {'integrity_check' if thorough else 'quick_check'}(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    return None if found == "ok" else str(found).replace("\n", " ")


def is_damage(error: Exception) -> bool:
    """Whether SQLite says that the file itself is broken, rather than busy, full or out of reach."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def journal_error(error: Exception, path: Path) -> JournalError:
    """What a failed write or read means, and what to do about it."""
    again = "the same command goes on where this one stopped"
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return JournalError(
            f"the disk is full: the journal {path} takes no more answers. It is whole, with all answers up to now. "
            f"Make room on that disk; {again}"
        )
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
        return JournalError(
            f"the disk of the journal {path} is full, at a limit, or broken ({error}). Make room on it; {again}"
        )
    if is_busy(error):
        return JournalError(f"the journal {path} has been locked by another program for too long. End it; {again}")
    if is_damage(error):
        return JournalError(
            f"the journal {path} is damaged ({error}). End every run that uses it, then run the same command again: "
            "it is then checked, what is whole is recovered, and the damaged file is kept"
        )
    return JournalError(f"the journal {path} cannot be written or read ({error}); {again}")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the journal as it is now and changes nothing."""
    try:
        with closing(connect(path)) as connection:
            connection.text_factory = lenient
            connection.execute("PRAGMA query_only=ON")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise journal_error(error, path) from None


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def committed_frames(wal: bytes) -> int:
    """How many pages of the write-ahead log its own headers claim as committed: all, if its header is broken.

    SQLite stops reading at the first page whose checksum is wrong and says nothing: answers behind it would vanish
    unseen. Who compares this number with what SQLite read knows better.
    """
    step = 24 + int.from_bytes(wal[8:12], "big")
    heads = [wal[at : at + 16] for at in range(32, len(wal) - 23, step)]
    ends = [n for n, head in enumerate(heads, 1) if head[8:16] == wal[16:24] and head[4:8] != bytes(4)]
    if ends:
        return ends[-1]
    return 0 if _is_unfinished(wal, step, heads) else len(heads)


def _is_unfinished(wal: bytes, step: int, heads: Sequence[bytes]) -> bool:
    """Whether a log without a commit is a transaction that was killed, and not one whose end was damaged: then all its
    pages have their checksums, but perhaps the last one (https://www.sqlite.org/fileformat2.html#the_wal_file_format).
    Pages of another salt are from before the log was started afresh."""
    order = ">" if wal[3:4] == b"\x83" else "<"
    sums = _wal_sums((0, 0), wal[:24], order)
    if wal[24:32] != struct.pack(">II", *sums):
        return False
    pages = list(takewhile(lambda head: head[8:16] == wal[16:24], heads))
    whole = 0
    for at in range(32, 32 + step * len(pages), step):
        sums = _wal_sums(sums, wal[at : at + 8] + wal[at + 24 : at + step], order)
        if wal[at + 16 : at + 24] != struct.pack(">II", *sums):
            break
        whole += 1
    return not pages or whole >= max(1, len(pages) - 1)


def _wal_sums(sums: tuple[int, int], content: bytes, order: str) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(content) // 8 * 2}I", content[: len(content) // 8 * 8])
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
