"""How often each value stands in the columns of a dataset that have but few: verdicts, sources, categories, epochs.

A column counts as such as the Hub's viewer has it: at most thirty values, none of them long, each standing in five rows
on average. What comes out does not depend on the order of the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

MOST_VALUES = 30
LONGEST = 80
"""Characters of a value."""
LEAST_ROWS = 5
"""Rows to a value, on average."""


class ValueCounts:
    """Show it all rows, a table at a time; then ask for the counts."""

    def __init__(self, without: Collection[str]) -> None:
        self._out = set(without)
        """Columns that are not counted, or no longer."""
        self._counts: dict[str, Counter[str]] = {}
        self._rows = 0

    def see(self, table: Any) -> None:
        """The rows of an Arrow table."""
        self._rows += table.num_rows
        for field in table.schema:
            if field.name not in self._out and not self._count(field.name, table.column(field.name)):
                self._out.add(field.name)
                self._counts.pop(field.name, None)

    def _count(self, name: str, column: Any) -> bool:
        """Whether the column still has few values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not (
            pa.types.is_string(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        ):
            return False
        found = pc.value_counts(column)
        if len(found) > MOST_VALUES + 1:
            return False
        counts = self._counts.setdefault(name, Counter())
        for one in found.to_pylist():
            if (value := one["values"]) is not None:
                counts[value if isinstance(value, str) else json.dumps(value)] += one["counts"]
        return len(counts) <= MOST_VALUES and all(len(value) <= LONGEST for value in counts)

    def result(self) -> Mapping[str, Mapping[str, int]]:
        """By column the rows that hold each value, the most frequent first."""
        return {
            name: dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
            for name, counts in self._counts.items()
            if counts and len(counts) * LEAST_ROWS <= self._rows
        }
