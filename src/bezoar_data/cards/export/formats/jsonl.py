"""Plain JSON Lines: rows as they are, without their lineage column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.runs.row import RESERVED

NEEDS_VIEW = False


def convert(row: Mapping[str, Any], example: None) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != RESERVED}
