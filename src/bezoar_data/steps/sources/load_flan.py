"""`load_flan`: the rows of the FLAN collection, or questions of one's own, which the Orca scheme has explained.

They come from local files (FLAN's own chain-of-thought TSV files as they are, or any other file of rows) or from a
dataset on the Hugging Face Hub. Every file is read to its end before the first row leaves.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt

from bezoar_data.runs.row import Columns
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.flan import (
    COLUMNS,
    ZERO_SHOT_WITH_OPTIONS,
    ZERO_SHOT_WITHOUT_OPTIONS,
    Submix,
    is_zero_shot,
    submix_of,
)
from bezoar_data.steps.multiple_choice import has_options
from bezoar_data.steps.sources.files import FileSource, SourceRow, texts_of
from bezoar_data.steps.sources.formats import extension, stem
from bezoar_data.steps.sources.selection import Selection

_log = logging.getLogger(__name__)

_COT_COLUMNS = ("question", "answer", "rationale")
_BIG_BENCH = re.compile(r"big[-_ ]?bench", re.IGNORECASE)
_SPLIT_SUFFIX = re.compile(r"[-_.](train|test|dev|valid|validation)$")


def _usual_caps() -> int | dict[Submix, int] | None:
    # Natural Instructions has over a thousand tasks of very unequal size; the paper takes 300 of each.
    return {"NIv2": 300}


@dataclass(slots=True)
class _FlanRow:
    """A row, and for a usable one its place among all usable ones (`position`)."""

    row: SourceRow
    found: Columns | Dropped
    position: int = -1
    submix: Submix | None = None


class LoadFlan(FileSource):
    """FLAN rows, or questions of your own, from local files or a Hub dataset.

    Reads rows with FLAN's columns, of which only `inputs`, the question, is needed (`targets`, `task_source`,
    `task_name`, `template_type` are empty where a row has none), and FLAN's chain-of-thought files as they are:
    question, answer and rationale between tabs, with the answer as `targets` and answer and rationale kept as reference
    columns. Rows keep the source's order, also when `per_task` or `quotas` choose among them; the choice depends on the
    seed and on what rows say, not on their order.
    """

    use: ClassVar[str] = "load_flan"
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("inputs",)
    tsv_columns: ClassVar[tuple[str, ...]] = _COT_COLUMNS
    writes: ClassVar[tuple[str, ...]] = (*COLUMNS, "original_index", "dataset_source", "{keep:=}")
    optional_writes: ClassVar[tuple[str, ...]] = ("reference_answer", "reference_rationale")
    types: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys((*COLUMNS, "dataset_source", "reference_answer", "reference_rationale"), "text"),
        "original_index": "integer",
    }
    example: ClassVar[str] = "- use: load_flan\n  with: {path: seeds/flan.jsonl, per_task: 300}\n"

    zero_shot_only: bool = Field(
        default=True, description="Leave out templates with worked examples (`template_type` not starting with zs)."
    )
    submixes: list[Submix] = Field(
        default=["CoT", "NIv2", "T0", "Flan2021"],
        description="The sub-mixes to take. The Orca paper leaves Dialog out; rows that name no sub-mix are taken.",
    )
    big_bench: bool = Field(
        default=False,
        description="Take T0's BIG-Bench tasks too, which are benchmarks; the Orca paper leaves them out.",
    )
    per_task: NonNegativeInt | dict[Submix, NonNegativeInt] | None = Field(
        default_factory=_usual_caps,
        description="At most this many rows of each task; one number for all, or a number for each sub-mix.",
    )
    quotas: dict[Submix, NonNegativeInt] = Field(
        default={},
        description="Rows to take of each sub-mix, by drawing tasks at random; a sub-mix not named is taken whole.",
    )

    def read(self) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        self._either()
        selection = Selection(self.seed, self.per_task, self.quotas)
        # Reading a Hub dataset twice would download it twice; only quotas need to see all of it first.
        if self.hub and not self.quotas:
            yield from self._again(self._first_of_each_task(selection), None)
            return
        seen = self._look_through((one.row, one.found) for one in self._offered(selection))
        selection.close()
        self._expected = seen.rows - selection.left_out
        for submix, there in selection.shortfalls.items():
            asked = self.quotas[submix]
            _log.warning("load_flan: the quota of %s asks for %d rows, there are %d", submix, asked, there)
        chosen = (o for o in self._found() if o.position < 0 or selection.takes(o.position, o.submix))
        yield from self._again(((one.row, one.found) for one in chosen), seen)

    def _offered(self, selection: Selection) -> Iterator[_FlanRow]:
        for one in self._found():
            if not isinstance(text := one.found, Dropped):
                selection.offer(one.position, one.submix, text["task_name"], text["inputs"], text["targets"])
            yield one

    def _first_of_each_task(self, selection: Selection) -> Iterator[tuple[SourceRow, Columns | Dropped]]:
        taken: Counter[tuple[Submix | None, str]] = Counter()
        for one in self._found():
            if not isinstance(one.found, Dropped):
                cap = selection.cap(one.submix)
                task = (one.submix, one.found["task_name"])
                if cap is not None and taken[task] >= cap:
                    continue
                taken[task] += 1
            yield one.row, one.found

    def _nothing(self) -> tuple[str, str]:
        hint = "see `per_task`, `quotas`, `submixes` and `zero_shot_only`"
        return "there are no rows in it, or every one was left out", hint

    def _found(self) -> Iterator[_FlanRow]:
        """All rows in order, those that cannot be used among them."""
        position = 0
        left_out: Counter[str] = Counter()
        for row, found in self.rows_in():
            if isinstance(found, Dropped):
                yield _FlanRow(row, found)
                continue
            submix = submix_of(found["task_source"])
            if setting := self._left_out_by(submix, found):
                left_out[setting] += 1
            else:
                yield _FlanRow(row, found, position, submix)
                position += 1
        for setting, rows in sorted(left_out.items()):
            _log.info("load_flan: left out %d rows by `%s`", rows, setting)

    def _left_out_by(self, submix: Submix | None, columns: Columns) -> str:
        """The setting that leaves a row out; "" for a row to take."""
        if self.zero_shot_only and columns["template_type"] and not is_zero_shot(columns["template_type"]):
            return "zero_shot_only"
        if submix is not None and submix not in self.submixes:
            return "submixes"
        if submix == "T0" and not self.big_bench and _BIG_BENCH.search(columns["task_name"]):
            return "big_bench"
        return ""

    def _records(self) -> Iterator[SourceRow]:
        references = not self.hub and any(_is_tsv(f.path) for f in self._files())
        for row in super()._records():
            values = row.values
            if not references:
                yield row
            elif values.keys() == set(_COT_COLUMNS) and _is_tsv(row.file):
                yield replace(row, values=_from_cot(values, row.file))
            else:
                # One file with reference columns gives them to all rows: a dataset has one set of columns.
                yield replace(row, values={"reference_answer": None, "reference_rationale": None, **values})

    def take(self, row: SourceRow) -> Columns | Dropped | None:
        values = row.values
        taken: Columns | Dropped = texts_of(row, COLUMNS, empty=COLUMNS[1:], optional=COLUMNS[1:])
        if isinstance(taken, Dropped):
            return taken
        index, origin = values.get("original_index", row.record.index), values.get("dataset_source")
        if type(index) is not int:
            return row.dropped("not_a_number", "'original_index' is not a whole number")
        taken["original_index"] = index
        taken["dataset_source"] = origin if isinstance(origin, str) and origin else row.source
        for name in self.optional_writes:
            if name in values:
                taken[name] = value if isinstance(value := values[name], str) else None
        return taken


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


def _is_tsv(path: Path) -> bool:
    return (extension(path) or "").startswith(".tsv")
