"""Quirks of answers that came with HTTP 200 and choices: thinking, finish reasons, refusals, marks, usage."""

from __future__ import annotations

from support.quirks.base import Quirk, good

ANSWERS: dict[str, Quirk] = {"good": good}
