"""`load_instructions`: instructions that people wrote, in the manner of databricks-dolly-15k, as seeds for a scheme.

They come from local files (JSONL, Parquet, TSV) or from a dataset on the Hugging Face Hub. Columns may be called
otherwise, and may lie inside lists and mappings, as in the seed tasks of Self-Instruct (`instances.0.input`). Files
are read to their end before the first row leaves, so that all bad rows are told at once and before anything is paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.steps.sources.files import FileSource, Sourced
from bezoar_data.steps.sources.readers import Faults

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
    writes: ClassVar[tuple[str, ...]] = (*COLUMNS, "{keep}")
    example: ClassVar[str] = "- use: load_instructions\n  with: {hub: databricks/databricks-dolly-15k}\n"

    instruction: str = Field(default="instruction", min_length=1, description="Where a row holds its instruction.")
    context: str = Field(default="context", description='Where a row holds its context; "" for nowhere.')
    category: str = Field(default="category", description='Where a row holds its category; "" for nowhere.')
    categories: list[str] = Field(default=[], description="Take only rows of these categories.")
    keep: list[str] = Field(default=[], description="Other columns to take along, as they are.")

    def read(self) -> Iterator[tuple[str, str, int, Columns]]:
        hint = "see `categories`" if self.categories else "is it the right file?"
        yield from self._looked_through(self._found, "there is no instruction in it", hint)

    def _found(self, faults: Faults) -> Iterator[tuple[str, str, int, Columns]]:
        """The usable rows in order; bad ones go to `faults`."""
        wanted = set(self.categories)
        for found in self._records(faults, need=[self.instruction.partition(".")[0]], tsv_columns=COLUMNS):
            row = self._row(found, faults)
            if row is not None and (not wanted or row["category"] in wanted):
                yield found.source, found.revision, found.record.index, row

    def _row(self, found: Sourced, faults: Faults) -> Columns | None:
        record, where = found.record, found.where
        row: Columns = {}
        for column in COLUMNS:
            name: str = getattr(self, column)
            value = _at(record.values, name) if name else None
            if value is None and column != "instruction":
                value = ""
            if not isinstance(value, str):
                said = "no" if value is None and name not in record.values else "no text in"
                hint = f"`{column}` says where it is; the row has {', '.join(record.values)}"
                faults.add("missing-column", f"{said} '{name}'{where}", found.file, record.line, hint)
                return None
            row[column] = value.strip()
        if not row["instruction"]:
            faults.add("bad-row", f"'{self.instruction}'{where} is empty", found.file, record.line)
            return None
        return row | {name: record.values.get(name) for name in self.keep}


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
