"""The file of system messages: what it holds, and reading it with every mistake at its place.

It is data and not code because the wording is the part of the scheme that people most want to change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bezoar_data.config.base import Strict
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import load_checked
from bezoar_data.config.yaml import Document
from bezoar_data.steps.flan import SUBMIXES, Submix
from bezoar_data.steps.multiple_choice import has_options

SHIPPED = Path(__file__).parent.parent / "text" / "orca_messages.yaml"

Ids = Annotated[tuple[int, ...], Field(min_length=1)]


class SystemMessage(Strict):
    """One system message. An empty text means that none is sent."""

    id: int
    purpose: str
    text: str


class Assigned(Strict):
    """The messages a sub-mix draws from."""

    messages: Ids
    multiple_choice: Ids | None = None


class MessagesFile(Strict):
    version: Literal[1]
    messages: Annotated[tuple[SystemMessage, ...], Field(min_length=1)]
    assignment: dict[Submix, Assigned]

    def text(self, number: int) -> str:
        return next(m.text for m in self.messages if m.id == number)

    def ids(self, submix: Submix | None, other: Submix, question: str) -> Ids:
        """The ids to draw from for a question of `submix`; one without an assignment is treated as `other`."""
        assigned = (self.assignment.get(submix) if submix else None) or self.assignment[other]
        if assigned.multiple_choice is not None and has_options(question):
            return assigned.multiple_choice
        return assigned.messages


def load_messages(path: Path, other: Submix = "T0") -> MessagesFile:
    """Read a file of system messages. Raises `InputError` with every mistake in it."""
    return load_checked(path, MessagesFile, lambda file, document: _problems(file, document, other))


def _problems(file: MessagesFile, document: Document, other: Submix) -> list[Problem]:
    problems = []
    known: set[int] = set()
    for i, message in enumerate(file.messages):
        if message.id in known:
            said = f"a second message with the id {message.id}"
            problems.append(document.problem("bad-value", said, ("messages", i, "id")))
        known.add(message.id)
    for submix, assigned in file.assignment.items():
        for key, ids in (("messages", assigned.messages), ("multiple_choice", assigned.multiple_choice or ())):
            for i, number in enumerate(ids):
                if number not in known:
                    path = ("assignment", submix, key, i)
                    problems.append(document.problem("bad-value", f"there is no message with the id {number}", path))
    if other not in file.assignment:
        hint = f"known sub-mixes: {', '.join(s for s in SUBMIXES if s in file.assignment)}"
        said = f"there is no assignment for '{other}', which rows of an unknown sub-mix are to be treated as"
        problems.append(document.problem("missing-key", said, ("assignment",), hint=hint))
    return problems
