"""How long the texts of a dataset are, and how many turns its conversations have, by column.

What comes out is exact and does not depend on the order of the rows: lengths are counted, not sampled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """So many texts or conversations that are not empty, and how long they are."""

    count: int
    least: int
    median: int
    mean: float
    p95: int
    most: int

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> Lengths:
        """Of how many there are of each length."""
        count = sum(counts.values())
        return cls(
            count=count,
            least=min(counts),
            median=_quantile(counts, 0.5),
            mean=round(sum(length * n for length, n in counts.items()) / count, 1),
            p95=_quantile(counts, 0.95),
            most=max(counts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLengths:
    """Characters of a column's texts, or of each message of its conversations, and turns of these."""

    characters: Lengths
    turns: Lengths | None = None


class LengthCounts:
    """Show it all rows, a table at a time; then ask for the lengths."""

    def __init__(self, without: Collection[str]) -> None:
        self._out = set(without)
        self._characters: dict[str, Counter[int]] = {}
        self._turns: dict[str, Counter[int]] = {}

    def see(self, table: Any) -> None:
        """The rows of an Arrow table."""
        for field in table.schema:
            if field.name not in self._out:
                self._count(field.name, table.column(field.name))

    def _count(self, name: str, column: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = column
        if _holds_messages(column.type):
            self._turns.setdefault(name, Counter()).update(_counted(pc.list_value_length(column)))
            texts = pc.struct_field(pc.list_flatten(column), "content")
        if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
            self._characters.setdefault(name, Counter()).update(_counted(pc.utf8_length(texts)))

    def result(self) -> Mapping[str, ColumnLengths]:
        """By column, in the columns' order; those that hold nothing are left out."""
        return {
            name: ColumnLengths(
                characters=Lengths.of(counts),
                turns=Lengths.of(turns) if (turns := self._turns.get(name)) else None,
            )
            for name, counts in self._characters.items()
            if counts
        }


def _holds_messages(kind: Any) -> bool:
    import pyarrow as pa

    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    return {"role", "content"} <= {field.name for field in kind.value_type}


def _counted(lengths: Any) -> dict[int, int]:
    import pyarrow.compute as pc

    return dict(_pairs(pc.value_counts(lengths).to_pylist()))


def _pairs(counted: list[dict[str, int]]) -> Iterator[tuple[int, int]]:
    return ((one["values"], one["counts"]) for one in counted if one["values"])


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """The least length that such a share of all is no longer than."""
    left = share * sum(counts.values())
    for length in sorted(counts):
        left -= counts[length]
        if left <= 0:
            return length
    return max(counts)
