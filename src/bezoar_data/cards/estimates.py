"""Figures with their intervals, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def percent(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "an unknown share"
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.1f}–{100 * estimate['high']:.1f})"


def plain(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "not defined"
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"
