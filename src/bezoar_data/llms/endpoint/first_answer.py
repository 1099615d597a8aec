"""What is known of one way of asking, a role's values with or without a schema, until it is first answered.

A refusal that comes before any answer may speak of its row or of how every row is asked: a wrong parameter, a model
that takes no system message. Nobody can tell until another request is answered or refused. So it waits for that, while
those on their way come back; the first few in the same words, and no answer, mean the way of asking.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter

_VARIES = re.compile(r"\S*\d\S*")
"""Counts, positions and request ids, which differ among refusals of one kind."""


class FirstAnswer:
    """Whether the first answer is there, and what was refused before it. Belongs to one event loop."""

    def __init__(self, alike: int) -> None:
        self.there = False
        self.pending = 0
        """Requests on their way."""
        self.fresh = 0
        """Those of them that have not failed before."""
        self._alike = alike
        self._refused: Counter[str] = Counter()
        self._news = asyncio.Event()

    @property
    def in_doubt(self) -> bool:
        """Whether so many were refused alike that others had better wait."""
        return not self.there and bool(self._refused) and max(self._refused.values()) >= self._alike

    def refused(self, detail: str) -> str:
        """Count a refusal; what names those that are like it."""
        kind = _VARIES.sub("#", detail)
        self._refused[kind] += 1
        self.tell()
        return kind

    def forget(self) -> None:
        self._refused.clear()

    def is_common(self, kind: str) -> bool:
        """Whether so many were refused like this that it is not a single row."""
        return self._refused[kind] >= self._alike

    def leaves(self, fresh: bool) -> None:
        self.pending += 1
        self.fresh += fresh

    def returns(self, fresh: bool) -> None:
        self.pending -= 1
        self.fresh -= fresh
        self.tell()

    def answered(self) -> None:
        self.there = True
        self.tell()

    def tell(self) -> None:
        """Wake those that wait for news."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, within: float | None = None) -> bool:
        """Wait until something changes; False when nothing did for so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
