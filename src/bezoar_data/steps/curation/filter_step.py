"""Filters: what steps share that drop rows, or mark them, for what their text is like.

A filter of single rows says its reason in `FilterStep.reason`, and that is all it has to do; one that compares rows
with each other extends `GlobalFilterStep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bezoar_data.measures.words import text_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, RowStep, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColumnNames = str | Annotated[list[str], Field(min_length=1)]


def joined(row: Row, columns: Sequence[str]) -> str:
    """The text of several columns, each on lines of its own."""
    return "\n".join(t for c in columns if (t := text_of(row.get(c))))


class _Filtering:
    """The choice between dropping and marking, for filters of either kind."""

    action: Literal["drop", "mark"]
    mark: str

    @property
    def outputs(self) -> list[str]:
        return [self.mark] if self.action == "mark" else []

    def keep_rate(self) -> tuple[float, float]:
        return (0.6, 1.0) if self.action == "drop" else (1.0, 1.0)

    def drop(self, row: Row, reason: str, detail: str = "", facts: Mapping[str, Any] | None = None) -> Verdict:
        """The row dropped for this reason; with `action: mark` kept, and marked by it."""
        if self.action == "drop":
            return Dropped(reason, detail, facts=facts)
        mark = f"{reason}: {detail}" if detail else reason
        return Kept(row.with_columns(**{self.mark: mark}), flag=Dropped(reason, facts=facts))

    def keep(self, row: Row) -> Kept:
        return Kept(row.columns if self.action == "drop" else row.with_columns(**{self.mark: None}))


class FilterStep(_Filtering, RowStep):
    """A filter that looks at each row by itself. Subclasses write `reason`."""

    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    optional_writes: ClassVar[tuple[str, ...]] = ("{mark}",)
    types: ClassVar[Mapping[str, str]] = {"{mark}": "text"}

    column: ColumnNames = Field(description="The column to look at, or a list of columns taken together.")
    action: Literal["drop", "mark"] = Field(
        default="drop", description="Drop the rows found, or keep them and write the reason into the column `mark`."
    )
    mark: str = Field(default="filter", description="The column that `action: mark` writes; null if the row stays.")

    def reason(self, row: Row, text: str) -> str | tuple[str, str] | None:
        """Why the row is to be dropped: a reason code, or the code and a detail of this row; None to keep it. `text`
        is that of its columns."""
        raise NotImplementedError

    def run_row(self, row: Row) -> Verdict:
        columns = [self.column] if isinstance(self.column, str) else self.column
        reason = self.reason(row, joined(row, columns))
        if reason is None:
            return self.keep(row)
        return self.drop(row, reason) if isinstance(reason, str) else self.drop(row, *reason)


class GlobalFilterStep(_Filtering, GlobalRowStep):
    """A filter that compares rows with each other. Subclasses write `run_rows`, in which `drop` and `keep` give each
    row its verdict."""

    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    optional_writes: ClassVar[tuple[str, ...]] = ("{mark}",)
    types: ClassVar[Mapping[str, str]] = {"{mark}": "text"}

    column: ColumnNames = Field(description="The column to compare, or a list of columns taken together.")
    action: Literal["drop", "mark"] = Field(
        default="drop", description="Drop the rows found, or keep them and write the reason into the column `mark`."
    )
    mark: str = Field(default="filter", description="The column that `action: mark` writes; null if the row stays.")

    def keep_firsts(
        self, rows: Sequence[Row], first: NDArray[np.int64], reason: str, more: Callable[[int], str] = lambda _: ""
    ) -> Iterator[Verdict]:
        """The verdicts where some rows stay for others: `first` has for each row the place of the earlier one that
        stays for it, -1 where it stays itself. `more` adds to the detail of the row at a place."""
        stays = np.zeros(len(rows), np.bool_)
        stays[first[first >= 0]] = True
        names: dict[int, str] = {}
        for i, row in enumerate(rows):
            if first[i] >= 0:
                yield self.drop(row, reason, f"of {names[int(first[i])]}{more(i)}")
                continue
            if stays[i]:
                names[i] = row.id
            yield self.keep(row)
