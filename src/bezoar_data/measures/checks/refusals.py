"""Whether an answer declines its task, by set phrases near the beginning: a file of regular expressions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import regex  # type: ignore[import-untyped]

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.checks.fault import Fault

SHIPPED = Path(__file__).with_name("refusals.txt")
HEAD = 250
"""Characters at the beginning that are searched."""


def refusal(text: str, phrases: Sequence[regex.Pattern[str]] | None = None, head: int = HEAD) -> Fault | None:
    start = " ".join(text[:head].replace("\u2019", "'").split())
    for pattern in phrases if phrases is not None else load_phrases(SHIPPED):
        if match := pattern.search(start):
            shown = match[0][:100]
            return Fault("refusal", f"'{shown}'", f"The answer declines the task instead of doing it (“{shown}”).")
    return None


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
