"""Group commit: one thread writes what has gathered, in one transaction, and tells those who wait.

A transaction costs about the same for one answer as for a hundred, so answers that arrive within two milliseconds
share one. Each group is a handful of statements with many rows, not many statements: every call into SQLite gives
the interpreter's lock away, and a busy event loop is slow to hand it back.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal_entry import COLUMNS, REDACTED, Entry, JournalError, Packed, squeeze, unpack
from bezoar_data.llms.journal_guard import is_damage
from bezoar_data.llms.journal_policy import choose

GATHER_SECONDS = 0.002
GROUP = 256
"""At most this many answers share a transaction; so many waiting ones are written at once."""

REMEMBERED = 8192
"""Hashes of requests known to be stored: samples of one prompt come together."""

STORED = ", ".join((*COLUMNS, "checksum"))


@dataclass(slots=True)
class Waiting:
    """An entry on its way into the file, and whom to tell: a future of `loop`, or of a waiting thread."""

    packed: Packed
    future: asyncio.Future[Entry] | Future[Entry]
    loop: asyncio.AbstractEventLoop | None
    standing: Entry | None = None


class Writer:
    """The only one in this process who writes answers. Entries it could not write stay known and are tried again
    with the next group and at the end: they were paid."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._wake = threading.Condition()
        self._queue: list[Waiting] = []
        self._pending: dict[str, list[Entry]] = {}
        self._unsaved: list[Waiting] = []
        self._known_requests: dict[bytes, None] = {}
        self._closing = False
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, waiting: Waiting) -> None:
        """Queue an entry. Its future gets what stands in the journal for its question, or a `JournalError`."""
        entry = waiting.packed.entry
        with self._wake:
            if self._closing:
                raise JournalError(f"the journal {self._path} is closed")
            self._queue.append(waiting)
            self._pending.setdefault(entry.key, []).append(entry)
            if len(self._queue) in (1, GROUP):
                self._wake.notify()

    def pending(self, key: str) -> Sequence[Entry]:
        """Entries of this key that are not in the file yet."""
        if not self._pending:
            return ()
        with self._wake:
            return tuple(self._pending.get(key, ()))

    def paused(self) -> threading.Lock:
        """Held while a group is written: who holds it has the file to itself in this process."""
        return self._busy

    def forget(self) -> None:
        """Known requests may have been deleted."""
        self._known_requests.clear()

    def close(self) -> None:
        """Write what is waiting, then end. Raises `JournalError` when something could not be written."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if self._unsaved:
            lost, self._unsaved = self._unsaved, []
            try:
                self._commit(lost)
            except sqlite3.Error as error:
                raise explain(error, self._path) from None

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if len(self._queue) < GROUP and not self._closing:
                    self._wake.wait(GATHER_SECONDS)
                group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
                if not group and self._closing:
                    return
            if group:
                self._write(group)

    def _write(self, group: list[Waiting]) -> None:
        """Write a group and tell everyone. One entry SQLite cannot take must not take the others with it."""
        retried, self._unsaved = self._unsaved, []
        try:
            self._commit(retried + group)
        except Exception as error:
            outside = isinstance(error, sqlite3.OperationalError) or (
                isinstance(error, sqlite3.Error) and is_damage(error)
            )
            if not outside and len(group) + len(retried) > 1:
                self._unsaved = retried
                for waiting in group:
                    self._write([waiting])
                return
            if outside:
                self._unsaved = retried + group
            else:
                self._settled(group)
            _tell((waiting, explain(error, self._path)) for waiting in group)
        else:
            self._settled(retried + group)
            _tell((waiting, waiting.standing or waiting.packed.entry) for waiting in group)

    def _settled(self, group: list[Waiting]) -> None:
        with self._wake:
            for waiting in group:
                key = waiting.packed.entry.key
                rest = [e for e in self._pending.get(key, ()) if e is not waiting.packed.entry]
                if rest:
                    self._pending[key] = rest
                else:
                    self._pending.pop(key, None)

    def _commit(self, group: list[Waiting]) -> None:
        connection = self._connection
        known = dict(self._known_requests)
        with self._busy:
            connection.execute("BEGIN IMMEDIATE")
            try:
                rows, requests = self._decide(group), {}
                for waiting in rows:
                    packed = waiting.packed
                    if packed.request is not None and packed.messages is not None and packed.request not in known:
                        known[packed.request] = None
                        requests[packed.request] = squeeze(packed.messages)
                insert(connection, "INSERT OR IGNORE INTO requests (hash, messages)", list(requests.items()))
                insert(connection, f"INSERT INTO answers ({STORED})", [w.packed.row for w in rows])
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        while len(known) > REMEMBERED:
            del known[next(iter(known))]
        self._known_requests = known

    def _decide(self, group: list[Waiting]) -> list[Waiting]:
        """Which entries are to be written, and what stands for each: another run may have been faster, and a row must
        be made from the answer that every later look-up returns. Redacted keys stay redacted."""
        before: dict[str, list[Entry]] = {}
        keys = list({w.packed.row[0] for w in group})
        for chunk in _chunks(keys):
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {STORED} FROM answers WHERE key IN ({marks}) ORDER BY id"  # noqa: S608
            for row in self._connection.execute(sql, chunk).fetchall():
                entry = unpack(row)
                if entry is not None:
                    before.setdefault(entry.key, []).append(entry)
        rows = []
        for waiting in group:
            entry = waiting.packed.entry
            earlier = before.setdefault(entry.key, [])
            if any(e.error == REDACTED for e in earlier):
                waiting.standing = choose(earlier, entry.max_tokens)
                continue
            if earlier:
                waiting.standing = choose((*earlier, entry), entry.max_tokens)
            earlier.append(entry)
            rows.append(waiting)
        return rows


def insert(connection: sqlite3.Connection, head: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert many rows with few statements: their sizes are powers of two, so that each is prepared once."""
    for chunk in _chunks(rows):
        marks = f"({','.join('?' * len(chunk[0]))})"
        connection.execute(f"{head} VALUES {','.join([marks] * len(chunk))}", [v for row in chunk for v in row])


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    at = 0
    while at < len(items):
        size = min(64, 1 << ((len(items) - at).bit_length() - 1))
        yield items[at : at + size]
        at += size


def explain(error: BaseException, path: Path) -> JournalError:
    """What a failed write or read means, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    again = "the same command goes on where this one stopped"
    if code == sqlite3.SQLITE_FULL:
        return JournalError(
            f"the disk is full: the journal {path} takes no more answers. It is whole, with all answers up to now. "
            f"Make room on that disk; {again}"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalError(f"the journal {path} is locked by another program for too long. Close it; {again}")
    if isinstance(error, sqlite3.Error) and is_damage(error):
        return JournalError(
            f"the journal {path} is damaged ({error}). End every run that uses it, then run the same command again: "
            "it is then checked, what is whole is recovered, and the damaged file is kept"
        )
    return JournalError(f"the journal {path} cannot be written or read ({error}); {again}")


def _tell(results: Iterable[tuple[Waiting, Entry | JournalError]]) -> None:
    """Settle the futures: one call into each event loop, however many wait there."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Any, Entry | JournalError]]] = {}
    for waiting, result in results:
        if waiting.loop is None:
            _settle([(waiting.future, result)])
        else:
            loops.setdefault(waiting.loop, []).append((waiting.future, result))
    for loop, settled in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            pass  # the loop is closed: nobody waits there any more


def _settle(results: Iterable[tuple[Any, Entry | JournalError]]) -> None:
    for future, result in results:
        if future.done():
            continue  # whoever waited was cancelled: the answer is in the journal all the same
        if isinstance(result, JournalError):
            future.set_exception(result)
        else:
            future.set_result(result)
