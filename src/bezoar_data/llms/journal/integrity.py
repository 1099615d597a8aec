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
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal.entry import JournalError

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
                "name a folder on a local disk with --out, and copy the finished dataset afterwards",
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


class JournalLock:
    """This process's lock on a journal: shared while it is used, exclusive while it is checked or pruned."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + ".lock")
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def try_exclusive(self) -> bool:
        """Lock the file, if no other process has it. On False no lock is held any more: `share` comes next."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def share(self) -> None:
        """Lock the file together with others, waiting for one that has it exclusively."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"another process has been checking or pruning the journal beside {self.path} for "
                        f"{WAIT_SECONDS:.0f} s: wait for it, or end it, then run the same command again"
                    ) from None
                time.sleep(0.02)

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


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


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def committed_frames(wal: Path) -> tuple[int, bool]:
    """How many pages of the write-ahead log its own headers claim as committed, and whether its header is broken.

    SQLite stops reading at the first page whose checksum is wrong and says nothing: answers behind it would vanish
    unseen. Who compares this number with what SQLite read knows better.
    """
    size = wal.stat().st_size
    if size < 32:
        return 0, False
    with wal.open("rb") as file:
        head = file.read(32)
        if not wal_header_holds(head):
            return 0, True
        page = int.from_bytes(head[8:12], "big")
        frames, last = (size - 32) // (24 + page), 0
        for number in range(frames):
            file.seek(32 + number * (24 + page))
            frame = file.read(24)
            if frame[8:16] != head[16:24]:
                continue  # left over from before the log was last started afresh
            if frame[4:8] != b"\0\0\0\0":
                last = number + 1
        return last, False


def wal_header_holds(head: bytes) -> bool:
    """Whether the log's 32 bytes of header are what SQLite wrote, by its own checksum (file format, section 4.1)."""
    magic = int.from_bytes(head[:4], "big")
    if len(head) < 32 or magic not in (0x377F0682, 0x377F0683):
        return False
    first = second = 0
    words = struct.unpack(f"{'>' if magic & 1 else '<'}6I", head[:24])
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.pack(">II", first, second) == head[24:32]
