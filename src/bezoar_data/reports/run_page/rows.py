"""The rows of a run as its page shows them: those of the dataset in its order, then the dropped ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.reports.page import plain_text
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.parquet import readable, rows_of
from bezoar_data.runs.published import beside, data_files
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, Lineage
from bezoar_data.runs.values import plain


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row, and the split that it stands in; a dropped one stands in none."""

    columns: Mapping[str, Any]
    lineage: Lineage
    split: str | None


def shown_rows(dataset: Path) -> Iterator[ShownRow]:
    """Raises `InputError` for files that are damaged."""
    for file in data_files(dataset):
        split = file.name.partition("-")[0]
        for row in rows_of(file, needs=[RESERVED]):
            with readable(file):
                lineage = Lineage.from_json(row.pop(RESERVED))
            yield ShownRow({k: v for k, v in row.items() if k not in LINEAGE_COLUMNS}, lineage, split)
    dropped = beside(dataset, RunFolder(dataset).dropped.name)
    if dropped is not None:
        for row in rows_of(dropped, needs=["row", RESERVED]):
            with readable(dropped):
                lineage, columns = Lineage.from_json(row[RESERVED]), json.loads(row["row"])
            yield ShownRow(columns, lineage, None)


def shown_value(name: str, value: Any) -> str:
    """A value as a page shows it."""
    return plain_text(value if isinstance(value, str) else json.dumps(plain(name, value), ensure_ascii=False))
