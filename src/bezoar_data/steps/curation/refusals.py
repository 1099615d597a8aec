"""`refusals`: answers that decline the task instead of doing it."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar

import regex  # type: ignore[import-untyped]
from pydantic import Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep

SHIPPED = Path(__file__).parents[1] / "text" / "refusals.txt"


class Refusals(FilterStep):
    """Drop answers that decline the task, or speak of the model instead of it.

    The first `head` characters are searched for set phrases of declining, such as "I'm sorry, but I cannot help with
    that" or "As an AI language model". The phrases are regular expressions, one a line, in a file of their own; a file
    of yours replaces it. What a phrase cannot tell, a judge can: `judge.accept`.
    """

    use: ClassVar[str] = "refusals"
    version: ClassVar[int] = 1
    example: ClassVar[str] = "- use: refusals\n  with: {column: explained_targets}\n"

    mark: str = Field(default="refusal", description="The column that `action: mark` writes; null if all is well.")
    head: int = Field(default=250, ge=1, description="Characters at the beginning that are searched.")
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
        head = " ".join(text[: self.head].replace("\u2019", "'").split())
        for pattern in self._patterns:
            match = pattern.search(head)
            if match:
                return "refusal", f"'{match.group()[:100]}'"
        return None

    @cached_property
    def _patterns(self) -> tuple[regex.Pattern[str], ...]:
        return load_phrases(Path(self.phrases) if self.phrases else SHIPPED)


@cache
def load_phrases(path: Path) -> tuple[regex.Pattern[str], ...]:
    """The file's expressions; empty lines and lines that start with # are none. Raises `InputError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem("unreadable-file", f"cannot be read: {error}", Place(str(path)))) from None
    patterns, problems = [], []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                patterns.append(regex.compile(line.strip(), regex.IGNORECASE))
            except regex.error as error:
                column = (error.pos or 0) + 1
                message = f"not a regular expression: {error.msg}"
                problems.append(Problem("bad-value", message, Place(str(path), number, column)))
    if not patterns and not problems:
        problems.append(Problem("empty-source", "there are no phrases in it", Place(str(path))))
    if problems:
        raise InputError(problems)
    return tuple(patterns)
