"""What a run is doing, as plain values: for the live display, for `run.json`, and so for `status`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bezoar_data.config.sanitize import clean_text
from bezoar_data.config.words import many
from bezoar_data.engine.counts import Counts
from bezoar_data.engine.pace import Pace, in_words


class RunStats:
    """Reads a run's counters; may be asked from any thread.

    `slow` names the steps that take the time, those that ask a model: time left is estimated from them, because rows
    that wait before a step that needs all rows are half done, not undone.
    """

    def __init__(
        self,
        counts: Counts,
        asked: Callable[[], Mapping[str, Any]],
        expected: Callable[[], int | None],
        slow: Sequence[str] = (),
    ) -> None:
        self._counts = counts
        self.asked = asked
        self._expected = expected
        self._slow = slow or tuple(counts.steps)[-1:]
        self._started = time.monotonic()
        self._pace = Pace(self._started)
        self._asking = False

    def facts(self) -> dict[str, Any]:
        """Rows, rates, requests, money and time left, now and as far as they are known."""
        now = time.monotonic()
        last = list(self._counts.steps.values())[-1]
        done = last.rows_out + self._counts.dropped
        work = self._work()
        asked = dict(self.asked())
        if asked.get("answered") and not self._asking:
            # A replay from the journal at the start says nothing of what follows.
            self._asking = True
            if asked["hits"]:
                self._pace.restart(now, work)
        self._pace.see(now, work)
        pace = self._pace.per_second(now)
        total = self._expected()
        replays = bool(asked.get("hits")) and not self._asking
        rest = max(0, total * len(self._slow) - work) if total is not None and not replays else None
        left = self._pace.left(now, rest) if rest is not None else None
        cost = asked.get("cost", 0.0)
        return {
            "seconds": round(now - self._started, 3),
            "rows": done,
            "rows_expected": total,
            "rows_per_second": round(pace / len(self._slow), 6),
            "seconds_left": None if left is None else round(left, 1),
            "cost_projected": round(cost / work * total * len(self._slow), 6) if total and work and cost else None,
            "failed": self._counts.failed,
            "steps": {
                name: {**count.as_json(), "waiting": count.waiting} for name, count in self._counts.steps.items()
            },
            "asked": asked,
        }

    def failed(self) -> dict[str, dict[str, int]]:
        """Rows that steps failed at, by step and reason."""
        return {name: dict(count.failed) for name, count in self._counts.steps.items() if count.failed}

    def _work(self) -> int:
        """Rows that are through each slow step, those dropped before it counted as through."""
        work = dropped = 0
        for name, count in self._counts.steps.items():
            dropped += count.dropped.total()
            if name in self._slow:
                work += count.rows_out + dropped
        return work


def one_line(facts: Mapping[str, Any]) -> str:
    """The facts in a line, for a log or under a table."""
    asked = facts["asked"]
    total = facts["rows_expected"]
    parts = [f"{facts['rows']:,} of {many(total, 'row')}" if total else many(facts["rows"], "row")]
    if facts["rows_per_second"]:
        parts.append(in_words(facts["rows_per_second"]))
    if asked:
        tokens = asked["prompt_tokens"] + asked["completion_tokens"]
        parts += [
            f"{asked['requests']:,} requests",
            f"{asked['hits']:,} cached",
            f"{asked['in_flight']:,} in flight",
            f"{tokens:,} tokens",
        ]
        if asked["cost"]:
            projected = facts["cost_projected"]
            parts.append(f"${asked['cost']:,.4f}{f' of about ${projected:,.4f}' if projected else ''}")
        if asked["failures"]:
            causes = ", ".join(f"{n:,} {cause}" for cause, n in asked["failures"].items())
            parts.append(f"retried after {causes}")
    dropped = sum(sum(step["dropped"].values()) for step in facts["steps"].values())
    if dropped:
        parts.append(f"{dropped:,} dropped")
    if facts["seconds_left"] is not None:
        parts.append(f"{clock(facts['seconds_left'])} left")
    return clean_text(" · ".join(parts))


def clock(seconds: float) -> str:
    """Seconds as people read them: 1:05, or 2:00:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
