"""Run folders made without a run: rows and reasons as a test wants them, in the files that a run writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.runs.dataset import write_dataset, write_dropped
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.lock import Lock, RowCounts
from bezoar_data.runs.row import Columns, Drop, Lineage, Row, seed_id
from bezoar_data.runs.spool import Spool

Dropping = Callable[[int], Drop | None]


def made_row(columns: Columns, place: int, drop: Drop | None = None) -> Row:
    lineage = Lineage(seed_id("source", "", place), (0, place), source="source", drop=drop)
    return Row(columns, replace(lineage, seed_ids=(lineage.id,)))


def made_run(folder: Path, rows: Iterable[Columns], dropped: Dropping = lambda _: None) -> Lock:
    """A run's folder with these rows, of which `dropped` says by their number which were dropped, and why. Its lock is
    the sample's, with the columns, values and lengths of the rows."""
    dataset = folder / "dataset"
    dataset.mkdir(parents=True)
    spool = Spool(folder / "spool.sqlite")
    for place, columns in enumerate(rows):
        row = made_row(columns, place, dropped(place))
        if row.lineage.drop is None:
            spool.keep(row)
        else:
            spool.drop(row)
    written = write_dataset(spool, dataset, splits={}, seed=0)
    lost = write_dropped(spool, folder / "dropped.parquet")
    spool.close()
    lock = replace(
        SAMPLE, columns=dict(written.columns), values=written.values, lengths=written.lengths, data=written.files,
        counts=RowCounts(source=written.rows + lost, kept=written.rows, dropped=lost), mixed_columns=written.mixed,
    )  # fmt: skip
    write_json(dataset / "lock.json", lock.as_json())
    return lock
