"""Python's garbage collector while a command starts."""

from __future__ import annotations

import gc


def expect_imports() -> None:
    """Look for garbage seldom from now on. What a command imports stays, and going through it again and again took a
    sixth of a run's start. Not for commands that train: what lies in cycles there may hold a GPU's memory."""
    gc.set_threshold(200_000, 20, 20)
