"""Live progress of a run: a table that redraws itself in a terminal, plain lines elsewhere; on standard error."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from bezoar_data.engine.counts import Counts
from bezoar_data.spec.clean import clean_text

if TYPE_CHECKING:
    from rich.table import Table

    from bezoar_data.llms.tally import Tally

REDRAW = 0.25
"""Seconds between two pictures in a terminal."""
LINES = 5.0
"""Seconds between two plain lines."""


class Progress:
    """Follows a run's counters from a thread of its own, so that a busy run is not held up by drawing.

    `quiet` shows nothing (for `--json` and tests); notes are always shown.
    """

    def __init__(self, *, quiet: bool = False, total: int | None = None) -> None:
        self._quiet = quiet
        self._total = total
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, text: str) -> None:
        print(f"note: {clean_text(text)}", file=sys.stderr)  # noqa: T201

    def follow(self, counts: Counts, tally: Tally) -> None:
        if self._quiet:
            return
        show = self._terminal if sys.stderr.isatty() else self._plain
        self._thread = threading.Thread(target=show, args=(counts, tally), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _plain(self, counts: Counts, tally: Tally) -> None:
        watch = _Watch(counts, tally, self._total)
        while not self._stop.wait(LINES):
            print(watch.line(), file=sys.stderr, flush=True)  # noqa: T201

    def _terminal(self, counts: Counts, tally: Tally) -> None:
        from rich.console import Console
        from rich.live import Live

        watch = _Watch(counts, tally, self._total)
        with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
            while not self._stop.wait(REDRAW):
                live.update(watch.table(), refresh=True)


class _Watch:
    """Reads the counters and says what they mean: rates, money, time left."""

    def __init__(self, counts: Counts, tally: Tally, total: int | None) -> None:
        self._counts = counts
        self._tally = tally
        self._total = total
        self._started = time.monotonic()

    def _facts(self) -> dict[str, Any]:
        steps = list(self._counts.steps.values())
        elapsed = max(time.monotonic() - self._started, 1e-6)
        done = steps[-1].rows_out + self._counts.dropped
        facts: dict[str, Any] = self._tally.snapshot()
        rate = done / elapsed
        left = (self._total - done) / rate if self._total and rate > 0 else None
        return {**facts, "elapsed": elapsed, "done": done, "rate": rate, "left": left}

    def line(self) -> str:
        f = self._facts()
        parts = [
            f"{f['done']:,}{f' of {self._total:,}' if self._total else ''} rows",
            f"{f['rate']:,.0f} rows/s",
            f"{f['requests']:,} requests, {f['hits']:,} from the journal, {f['in_flight']:,} in flight",
            f"{f['prompt_tokens'] + f['completion_tokens']:,} tokens",
        ]
        if f["cost"]:
            parts.append(f"${f['cost']:,.4f}")
        if self._counts.dropped:
            parts.append(f"{self._counts.dropped:,} dropped")
        if f["left"] is not None:
            parts.append(f"{_clock(f['left'])} left")
        if f.get("waiting"):
            parts.append(clean_text(str(f["waiting"])))
        return " · ".join(parts)

    def table(self) -> Table:
        from rich.table import Table

        table = Table(title=None, expand=False, caption=self.line(), caption_justify="left")
        for heading, justify in (("step", "left"), ("in", "right"), ("out", "right"), ("dropped", "right")):
            table.add_column(heading, justify=justify)  # type: ignore[arg-type]
        for name, count in self._counts.steps.items():
            reasons = ", ".join(f"{n} {reason}" for reason, n in count.dropped.most_common(3))
            table.add_row(name, f"{count.rows_in:,}", f"{count.rows_out:,}", clean_text(reasons))
        return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
