"""`load_instructions`: instructions that people wrote, in the manner of databricks-dolly-15k, as seeds for a scheme.

They come from local files (JSONL, Parquet, TSV) or from a dataset on the Hugging Face Hub. Columns may be called
otherwise, and may lie inside lists and mappings, as in the seed tasks of Self-Instruct (`instances.0.input`). Files
are read to their end before the first row leaves, so that all bad rows are reported at once and before anything is
paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.steps.sources.files import FileSource, SourceRow
from bezoar_data.steps.sources.readers import BadRows

COLUMNS = ("instruction", "context", "category")


class LoadInstructions(FileSource):
    """Instructions from local files or a Hub dataset, with their context and category where they have them.

    `instruction`, `context` and `category` say what these columns are called in the source; a path such as
    `instances.0.input` looks into lists and mappings. A row without context or category has an empty one; a row whose
    instruction is missing or empty ends the run before it begins, with the file and line of each. Other columns (a
    response above all) are left out, unless `keep` names them.
    """

    use: ClassVar[str] = "load_instructions"
    version: ClassVar[int] = 1
    holds: ClassVar[str] = "instruction"
    tsv_columns: ClassVar[tuple[str, ...]] = COLUMNS
    writes: ClassVar[tuple[str, ...]] = (*COLUMNS, "{keep}")
    example: ClassVar[str] = "- use: load_instructions\n  with: {hub: databricks/databricks-dolly-15k}\n"

    instruction: str = Field(default="instruction", min_length=1, description="Where a row holds its instruction.")
    context: str = Field(default="context", description='Where a row holds its context; "" for nowhere.')
    category: str = Field(default="category", description='Where a row holds its category; "" for nowhere.')
    categories: list[str] = Field(default=[], description="Take only rows of these categories.")
    keep: list[str] = Field(default=[], description="Other columns to take along, as they are.")

    def columns_needed(self) -> Sequence[str]:
        return [self.instruction.partition(".")[0]]

    def take(self, row: SourceRow, bad_rows: BadRows) -> Columns | None:
        record, where = row.record, row.where
        columns: Columns = {}
        for column in COLUMNS:
            name: str = getattr(self, column)
            value = _at(record.values, name) if name else None
            if value is None and column != "instruction":
                value = ""
            if not isinstance(value, str):
                said = "no" if value is None and name not in record.values else "no text in"
                hint = f"`{column}` says where it is; the row has {', '.join(record.values)}"
                bad_rows.add("missing-column", f"{said} '{name}'{where}", row.file, record.line, hint)
                return None
            columns[column] = value.strip()
        if not columns["instruction"]:
            bad_rows.add("bad-row", f"'{self.instruction}'{where} is empty", row.file, record.line)
            return None
        columns |= {name: record.values.get(name) for name in self.keep}
        return None if self.categories and columns["category"] not in self.categories else columns

    def _why_empty(self) -> str:
        return "see `categories`" if self.categories else super()._why_empty()


def _at(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where the path leads nowhere. A column of that very name comes first."""
    if path in values:
        return values[path]
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
