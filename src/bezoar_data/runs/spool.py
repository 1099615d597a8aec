"""Rows on disk while a run goes on, in any order in, in the source's order out.

Rows finish in whatever order answers come; a dataset stands in the source's order. The spool keeps finished, dropped
and waiting rows in a scratch SQLite file keyed by their order, so memory does not grow with the source and reading in
order is free. It is not a record: it is thrown away with the run, and the journal rebuilds it.
"""

from __future__ import annotations

import marshal
import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from math import fsum
from pathlib import Path

import orjson

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.runs.lock import ModelUsage
from bezoar_data.runs.row import Columns, Lineage, Row
from bezoar_data.runs.values import PLAIN, plain
from bezoar_data.runs.waiting import Key, WaitingRows

KEPT = ""
"""The place of rows that came through the whole pipeline; waiting rows lie under the name of their barrier."""

_GROUP = 512

_SCHEMA = """
CREATE TABLE rows (place TEXT, branch INTEGER, sort BLOB, columns BLOB, lineage TEXT,
                   PRIMARY KEY (place, sort, branch)) WITHOUT ROWID;
CREATE TABLE dropped (sort BLOB, rank INTEGER, columns BLOB, lineage TEXT, PRIMARY KEY (sort, rank)) WITHOUT ROWID;
CREATE TABLE used (key BLOB PRIMARY KEY, step TEXT) WITHOUT ROWID;
CREATE TABLE recorded (key BLOB, model TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, extra TEXT,
                       price_input REAL, price_output REAL);
CREATE INDEX recorded_key ON recorded (key);
"""


Took = tuple[str, int | None, int | None, float | None, str, float | None, float | None]
"""What a recorded answer took: model, prompt tokens, completion tokens, cost, extra values as JSON, and the price of a
million tokens of either kind."""


class _ExactSum:
    """A sum that is the same whatever the order of its parts, and SQLite's version: it stands in the lock."""

    def __init__(self) -> None:
        self._parts: list[float] = []

    def step(self, part: float | None) -> None:
        if part is not None:
            self._parts.append(part)

    def finalize(self) -> float:
        return fsum(self._parts)


def _names(lists: str | None) -> tuple[str, ...]:
    """The names in JSON's lists with commas between them, each once."""
    return tuple(sorted({name for names in orjson.loads(f"[{lists or ''}]") for name in names}))


def sort_key(order: tuple[int, ...]) -> bytes:
    """Big-endian bytes that sort as the tuple does."""
    return struct.pack(f">{len(order)}Q", *order)


def _encoded(row: Row) -> bytes:
    """The row's columns, exactly: also NaN, and integers of any size. Raises `InputError` for what no row can hold."""
    columns = row.columns
    if not PLAIN.issuperset(map(type, columns.values())):
        try:
            columns = {name: plain(name, value) for name, value in columns.items()}
        except InputError as error:
            where = f" (row {row.id} of {row.lineage.source})"
            raise InputError(replace(p, message=f"{p.message}{where}") for p in error.problems) from None
    return marshal.dumps(columns)


def _decoded(columns: bytes) -> Columns:
    found: Columns = marshal.loads(columns)  # noqa: S302 - this process's own scratch file
    return found


def _prices(lists: str | None) -> tuple[tuple[float, float], ...]:
    return tuple(sorted((float(prompt), float(completion)) for prompt, completion in orjson.loads(f"[{lists or ''}]")))


class Spool:
    """Scratch storage of one run. Not thread-safe: the engine's loop owns it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        uri = path.absolute().as_uri()
        self._db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;" + _SCHEMA)
        self._rows: list[tuple[str, int, bytes, bytes, str]] = []
        self._dropped: list[tuple[bytes, int, bytes, str]] = []
        self._used: list[tuple[bytes, str]] = []

    def keep(self, row: Row, place: str = KEPT, branch: int = 0) -> None:
        """Store a finished row, or one that waits for the barrier `place` (coming from its `branch`-th side)."""
        if place == KEPT:
            self._use(row.lineage)
        columns = _encoded(row)
        self._rows.append((place, branch, sort_key(row.lineage.order), columns, row.lineage.to_json()))
        self._flush_when_full()

    def drop(self, row: Row, rank: int = 0) -> None:
        """Store a row that carries a drop mark. `rank` is the place of the step that dropped it among the steps: of a
        row dropped in two branches, the first step's mark counts."""
        if row.lineage.drop is None:
            raise ValueError("only a row with a drop mark is dropped")
        self._use(row.lineage)
        columns = _encoded(row)
        self._dropped.append((sort_key(row.lineage.order), rank, columns, row.lineage.to_json()))
        self._flush_when_full()

    def kept(self, place: str = KEPT) -> Iterator[Row]:
        """The rows at a place, in the source's order. Rows may be stored elsewhere meanwhile."""
        return (Row(_decoded(columns), Lineage.from_json(lineage)) for columns, lineage in self._stored(place))

    def piece(self, place: str, begin: int, count: int) -> Iterator[tuple[int, Row]]:
        """Some of the rows at a place, in the source's order, each with the branch that it came from."""
        self.flush()
        query = """SELECT sort, branch, columns, lineage FROM rows
                   WHERE place = ? ORDER BY sort, branch LIMIT 1 OFFSET ?"""
        first = self._db.execute(query, (place, begin)).fetchone()
        if first is None or not count:
            return
        query = """SELECT sort, branch, columns, lineage FROM rows
                   WHERE place = ? AND (sort, branch) >= (?, ?) ORDER BY sort, branch LIMIT ?"""
        last, left = first[:2], count
        while left and (chunk := self._db.execute(query, (place, *last, min(left, _GROUP))).fetchall()):
            for _, branch, columns, lineage in chunk:
                yield branch, Row(_decoded(columns), Lineage.from_json(lineage))
            left -= len(chunk)
            query = query.replace(">=", ">")
            last = chunk[-1][:2]

    def waiting(self, place: str) -> WaitingRows:
        """The rows at a place, as a sequence that is read when it is looked at. No more come to the place."""
        return WaitingRows(partial(self._after, place), self.count(place), self.path.parent)

    def _after(self, place: str, key: Key, count: int, skip: int) -> list[tuple[Key, Row]]:
        """Some rows at a place, from behind a key on; `skip` of them are passed over. What was kept and is not written
        yet is not among them, so that it may be called from a thread beside the engine's."""
        query = """SELECT sort, branch, columns, lineage FROM rows
                   WHERE place = ? AND (sort, branch) > (?, ?) ORDER BY sort, branch LIMIT ? OFFSET ?"""
        found = self._db.execute(query, (place, *key, count, skip)).fetchall()
        return [
            ((sort, branch), Row(_decoded(columns), Lineage.from_json(lineage)))
            for sort, branch, columns, lineage in found
        ]

    def columns(self) -> Iterator[Columns]:
        """The columns of the finished rows, in the source's order."""
        return (_decoded(columns) for columns, _ in self._stored(KEPT))

    def lineages(self) -> Iterator[Lineage]:
        """The lineage of the finished rows, in the source's order."""
        return (Lineage.from_json(lineage) for _, lineage in self._stored(KEPT))

    def _stored(self, place: str) -> Iterator[tuple[bytes, str]]:
        self.flush()
        query = """SELECT sort, branch, columns, lineage FROM rows
                   WHERE place = ? AND (sort, branch) > (?, ?) ORDER BY sort, branch LIMIT ?"""
        last: tuple[bytes, int] = (b"", -1)
        while chunk := self._db.execute(query, (place, *last, _GROUP)).fetchall():
            for _, _, columns, lineage in chunk:
                yield columns, lineage
            last = chunk[-1][:2]

    def dropped(self) -> Iterator[Row]:
        """The dropped rows, each once, in the source's order."""
        self.flush()
        # SQLite takes the bare columns of a group from the row that holds its min().
        query = "SELECT columns, lineage, min(rank) FROM dropped GROUP BY sort ORDER BY sort"
        for columns, lineage, _ in self._db.execute(query):
            yield Row(_decoded(columns), Lineage.from_json(lineage))

    def clear(self, place: str) -> None:
        """Forget the rows that waited at a barrier, once it has decided them."""
        self.flush()
        self._db.execute("DELETE FROM rows WHERE place = ?", (place,))

    def count(self, place: str = KEPT) -> int:
        self.flush()
        return int(self._db.execute("SELECT count(*) FROM rows WHERE place = ?", (place,)).fetchone()[0])

    def was_dropped(self, order: tuple[int, ...]) -> bool:
        """Whether a row of this order was dropped somewhere. Call `flush` before the first of many."""
        return self._db.execute("SELECT 1 FROM dropped WHERE sort = ?", (sort_key(order),)).fetchone() is not None

    def usage(
        self,
        journal: Path,
        recorded: Callable[[str], Iterable[Took]] | None = None,
    ) -> tuple[ModelUsage, ...]:
        """What the distinct answers used by this run's rows took over their lifetime: the journal's, and of a key that
        it has no answer to the recorded ones (see `Took`)."""
        self.flush()
        if not journal.exists():
            return ()
        self._db.execute("ATTACH DATABASE ? AS journal", (f"{journal.absolute().as_uri()}?mode=ro",))
        self._db.create_aggregate("exact_sum", 1, _ExactSum)  # type: ignore[arg-type]
        try:
            if recorded is not None:
                elsewhere = self._db.execute(
                    """SELECT key FROM used WHERE NOT EXISTS
                       (SELECT 1 FROM journal.answers AS a WHERE a.key = used.key
                        AND (a.error IS NULL OR a.completion_tokens IS NOT NULL))"""
                ).fetchall()
                took = ((key, *one) for (key,) in elsewhere for one in recorded(key.hex()))
                self._db.executemany("INSERT INTO recorded VALUES (?, ?, ?, ?, ?, ?, ?, ?)", took)
            query = """
                WITH took AS (
                    SELECT used.step, a.model, a.key, a.prompt_tokens, a.completion_tokens, a.cost, a.extra,
                           a.price_input, a.price_output
                    FROM used JOIN journal.answers AS a ON a.key = used.key
                    WHERE a.error IS NULL OR a.completion_tokens IS NOT NULL
                    UNION ALL
                    SELECT used.step, r.model, r.key, r.prompt_tokens, r.completion_tokens, r.cost, r.extra,
                           r.price_input, r.price_output
                    FROM used JOIN recorded AS r ON r.key = used.key
                )
                SELECT step, model, count(DISTINCT key), coalesce(sum(prompt_tokens), 0),
                       coalesce(sum(completion_tokens), 0), CASE WHEN count(cost) = count(*) THEN exact_sum(cost) END,
                       group_concat(DISTINCT CASE WHEN instr(extra, '"sent_without"')
                                    THEN json_extract(extra, '$.sent_without') END),
                       group_concat(DISTINCT '[' || price_input || ',' || price_output || ']')
                FROM took GROUP BY step, model ORDER BY step, model"""
            found = self._db.execute(query)
            return tuple(
                replace(ModelUsage(*figures), sent_without=_names(lists), prices=_prices(prices))
                for *figures, lists, prices in found
            )
        finally:
            self._db.execute("DELETE FROM recorded")
            self._db.execute("DETACH DATABASE journal")

    def endings(self, journal: Path) -> list[tuple[str, int, int]]:
        """Why the journalled answers behind this run's rows ended, as the journal says it: (finish reason, answers, how
        many of them had special tokens cut off)."""
        self.flush()
        if not journal.exists():
            return []
        self._db.execute("ATTACH DATABASE ? AS journal", (f"{journal.absolute().as_uri()}?mode=ro",))
        try:
            query = """
                SELECT finish_reason, count(*), sum(marked) FROM (
                    SELECT a.finish_reason, max(instr(a.extra, '"special_tokens"') > 0) AS marked
                    FROM used JOIN journal.answers AS a ON a.key = used.key
                    WHERE a.error IS NULL GROUP BY used.key
                ) GROUP BY finish_reason ORDER BY finish_reason"""
            return self._db.execute(query).fetchall()
        finally:
            self._db.execute("DETACH DATABASE journal")

    def flush(self) -> None:
        """Write what has gathered. A full disk ends the run with a clear message: the journal keeps every answer."""
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", self._rows)
            self._db.executemany("INSERT INTO dropped VALUES (?, ?, ?, ?)", self._dropped)
            self._db.executemany("INSERT OR IGNORE INTO used VALUES (?, ?)", self._used)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise BezoarError(
                f"cannot write {self.path}: {error}. Make room and run the same command again: "
                "every answer paid for is in the journal"
            ) from error
        self._rows.clear()
        self._dropped.clear()
        self._used.clear()

    def close(self) -> None:
        """Throw the scratch file away."""
        self._db.close()
        self.path.unlink(missing_ok=True)

    def _use(self, lineage: Lineage) -> None:
        for step, keys in lineage.keys.items():
            self._used.extend((bytes.fromhex(key), step) for key in keys if key)

    def _flush_when_full(self) -> None:
        if len(self._rows) + len(self._dropped) >= _GROUP:
            self.flush()
