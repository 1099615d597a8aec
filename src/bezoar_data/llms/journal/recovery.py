"""Gets what is whole out of a damaged journal.

SQLite gives up a table whose tree is broken, and a file whose header is gone. So it is shown one page after the other,
in a scratch copy under a sound header, as if each were the whole table, and a row is believed only when its own
checksum holds. What is lost are rows that were hit themselves, and those of a page whose own head was hit. The damaged
file is never changed: it is set aside.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal.entry import COLUMNS, REDACTED, STORED, checksum, expand
from bezoar_data.llms.journal.integrity import wal_of
from bezoar_data.llms.journal.schema import APPLICATION_ID, connect, lenient, migrate, not_a_journal

_TABLE_LEAF = b"\x0d"
_TEXT = COLUMNS.index("text")
_MOST_PAGES = 1 << 24
"""A page with a higher number (64 GB into the file) is taken for a broken one."""


def repair(path: Path, reason: str, wal: bytes) -> str:
    """Replace a damaged journal by what is whole of it; return a sentence saying what happened.

    The caller has the exclusive lock. `wal` is the write-ahead log as it was before anyone opened the file. Raises
    `InputError`, and leaves the file as it was, when nothing in it says that it ever was a journal.
    """
    fresh, scratch = path.with_name(path.name + ".rebuilt"), path.with_name(path.name + ".pages")
    try:
        _discard(fresh)
        with closing(connect(fresh, create=True)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            migrate(connection)
            recovered = _fill(connection, _rows(path, wal, scratch))
            _carry_batches(connection, path)
            _carry_places(connection, path)
        if recovered == 0 and not _looks_like_ours(path):
            raise not_a_journal(path)
        aside = _free_name(path)
        try:
            os.link(path, aside)
        except OSError:
            shutil.copyfile(path, aside)
        # A log left beside the new file would be played into it.
        wal_of(path).unlink(missing_ok=True)
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        if wal:
            wal_of(aside).write_bytes(wal)
        fresh.replace(path)
    finally:
        _discard(fresh)
        _discard(scratch)
    answers = f"{recovered} answer{'' if recovered == 1 else 's'}"
    return (
        f"the journal {path} was damaged ({reason}): {answers} recovered into a new file; what could not be read "
        f"will be asked again; the damaged file is kept as {aside.name}"
    )


def _discard(file: Path) -> None:
    for leftover in (file, wal_of(file)):
        leftover.unlink(missing_ok=True)


def _looks_like_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(72)[68:72] == struct.pack(">I", APPLICATION_ID)


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S")
    tails = ("", *(f"-{number}" for number in range(1, 1000)))
    names = (path.with_name(f"{path.stem}.damaged-{stamp}{tail}{path.suffix}") for tail in tails)
    return next(name for name in names if not name.exists())


def _fill(connection: sqlite3.Connection, rows: Iterator[tuple[int, tuple[Any, ...]]]) -> int:
    """Write the rows into a fresh file, each once; return how many answers those are."""
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    connection.execute("BEGIN IMMEDIATE")
    for rowid, values in rows:
        if len(values) == 2:
            connection.execute("INSERT OR IGNORE INTO requests (hash, messages) VALUES (?, ?)", values)
            continue
        there = connection.execute("SELECT key, checksum FROM answers WHERE id = ?", (rowid,)).fetchone()
        if there == (values[0], values[-1]):
            continue  # the same row from an older copy of its page
        put = connection.execute(f"INSERT OR IGNORE INTO answers (id, {STORED}) VALUES (?, {marks})", (rowid, *values))  # noqa: S608
        if put.rowcount == 0:
            # The same row from an older page, or another one whose number was hit: the sweep below sees to it.
            connection.execute(f"INSERT INTO answers ({STORED}) VALUES ({marks})", values)  # noqa: S608
    # Pages hold older copies of themselves: the same row once, and nothing of what was redacted meanwhile.
    connection.execute("DELETE FROM answers WHERE id NOT IN (SELECT min(id) FROM answers GROUP BY key, checksum)")
    connection.execute(
        "DELETE FROM answers WHERE error IS NOT ?1 AND key IN (SELECT key FROM answers WHERE error = ?1)", (REDACTED,)
    )
    connection.execute("DELETE FROM requests WHERE hash NOT IN (SELECT request FROM answers WHERE request IS NOT NULL)")
    recovered = connection.execute("SELECT count(*) FROM answers").fetchone()[0]
    connection.execute("COMMIT")
    return int(recovered)


def _carry_batches(connection: sqlite3.Connection, damaged: Path) -> None:
    """Bring over which batches are at a provider, as far as SQLite can still read that: forgotten, they would be
    handed in and paid again. Their results are not: they have no checksum of ours, and can be collected again."""
    try:
        with closing(connect(damaged)) as old:
            old.execute("PRAGMA query_only=ON")
            batches = old.execute("SELECT * FROM batches").fetchall()
            items = old.execute("SELECT id, batch, number, keys, max_tokens, NULL FROM batch_items").fetchall()
    except sqlite3.Error:
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR IGNORE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batches)
    connection.executemany("INSERT OR IGNORE INTO batch_items VALUES (?, ?, ?, ?, ?, ?)", items)
    connection.execute("UPDATE batches SET state = 'working' WHERE state = 'collected' AND remote IS NOT NULL")
    connection.execute("COMMIT")


def _carry_places(connection: sqlite3.Connection, damaged: Path) -> None:
    """Bring over the run folders and addresses, as far as SQLite can still read them."""
    for table, marks in (("run_folders", "?"), ("addresses", "?, ?, ?, ?")):
        try:
            with closing(connect(damaged)) as old:
                rows = old.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        except sqlite3.Error:
            continue
        connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608


def _rows(path: Path, wal: bytes, scratch: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Every whole row in any page of the file or its log: (id, answers row) or (id, (hash, messages))."""
    size = _page_size(path, wal)
    logged = [(number, page) for number, page in _logged_pages(wal, size) if 1 < number < _MOST_PAGES]
    numbers = _make_scratch(path, scratch, size, logged)
    yield from scan_pages(scratch, size, numbers)
    if not logged:
        return
    # Long rows go on in other pages, whose newest form may stand in the log alone.
    with scratch.open("r+b") as file:
        for number, page in logged:
            file.seek((number - 1) * size)
            file.write(page)
    yield from scan_pages(scratch, size, numbers)


def _page_size(path: Path, wal: bytes) -> int:
    with path.open("rb") as file:
        head = file.read(18)
    for raw in (head[16:18], wal[10:12]):
        size = int.from_bytes(raw, "big")
        if 512 <= size <= 32768 and size & (size - 1) == 0:
            return size
    return 4096


def _logged_pages(wal: bytes, size: int) -> list[tuple[int, bytes]]:
    """The pages of the log with their numbers, the newest last. Those from before the log was last started afresh
    stand behind the current ones, which bear the header's salt."""
    step = 24 + size
    frames = [(wal[at : at + 24], wal[at + 24 : at + step]) for at in range(32, len(wal) - step + 1, step)]
    salts = [head[8:16] for head, _ in frames]
    salt = wal[16:24] if wal[16:24] in salts else b"".join(salts[:1])
    frames.sort(key=lambda frame: frame[0][8:16] == salt)
    return [(int.from_bytes(head[:4], "big"), page) for head, page in frames]


def _make_scratch(path: Path, scratch: Path, size: int, logged: list[tuple[int, bytes]]) -> list[int]:
    """A file with a sound first page that defines `answers` alone, then the damaged file's other pages where they
    were, then, behind the highest number that stands in the log, all pages of its log. Returns the numbers of both."""
    scratch.unlink(missing_ok=True)
    with closing(sqlite3.connect(scratch, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={size}")
        migrate(connection)
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name <> 'answers'")
        connection.execute("UPDATE sqlite_schema SET rootpage = 2")
    with scratch.open("r+b") as file, path.open("rb") as damaged:
        file.truncate(size)
        file.seek(size)
        damaged.seek(size)
        shutil.copyfileobj(damaged, file, 1 << 20)
        own = -(-file.tell() // size)
        pages = max(2, own, *(number for number, _ in logged))
        file.seek(pages * size)
        file.writelines(page for _, page in logged)
        file.truncate((pages + len(logged)) * size)
        file.seek(28)
        file.write(struct.pack(">I", pages + len(logged)))
    return [*range(2, own + 1), *range(pages + 1, pages + len(logged) + 1)]


def scan_pages(scratch: Path, size: int, numbers: Iterable[int]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The whole rows of each page that is a leaf of a table, by SQLite's own reading of it."""
    with closing(sqlite3.connect(scratch, isolation_level=None)) as connection, scratch.open("rb") as file:
        connection.text_factory = lenient
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "writable_schema=ON"):
            connection.execute(f"PRAGMA {pragma}")
        for number in numbers:
            file.seek((number - 1) * size)
            if file.read(1) == _TABLE_LEAF:
                connection.execute("UPDATE sqlite_schema SET rootpage = ?", (number,))
                connection.execute(f"PRAGMA schema_version={1000 + number}")  # has SQLite read its schema anew
                yield from _rows_of_page(connection)


def _rows_of_page(connection: sqlite3.Connection) -> Iterator[tuple[int, tuple[Any, ...]]]:
    ids: dict[int, None] = {}
    for order in ("ASC", "DESC"):  # from both ends, if there is a break between
        try:
            for (found,) in connection.execute(f"SELECT id FROM answers ORDER BY id {order}"):  # noqa: S608
                ids[found] = None
        except sqlite3.DatabaseError:
            continue
        break
    for found in ids:
        try:
            [values] = connection.execute("SELECT * FROM answers WHERE id = ?", (found,)).fetchall()
        except (sqlite3.DatabaseError, ValueError):
            continue
        row = _believed(values[1:])
        if row is not None:
            yield found, row


def _believed(values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The row as it is to be written again, when it is one of ours and its checksum holds."""
    key, second, text = values[0], values[1], values[_TEXT]
    if values[-1] is None and isinstance(key, bytes) and isinstance(second, bytes):
        return (key, second) if expand(second, key) is not None else None
    if not isinstance(key, bytes) or not isinstance(text, str | None):
        return None
    return values if checksum(values[:-1]) == values[-1] else None
