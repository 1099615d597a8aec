"""Looking at the rows of a finished run, from Python and from the command line."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.where import Where
from bezoar_data.reports.rows.files import FoundRow, RowFiles
from bezoar_data.reports.rows.html import rows_piece
from bezoar_data.reports.rows.search import find_row
from bezoar_data.reports.rows.terminal import printed, show_rows
from bezoar_data.runs.parquet import count_of, numbers_where, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = 7
"""A word of so many digits at most is a row's number; a longer one an id."""


@dataclass(frozen=True, slots=True)
class ShownRows:
    """Some rows of a run, each with its number among `total`, counted from 1. `print` them; a notebook shows
    them by itself."""

    run: Path
    rows: tuple[tuple[int | None, FoundRow], ...]
    total: int
    columns: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        return {"run": str(self.run), "total": self.total, "rows": [self._row(n, row) for n, row in self.rows]}

    def show(self, console: Console, *, full: bool = False) -> None:
        show_rows(self._named(), console, columns=self.columns, full=full)

    def _row(self, number: int | None, row: FoundRow) -> dict[str, Any]:
        value = row.as_json()
        if self.columns is not None:
            value["columns"] = {name: row.columns[name] for name in self.columns if name in row.columns}
        return {"number": number, **value}

    def _named(self) -> list[tuple[str, FoundRow]]:
        return [("row" if n is None else f"row {n:,} of {self.total:,}", row) for n, row in self.rows]

    def __str__(self) -> str:
        return printed(self.show)

    def _repr_html_(self) -> str:
        return rows_piece(self._named(), self.columns)


def head(
    run: str | Path,
    rows: int = 5,
    *,
    split: str | None = None,
    dropped: bool = False,
    where: str | None = None,
    columns: Sequence[str] | None = None,
) -> ShownRows:
    """The first rows of a run, or the first for which `where` is true; of the `dropped` ones in the place of the kept.
    Raises `InputError`."""
    files, numbers, total = _chosen(expand_home(run), split, dropped, where)
    return _shown(expand_home(run), files, list(islice(numbers, rows)), total, dropped, columns)


def sample(
    run: str | Path,
    rows: int = 5,
    *,
    seed: int = 0,
    split: str | None = None,
    dropped: bool = False,
    where: str | None = None,
    columns: Sequence[str] | None = None,
) -> ShownRows:
    """Some rows of a run, drawn evenly: the same ones for the same `seed`. The rest is as in `head`."""
    files, numbers, total = _chosen(expand_home(run), split, dropped, where)
    among = range(total) if where is None else list(numbers)
    drawn = sorted(random.Random(seed).sample(among, min(rows, len(among))))
    return _shown(expand_home(run), files, drawn, total, dropped, columns)


def show(
    run: str | Path, rows: Sequence[str | int], *, split: str | None = None, columns: Sequence[str] | None = None
) -> ShownRows:
    """Rows of a run, by their numbers as `head` and `sample` tell them of kept rows, or by their ids. Raises
    `InputError` for each that is not there."""
    folder = expand_home(run)
    files = RowFiles.of(folder, split)
    total = files.kept_count()
    found: list[tuple[int | None, FoundRow]] = []
    problems: list[Problem] = []
    for row in rows:
        if isinstance(row, int) or (row.isdecimal() and len(row) <= _NUMBER):
            if not 1 <= int(row) <= total:
                message = f"there is no row {row}: {total:,} were kept"
                problems.append(Problem("unknown-row", message, Place(str(folder)), "rows are counted from 1"))
                continue
            found += [(int(row), one) for one in files.kept_at([int(row) - 1])]
            continue
        try:
            found.append((None, find_row([folder], row)[1]))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return ShownRows(folder, tuple(found), total, _known([row for _, row in found], columns, folder))


def _chosen(run: Path, split: str | None, dropped: bool, where: str | None) -> tuple[RowFiles, Iterator[int], int]:
    """The files, the numbers of the rows that are asked for, and how many rows there are in all."""
    files = RowFiles.of(run, split)
    if dropped and files.dropped is None:
        message = "dropped rows are not published: they are in the folder of the run that dropped them"
        raise InputError(Problem("no-dropped", message, Place(str(run)), "name the run's own folder"))
    total = files.dropped_count() if dropped else files.kept_count()
    if where is None:
        return files, iter(range(total)), total
    chosen = Where.parse(where)
    return files, _dropped_where(files, chosen) if dropped else _kept_where(files, chosen), total


def _kept_where(files: RowFiles, where: Where) -> Iterator[int]:
    def chosen(batch: pa.RecordBatch) -> list[int]:
        return [number for number, row in enumerate(batch.to_pylist()) if where.matches(row)]

    first = 0
    for file, _ in files.kept:
        if problems := where.check(schema_of(file).names, {}):
            raise InputError(problems)
        yield from (first + number for number in numbers_where(file, where.columns or ("id",), chosen))
        first += count_of(file)


def _dropped_where(files: RowFiles, where: Where) -> Iterator[int]:
    for number, row in enumerate(files.all_dropped()):
        drop = row.lineage.drop
        told = {} if drop is None else {"step": drop.step, "reason": drop.reason, "detail": drop.detail}
        if where.matches({**told, **row.columns}):
            yield number


def _shown(
    run: Path, files: RowFiles, numbers: list[int], total: int, dropped: bool, columns: Sequence[str] | None
) -> ShownRows:
    found = list(files.dropped_at(numbers) if dropped else files.kept_at(numbers))
    numbered = tuple((number + 1, row) for number, row in zip(numbers, found, strict=True))
    return ShownRows(run, numbered, total, _known(found, columns, run))


def _known(rows: Sequence[FoundRow], columns: Sequence[str] | None, run: Path) -> tuple[str, ...] | None:
    """The columns that are to be shown. Raises `InputError` for those that none of the rows has."""
    if columns is None:
        return None
    known = dict.fromkeys(name for row in rows for name in (*row.columns, *row.people))
    problems = [
        Problem("unknown-column", f"there is no column '{name}'", Place(str(run)), did_you_mean(name, list(known)))
        for name in columns
        if name not in known
    ]
    if problems and rows:
        raise InputError(problems)
    return tuple(columns)
