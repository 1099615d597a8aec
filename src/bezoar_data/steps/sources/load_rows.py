"""`load_rows`: rows as they were published, with every column they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of


class LoadRows(FileSource):
    """Rows from local files or the Hub with all their columns as they are.

    It reads a finished dataset, to be checked, judged, cleaned or mixed further. `texts` names the columns that must
    hold text: a row without is dropped. With `keep: []` only those that `texts` and `columns` name are taken.
    """

    use: ClassVar[str] = "load_rows"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("{texts}",)
    writes: ClassVar[tuple[str, ...]] = ("{texts}", "{columns}", "{keep:=}")
    types: ClassVar[Mapping[str, str]] = {"{texts}": "text"}
    example: ClassVar[str] = "- use: load_rows\n  with: {path: answers.jsonl, texts: [instruction, response]}\n"

    texts: list[str] = Field(min_length=1, description="Columns that must hold text.", examples=[["instruction"]])
    keep: list[str] | dict[str, str] | Literal["all"] = Field(
        default="all", description="The other columns to take along: all, their names, or {name: new name}."
    )

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        texts = texts_of(row, self.texts)
        return texts if isinstance(texts, Dropped) else {**{c: row.values.get(c) for c in self.columns}, **texts}
