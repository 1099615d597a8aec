"""`load_instructions`: instructions that people wrote, in the manner of databricks-dolly-15k, as seeds for a scheme.

They come from local files (JSONL, Parquet, TSV) or from a dataset on the Hugging Face Hub. Columns may be called
otherwise, and may lie inside lists and mappings, as in the seed tasks of Self-Instruct (`instances.0.input`). Files
are read to their end before the first row leaves, so that all bad rows are told at once and before anything is paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from bezoar_data.runs.row import Columns
from bezoar_data.spec.errors import InputError, Place, Problem
from bezoar_data.steps.sources.files import FileSource
from bezoar_data.steps.sources.readers import Faults, Record, read_records

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
        self._either()
        if not self.hub:
            # A Hub dataset is not looked through beforehand: that would download it twice.
            faults = Faults()
            self._expected = sum(1 for _ in self._found(faults))
            faults.raise_if_any()
        empty = True
        for found in self._found(Faults(at_once=True)):
            empty = False
            yield found
        if empty:
            name = self.hub or (self.path if isinstance(self.path, str) else ", ".join(self.path or []))
            hint = "see `categories`" if self.categories else "is it the right file?"
            raise InputError(Problem("empty-source", "no rows: there is no instruction in it", Place(name), hint))

    def _found(self, faults: Faults) -> Iterator[tuple[str, str, int, Columns]]:
        """The usable rows in order; bad ones go to `faults`."""
        wanted = set(self.categories)
        for source, revision, file, record in self._records(faults):
            row = self._row(record, file, faults)
            if row is not None and (not wanted or row["category"] in wanted):
                yield source, revision, record.index, row

    def _records(self, faults: Faults) -> Iterator[tuple[str, str, Path, Record]]:
        if self.hub:
            from bezoar_data.steps.sources.hub import hub_facts, hub_records

            revision = hub_facts(self.hub, self.revision, self._licence(self.hub)).revision
            for record in hub_records(self.hub, revision, self.config, self.split):
                yield self.hub, revision, Path(self.hub), record
            return
        need = [self.instruction.partition(".")[0]]
        for file in self._files():
            for record in read_records(file.path, faults, need=need, tsv_columns=COLUMNS):
                yield file.name, "", file.path, record

    def _row(self, record: Record, file: Path, faults: Faults) -> Columns | None:
        where = "" if record.line else f" in row {record.index + 1}"
        row: Columns = {}
        for column in COLUMNS:
            name: str = getattr(self, column)
            value = _at(record.values, name) if name else None
            if value is None and column != "instruction":
                value = ""
            if not isinstance(value, str):
                said = "no" if value is None else "no text in"
                hint = f"`{column}` says where it is; the row has {', '.join(record.values)}"
                faults.add("missing-column", f"{said} '{name}'{where}", file, record.line, hint)
                return None
            row[column] = value.strip()
        if not row["instruction"]:
            faults.add("bad-row", f"'{self.instruction}'{where} is empty", file, record.line)
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
