"""Waiting for what is to happen, however long a loaded machine takes: for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds until a condition counts as never met: far more than any needs, and less than a test may take."""
_LOOK = 0.02


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Let the event loop go on until the condition holds."""
    over = time.monotonic() + within
    while not condition():
        assert time.monotonic() < over, f"it did not come to be within {within:g} seconds"
        await asyncio.sleep(_LOOK)


def wait_until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """The same where no event loop runs."""
    over = time.monotonic() + within
    while not condition():
        assert time.monotonic() < over, f"it did not come to be within {within:g} seconds"
        time.sleep(_LOOK)
