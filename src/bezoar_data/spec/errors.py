"""The one error model: what is wrong, where, and what to do about it.

A mistake in what a person wrote is a `Problem`: data, not an exception. Whoever checks something collects
problems and raises them together as one `InputError`; the command line alone turns errors into text and exit
codes. Errors raised here never carry a traceback to the user.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DONE = 0
TOO_MANY_FAILED = 1
INPUT_WRONG = 2
BUDGET_STOPPED = 3
POLICY_REFUSED = 4
PROVIDER_AWAY = 5
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file. Lines and columns count from 1; `None` means the file as a whole."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: a stable `code`, a sentence for people, where it is, and the remedy.

    `secret` says that what stands at the place may be a key: it is never shown, not even as the line of the file.
    """

    code: str
    message: str
    place: Place | None = None
    hint: str = ""
    level: Literal["error", "warning"] = "error"
    secret: bool = False

    def as_json(self) -> dict[str, object]:
        place = self.place
        return {
            "code": self.code,
            "level": self.level,
            "message": self.message,
            "hint": self.hint,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }


class BezoarError(Exception):
    """An ending the user is told of in one message. `exit_code` is what the command line ends with."""

    exit_code = TOO_MANY_FAILED

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        from bezoar_data.spec.clean import clean_text, mask_keys

        return [clean_text(mask_keys(f"bezoar-data: {self}"))]


class ProblemsError(BezoarError):
    """An error that holds every problem found, not the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(p.message for p in self.problems))

    def _render_traceback_(self) -> list[str]:
        from bezoar_data.spec.render import render_problems

        return render_problems(self.problems).split("\n")


class InputError(ProblemsError):
    """What was given is wrong: a file, an option, a key, a source."""

    exit_code = INPUT_WRONG


class PolicyRefused(ProblemsError):
    """A policy forbids it, for each of these reasons."""

    exit_code = POLICY_REFUSED


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raise `InputError` with all of these if one is an error; warnings alone stop nothing."""
    found = tuple(problems)
    if any(p.level == "error" for p in found):
        raise InputError(found)


class BudgetStop(BezoarError):
    """The next request could pass the budget. The same command with a larger one goes on."""

    exit_code = BUDGET_STOPPED


class ProviderAway(BezoarError):
    """A provider did not answer for longer than `max_outage`. The same command goes on."""

    exit_code = PROVIDER_AWAY


def source_line(place: Place) -> str | None:
    """The text of the line a place points at, or None when it cannot be read."""
    if place.line is None:
        return None
    try:
        text = Path(place.file).read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return None
    # Not splitlines: YAML counts neither form feeds nor Unicode's separators as line ends.
    lines = re.split(r"\r\n|\r|\n", text)
    return lines[place.line - 1] if 0 < place.line <= len(lines) else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint naming the nearest known word, or all known words (the first twenty) when none is near."""
    near = difflib.get_close_matches(word[:100], known[:1000], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(sorted(known)[:20])}{', …' if len(known) > 20 else ''}" if known else ""
