"""`refusals`: answers that decline the task instead of doing it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import regex  # type: ignore[import-untyped]
from pydantic import Field

from bezoar_data.measures.checks.refusals import HEAD, SHIPPED, load_phrases, refusal
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep


class Refusals(FilterStep):
    """Drop answers that decline the task, or speak of the model instead of it.

    The first `head` characters are searched for set phrases of declining, such as "I'm sorry, but I cannot help with
    that" or "As an AI language model". The phrases are regular expressions, one a line, in a file of their own; a file
    of yours replaces it. What a phrase cannot tell, a judge can: `judge.accept`.
    """

    use: ClassVar[str] = "refusals"
    version: ClassVar[int] = 2
    example: ClassVar[str] = "- use: refusals\n  with: {column: explained_targets}\n"

    mark: str = Field(default="refusal", description="The column that `action: mark` writes; null if all is well.")
    head: int = Field(default=HEAD, ge=1, description="Characters at the beginning that are searched.")
    phrases: str | None = Field(
        default=None,
        description="A file of regular expressions, one a line, in place of the shipped one.",
        examples=["refusals.txt"],
        json_schema_extra={"path": "input"},
    )

    def load(self) -> None:
        super().load()
        _ = self._patterns

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        fault = refusal(text, self._patterns, self.head)
        return (fault.code, fault.detail) if fault else None

    @cached_property
    def _patterns(self) -> tuple[regex.Pattern[str], ...]:
        return load_phrases(Path(self.phrases) if self.phrases else SHIPPED)
