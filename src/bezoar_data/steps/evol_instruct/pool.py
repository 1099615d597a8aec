"""`evol_instruct.pool`: which seeds are evolved, and the one text each of them starts as."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field, PositiveInt

from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept, Verdict
from bezoar_data.steps.curation.tokenizer import load_tokenizer

WORDS_PER_TOKEN = 0.75
"""What a token is worth in English text, where no tokenizer says it exactly."""

_WORD = re.compile(r"\S+")
Slice = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class EvolInstructPool(GlobalRowStep):
    """Take the seeds of each category that are to be evolved, each as one text.

    The text is the instruction and, if there is one, its context after an empty line, cut to `max_tokens`. Rows outside
    of their category's slice are dropped as `outside_slice`. A seed's own response is not used.
    """

    use: ClassVar[str] = "evol_instruct.pool"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("instruction", "{context}", "{category}")
    writes: ClassVar[tuple[str, ...]] = ("instruction",)
    types: ClassVar[Mapping[str, str]] = {"instruction": "text"}
    example: ClassVar[str] = "- use: evol_instruct.pool\n  with: {slices: {closed_qa: [0, 50], open_qa: [0, 80]}}\n"

    context: str = Field(default="context", description='The column of contexts; "" for none.')
    category: str = Field(default="category", description='The column of categories; "" if all rows are one.')
    slices: dict[str, Slice] | None = Field(
        default=None,
        description="For each category wanted, the first row and the one after the last, counted within the category.",
    )
    per_category: PositiveInt | None = Field(
        default=None, description="At most this many rows of each category.", examples=[100]
    )
    max_tokens: PositiveInt = Field(default=1024, description="The most tokens of a text; the rest is cut off.")
    tokenizer: str | None = Field(
        default=None,
        description="Whose tokens: a tokenizer.json, a folder that holds one, or a model on the Hub. Without, a token "
        "counts as three quarters of a word.",
        examples=["openlm-research/open_llama_3b_v2"],
    )

    def load(self) -> None:
        super().load()
        _ = self._encoder

    @cached_property
    def _encoder(self) -> Any:
        return None if self.tokenizer is None else load_tokenizer(self.tokenizer)

    def run_rows(self, rows: Sequence[Row]) -> Iterable[Verdict]:
        seen: Counter[str] = Counter()
        for row in rows:
            category = str(row.get(self.category)) if self.category else ""
            place, seen[category] = seen[category], seen[category] + 1
            if self._is_outside(category, place):
                yield Dropped("outside_slice", f"row {place} of the category {category!r}")
                continue
            text = self._text_of(row)
            if text:
                yield Kept(row.with_columns(instruction=text))
            else:
                yield Dropped("empty_instruction", "there is no text in `instruction`", failed=True)

    def _is_outside(self, category: str, place: int) -> bool:
        if self.per_category is not None and place >= self.per_category:
            return True
        if self.slices is None:
            return False
        start, end = self.slices.get(category, (0, 0))
        return not start <= place < end

    def _text_of(self, row: Row) -> str:
        instruction, context = (row.get(c) if c else None for c in ("instruction", self.context))
        if not isinstance(instruction, str) or not instruction.strip():
            return ""
        parts = [instruction.strip()]
        if isinstance(context, str) and context.strip():
            parts.append(context.strip())
        return self._cut("\n\n".join(parts))

    def _cut(self, text: str) -> str:
        if self._encoder is not None:
            offsets = self._encoder.encode(text, add_special_tokens=False).offsets
            return text if len(offsets) <= self.max_tokens else text[: offsets[self.max_tokens - 1][1]].rstrip()
        most = max(1, math.floor(self.max_tokens * WORDS_PER_TOKEN))
        for i, word in enumerate(_WORD.finditer(text)):
            if i == most:
                return text[: word.start()].rstrip()
        return text
