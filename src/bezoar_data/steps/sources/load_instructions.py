"""`load_instructions`: instructions that people wrote, in the manner of databricks-dolly-15k, as seeds for a scheme.

They come from local files or from a dataset on the Hugging Face Hub. Columns may be called otherwise, and may lie
inside lists and mappings, as in the seed tasks of Self-Instruct (`instances.0.input`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of
from bezoar_data.steps.sources.formats import is_missing

COLUMNS = ("instruction", "context", "category")


class LoadInstructions(FileSource):
    """Instructions from local files or a Hub dataset, with their context and category where they have them.

    `instruction`, `context` and `category` say what these columns are called in the source; a path such as
    `instances.0.input` looks into lists and mappings. A row without context or category has an empty one; a row whose
    instruction is missing or empty is dropped. Other columns (a response above all) are left out, unless `keep` names
    them.
    """

    use: ClassVar[str] = "load_instructions"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "instruction"
    needs: ClassVar[tuple[str, ...]] = ("instruction",)
    named_by: ClassVar[Mapping[str, str]] = {name: name for name in COLUMNS}
    tsv_columns: ClassVar[tuple[str, ...]] = COLUMNS
    writes: ClassVar[tuple[str, ...]] = (*COLUMNS, "{keep:=}")
    types: ClassVar[Mapping[str, str]] = dict.fromkeys(COLUMNS, "text")
    example: ClassVar[str] = "- use: load_instructions\n  with: {hub: databricks/databricks-dolly-15k}\n"

    instruction: str = Field(default="instruction", min_length=1, description="Where a row holds its instruction.")
    context: str = Field(default="context", description='Where a row holds its context; "" for nowhere.')
    category: str = Field(default="category", description='Where a row holds its category; "" for nowhere.')
    categories: list[str] = Field(default=[], description="Take only rows of these categories.")

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        more = [name for name in COLUMNS[1:] if getattr(self, name) and not is_missing(row.values.get(name))]
        texts = texts_of(row, ("instruction", *more), empty=more)
        if isinstance(texts, Dropped):
            return texts
        columns: Columns = {name: texts.get(name, "").strip() for name in COLUMNS}
        return None if self.categories and columns["category"] not in self.categories else columns

    def _nothing(self) -> tuple[str, str] | None:
        return ("none is of these categories", "see `categories`") if self.categories else super()._nothing()
