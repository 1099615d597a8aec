"""What a rule finds wrong with an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason code that people count by, what was found in this text, and the same as a sentence for a reader."""

    code: str
    detail: str
    sentence: str


def clip(text: str, most: int = 60) -> str:
    """One line of at most about `most` characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + " …"


def tail(text: str, most: int = 60) -> str:
    """The end of a text as one line, cut between words."""
    line = " ".join(text[-2 * most :].split())
    return line if len(line) <= most else "… " + line[-most:].split(" ", 1)[-1]
