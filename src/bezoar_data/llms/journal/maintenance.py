"""What people do with a journal between runs: count it, export it, prune it, take a person's data out.

Reading goes on beside running runs. Pruning and redacting lock the file: only then can its old pages be rewritten, and
only then is it certain that nobody writes back what was just taken out.
"""

from __future__ import annotations

import gzip
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.journal.entry import (
    COLUMNS,
    REDACTED,
    STORED,
    Entry,
    JournalError,
    expand,
    key_bytes,
    pack,
    tombstone,
    unpack,
)
from bezoar_data.llms.journal.exported import entry_of_line, write_entries
from bezoar_data.llms.journal.integrity import journal_error, reading
from bezoar_data.llms.journal.journal import Journal
from bezoar_data.llms.journal.schema import connect, lenient
from bezoar_data.llms.journal.writer import insert
from bezoar_data.runs.packed import opened

NO_PIPELINE = "(no row here)"
"""Of answers that no row of a run here is made of: evaluations, judges of models, runs that are gone."""
BY = {
    "month": "strftime('%Y-%m', answered_at, 'unixepoch')",
    "pipeline": "pipeline_of(key)",
    "step": "step",
    "model": "model",
}
"""What entries are counted by → its expression. A pipeline is one with a row here that is made of the answer."""


_UNUSED = "DELETE FROM requests WHERE hash NOT IN (SELECT request FROM answers WHERE request IS NOT NULL)"
"""Takes out messages that no entry has."""


@dataclass(frozen=True, slots=True)
class Group:
    """Counts of the entries that have the values `by`, such as `{"step": "explain", "model": "gpt-4o"}`. `cost` is US
    dollars, None where no answer had a price."""

    by: dict[str, str]
    answers: int
    refusals: int
    redacted: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """A journal in figures. `first` and `last` are when the oldest and newest entry was answered, seconds UTC."""

    path: str
    bytes: int
    entries: int
    answers: int
    refusals: int
    redacted: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    first: float | None
    last: float | None
    refusals_by_reason: dict[str, int]
    groups: tuple[Group, ...]

    def as_json(self) -> dict[str, Any]:
        value = asdict(self)
        return value | {"groups": [{**group.pop("by"), **group} for group in value["groups"]]}


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a redaction did: `entries` lost their content, `unknown` keys were not there, `elsewhere` answers of rows
    were recorded ones, which serve no more; `copies` are files set aside as damaged beside the journal, which may still
    hold the content and are left to their owner."""

    entries: int
    unknown: tuple[str, ...]
    elsewhere: int
    copies: tuple[Path, ...]


def open_journal(path: Path, *, create: bool = False) -> Journal:
    """Open a journal to look after it. Raises `InputError` also where there is none, unless it is to be made."""
    return Journal.open(path, create=create)


def stats(journal: Journal, by: Sequence[str] = ("step", "model")) -> Stats:
    """Count entries, tokens and money, in all and for each group of entries that have these values of `BY` in common.
    Months are those of UTC. An answer that several pipelines have rows of counts once, under all their names."""
    from bezoar_data.llms.journal.rows import pipelines_of_answers

    named = pipelines_of_answers(journal.path) if "pipeline" in by else {}
    columns = ", ".join(str(place) for place in range(1, len(by) + 1))
    with reading(journal.path) as connection:
        connection.create_function("pipeline_of", 1, lambda key: named.get(key, NO_PIPELINE), deterministic=True)
        groups = tuple(
            Group(dict(zip(by, row, strict=False)), *row[len(by) :])
            for row in connection.execute(
                f"""SELECT {", ".join(BY[one] for one in by)},
                   sum(error IS NULL), sum(error IS NOT NULL AND error <> ?1), sum(error IS ?1),
                   coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0), sum(cost)
                   FROM answers GROUP BY {columns} ORDER BY {columns}""",  # noqa: S608
                (REDACTED,),
            )
        )
        entries, first, last = connection.execute(
            "SELECT count(*), min(answered_at), max(answered_at) FROM answers"
        ).fetchone()
        reasons = dict(
            connection.execute(
                "SELECT error, count(*) FROM answers WHERE error IS NOT NULL GROUP BY error ORDER BY 2 DESC, 1"
            ).fetchall()
        )
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
    costs = [g.cost for g in groups if g.cost is not None]
    return Stats(
        path=str(journal.path),
        bytes=size,
        entries=entries,
        answers=sum(g.answers for g in groups),
        refusals=sum(g.refusals for g in groups),
        redacted=sum(g.redacted for g in groups),
        prompt_tokens=sum(g.prompt_tokens for g in groups),
        completion_tokens=sum(g.completion_tokens for g in groups),
        cost=sum(costs) if costs else None,
        first=first,
        last=last,
        refusals_by_reason=reasons,
        groups=groups,
    )


def entries(journal: Journal) -> Iterator[Entry]:
    """Every whole entry with its messages, in the order written: a consistent view, whatever is written meanwhile."""
    return (entry for _, entry in numbered_entries(journal.path))


def numbered_entries(journal: Path, after: int = 0) -> Iterator[tuple[int, Entry]]:
    """The same with the number of each, from behind a number on."""
    columns = ", ".join(f"a.{name}" for name in (*COLUMNS, "checksum"))
    with reading(journal) as connection:
        rows = connection.execute(
            f"""SELECT a.id, {columns}, r.messages FROM answers a LEFT JOIN requests r ON r.hash = a.request
                WHERE a.id > ? ORDER BY a.id""",  # noqa: S608
            (after,),
        )
        for number, *row, stored in rows:
            entry = unpack(row)
            if entry is not None:
                messages = None if stored is None else expand(stored, row[1])
                yield number, entry if messages is None else replace(entry, messages=messages)


def last_number(journal: Journal) -> int:
    """The number of the last entry; 0 where there is none."""
    with reading(journal.path) as connection:
        return int(connection.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()[0])


def export(journal: Journal, to: str | Path | IO[str]) -> int:
    """Write every entry as a line of JSON; return how many. A file appears only when it is complete."""
    if not isinstance(to, str | Path):
        return write_entries(entries(journal), to)
    target = Path(to)
    _refuse_other(target)
    partial = target.with_name(target.name + ".partial")
    try:
        with (
            gzip.open(partial, "wt", encoding="utf-8")
            if target.suffix == ".gz"
            else partial.open("w", encoding="utf-8") as file
        ):
            count = export(journal, file)
        partial.replace(target)
    except OSError as error:
        raise InputError(
            Problem("export-unwritable", f"cannot write {target}: {error.strerror or error}", Place(str(target)))
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return count


def _refuse_other(target: Path) -> None:
    """Refuse a file that holds something else than exported entries: it may be a person's only one."""
    try:
        with opened(target) as file:
            first = file.readline()
        if first.strip():
            entry_of_line(first)
    except (gzip.BadGzipFile, EOFError, ValueError):
        message = "this file holds no exported answers, and would be lost"
        raise InputError(Problem("export-unwritable", message, Place(str(target)), "name another file")) from None
    except OSError:
        pass  # nothing is there, or writing will say what is wrong


def prune(
    journal: Journal,
    *,
    older_than: timedelta | datetime | None = None,
    model: str | None = None,
    step: str | None = None,
    errors: bool = False,
    redacted: bool = False,
    dry_run: bool = False,
) -> int:
    """Delete the entries that meet all the conditions given, and give the space back; return how many.

    `errors` means refusals alone, `redacted` what redactions left behind: those stay otherwise, for without them the
    same question would be asked again. Raises `ValueError` without any condition.
    """
    conditions, values = ["error IS ?" if redacted else "error IS NOT ?"], [REDACTED]
    more: list[Any] = []
    if older_than is not None:
        before = older_than if isinstance(older_than, datetime) else datetime.now(UTC) - older_than
        conditions.append("answered_at < ?")
        more.append(before.timestamp())
    if model is not None:
        conditions.append("model = ?")
        more.append(model)
    if step is not None:
        conditions.append("step = ?")
        more.append(step)
    if errors:
        conditions.append("error IS NOT NULL")
    if len(conditions) == 1 and not redacted:
        raise ValueError("prune needs a condition: it would empty the journal")
    where, values = " AND ".join(conditions), values + more
    if dry_run:
        with reading(journal.path) as connection:
            count = connection.execute(f"SELECT count(*) FROM answers WHERE {where}", values).fetchone()[0]  # noqa: S608
            return int(count)
    with _exclusive(journal) as connection:
        with _transaction(connection):
            count = connection.execute(f"DELETE FROM answers WHERE {where}", values).rowcount  # noqa: S608
            connection.execute(_UNUSED)
        if count:
            _rewrite(connection, journal.path)
        return int(count)


def compact(journal: Journal) -> tuple[int, int]:
    """Rewrite the file without unused pages and messages that no entry has, entries in their order, and empty its
    log; return the bytes of both before and after. No entry goes, and no look-up finds another than before."""

    def size() -> int:
        log = journal.path.with_name(f"{journal.path.name}-wal")
        return sum(path.stat().st_size for path in (journal.path, log) if path.exists())

    before = size()
    with _exclusive(journal) as connection:
        with _transaction(connection):
            connection.execute(_UNUSED)
        _rewrite(connection, journal.path)
    return before, size()


def redact(journal: Journal, keys: Iterable[str], of_rows: Iterable[str] = ()) -> Redaction:
    """Take the content of these answers, and of all answers to the same messages, out of the file for good.

    Text, messages, details and request ids go, from the log and from unused pages too. What stays says whose answer
    it was, what it cost and that it is gone; look-ups then answer `redacted`, so that a run drops the row instead of
    silently asking, paying and storing again. Keys `of_rows` that the journal does not hold are of recorded answers:
    for them it says from now on that they are redacted.
    """
    elsewhere = {key_bytes(key): key for key in of_rows}
    wanted = {**elsewhere, **{key_bytes(key): key for key in keys}}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    with _exclusive(journal) as connection:
        with _transaction(connection):
            rows: dict[int, Sequence[Any]] = {}
            found: set[bytes] = set()
            hashes: set[bytes] = set()
            for raw in wanted:
                for number, *row in connection.execute(f"SELECT id, {STORED} FROM answers WHERE key = ?", (raw,)):  # noqa: S608
                    rows[number] = row
                    found.add(raw)
                    if row[1] is not None:
                        hashes.add(row[1])
            for request in hashes:
                same = f"SELECT id, {STORED} FROM answers WHERE request = ?"  # noqa: S608
                rows.update((number, row) for number, *row in connection.execute(same, (request,)))
            changed = {n: row for n, row in rows.items() if row[COLUMNS.index("error")] != REDACTED}
            assign = ", ".join(f"{name} = ?" for name in (*COLUMNS, "checksum"))
            for number, row in changed.items():
                connection.execute(f"UPDATE answers SET {assign} WHERE id = ?", (*tombstone(row, today), number))  # noqa: S608
            connection.executemany("DELETE FROM requests WHERE hash = ?", [(h,) for h in hashes])
            # Results of batches that nobody has asked for yet hold the same content.
            connection.executemany("DELETE FROM batch_items WHERE instr(keys, ?)", [(raw,) for raw in wanted])
            gone = [pack(Entry(key, None, error=REDACTED)).row for raw, key in elsewhere.items() if raw not in found]
            insert(connection, f"INSERT INTO answers ({STORED})", [tombstone(row[:-1], today) for row in gone])
        # Also when nothing changed: an earlier redaction may have been killed before it came to this.
        _rewrite(connection, journal.path)
    copies = sorted(journal.path.parent.glob(f"{journal.path.stem}.damaged-*"))
    unknown = tuple(key for raw, key in wanted.items() if raw not in found and raw not in elsewhere)
    return Redaction(len(changed), unknown, len(gone), tuple(copies))


@contextmanager
def _exclusive(journal: Journal) -> Iterator[sqlite3.Connection]:
    """A connection while no other process has the journal, and this one writes nothing. Else `InputError`."""
    with journal.exclusive() as exclusive:
        if not exclusive:
            raise InputError(
                Problem(
                    "journal-in-use",
                    f"another run is using the journal {journal.path}",
                    Place(str(journal.path)),
                    "nothing was changed: wait until it ends, or interrupt it, then try again",
                )
            )
        try:
            with closing(connect(journal.path)) as connection:
                connection.text_factory = lenient
                yield connection
        except sqlite3.Error as error:
            raise journal_error(error, journal.path) from None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rewrite(connection: sqlite3.Connection, path: Path) -> None:
    """Write the file anew without its unused pages, and empty the log: nothing deleted stays readable in either."""
    connection.execute("VACUUM")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise JournalError(
            f"something other than bezoar-data is reading the journal {path}: what was deleted is still in its "
            "write-ahead log. Close that program and run the same command again"
        )
