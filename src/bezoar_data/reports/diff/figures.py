"""How scores and lengths of two runs are distributed, column by column, with a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bezoar_data.measures.distributions import Distributions, distributions
from bezoar_data.measures.paired import ALPHA, holm
from bezoar_data.reports.rows.files import RowFiles
from bezoar_data.runs.parquet import MANY, batches_of, readable, schema_of
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED

_FEW = 10
"""Of fewer rows, scores may all be different by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures:
    """A column's figures in both runs. `corrected` is the p value after Holm's correction for all columns of the
    kind."""

    column: str
    figures: Distributions
    corrected: float | None

    @property
    def differ(self) -> bool:
        return self.corrected is not None and self.corrected <= ALPHA

    def as_json(self) -> dict[str, Any]:
        return {"column": self.column, **asdict(self.figures), "corrected": self.corrected, "differ": self.differ}


def scores(first: RowFiles, second: RowFiles) -> tuple[ColumnFigures, ...]:
    """Of the columns of numbers that both have. What is another number in every row tells rows apart, and is no
    score."""
    one, other = _numbers(first), _numbers(second)
    return _compared({name: figures for name, figures in one.items() if not _tells_apart(figures)}, other)


def lengths(first: RowFiles, second: RowFiles) -> tuple[ColumnFigures, ...]:
    """Characters of the columns of texts that both have, and of each message of conversations."""
    return _compared(_characters(first), _characters(second))


def _tells_apart(figures: Any) -> bool:
    import numpy as np

    whole = bool((figures == np.floor(figures)).all())
    return whole and len(figures) >= _FEW and len(np.unique(figures)) == len(figures)


def _compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[ColumnFigures, ...]:
    found = {name: distributions(first[name], second[name]) for name in first if name in second}
    corrected = holm({name: one.p for name, one in found.items() if one.p is not None})
    return tuple(ColumnFigures(column=name, figures=one, corrected=corrected.get(name)) for name, one in found.items())


def _numbers(files: RowFiles) -> dict[str, Any]:
    import pyarrow as pa

    def is_number(kind: Any) -> bool:
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))

    return _gathered(files, lambda kind: is_number(kind), lambda column: column)


def _characters(files: RowFiles) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def holds_texts(kind: Any) -> bool:
        return bool(pa.types.is_string(kind) or _is_conversation(kind))

    def measured(column: Any) -> Any:
        texts = pc.struct_field(pc.list_flatten(column), "content") if _is_conversation(column.type) else column
        return pc.utf8_length(texts)

    return _gathered(files, holds_texts, measured)


def _is_conversation(kind: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    place = kind.value_type.get_field_index("content")
    return place >= 0 and bool(pa.types.is_string(kind.value_type.field(place).type))


def _gathered(files: RowFiles, wanted: Any, measured: Any) -> dict[str, Any]:
    """By column the figures that are `measured` of it, of the columns whose type is `wanted`; nulls are left out."""
    import numpy as np

    aside = (*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS)
    found: dict[str, list[Any]] = {}
    for file, _ in files.kept:
        names = [field.name for field in schema_of(file) if field.name not in aside and wanted(field.type)]
        for name in names:
            found.setdefault(name, [])
        for batch in _batches(file, names):
            with readable(file):
                for name, column in zip(names, batch.columns, strict=True):
                    figures = measured(column).drop_null()
                    found[name].append(figures.to_numpy(zero_copy_only=False).astype(float))
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}


def _batches(file: Any, names: Sequence[str]) -> Iterator[Any]:
    return batches_of(file, names, at_once=MANY) if names else iter(())
