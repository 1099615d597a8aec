"""What steps that sort rows out share: the columns they look at, and what becomes of a row that is found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bezoar_data.measures.words import text_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, RowStep, Turns, Verdict

ColumnNames = str | Annotated[list[str], Field(min_length=1)]


def joined(row: Row, columns: Sequence[str]) -> str:
    """The text of several columns, each on lines of its own."""
    return "\n".join(t for c in columns if (t := text_of(row.get(c))))


class _Sorting:
    """The choice between dropping and marking, for steps of either kind."""

    action: Literal["drop", "mark"]
    mark: str

    @property
    def outputs(self) -> list[str]:
        return [self.mark] if self.action == "mark" else []

    def keep_rate(self) -> tuple[float, float]:
        return (0.6, 1.0) if self.action == "drop" else (1.0, 1.0)

    def sort_out(self, row: Row, reason: str, detail: str, facts: Mapping[str, Any] | None = None) -> Verdict:
        if self.action == "drop":
            return Dropped(reason, detail, facts=facts)
        mark = f"{reason}: {detail}" if detail else reason
        return Kept(row.with_columns(**{self.mark: mark}), noted=Dropped(reason, facts=facts))

    def let_pass(self, row: Row) -> Kept:
        return Kept(row.columns if self.action == "drop" else row.with_columns(**{self.mark: None}))


class SortingStep(_Sorting, RowStep):
    """A step that finds faults row by row. Subclasses write `fault`."""

    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    optional_writes: ClassVar[tuple[str, ...]] = ("{mark}",)

    column: ColumnNames = Field(description="The column to look at, or a list of columns taken together.")
    action: Literal["drop", "mark"] = Field(
        default="drop", description="Drop rows found out, or keep them and say why in the column `mark`."
    )

    def fault(self, row: Row, text: str) -> tuple[str, str] | None:
        """Reason code and detail of what is wrong with the row, None if nothing is. `text` is that of its columns."""
        raise NotImplementedError

    def run_row(self, row: Row) -> Turns:
        found = self.fault(row, joined(row, self.inputs))
        return self.let_pass(row) if found is None else self.sort_out(row, *found)
        yield  # a generator without questions


class GlobalSortingStep(_Sorting, GlobalRowStep):
    """A step that finds faults by comparing rows with each other. Subclasses write `run_rows`."""

    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    optional_writes: ClassVar[tuple[str, ...]] = ("{mark}",)

    column: ColumnNames = Field(description="The column to compare, or a list of columns taken together.")
    action: Literal["drop", "mark"] = Field(
        default="drop", description="Drop rows found out, or keep them and say why in the column `mark`."
    )
