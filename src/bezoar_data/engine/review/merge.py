"""What people said in review, merged into a finished dataset: no step runs, no model is asked.

Only the columns that review adds change, with what was counted of them in lock and card. A run of the same pipeline
merges the same answers while it writes its rows, and comes to the same bytes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bezoar_data._version import __version__
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.engine.judge_stats import Judge
from bezoar_data.engine.lock import put_in_place
from bezoar_data.engine.review.answers import ReviewMerger
from bezoar_data.runs.dataset import MOST_GROUP, describe_file, open_data_file, review_fields
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.lock import DataFile, Lock, RenderCard
from bezoar_data.runs.measured import read_measured
from bezoar_data.runs.parquet import readable
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import RESERVED, Lineage
from bezoar_data.runs.signed import SIGNED

_BEFORE = "id"
"""Review's columns stand before the lineage's."""
_MADE = ("README.md", "croissant.json", "lock.json", *SIGNED)


@dataclass(frozen=True, slots=True)
class Merged:
    """The dataset's lock, whether anything changed in the dataset, how many reviewed rows are not in it as people saw
    them: their answers do not count; and whether a signature was lost by it, as it was of other files."""

    lock: Lock
    changed: bool
    outdated: int
    unsigned: bool = False


def merge_review(folder: RunFolder, render: RenderCard) -> Merged:
    """Merge `review.parquet` into the run's dataset. Raises `InputError`."""
    with folder.locked() as scratch:
        lock = _read_lock(folder.dataset)
        building = scratch / "dataset"
        (building / "data").mkdir(parents=True)
        reviewing = ReviewMerger.of(folder.review, _judges(lock))
        merging = _FileMerger(reviewing, lock)
        files = [merging.rewrite(folder.dataset / f.path, building / f.path, f.split) for f in lock.data]
        people = reviewing.measured(read_measured(folder.reliability, building))
        merged = replace(
            lock,
            # Those that make this build: its bytes and its card depend on them.
            software={**lock.software, "bezoar-data": __version__, "pyarrow": version("pyarrow")},
            judging=replace(lock.judging, people=people),
            columns={f.name: str(f.type) for f in merging.schema},
            data=tuple(files),
            review=reviewing.summary(),
        )
        if merged == lock:
            return Merged(lock, False, reviewing.outdated)
        for other in folder.dataset.iterdir():
            if other.is_file() and other.name not in _MADE:
                shutil.copy2(other, building / other.name)
        unsigned = put_in_place(building, folder, merged, merging.example, render)
    return Merged(merged, True, reviewing.outdated, unsigned)


class _FileMerger:
    """Rewrites the data files with the columns of a review, and finds the row that the card shows."""

    def __init__(self, reviewing: ReviewMerger, lock: Lock) -> None:
        self._reviewing = reviewing
        self._looked_at = ["id", "content_hash", RESERVED]
        self._looked_at += [name for name in reviewing.looked_at if name in lock.columns]
        self._shown: tuple[bool, tuple[int, ...]] | None = None
        self.schema = pa.schema([])
        self.example: dict[str, Any] | None = None

    def rewrite(self, source: Path, target: Path, split: str) -> DataFile:
        with readable(source):
            file = pq.ParquetFile(source)
        self.schema = self._with_review(file.schema_arrow)
        with open_data_file(target, self.schema) as writer:
            for i in range(file.num_row_groups):
                table = self._merged(file.read_row_group(i))
                writer.write_table(table, row_group_size=MOST_GROUP)
        return describe_file(target.parents[1], target, split)

    def _with_review(self, schema: pa.Schema) -> pa.Schema:
        own = [pa.field(f.name, _as_written(f.type)) for f in schema if f.name not in REVIEW_COLUMNS]
        place = [field.name for field in own].index(_BEFORE)
        added = review_fields(self._reviewing.added) if self._reviewing.answers else []
        return pa.schema([*own[:place], *added, *own[place:]])

    def _merged(self, table: pa.Table) -> pa.Table:
        said: list[dict[str, Any]] = []
        shown = None
        for i, row in enumerate(table.select(self._looked_at).to_pylist()):
            lineage = Lineage.from_json(row[RESERVED])
            said.append(self._reviewing.columns(row, lineage))
            place = (not self._reviewing.is_accepted({**row, **said[-1]}), lineage.order)
            if self._shown is None or place < self._shown:
                self._shown, shown = place, i
        columns = [
            pa.array([one[field.name] for one in said], type=field.type)
            if field.name in REVIEW_COLUMNS
            else table.column(field.name).cast(field.type)
            for field in self.schema
        ]
        merged = pa.Table.from_arrays(columns, schema=self.schema).combine_chunks()
        if shown is not None:
            self.example = merged.slice(shown, 1).to_pylist()[0]
        return merged


def _as_written(kind: pa.DataType) -> pa.DataType:
    """The type as it was before it was written: Parquet calls a list's elements by another name than Arrow does."""
    if pa.types.is_list(kind):
        return pa.list_(_as_written(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct(
            [pa.field(kind.field(i).name, _as_written(kind.field(i).type)) for i in range(kind.num_fields)]
        )
    return kind


def _read_lock(dataset: Path) -> Lock:
    """The dataset's lock, once its files are those that it names."""
    lock = Lock.read(dataset / "lock.json")
    if changed := lock.changed_files(dataset):
        message = f"the rows are not those of the lock: {changed[0]} has changed"
        hint = "`bezoar-data card check` shows what differs; run the same pipeline again to rebuild it"
        raise InputError(Problem("rows-changed", message, Place(str(dataset)), hint))
    return lock


def _judges(lock: Lock) -> list[Judge]:
    judges = [Judge(one.name, one.step, one.kind) for one in lock.judges]
    return judges + [Judge(one.name, one.step, "compare") for one in lock.judging.comparisons]
