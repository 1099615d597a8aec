"""The cap on money: what a request could cost at worst is set aside before it is sent, so the cap is never passed.

When the money set aside leaves no room, a request waits for others to come in below their worst case; when none is
in flight any more and there is still no room, the budget ends the run. A request that failed after the model may have
worked (timed out, cut off, garbled, with no bill) counts at its worst.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from bezoar_data.config.errors import BudgetStop
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Message

_PER_MESSAGE = 16
_PER_REQUEST = 64


def most_prompt_tokens(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> int:
    """An upper bound of a prompt's tokens: its bytes in UTF-8, and some for the chat template's own marks.

    A byte-level vocabulary never makes more tokens than bytes. Four times the usual count, but this is what may be
    promised without the endpoint's tokeniser, and it is given back as soon as the answer tells the real count.
    """
    size = _PER_REQUEST + sum(_PER_MESSAGE + len(m["content"].encode("utf-8", "surrogatepass")) for m in messages)
    return size + (len(repr(schema).encode()) if schema else 0)


class Budget:
    """Dollars spent, dollars set aside, and who waits for some of them. Belongs to one event loop."""

    def __init__(self, cap: float, spent: float = 0.0) -> None:
        self.cap = cap
        self.spent = spent
        self.reserved = 0.0
        self._out = 0
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    async def reserve(self, worst: float) -> None:
        """Set `worst` aside, waiting for room. Raises `BudgetStop` when there will be none."""
        if self._fits(worst) and not self._waiting:
            self._take(worst)
            return
        if not self._out and not self._waiting:
            raise self._stop(worst)
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((worst, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.settle(worst, 0.0)
            raise

    def settle(self, worst: float, actual: float) -> None:
        """A request set aside at `worst` cost `actual`."""
        self.spent += actual
        self.reserved -= worst
        self._out -= 1
        if not self._out:
            self.reserved = 0.0  # floats: what is left of adding and taking away is not money
        while self._waiting:
            wanted, place = self._waiting[0]
            if place.done():
                self._waiting.popleft()
            elif self._fits(wanted):
                self._waiting.popleft()
                self._take(wanted)
                place.set_result(None)
            elif not self._out:
                self._waiting.popleft()
                place.set_exception(self._stop(wanted))
            else:
                return

    def _fits(self, worst: float) -> bool:
        return self.spent + self.reserved + worst <= self.cap

    def _take(self, worst: float) -> None:
        self.reserved += worst
        self._out += 1

    def _stop(self, worst: float) -> BudgetStop:
        return BudgetStop(
            f"the budget of ${self.cap:.4g} stopped the run: ${self.spent:.4g} spent, and the next request could cost "
            f"${worst:.4g}. Run the same command with a larger budget to continue"
        )


def budget_problems(role: str, model: Model) -> list[Problem]:
    """What a model lacks that a run with a budget must know before it asks: its price, and its longest answer."""
    who = f"model '{model.model}' of role '{role}'"
    found = []
    if model.price is None:
        found.append(
            Problem("no-price", f"{who} has no price, and there is a budget", hint="add price: {input, output, read}")
        )
    if model.sampling.max_tokens is None:
        hint = "set sampling.max_tokens: without it the cost of a request has no limit"
        found.append(Problem("no-max-tokens", f"{who} has no max_tokens, and there is a budget", hint=hint))
    return found
