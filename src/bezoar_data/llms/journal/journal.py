"""The journal of answers: nothing is paid twice.

Every answer is written here before its row moves on, so that running the same command again is how a run is resumed.
One SQLite file in write-ahead mode, shared by the runs beside it and safe for several processes at once. `kill -9`
loses at most what was not yet committed: answers whose `put` had not returned. That holds against killed processes,
not against power loss (`synchronous=NORMAL`).

Nothing is ever overwritten: a key may have several entries, and `lookup` says which one serves.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal import integrity
from bezoar_data.llms.journal.entry import (
    REDACTED,
    STORED,
    Entry,
    JournalError,
    expand,
    key_bytes,
    pack,
    unpack,
)
from bezoar_data.llms.journal.lookup import choose, fullest
from bezoar_data.llms.journal.neighbours import Neighbours
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.llms.journal.recovery import repair
from bezoar_data.llms.journal.schema import check_identity, connect, fetch, header_lies, lenient, migrate
from bezoar_data.llms.journal.writer import Waiting, Writer

__all__ = ["Entry", "Journal", "JournalError"]

_SELECT = f"SELECT {STORED} FROM answers WHERE key = ? ORDER BY id"  # noqa: S608
_MESSAGES = "SELECT a.request, r.messages FROM answers a JOIN requests r ON r.hash = a.request WHERE a.key = ?"


class Journal:
    """An open journal. Look-ups may come from any thread; `notes` says what opening it had to mend."""

    def __init__(
        self,
        path: Path,
        lock: integrity.JournalLock,
        notes: Iterable[str],
        recorded: RecordedAnswers | None = None,
        near: Sequence[Path] = (),
        also: Path | None = None,
    ) -> None:
        self.path = path
        self.recorded = recorded
        self._neighbours = Neighbours(near)
        self.notes: list[str] = list(notes)
        self.tell: Callable[[str], None] | None = None
        """Is given each further note as it comes."""
        self._lock = lock
        self._reading = threading.Lock()
        self._reader = connect(path)
        self._reader.execute("PRAGMA query_only=ON")
        self._also = None if also is None else connect(also)
        if self._also is not None:
            self._also.execute("PRAGMA query_only=ON")
        self._writer = Writer(path)
        self._damaged = 0
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: bool = True,
        answers: Sequence[Path] = (),
        near: Sequence[Path] = (),
        also: Path | None = None,
    ) -> Journal:
        """Open the journal at `path`, made if need be, checked, mended and migrated. What it has no answer to is
        looked up in the journal `also`, which is only read, then in the files of recorded
        `answers`; a note says so if one of the journals `near` has one.

        Raises `InputError` for a network file system, a file that is not a journal, one of a newer format, or one that
        cannot be read or made; with `create=False` also when it is not there.
        """
        path = Path(path)
        if not create and not path.exists():
            raise InputError(
                Problem("no-journal", f"there is no journal at {path}", Place(str(path)), "name one with --journal")
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            integrity.refuse_network(path.parent)
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder", str(path))
            lock = integrity.JournalLock(path)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from None
        try:
            notes: list[str] = []
            if lock.try_exclusive():
                notes = _prepare(path)
                _make(path)
            lock.share()
            with closing(connect(path)) as connection:
                check_identity(connection, path)
                migrate(connection)
            return cls(path, lock, notes, RecordedAnswers(answers) if answers else None, near, also)
        except OSError as error:
            lock.release()
            raise _unusable(path, error.strerror or str(error)) from None
        except sqlite3.Error as error:
            lock.release()
            of_the_disk = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
            if integrity.is_damage(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF in of_the_disk:
                raise integrity.journal_error(error, path) from None
            raise _unusable(path, str(error)) from None
        except BaseException:
            lock.release()
            raise

    def get(self, key: str) -> Entry | None:
        """What the journal knows under a key, with its messages, whatever `max_tokens` it was asked with."""
        entry = fullest(self._entries(key))
        if entry is None or entry.messages is not None:
            return entry
        with self._reads():
            found = self._reader.execute(_MESSAGES, (key_bytes(key),)).fetchone()
        if found is None:
            return entry
        messages = expand(found[1], found[0])
        if messages is None:
            self._note("holds damaged messages: `trace` cannot show what was sent for some answers")
            return entry
        return replace(entry, messages=messages)

    def find(self, key: str, max_tokens: int | None, *, retry_failed: bool = False) -> Entry | None:
        """The entry that answers a question asked now with `max_tokens` (None: without a limit), without its
        messages; None when it must be asked. `retry_failed` passes over refusals. Recorded answers serve where the
        journal has none, and stay out of it."""
        entries = self._entries(key)
        entry = choose(entries, max_tokens, retry_failed=retry_failed)
        if self.recorded is not None and (entry is None or entry.error not in (None, REDACTED)):
            entry = choose([*entries, *self.recorded.entries(key)], max_tokens, retry_failed=retry_failed)
        if entry is None and self._neighbours:
            self._look_next_door(key)
        return entry

    async def put(self, entry: Entry) -> Entry:
        """Write an entry; return when it is safe, with the entry that now stands for its question.

        That is nearly always this one. It is an earlier one when another run asked the same meanwhile: using what is
        returned keeps both runs, and their repetitions, equal. It is cleaned of secrets. Raises `JournalError` when
        it cannot be written (disk full): the entry is then kept in memory and tried again with the next ones.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Entry] = loop.create_future()
        self._writer.submit(Waiting(pack(entry), future, loop))
        return await future

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Whether nobody else has the journal; while this lasts nobody else gets it, and nothing is written."""
        with self._writer.paused():
            exclusive = self._lock.try_exclusive()
            try:
                if not exclusive:
                    self._lock.share()  # the attempt gave up the lock we had
                yield exclusive
            finally:
                if exclusive:
                    self._lock.share()

    @property
    def damaged(self) -> int:
        """How many damaged entries look-ups met and passed over: they are asked again."""
        return self._damaged

    def close(self) -> None:
        """Write what is waiting and let go of the file. Raises `JournalError` when answers could not be written."""
        if self._closed:
            return
        self._closed = True
        try:
            self._writer.close()
        finally:
            with self._reading:
                self._reader.close()
                if self._also is not None:
                    self._also.close()
            if self.recorded is not None:
                self.recorded.close()
            self._neighbours.close()
            self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entries(self, key: str) -> list[Entry]:
        # Waiting ones first: an entry that is committed between the two looks is then seen twice, not never.
        waiting = self._writer.pending(key)
        with self._reading:  # as `_reads`, without what a context manager costs: this is asked for every question
            if self._closed:
                raise JournalError(f"the journal {self.path} is closed")
            try:
                rows = fetch(self._reader, _SELECT, (key_bytes(key),))
                if self._also is not None:
                    rows = [*fetch(self._also, _SELECT, (key_bytes(key),)), *rows]
            except sqlite3.Error as error:
                raise integrity.journal_error(error, self.path) from None
        entries = [entry for row in rows if (entry := unpack(row)) is not None]
        if len(entries) < len(rows):
            self._damaged += len(rows) - len(entries)
            self._note("holds damaged answers: they are skipped and asked again")
        entries.extend(waiting)
        return entries

    def _look_next_door(self, key: str) -> None:
        holder = self._neighbours.holder(key)
        if holder is not None:
            way = f"`bezoar-data journal import {holder} --journal {self.path}` brings them in"
            self._note(f"lacks answers that {holder} holds: {way}")

    def _note(self, what: str) -> None:
        note = f"the journal {self.path} {what}"
        if note not in self.notes:
            self.notes.append(note)
            if self.tell is not None:
                self.tell(note)

    @contextmanager
    def _reads(self) -> Iterator[None]:
        with self._reading:
            if self._closed:
                raise JournalError(f"the journal {self.path} is closed")
            try:
                yield
            except sqlite3.Error as error:
                raise integrity.journal_error(error, self.path) from None


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        Problem(
            "journal-unusable",
            f"the journal {path} cannot be opened: {why}",
            Place(str(path)),
            "it needs a folder on a local disk that may be written; name another journal with --journal",
        )
    )


def _prepare(path: Path) -> list[str]:
    """Check a journal that nobody else has open, and mend it; return notes for the user."""
    wal = integrity.wal_of(path)
    log = wal.read_bytes() if wal.exists() else b""
    if not path.exists():
        if not log:
            return []
        # SQLite would delete a log without its file.
        path.touch()
    if path.stat().st_size == 0:
        return [repair(path, "it was empty", log)] if log else ["the journal was empty and starts again"]
    reason = _damage(path, log)
    return [repair(path, reason, log)] if reason else []


def _make(path: Path) -> None:
    """The file with its log and tables, if they are not there. Nobody else may have it open: of two that change a
    file's way of logging at once, SQLite tells one that it is locked, and does not wait."""
    with closing(connect(path, create=True)) as connection:
        check_identity(connection, path)
        connection.execute("PRAGMA journal_mode=WAL")
        migrate(connection)


def _damage(path: Path, log: bytes) -> str | None:
    """What is wrong with the file, or None. Raises `InputError` for a file that is none of ours."""
    try:
        with closing(connect(path)) as connection:
            connection.text_factory = lenient
            if header_lies(connection):
                return "its header or its tables' definitions are not what they were"
            check_identity(connection, path)
            if log:
                read = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
                if read < integrity.committed_frames(log):
                    return "the last answers in its write-ahead log were not whole"
            thorough = bool(log) or path.stat().st_size <= integrity.FULL_CHECK_BYTES
            return integrity.damage_of(connection, thorough=thorough)
    except sqlite3.DatabaseError as error:
        if integrity.is_damage(error):
            return str(error)
        raise
