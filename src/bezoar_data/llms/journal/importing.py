"""Bringing exported entries into a journal: what somebody else paid for, or another journal of one's own holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from bezoar_data.llms.journal import maintenance
from bezoar_data.llms.journal.entry import COLUMNS, REDACTED, STORED, Entry, compress, pack, unpack
from bezoar_data.llms.journal.integrity import journal_error
from bezoar_data.llms.journal.journal import Journal
from bezoar_data.llms.journal.lookup import choose
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.llms.journal.schema import connect, fetch
from bezoar_data.llms.journal.writer import insert

_GROUP = 1000
"""So many entries share a transaction: other runs wait no longer than it takes."""

_ERROR = COLUMNS.index("error")


@dataclass(slots=True)
class Imported:
    """What became of the entries of the files. `withheld` answer questions whose answers were redacted here;
    `redacted_there` are keys redacted where the file came from, whose answers stand here still."""

    added: int = 0
    known: int = 0
    withheld: int = 0
    redacted_there: int = 0


def import_entries(journal: Journal, files: Sequence[Path], *, new_after: int | None = None) -> Imported:
    """Append the entries of exported files, and of other journals, that the journal does not hold, cleaned of secrets.
    Nothing is overwritten, and what is there stays the first answer of its question. With `new_after`, the number of an
    entry, so does it stay the only one where it was there by then and serves as well.

    Raises `InputError` with the wrong lines before anything is written.
    """
    done = Imported()
    journals = [path for path in files if _is_sqlite(path)]
    with closing(RecordedAnswers([path for path in files if path not in journals])) as recorded, ExitStack() as held:
        others = [held.enter_context(Journal.open(path, create=False)) for path in journals]
        entries = chain(recorded, *map(maintenance.entries, others))
        try:
            with closing(connect(journal.path)) as connection:
                while group := list(islice(entries, _GROUP)):
                    _add(connection, group, done, new_after)
        except sqlite3.Error as error:
            raise journal_error(error, journal.path) from None
    return done


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def _add(connection: sqlite3.Connection, group: Sequence[Entry], done: Imported, new_after: int | None) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for entry in group:
            packed = pack(entry)
            row = packed.row
            found = fetch(connection, f"SELECT id, {STORED} FROM answers WHERE key = ?", row[:1])  # noqa: S608
            there = [one[1:] for one in found]
            if row in there or (new_after is not None and _is_answered(found, entry, new_after)):
                done.known += 1
            elif any(one[_ERROR] == REDACTED for one in there):
                done.withheld += 1
            elif entry.error == REDACTED and there:
                done.redacted_there += 1
            else:
                insert(connection, f"INSERT INTO answers ({STORED})", [row])
                if packed.messages is not None:
                    stored = (packed.request, compress(packed.messages))
                    insert(connection, "INSERT OR IGNORE INTO requests (hash, messages)", [stored])
                done.added += 1
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_answered(found: Sequence[Sequence[Any]], entry: Entry, by: int) -> bool:
    """Whether what was there by then answers the question as it was asked for this entry."""
    there = [one for number, *row in found if number <= by and (one := unpack(row)) is not None]
    return choose(there, entry.max_tokens, retry_failed=entry.error is None) is not None
