"""Live progress of a run: a table that redraws itself in a terminal, plain lines elsewhere, and `run.json` for
`status` in another terminal. What is shown goes to standard error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bezoar_data.config.sanitize import clean_text
from bezoar_data.engine.stats import RunStats, one_line
from bezoar_data.runs.events import Events

REDRAW = 0.25
"""Seconds between two pictures in a terminal."""
LINES = 5.0
"""Seconds between two plain lines."""
AWAY = ("not answering", "away")
"""What is said of an endpoint that gives no answer."""
SAVES = 1.0
"""Seconds between two writings of the run's state."""


class Progress:
    """Follows a run from a thread of its own, so that a busy run is not held up by drawing.

    `quiet` shows nothing (for `--json`); notes are always shown. `events` is told what is seen, of the pipeline `name`.
    """

    def __init__(self, *, quiet: bool = False, events: Events | None = None, name: str = "") -> None:
        self._quiet = quiet
        self._events, self._name = events or Events(), name
        self._stats: RunStats | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, text: str) -> None:
        _say(f"note: {clean_text(text)}")

    def on_event(self, what: str, facts: Mapping[str, Any]) -> None:
        """An endpoint went away, came back, or is asked otherwise."""
        rest = ", ".join(f"{v}" for k, v in facts.items() if k != "address" and v)
        self.note(f"{facts.get('address')} is {what}{f': {rest}' if rest else ''}")
        if what in AWAY:
            self._events.away(str(facts.get("address")), str(facts.get("why", "")))

    def follow(self, stats: RunStats, save: Callable[[Mapping[str, Any]], None]) -> None:
        """Show what `stats` sees, and `save` it, until `close`."""
        self._stats = stats
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(stats, save), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._stats is not None:
            self._tell(self._stats.facts())
            self._stats = None

    def _run(self, stats: RunStats, save: Callable[[Mapping[str, Any]], None]) -> None:
        terminal = not self._quiet and sys.stderr.isatty()
        saved = shown = time.monotonic()
        # A full disk or a closed terminal end no run from here: what it makes is not lost with what it shows.
        with suppress(OSError), _live() if terminal else nullcontext() as live:
            while not self._stop.wait(REDRAW):
                now = time.monotonic()
                facts = stats.facts()
                if now - saved >= SAVES:
                    saved = now
                    with suppress(OSError):
                        save(facts)
                if self._events.due():
                    self._tell(facts)
                if live is not None:
                    live.update(_table(facts), refresh=True)
                elif not self._quiet and now - shown >= LINES:
                    shown = now
                    _say(one_line(facts))

    def _tell(self, facts: Mapping[str, Any]) -> None:
        assert self._stats is not None  # noqa: S101 (it is followed)
        events, left = self._events, facts["seconds_left"]
        events.progress(self._name, "rows", facts["rows"], facts["rows_expected"], left)
        for step, failed in self._stats.failed().items():
            events.failed_rows(step, failed)
        events.asked(facts["asked"])


def _say(text: str) -> None:
    with suppress(OSError):  # whoever read it may be gone
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def _live() -> Live:
    return Live(console=Console(stderr=True), auto_refresh=False, transient=True)


def _table(facts: Mapping[str, Any]) -> Table:
    table = Table(expand=False, caption=Text(one_line(facts)), caption_justify="left")
    table.add_column("step")
    for heading in ("in", "out", "waiting"):
        table.add_column(heading, justify="right")
    table.add_column("dropped")
    for name, count in facts["steps"].items():
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in list(count["dropped"].items())[:3])
        waiting = count["waiting"]
        cells = (name, f"{count['rows_in']:,}", f"{count['rows_out']:,}", f"{waiting:,}" if waiting else "", reasons)
        table.add_row(*(Text(clean_text(cell)) for cell in cells))
    return table
