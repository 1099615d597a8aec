"""Group commit: answers that arrive within two milliseconds share one transaction.

A transaction costs about the same for one answer as for a hundred. The event loop writes them itself: a thread that
wrote them all was measured to cost a run six to nine of a hundred rows a second, as each call into SQLite gives the
interpreter's lock away and a busy loop is slow to hand it back. A thread waits for what may take long: another
process's transaction, and moving the write-ahead log into the file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal.entry import REDACTED, STORED, Entry, JournalError, Packed, compress, unpack
from bezoar_data.llms.journal.integrity import is_busy, is_damage, journal_error
from bezoar_data.llms.journal.lookup import choose
from bezoar_data.llms.journal.schema import BUSY_SECONDS, connect, fetch

GATHER_SECONDS = 0.002
"""How long a group gathers after its first answer."""

ENOUGH = 128
"""So many waiting answers are written at once. A busy loop would otherwise come round to it only when every request in
flight waits for the journal, and from then on all of them would move in step, with the network idle between."""

GROUP = 256
"""At most this many answers share a transaction: the loop and other processes wait no longer than it takes."""

IMPATIENT_SECONDS = 0.01
"""How long the event loop waits for another process's transaction before it leaves the group to the thread."""

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
        self._scheduled: asyncio.AbstractEventLoop | None = None
        self._handed_over = False
        """Whether the thread is to write what waits."""
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
            self._schedule(waiting.loop)
            enough = len(self._queue) % ENOUGH == 0
        if enough:
            self._flush(waiting.loop)

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

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have this loop write in a moment what has gathered by then. The caller holds `_wake`."""
        if self._scheduled is not loop:
            self._scheduled = loop
            loop.call_later(GATHER_SECONDS, self._due, loop)

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = None
        if self._queue:
            self._flush(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what has gathered, in the event loop; leave it to the thread where that would take long."""
        if not self._turn.acquire(blocking=False):
            with self._wake:
                self._schedule(loop)  # the thread has the connection: in a moment it will be free
            return
        try:
            self._connection.execute(f"PRAGMA busy_timeout={int(IMPATIENT_SECONDS * 1000)}")
            while group := self._take():
                if not self._write(group, loop, patient=False):
                    with self._wake:
                        self._queue[:0] = group
                        self._handed_over = True
                        self._wake.notify()
                    return
        finally:
            self._turn.release()
        if self._since_checkpoint >= CHECKPOINT_ENTRIES:
            with self._wake:
                self._wake.notify()

    def _run(self) -> None:
        """The thread: what the event loop would have to wait for."""
        while True:
            with self._wake:
                while not (self._handed_over or self._closing or self._since_checkpoint >= CHECKPOINT_ENTRIES):
                    self._wake.wait()
                write, closing, self._handed_over = self._handed_over, self._closing, False
            if write or closing:
                self._drain()
            if closing:
                return
            if self._since_checkpoint >= CHECKPOINT_ENTRIES:
                self._checkpoint()

    def _drain(self) -> None:
        """Write what is waiting now. What comes meanwhile is the event loop's again."""
        left = len(self._queue)
        with self._turn:
            self._connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
            while left > 0 and (group := self._take()):
                self._write(group, None, patient=True)
                left -= len(group)

    def _checkpoint(self) -> None:
        """Move the log into the file: most of it beside running transactions, the rest while they wait a moment, or a
        log that is always written to would never start afresh."""
        self._since_checkpoint = 0
        try:
            with closing(connect(self._path)) as beside:
                beside.execute("PRAGMA wal_checkpoint(PASSIVE)")
                with self._turn:
                    beside.execute(f"PRAGMA busy_timeout={int(IMPATIENT_SECONDS * 1000)}")
                    beside.execute("PRAGMA wal_checkpoint(RESTART)")
        except sqlite3.Error:
            pass  # the log stays longer; an error of the disk shows with the next write

    def _take(self) -> list[Waiting]:
        with self._wake:
            group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
        return group

    def _write(self, group: list[Waiting], here: asyncio.AbstractEventLoop | None, *, patient: bool) -> bool:
        """Write a group and settle its futures. False, with nothing done, when it should be tried with more patience.
        One entry SQLite cannot take must not take the others with it."""
        retried, self._unsaved = self._unsaved, []
        try:
            self._commit(retried + group)
        except Exception as error:
            if not patient and is_busy(error):
                self._unsaved = retried
                return False
            outside = isinstance(error, sqlite3.OperationalError) or is_damage(error)
            if not outside and len(group) + len(retried) > 1:
                self._unsaved = retried
                for waiting in group:
                    self._write([waiting], here, patient=True)
                return True
            if outside:
                self._unsaved = retried + group
            else:
                self._forget(group)
            for waiting in group:
                waiting.result = journal_error(error, self._path)
        else:
            self._since_checkpoint += len(group)
            self._forget(retried + group)
        _settle_all(group, here)
        return True

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


def _settle_all(group: list[Waiting], here: asyncio.AbstractEventLoop | None) -> None:
    """Settle the futures: at once those of the loop that runs here, by one call into each other loop the rest."""
    for loop in {waiting.loop for waiting in group}:
        mine = [w for w in group if w.loop is loop]
        if loop is here:
            _settle(mine)
            continue
        try:
            loop.call_soon_threadsafe(_settle, mine)
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
