"""What was submitted to a provider's batch API and not yet answered, remembered in the journal's file.

A batch is written down before it is submitted, so that whoever comes after a killed process knows that it may exist
at the provider, looks for it there, and waits for it instead of paying twice. Its results are written down before any
answer goes on, and leave this place when the answer stands among the journal's answers.

Submitting and collecting happen under one lock beside the journal (`BatchLock`): runs that share a journal never do
either at once, and a killed one lets go by itself. So an intended batch seen under the lock has no living owner.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bezoar_data.llms.journal.entry import key_bytes
from bezoar_data.llms.journal.integrity import journal_error
from bezoar_data.llms.journal.schema import connect

INTENDED, WORKING, COLLECTED = "intended", "working", "collected"

_ITEM = "i.id, i.batch, i.number, i.keys, i.max_tokens"
_BATCH = "id, nonce, remote, state, requests, created_at"
_LOOK_AGAIN = 0.05
"""Seconds between two tries for a lock that another run holds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as the file remembers it. `nonce` is our name for it, `remote` the provider's."""

    id: int
    nonce: str
    remote: str | None
    state: str
    requests: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch: the journal's keys of the answers it asks for, in order, and their limit."""

    id: int
    batch: int
    number: int
    keys: tuple[str, ...]
    max_tokens: int | None


class BatchLock:
    """The lock under which batches are submitted and collected, among all processes that share a journal."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + ".batches")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        # A descriptor for each turn: tasks and endpoints of one process must wait for one another too.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOOK_AGAIN)
            yield
        finally:
            os.close(file)


class BatchStore:
    """The batches of one endpoint. Calls block on the disk for up to a second when there are tens of thousands of
    requests: callers leave them to a thread. Raises `JournalError`."""

    def __init__(self, journal: Path, provider: str, address: str, model: str) -> None:
        self._path = journal
        self._who = (provider, address, model)
        self._one = threading.Lock()
        self._connection = connect(journal)

    def close(self) -> None:
        with self._one:
            self._connection.close()

    def batch(self, number: int) -> Batch | None:
        """The batch as it stands now; None when it is forgotten."""
        with self._using() as db:
            row = db.execute(f"SELECT {_BATCH} FROM batches WHERE id = ?", (number,)).fetchone()  # noqa: S608
        return None if row is None else Batch(*row)

    def open(self) -> list[Batch]:
        """Every batch of this endpoint with requests that are not among the journal's answers."""
        with self._using() as db:
            rows = db.execute(
                f"SELECT {_BATCH} FROM batches b WHERE provider = ? AND address = ? AND model = ? "  # noqa: S608
                "AND EXISTS (SELECT 1 FROM batch_items i WHERE i.batch = b.id) ORDER BY id",
                self._who,
            ).fetchall()
        return [Batch(*row) for row in rows]

    def items(self, after: int = 0) -> list[Item]:
        """Every request of this endpoint with a number above `after`."""
        with self._using() as db:
            return self._items(db, after)

    def known_remotes(self) -> set[str]:
        """The provider's names of all batches that are ours for certain."""
        with self._using() as db:
            return {row[0] for row in db.execute("SELECT remote FROM batches WHERE remote IS NOT NULL")}

    def intend(
        self, nonce: str, wanted: Sequence[tuple[tuple[str, ...], int | None]], after: int
    ) -> tuple[list[Item], list[Item]]:
        """Write down that a batch is about to be submitted, for the wanted (keys, max_tokens) that no other run took
        since number `after`. Returns (what others took, what is ours); nothing is written when nothing is ours."""
        with self._using() as db:
            db.execute("BEGIN IMMEDIATE")
            theirs = self._items(db, after)
            taken = {(key, item.max_tokens) for item in theirs for key in item.keys}
            free = [w for w in wanted if not any((key, w[1]) in taken for key in w[0])]
            ours: list[Item] = []
            if free:
                made = db.execute(
                    "INSERT INTO batches (nonce, provider, address, model, state, requests, created_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (nonce, *self._who, INTENDED, len(free), time.time()),
                )
                batch = made.lastrowid or 0
                for number, (keys, max_tokens) in enumerate(free):
                    put = db.execute(
                        "INSERT INTO batch_items (batch, number, keys, max_tokens) VALUES (?, ?, ?, ?)",
                        (batch, number, b"".join(map(key_bytes, keys)), max_tokens),
                    )
                    ours.append(Item(put.lastrowid or 0, batch, number, keys, max_tokens))
            db.execute("COMMIT")
        return theirs, ours

    def submitted(self, batch: int, remote: str) -> None:
        """Write down the provider's name of an intended batch."""
        with self._using() as db:
            db.execute("UPDATE batches SET remote = ?, state = ? WHERE id = ?", (remote, WORKING, batch))

    def forget(self, batch: int) -> None:
        """The batch does not exist at the provider, or never will be answered: its requests are free again."""
        with self._using() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM batch_items WHERE batch = ?", (batch,))
            db.execute("DELETE FROM batches WHERE id = ?", (batch,))
            db.execute("COMMIT")

    def keep_results(self, batch: int, results: Iterable[tuple[int, bytes]]) -> None:
        """Write down some of a batch's results by number. The first one stands when there are several."""
        with self._using() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "UPDATE batch_items SET result = ? WHERE batch = ? AND number = ? AND result IS NULL",
                [(zlib.compress(raw, 1), batch, number) for number, raw in results],
            )
            db.execute("COMMIT")

    def collected(self, batch: int) -> None:
        """All results there will ever be are written down."""
        with self._using() as db:
            db.execute("UPDATE batches SET state = ? WHERE id = ?", (COLLECTED, batch))

    def unanswered(self, batch: int) -> int:
        """How many requests have no result yet."""
        with self._using() as db:
            sql = "SELECT count(*) FROM batch_items WHERE batch = ? AND result IS NULL"
            return int(db.execute(sql, (batch,)).fetchone()[0])

    def results(self, items: Sequence[Item]) -> dict[int, bytes | None]:
        """The result of each item by its id; None: the batch left it without one; not there: another run has it
        among the answers by now."""
        found: dict[int, bytes | None] = {}
        with self._using() as db:
            for start in range(0, len(items), 500):
                part = [item.id for item in items[start : start + 500]]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT id, result FROM batch_items WHERE id IN ({marks})", part)  # noqa: S608
                found.update((number, None if raw is None else _whole(raw)) for number, raw in rows)
        return found

    def purge(self) -> None:
        """Forget the results that a killed run had put among the answers already. Under the lock only."""
        with self._using() as db:
            db.execute("BEGIN IMMEDIATE")
            there = "SELECT 1 FROM answers a WHERE a.key = i.keys AND a.max_tokens IS i.max_tokens"
            db.execute(
                "DELETE FROM batch_items WHERE id IN (SELECT i.id FROM batch_items i JOIN batches b ON b.id = i.batch "  # noqa: S608
                f"WHERE b.state = ? AND EXISTS ({there}))",
                (COLLECTED,),
            )
            db.execute("COMMIT")

    def done(self, items: Iterable[Item]) -> None:
        """These are among the journal's answers, or are to be asked again: forget them here."""
        with self._using() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM batch_items WHERE id = ?", [(item.id,) for item in items])
            db.execute("COMMIT")

    def _items(self, db: sqlite3.Connection, after: int) -> list[Item]:
        rows = db.execute(
            f"SELECT {_ITEM} FROM batch_items i JOIN batches b ON b.id = i.batch "  # noqa: S608
            "WHERE i.id > ? AND b.provider = ? AND b.address = ? AND b.model = ? ORDER BY i.id",
            (after, *self._who),
        )
        return [Item(number, batch, at, _keys(raw), limit) for number, batch, at, raw, limit in rows]

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._one:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise journal_error(error, self._path) from None
            finally:
                # A closed connection answers this with an error of its own.
                try:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                except sqlite3.Error:
                    pass


def _keys(raw: bytes) -> tuple[str, ...]:
    return tuple(raw[at : at + 32].hex() for at in range(0, len(raw), 32))


def _whole(raw: bytes) -> bytes | None:
    """A stored result; None when the file was damaged: its request is then asked again."""
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return None
