"""Reading what was asked and answered under a key, beside running runs, without opening the journal as a run does.

A run checks, mends and migrates its journal when it opens it, and may write. Who only looks takes a connection that can
do none of that: a look-up takes as long in a journal of a million answers as in a small one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from bezoar_data.llms.journal.entry import COLUMNS, REDACTED, Entry, expand, key_bytes, unpack
from bezoar_data.llms.journal.integrity import journal_error, reading
from bezoar_data.llms.journal.lookup import choose, fullest
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.llms.journal.schema import check_identity, not_a_journal

_HEADER = b"SQLite format 3\0"
_SELECT = (
    f"SELECT {', '.join(f'a.{name}' for name in (*COLUMNS, 'checksum'))}, r.messages "  # noqa: S608
    "FROM answers a LEFT JOIN requests r ON r.hash = a.request WHERE a.key = ? ORDER BY a.id"
)


def entries_of(connection: sqlite3.Connection, key: str) -> Iterator[Entry]:
    """Every whole entry of a key with its messages, in the order written."""
    for *row, stored in connection.execute(_SELECT, (key_bytes(key),)):
        if (entry := unpack(row)) is not None:
            messages = None if stored is None else expand(stored, row[1])
            yield entry if messages is None else replace(entry, messages=messages)


class JournalReader:
    """Answers of a journal, if it is there, and of files of recorded ones, which are read when the journal has none."""

    def __init__(self, journal: Path | None, answers: Sequence[Path] = ()) -> None:
        """Raises `InputError` for a file that is not a journal."""
        self._open = ExitStack()
        self._journal = journal
        self._connection: sqlite3.Connection | None = None
        self._recorded = RecordedAnswers(answers) if answers else None
        with self._open as opening:
            if journal is not None and journal.is_file():
                with journal.open("rb") as file:
                    if file.read(len(_HEADER)) != _HEADER:
                        raise not_a_journal(journal)
                self._connection = opening.enter_context(reading(journal))
                check_identity(self._connection, journal)
            if self._recorded is not None:
                opening.callback(self._recorded.close)
            self._open = opening.pop_all()

    def find(self, key: str, max_tokens: int | None) -> Entry | None:
        """The entry that a run takes that asks with this limit, else what says most under the key, with the messages.
        None where nothing is known of it. Raises `JournalError` for a damaged journal."""
        entries: list[Entry] = []
        if self._connection is not None:
            try:
                entries = list(entries_of(self._connection, key))
            except sqlite3.Error as error:
                raise journal_error(error, self._journal or Path()) from None
        if self._recorded is not None and all(entry.error not in (None, REDACTED) for entry in entries):
            entries += self._recorded.whole(key)
        return choose(entries, max_tokens) or fullest(entries)

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
