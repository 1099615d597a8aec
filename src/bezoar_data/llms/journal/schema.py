"""The journal's file format: its tables, its numbered migrations, and how a connection to it is set up.

A migration is never edited once released: a new one is appended. `user_version` says which were applied; the table
`migrations` says when.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

APPLICATION_ID = 0x62657A6A
"""`bezj` in the file's header: tells a journal from any other SQLite file."""

BUSY_SECONDS = 60.0
"""How long one run waits for another's commit. Groups take milliseconds; a prune of a large file takes seconds."""

Migration = Callable[[sqlite3.Connection], None]


def _answers_and_requests(connection: sqlite3.Connection) -> None:
    # Messages stand in a table of their own: samples and attempts share one copy, and looking up an answer never
    # reads past them. The keys are not unique: the journal appends, the look-up policy chooses.
    connection.execute(
        """CREATE TABLE answers (
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            request BLOB,
            text TEXT,
            finish_reason TEXT NOT NULL,
            error TEXT,
            detail TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            revision TEXT,
            max_tokens INTEGER,
            prompt_tokens INTEGER,
            completion_tokens INTEGER,
            price_input REAL,
            price_output REAL,
            cost REAL,
            asked_at REAL NOT NULL,
            answered_at REAL NOT NULL,
            request_id TEXT,
            step TEXT NOT NULL,
            extra TEXT NOT NULL,
            checksum INTEGER NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX answers_key ON answers (key)")
    connection.execute(
        "CREATE TABLE requests (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, messages BLOB NOT NULL)"
    )


def _batches(connection: sqlite3.Connection) -> None:
    # What was handed to a provider's batch API and is not yet among the answers. `state`: intended (perhaps handed in,
    # nobody knows), working, collected (its results stand in `batch_items`). Numbers are never given twice: a run
    # that reads on from the last number it saw misses nothing of another run's.
    connection.execute(
        """CREATE TABLE batches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            nonce TEXT NOT NULL UNIQUE,
            provider TEXT NOT NULL,
            address TEXT NOT NULL,
            model TEXT NOT NULL,
            remote TEXT,
            state TEXT NOT NULL,
            requests INTEGER NOT NULL,
            created_at REAL NOT NULL
        )"""
    )
    connection.execute(
        """CREATE TABLE batch_items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            batch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            keys BLOB NOT NULL,
            max_tokens INTEGER,
            result BLOB,
            UNIQUE (batch, number)
        )"""
    )


def _places(connection: sqlite3.Connection) -> None:
    # Run folders that lie elsewhere than beside the journal, and the addresses that answers of a model came from.
    connection.execute("CREATE TABLE run_folders (path TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute(
        """CREATE TABLE addresses (
            provider TEXT,
            model TEXT,
            revision TEXT,
            address TEXT,
            PRIMARY KEY (provider, model, revision, address)
        ) WITHOUT ROWID"""
    )


MIGRATIONS: tuple[tuple[str, Migration], ...] = (
    ("answers and requests", _answers_and_requests),
    ("batches handed to providers", _batches),
    ("run folders elsewhere and models' addresses", _places),
)


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """A connection in autocommit, usable from any thread (the caller sees to one at a time). It creates the file only
    with `create`: a journal that vanished must not come back empty by itself."""
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA cache_size=-16384")
    connection.execute("PRAGMA wal_autocheckpoint=2000")
    connection.execute("PRAGMA journal_size_limit=67108864")
    # Values and column names of a damaged or foreign schema are data, never code.
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def fetch(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query, also when a damaged one holds a text that is not UTF-8: its checksum then shows it."""
    try:
        return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = lenient
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.text_factory = str


def lenient(raw: bytes) -> str:
    """A `text_factory` for which no bytes are wrong. Four times slower than SQLite's own."""
    return raw.decode("utf-8", "replace")


def version_of(connection: sqlite3.Connection) -> int:
    """How many migrations the file has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def header_lies(connection: sqlite3.Connection) -> bool:
    """Whether the header, or the definitions of the tables, are not what this program writes: a flipped bit in them
    leaves a file that SQLite finds in order. False for files of another program, which are not damaged."""
    found = _definitions(connection)
    if not {"answers", "requests", "migrations"} <= {name for name, _ in found}:
        return False
    applied = connection.execute("SELECT max(version) FROM migrations").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID or applied != version_of(connection):
        return True
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, MIGRATIONS[:applied])
        return applied <= len(MIGRATIONS) and not _definitions(fresh) <= found


def _definitions(connection: sqlite3.Connection) -> set[tuple[str, str | None]]:
    return set(connection.execute("SELECT name, sql FROM sqlite_schema"))


def check_identity(connection: sqlite3.Connection, path: Path, newest: int = len(MIGRATIONS)) -> None:
    """Refuse, with `InputError`, a file of another program and one that a newer version of this one wrote."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (tables or application):
        raise not_a_journal(path)
    version = version_of(connection)
    if version > newest:
        raise InputError(
            Problem(
                "journal-newer",
                f"the journal {path} has format {version}; this version of bezoar-data knows {newest}",
                Place(str(path)),
                "use the newer bezoar-data that wrote it, or another --journal: nothing in the file was changed",
            )
        )


def not_a_journal(path: Path) -> InputError:
    return InputError(
        Problem(
            "not-a-journal",
            f"{path} is not a journal of bezoar-data",
            Place(str(path)),
            "the file was left as it is: move it away, or name another folder with --out",
        )
    )


def migrate(connection: sqlite3.Connection, migrations: Sequence[tuple[str, Migration]] = MIGRATIONS) -> None:
    """Bring the file to the newest format. Two processes may try at once: the second finds it done."""
    if version_of(connection) >= len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        start = version_of(connection)
        if start == 0:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL)"
            )
        for number, (name, apply) in enumerate(migrations[start:], start=start + 1):
            apply(connection)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, name, time.time()))
            connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
