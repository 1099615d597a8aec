"""Group commit: answers that arrive while a transaction is written share the next one.

A transaction costs about the same for one answer as for a hundred. One thread writes them all, so that the event loop
waits neither for the disk nor for another process's transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal.entry import REDACTED, STORED, Entry, JournalError, Packed, compress, unpack
from bezoar_data.llms.journal.integrity import is_damage, journal_error
from bezoar_data.llms.journal.lookup import choose
from bezoar_data.llms.journal.schema import connect, fetch

GATHER_SECONDS = 0.002
"""How long the thread waits for more answers after the first."""

GROUP = 256
"""At most this many answers share a transaction: another process waits no longer than it takes."""

CHECKPOINT_ENTRIES = 2000
"""So many answers later the log (some twenty megabytes) is moved into the file: a page that many of them changed
is then moved once."""

REMEMBERED = 8192
"""Hashes of requests known to be stored: samples of one prompt come together."""


@dataclass(slots=True)
class Waiting:
    """An entry on its way into the file, and the future of `loop` that waits for it. `result` is None where it is to
    be given what was handed in."""

    packed: Packed
    future: asyncio.Future[Entry]
    loop: asyncio.AbstractEventLoop
    result: Entry | JournalError | None = None


class Writer:
    """The only one in this process who writes answers. Entries it could not write stay known and are tried again
    with the next group and at the end: they were paid."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path)
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        self._turn = threading.Lock()
        """Held by whoever uses the connection."""
        self._wake = threading.Condition()
        """Guards what follows; the thread waits on it."""
        self._queue: list[Waiting] = []
        self._pending: dict[str, list[Entry]] = {}
        self._unsaved: list[Waiting] = []
        self._closing = False
        self._known_requests: dict[bytes, None] = {}
        self._since_checkpoint = 0
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
            if len(self._queue) == 1:
                self._wake.notify()

    def pending(self, key: str) -> Sequence[Entry]:
        """Entries of this key that are not in the file yet."""
        if not self._pending:
            return ()
        with self._wake:
            return tuple(self._pending.get(key, ()))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is written meanwhile, and what was known of the file's content is forgotten."""
        with self._turn:
            try:
                yield
            finally:
                self._known_requests = {}

    def close(self) -> None:
        """Write what is waiting, then end. Raises `JournalError` when something could not be written."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        try:
            if self._unsaved:
                self._commit(self._unsaved)
        except sqlite3.Error as error:
            raise journal_error(error, self._path) from None
        finally:
            self._connection.close()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._queue or self._closing):
                    self._wake.wait()
                if not self._queue:
                    return
                if len(self._queue) < GROUP and not self._closing:
                    self._wake.wait(GATHER_SECONDS)
                group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
            with self._turn:
                self._write(group)
                if self._since_checkpoint >= CHECKPOINT_ENTRIES:
                    self._since_checkpoint = 0
                    try:
                        # Not passive: a log that another run always writes to would never start afresh.
                        self._connection.execute("PRAGMA wal_checkpoint(RESTART)")
                    except sqlite3.Error:
                        pass  # the log stays longer; an error of the disk shows with the next write

    def _write(self, group: list[Waiting]) -> None:
        """Write a group and settle its futures. One entry SQLite cannot take must not take the others with it."""
        retried, self._unsaved = self._unsaved, []
        try:
            self._commit(retried + group)
        except Exception as error:
            outside = isinstance(error, sqlite3.OperationalError) or is_damage(error)
            if not outside and len(group) + len(retried) > 1:
                self._unsaved = retried
                for waiting in group:
                    self._write([waiting])
                return
            if outside:
                self._unsaved = retried + group
            else:
                self._forget(group)
            for waiting in group:
                waiting.result = journal_error(error, self._path)
        else:
            self._since_checkpoint += len(group)
            self._forget(retried + group)
        _settle_all(group)

    def _forget(self, group: list[Waiting]) -> None:
        with self._wake:
            for waiting in group:
                entry = waiting.packed.entry
                here = self._pending.pop(entry.key, ())
                if len(here) > 1:
                    self._pending[entry.key] = [e for e in here if e is not entry]

    def _commit(self, group: list[Waiting]) -> None:
        connection = self._connection
        new: dict[bytes, bytes] = {}
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = self._decide(group)
            for waiting in rows:
                packed = waiting.packed
                request, messages = packed.request, packed.messages
                if request is not None and messages is not None and request not in self._known_requests:
                    new[request] = compress(messages) if request not in new else new[request]
            # Answers first: they then stand nearer to the file's start, and more of them are left of one cut short.
            insert(connection, f"INSERT INTO answers ({STORED})", [w.packed.row for w in rows])
            insert(connection, "INSERT OR IGNORE INTO requests (hash, messages)", list(new.items()))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        # Known only now: a transaction that failed stored nothing.
        known = self._known_requests
        known.update(dict.fromkeys(new))
        while len(known) > REMEMBERED:
            del known[next(iter(known))]

    def _decide(self, group: list[Waiting]) -> list[Waiting]:
        """Which entries are to be written, and what stands for each: another run may have been faster, and a row must
        be made from the answer that every later look-up returns. Redacted keys stay redacted."""
        before: dict[bytes, list[Entry]] = {}
        keys = {w.packed.row[0] for w in group}
        for chunk in _chunks(list(keys)):
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT {STORED} FROM answers WHERE key IN ({marks}) ORDER BY id"  # noqa: S608
            for row in fetch(self._connection, sql, chunk):
                found = unpack(row)
                if found is not None:
                    before.setdefault(row[0], []).append(found)
        if not before and len(keys) == len(group):
            return group  # nearly always
        rows = []
        for waiting in group:
            entry = waiting.packed.entry
            earlier = before.setdefault(waiting.packed.row[0], [])
            if earlier:
                if any(e.error == REDACTED for e in earlier):
                    waiting.result = choose(earlier, entry.max_tokens)
                    continue
                waiting.result = choose((*earlier, entry), entry.max_tokens)
            earlier.append(entry)
            rows.append(waiting)
        return rows


def insert(connection: sqlite3.Connection, head: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows with few statements: their sizes are powers of two, so that each is prepared once."""
    for chunk in _chunks(rows):
        marks = f"({','.join('?' * len(chunk[0]))})"
        connection.execute(f"{head} VALUES {','.join([marks] * len(chunk))}", list(chain.from_iterable(chunk)))


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    at = 0
    while at < len(items):
        size = min(GROUP, 1 << ((len(items) - at).bit_length() - 1))
        yield items[at : at + size]
        at += size


def _settle_all(group: list[Waiting]) -> None:
    """Settle the futures by one call into each loop: nearly always there is one."""
    for loop in {waiting.loop for waiting in group}:
        try:
            loop.call_soon_threadsafe(_settle, [w for w in group if w.loop is loop])
        except RuntimeError:
            pass  # the loop is closed: nobody waits there any more


def _settle(group: list[Waiting]) -> None:
    for waiting in group:
        result = waiting.result or waiting.packed.entry
        if waiting.future.done():
            continue  # whoever waited was cancelled: the answer is in the journal all the same
        if isinstance(result, JournalError):
            waiting.future.set_exception(result)
        else:
            waiting.future.set_result(result)
