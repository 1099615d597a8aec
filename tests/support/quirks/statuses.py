"""Quirks of responses that are no answer: statuses, bodies of another form, parameters that are not taken."""

from __future__ import annotations

from support.quirks.base import Quirk

STATUSES: dict[str, Quirk] = {}
