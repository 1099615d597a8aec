"""Cards as a run writes them, from the content of a `lock.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bezoar_data.cards.render import card_renderer
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.record import parse


def lock_of(value: Mapping[str, Any]) -> Lock:
    return parse(Lock, {key: one for key, one in value.items() if key != "format"})


def render_card(
    template: Path | None, lock: Mapping[str, Any], example: Mapping[str, Any] | None, *, previous: str | None = None
) -> str:
    return card_renderer(template)(lock_of(lock), example, previous)["README.md"]
