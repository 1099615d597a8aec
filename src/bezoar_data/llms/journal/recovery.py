"""Gets what is whole out of a damaged journal.

It reads the pages of the file (and of its write-ahead log) by themselves, following neither the tree that may be
broken nor the header that may be gone, and believes a row only when its own checksum holds. Layout of pages, cells
and records: the SQLite file format, sections 1.6, 2.1 and 4. The damaged file is never changed: it is set aside.
"""

from __future__ import annotations

import mmap
import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal.entry import COLUMNS, REALS, REDACTED, checksum, expand
from bezoar_data.llms.journal.integrity import wal_header_holds, wal_of
from bezoar_data.llms.journal.schema import APPLICATION_ID, connect, migrate, not_a_journal

_TABLE_LEAF = 0x0D
_INT_SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def repair(path: Path, reason: str, wal: bytes) -> str:
    """Replace a damaged journal by what is whole of it; return a sentence saying what happened.

    The caller holds the file alone. `wal` is the write-ahead log as it was before anyone opened the file. Raises
    `InputError`, and leaves the file as it was, when nothing in it says that it ever was a journal.
    """
    fresh = path.with_name(path.name + ".rebuilt")
    for leftover in (fresh, wal_of(fresh)):
        leftover.unlink(missing_ok=True)
    with closing(connect(fresh, create=True)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        migrate(connection)
        recovered = _fill(connection, path, wal)
        _carry_batches(connection, path)
    if recovered == 0 and not _looks_like_ours(path):
        for leftover in (fresh, wal_of(fresh)):
            leftover.unlink(missing_ok=True)
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
    answers = f"{recovered} answer{'' if recovered == 1 else 's'}"
    return (
        f"the journal {path} was damaged ({reason}): {answers} recovered into a new file; what could not be read "
        f"will be asked again; the damaged file is kept as {aside.name}"
    )


def _looks_like_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(72)[68:72] == struct.pack(">I", APPLICATION_ID)


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S")
    for number in range(1000):
        tail = f"-{number}" if number else ""
        name = path.with_name(f"{path.stem}.damaged-{stamp}{tail}{path.suffix}")
        if not name.exists():
            return name
    raise FileExistsError(f"no free name for the damaged journal beside {path}")


def _fill(connection: sqlite3.Connection, damaged: Path, wal: bytes) -> int:
    """Write every whole row of the damaged file into a fresh one; return how many answers those are."""
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    columns = ", ".join((*COLUMNS, "checksum"))
    connection.execute("BEGIN IMMEDIATE")
    for rowid, values in scan_pages(damaged, wal):
        if len(values) == 2:
            connection.execute("INSERT OR IGNORE INTO requests (hash, messages) VALUES (?, ?)", values)
            continue
        there = connection.execute("SELECT key, checksum FROM answers WHERE id = ?", (rowid,)).fetchone()
        if there == (values[0], values[-1]):
            continue  # the same row from an older copy of its page
        put = connection.execute(f"INSERT OR IGNORE INTO answers (id, {columns}) VALUES (?, {marks})", (rowid, *values))  # noqa: S608
        if put.rowcount == 0:
            # The same row from an older page, or another one whose number was hit: the sweep below tells.
            connection.execute(f"INSERT INTO answers ({columns}) VALUES ({marks})", values)  # noqa: S608
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


def scan_pages(path: Path, wal: bytes) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Every whole row in any page of the file or its log: (rowid, answers row) or (rowid, (hash, messages))."""
    size = path.stat().st_size
    with path.open("rb") as file:
        data: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        try:
            pages = _Pages(data, wal)
            for number, page in pages.all():
                yield from _rows_of(page, 100 if number == 1 else 0, pages)
        finally:
            if isinstance(data, mmap.mmap):
                data.close()


class _Pages:
    """Pages by number. Several versions of one page may stand in the log; the newest one serves for look-ups."""

    def __init__(self, data: mmap.mmap | bytes, wal: bytes) -> None:
        self._data = data
        self.size = _page_size(data, wal)
        self._logged: list[tuple[int, bytes]] = []
        self._newest: dict[int, bytes] = {}
        step = 24 + self.size
        frames = [(wal[at : at + 24], wal[at + 24 : at + step]) for at in range(32, len(wal) - step + 1, step)]
        # Frames of an earlier round of the log stand behind the current ones, and a flipped bit makes a current one
        # look like them. All are read, for rows are believed by themselves; the current ones count as newer.
        salt = wal[16:24] if wal_header_holds(wal[:32]) else frames[0][0][8:16] if frames else b""
        for head, page in sorted(frames, key=lambda frame: frame[0][8:16] == salt):
            number = int.from_bytes(head[:4], "big")
            self._logged.append((number, page))
            self._newest[number] = page

    def all(self) -> Iterator[tuple[int, bytes]]:
        for start in range(0, len(self._data), self.size):
            yield start // self.size + 1, self._data[start : start + self.size]
        yield from self._logged

    def newest(self, number: int) -> bytes:
        found = self._newest.get(number)
        return found if found is not None else self.filed(number)

    def filed(self, number: int) -> bytes:
        return self._data[(number - 1) * self.size : number * self.size] if number > 0 else b""


def _page_size(data: mmap.mmap | bytes, wal: bytes) -> int:
    for raw in (data[16:18], wal[10:12]):
        size = int.from_bytes(raw, "big") if len(raw) == 2 else 0
        if 512 <= size <= 32768 and size & (size - 1) == 0:
            return size
    return 4096


def _rows_of(page: bytes, offset: int, pages: _Pages) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The whole rows of one page, if it is a leaf of a table; anything else, damage included, has none."""
    if len(page) < offset + 8 or page[offset] != _TABLE_LEAF:
        return
    count = int.from_bytes(page[offset + 3 : offset + 5], "big")
    for cell in range(min(count, len(page) // 4)):
        at = offset + 8 + 2 * cell
        pointer = int.from_bytes(page[at : at + 2], "big")
        for chain in (pages.newest, pages.filed):
            try:
                rowid, payload = _payload(page, pointer, pages.size, chain)
                row = _believed(_record(payload))
            except (IndexError, ValueError, struct.error):
                continue
            if row is not None:
                yield rowid, row
                break


def _payload(page: bytes, at: int, size: int, chain: Any) -> tuple[int, bytes]:
    """A cell's rowid and its payload, the overflow pages included."""
    length, at = _varint(page, at)
    rowid, at = _varint(page, at)
    most = size - 35
    if length <= most:
        return rowid, page[at : at + length]
    least = (size - 12) * 32 // 255 - 23
    local = least + (length - least) % (size - 4)
    if local > most:
        local = least
    parts, got = [page[at : at + local]], local
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while got < length:
        overflow = chain(following)
        if len(overflow) < size:
            raise ValueError("the chain of overflow pages is broken")
        parts.append(overflow[4 : 4 + length - got])
        got += len(parts[-1])
        following = int.from_bytes(overflow[:4], "big")
    return rowid, b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            value = value << 8 | byte
            break
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    at += n + 1
    return value - (1 << 64) if value >= 1 << 63 else value, at


def _record(payload: bytes) -> list[Any]:
    """The values of a record."""
    head, at = _varint(payload, 0)
    body = head
    values: list[Any] = []
    while at < head:
        kind, at = _varint(payload, at)
        if kind in _INT_SIZES:
            size = _INT_SIZES[kind]
            values.append(int.from_bytes(payload[body : body + size], "big", signed=True))
        elif kind == 7:
            size = 8
            values.append(struct.unpack(">d", payload[body : body + 8])[0])
        elif kind in (0, 8, 9):
            size = 0
            values.append({0: None, 8: 0, 9: 1}[kind])
        elif kind >= 12:
            size = (kind - 12) // 2
            raw = payload[body : body + size]
            values.append(bytes(raw) if kind % 2 == 0 else raw.decode())
        else:
            raise ValueError(f"no such kind of value: {kind}")
        body += size
    return values


def _believed(values: list[Any]) -> tuple[Any, ...] | None:
    """The row as it is to be written again, when it is one of ours and its checksum holds."""
    if len(values) == 3 and isinstance(values[1], bytes) and isinstance(values[2], bytes):
        return (values[1], values[2]) if expand(values[2], values[1]) is not None else None
    if len(values) != len(COLUMNS) + 2 or not isinstance(values[1], bytes):
        return None
    row = tuple(float(v) if i in REALS and v is not None else v for i, v in enumerate(values[1:-1]))
    return (*row, values[-1]) if checksum(row) == values[-1] else None
