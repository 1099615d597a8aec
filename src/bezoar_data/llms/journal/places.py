"""What a journal remembers beside answers: the run folders that lie elsewhere, and from which address a model answered.

Neither is part of a key. Run folders are needed to find a person's rows, and for what plans learn; addresses to say
that another server's answers serve.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bezoar_data.llms.journal.integrity import journal_error, reading
from bezoar_data.llms.journal.schema import connect

if TYPE_CHECKING:
    from bezoar_data.llms.journal.journal import Journal

ModelAt = tuple[str, str, str, str]
"""Provider, model, revision (empty: none) and address."""


def note_run(journal: Path, run: Path) -> None:
    """Remember a run folder that does not lie beside the journal."""
    run = run.absolute()
    if run.parent != journal.absolute().parent:
        _write(journal, "INSERT OR IGNORE INTO run_folders VALUES (?)", [(str(run),)])


def note_addresses(journal: Path, models: Iterable[ModelAt]) -> None:
    """Remember where models answered."""
    if rows := list(models):
        _write(journal, "INSERT OR IGNORE INTO addresses VALUES (?, ?, ?, ?)", rows)


def run_folders(journal: Path) -> list[Path]:
    """The run folders whose answers the journal holds: those beside it, and those remembered that are still there."""
    beside = {path for path in journal.parent.glob("*/") if not path.name.startswith(".")}
    if not journal.exists():
        return sorted(beside)
    with reading(journal) as connection:
        elsewhere = [Path(path) for (path,) in connection.execute("SELECT path FROM run_folders")]
    return sorted({*beside, *(path for path in elsewhere if path.is_dir())})


def other_addresses(journal: Journal, models: Iterable[ModelAt]) -> Iterator[str]:
    """A sentence for each model whose answers came from another address alone: they are taken for this one's. `models`
    are those of a run."""
    with reading(journal.path) as connection:
        for provider, model, revision, address in dict.fromkeys(models):
            query = "SELECT address FROM addresses WHERE provider = ? AND model = ? AND revision = ? ORDER BY address"
            known = [found for (found,) in connection.execute(query, (provider, model, revision))]
            if known and address not in known:
                there = " and ".join(known)
                yield f"answers of the model {model} from {there} are taken for those of {address}: {_NAME}"


def at_two_addresses(models: Iterable[ModelAt]) -> Iterator[str]:
    """A sentence for each model that a models file has at two addresses, for roles that do not fall back on each other:
    the answer of one serves for the other."""
    places: dict[tuple[str, str, str], dict[str, None]] = {}
    for *name, address in models:
        places.setdefault((name[0], name[1], name[2]), {})[address] = None
    for (_, model, _), found in places.items():
        if len(found) > 1:
            yield f"the models file has the model {model} at {' and at '.join(found)}: {_NAME}"


_NAME = "to the journal a model is its name; where it is another one, give it a `revision` in the models file"


def _write(journal: Path, sql: str, rows: Sequence[tuple[str, ...]]) -> None:
    try:
        with closing(connect(journal)) as connection:
            connection.executemany(sql, rows)
    except sqlite3.Error as error:
        raise journal_error(error, journal) from None
