"""The rows of a dataset with the labels of judges and people: from its own columns, and from a file of labels by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.where import Where
from bezoar_data.engine.judge_stats import judges_in
from bezoar_data.measures.agreement import as_label
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.parquet import readable
from bezoar_data.runs.published import data_files, dataset_folder, open_rows
from bezoar_data.steps.sources.readers import BadRows, find_files, read_records

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Labelled:
    """Columns of a dataset, row by row, and where they come from.

    `data` holds the hash of each file, `labels` name and hash of the file of labels, if there is one; `strangers` are
    labels in it for rows that are not here. `judged` names the columns that judges wrote.
    """

    table: pa.Table
    data: dict[str, str]
    labels: dict[str, str] | None = None
    strangers: int = 0
    judged: frozenset[str] = frozenset()

    def column(self, name: str) -> list[Any]:
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def texts(self, name: str) -> list[str | None]:
        """A column's values as labels: None where there is none."""
        return [None if value is None else as_label(value) for value in self.column(name)]

    def groups(self) -> list[Any]:
        """What each row comes of: rows that come of the same seeds are alike."""
        if "seed_ids" in self.table.column_names:
            return [tuple(seeds or (i,)) for i, seeds in enumerate(self.column("seed_ids"))]
        return list(range(self.table.num_rows))


def read_labelled(
    run: Path, columns: Iterable[str], *, labels: Path | None = None, where: str | None = None, split: str | None = None
) -> Labelled:
    """The columns of a run's or dataset's folder, with those of a file of labels. Raises `InputError`."""
    folder = dataset_folder(run)
    rows = open_rows(folder, split)
    chosen = Where.parse(where).arrow(rows.schema) if where else None
    wanted = list(dict.fromkeys(columns))
    given = _read_labels(labels, rows.schema.names) if labels else {}
    known = [*rows.schema.names, *next(iter(given.values()), ())]
    problems = [
        Problem("unknown-column", f"there is no column '{name}'", Place(str(run)), did_you_mean(name, known))
        for name in wanted
        if name not in known
    ]
    if problems:
        raise InputError(problems)
    here = [n for n in dict.fromkeys((*wanted, "id", "seed_ids")) if n in rows.schema.names]
    with readable(folder):
        table = rows.to_table(columns=here, filter=chosen)
    hashes = {f.relative_to(folder).as_posix(): sha256_of(f) for f in data_files(folder)}
    judged = frozenset(column for judge in judges_in(rows.schema.names, "") for column in judge.columns)
    if labels is None:
        return Labelled(table, dict(sorted(hashes.items())), judged=judged)
    ids = table.column("id").to_pylist()
    for name in (n for n in wanted if n not in here):
        table = table.append_column(name, [_as_column([given.get(i, {}).get(name) for i in ids])])
    about = {"file": labels.name, "sha256": hashlib.sha256(labels.read_bytes()).hexdigest()}
    return Labelled(table, dict(sorted(hashes.items())), about, len(given.keys() - set(ids)), judged)


def _read_labels(path: Path, taken: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The labels by row id. Raises `InputError` with every bad row."""
    find_files(str(path))
    faults, labels = BadRows(), dict[str, dict[str, Any]]()
    clash: set[str] = set()
    for record in read_records(path, faults, header=("id",)):
        values = dict(record.values)
        identity = values.pop("id", None)
        if not isinstance(identity, str):
            faults.add("bad-label", "a label needs the `id` of its row, as text", path, record.line)
        elif identity in labels:
            hint = "give each person a column of their own, or settle on one label"
            faults.add("two-labels", f"the row '{identity[:40]}' has a label already", path, record.line, hint)
        else:
            labels[identity] = values
            clash |= values.keys() & set(taken)
    for name in sorted(clash):
        faults.add("same-column", f"the dataset has a column '{name}' of its own", path, hint="rename it in the labels")
    faults.raise_if_any()
    return labels


def _as_column(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else as_label(v) for v in values])
