"""`load_flan`: the rows of the FLAN collection, which the Orca scheme has explained.

They come from local files (JSONL, Parquet, TSV, and FLAN's own chain-of-thought TSV files as they are) or from a
dataset on the Hugging Face Hub. Every file is read to its end before the first row leaves, so that a bad row is
reported before anything is paid for, and all bad rows at once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Columns
from bezoar_data.steps.flan import (
    COLUMNS,
    ZERO_SHOT_WITH_OPTIONS,
    ZERO_SHOT_WITHOUT_OPTIONS,
    Submix,
    is_zero_shot,
    submix_of,
)
from bezoar_data.steps.multiple_choice import has_options
from bezoar_data.steps.sources.files import FileSource, SourceRow
from bezoar_data.steps.sources.readers import BadRows, extension, stem
from bezoar_data.steps.sources.selection import Selection

_log = logging.getLogger(__name__)

_COT_COLUMNS = ("question", "answer", "rationale")
_SPLIT_SUFFIX = re.compile(r"[-_.](train|test|dev|valid|validation)$")


def _usual_caps() -> int | dict[Submix, int] | None:
    # Natural Instructions has over a thousand tasks of very unequal size; the paper takes 300 of each.
    return {"NIv2": 300}


@dataclass(frozen=True, slots=True)
class _FlanRow:
    """A usable row, its place among all usable rows (`position`), and where it came from."""

    position: int
    source: str
    revision: str
    index: int
    submix: Submix | None
    columns: Columns


class LoadFlan(FileSource):
    """FLAN rows from local files or a Hub dataset.

    Reads JSONL, Parquet and TSV with FLAN's columns (`inputs`, `targets`, `task_source`, `task_name`,
    `template_type`), and FLAN's chain-of-thought files as they are: question, answer and rationale between tabs, with
    the answer as `targets` and answer and rationale kept as reference columns. A bad row ends the run before it
    begins, with the file and line of each. Rows keep the source's order, also when `per_task` or `quotas` choose
    among them; the choice depends on the seed and on what rows say, not on their order.
    """

    use: ClassVar[str] = "load_flan"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = (*COLUMNS, "original_index", "dataset_source")
    optional_writes: ClassVar[tuple[str, ...]] = ("reference_answer", "reference_rationale")
    example: ClassVar[str] = "- use: load_flan\n  with: {path: seeds/flan.jsonl, per_task: 300}\n"

    zero_shot_only: bool = Field(
        default=True, description="Leave out templates with worked examples (`template_type` not starting with zs)."
    )
    per_task: NonNegativeInt | dict[Submix, NonNegativeInt] | None = Field(
        default_factory=_usual_caps,
        description="At most this many rows of each task; one number for all, or a number for each sub-mix.",
    )
    quotas: dict[Submix, NonNegativeInt] = Field(
        default={},
        description="Rows to take of each sub-mix, by drawing tasks at random; a sub-mix not named is taken whole.",
    )

    def read(self) -> Iterator[tuple[str, str, int, Columns]]:
        self._either()
        selection = Selection(self.seed, self.per_task, self.quotas)
        # Reading a Hub dataset twice would download it twice; only quotas need to see all of it first.
        if not self.hub or self.quotas:
            self._look_through(selection)
            # Rows were good a moment ago: a bad one now means that a file changed under the run.
            wanted: Iterator[_FlanRow] = (
                f for f in self._found(BadRows(at_once=True)) if selection.takes(f.position, f.submix)
            )
        else:
            wanted = self._first_of_each_task(selection)
        empty = True
        for found in wanted:
            empty = False
            yield found.source, found.revision, found.index, found.columns
        if empty:
            raise InputError(self._empty("every row was left out", "see `per_task`, `quotas` and `zero_shot_only`"))

    def _look_through(self, selection: Selection) -> None:
        """Read everything once: raise for all bad rows together, and let the selection see the good ones."""
        bad_rows = BadRows()
        seen = 0
        for found in self._found(bad_rows):
            seen += 1
            text = found.columns
            selection.offer(found.position, found.submix, text["task_name"], text["inputs"], text["targets"])
        bad_rows.raise_if_any()
        if not seen:
            raise InputError(self._empty("there are no rows in it", "is it the right file?"))
        selection.close()
        self._expected = seen - selection.left_out
        for submix, rows in selection.shortfalls.items():
            _log.warning("load_flan: the quota of %s asks for %d rows, there are %d", submix, self.quotas[submix], rows)

    def _first_of_each_task(self, selection: Selection) -> Iterator[_FlanRow]:
        taken: dict[tuple[Submix | None, str], int] = {}
        for found in self._found(BadRows(at_once=True)):
            cap = selection.cap(found.submix)
            task = (found.submix, found.columns["task_name"])
            if cap is None or taken.get(task, 0) < cap:
                taken[task] = taken.get(task, 0) + 1
                yield found

    def _found(self, bad_rows: BadRows) -> Iterator[_FlanRow]:
        """All usable rows in order; bad ones go to `bad_rows`."""
        position = 0
        few_shot = 0
        for found, columns in self._rows_of_sources(bad_rows):
            if not self._check(columns, bad_rows, found):
                continue
            if self.zero_shot_only and not is_zero_shot(columns["template_type"]):
                few_shot += 1
                continue
            submix = submix_of(columns["task_source"])
            source, index = found.source, found.record.index
            yield _FlanRow(position, source, found.revision, index, submix, self._finish(columns, source, index))
            position += 1
        if few_shot:
            _log.info("load_flan: left out %d few-shot rows (zero_shot_only: false takes them)", few_shot)

    def _rows_of_sources(self, bad_rows: BadRows) -> Iterator[tuple[SourceRow, Columns]]:
        references = not self.hub and any(_is_tsv(f.path) for f in self._files())
        for found in self._records(bad_rows, need=COLUMNS, tsv_columns=_COT_COLUMNS):
            columns = found.record.values
            if columns.keys() == set(_COT_COLUMNS) and _is_tsv(found.file):
                columns = _from_cot(columns, found.file)
            elif references:
                # One file with reference columns gives them to all rows: a dataset has one set of columns.
                columns = {"reference_answer": None, "reference_rationale": None, **columns}
            yield found, columns

    def _check(self, columns: Columns, bad_rows: BadRows, found: SourceRow) -> bool:
        where, file, line = found.where, found.file, found.record.line
        missing = [c for c in COLUMNS if columns.get(c) is None]
        if missing:
            names = ", ".join(f"'{c}'" for c in missing)
            bad_rows.add("missing-column", f"no {names}{where}", file, line, f"a FLAN row has {', '.join(COLUMNS)}")
            return False
        for name in COLUMNS:
            wrong = _not_text(columns[name], empty_allowed=name == "targets")
            if wrong:
                bad_rows.add("bad-row", f"'{name}'{where} {wrong}", file, line)
                return False
        if type(columns.get("original_index", 0)) is not int:
            bad_rows.add("bad-row", f"'original_index'{where} is not a whole number", file, line)
            return False
        return True

    def _finish(self, columns: Columns, source: str, index: int) -> Columns:
        row: Columns = {name: columns[name] for name in COLUMNS}
        row["original_index"] = columns.get("original_index", index)
        origin = columns.get("dataset_source")
        row["dataset_source"] = origin if isinstance(origin, str) and origin else source
        for name in self.optional_writes:
            if name in columns and _not_text(columns[name], empty_allowed=True) is None:
                row[name] = columns[name]
            elif name in columns:
                row[name] = None
        return row


def _from_cot(columns: Mapping[str, Any], path: Path) -> Columns:
    question = columns["question"]
    return {
        "inputs": question,
        "targets": columns["answer"],
        "task_source": "CoT",
        "task_name": _SPLIT_SUFFIX.sub("", stem(path)),
        "template_type": ZERO_SHOT_WITH_OPTIONS if has_options(question) else ZERO_SHOT_WITHOUT_OPTIONS,
        "reference_answer": columns["answer"],
        "reference_rationale": columns["rationale"],
    }


def _not_text(value: object, *, empty_allowed: bool) -> str | None:
    if not isinstance(value, str):
        return f"is not text but {type(value).__name__}"
    if not value.strip() and not empty_allowed:
        return "is empty"
    return None


def _is_tsv(path: Path) -> bool:
    return (extension(path) or "").startswith(".tsv")
