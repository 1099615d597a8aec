"""Memory must not grow with the rows: 200,000 of them through the embedded teacher, sampled all along."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import measure
from contenders import Job, Ours, Setting
from session import Result, Session

ROWS = 200_000
SETTLED = 10_000
"""Rows after which everything that a run needs has been loaded and filled."""


def memory(session: Session) -> Result:
    rows = session.rows(ROWS)
    settled = min(SETTLED, rows // 20)
    contender = Ours(session.ours.python, provider="placeholder")
    work = session.folder("memory")
    job = Job(rows, "", work, Setting(32))
    contender.prepare(job)
    watch = _Watch(contender.journal(job))
    command = contender.command(job)
    outcome = measure.run(command, session.cores.measured, work / "log", timeout=1800, meanwhile=watch.sample)
    said = measure.json_line(outcome)
    at_settled = watch.when(settled)
    answering = [s for s in watch.samples if settled <= s[1] < rows]
    session.say(f"  {rows} rows in {outcome.seconds:.1f} s, {len(watch.samples)} samples")
    found = {
        "rows": rows,
        "settled": settled,
        "code": outcome.code,
        "seconds": round(outcome.seconds, 2),
        "kept": said.get("counts", {}).get("kept"),
        "at_settled": at_settled,
        "most_answering": max((s[2] for s in answering), default=None),
        "last_answering": answering[-1][2] if answering else None,
        "peak": max((s[2] for s in watch.samples), default=0),
        "series": watch.thinned(24),
        "faults": [] if outcome.code == 0 else [f"ended with {outcome.code}: {outcome.last_words()}"],
    }
    session.discard(work)
    return found


class _Watch:
    """Samples of (seconds, answers in the journal, resident bytes), ten a second; answers are counted less often."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.samples: list[tuple[float, int, int]] = []
        self._started = time.monotonic()
        self._answers = 0
        self._read = 0.0

    def sample(self, pid: int) -> None:
        now = time.monotonic()
        if now - self._read > 0.5:
            self._read = now
            self._answers = max(self._answers, _answers(self.journal))
        resident = measure.memory(pid)
        if resident:
            self.samples.append((round(now - self._started, 2), self._answers, resident))

    def when(self, answers: int) -> int | None:
        """Resident bytes when this many answers stood in the journal."""
        return next((r for _, n, r in self.samples if n >= answers), None)

    def thinned(self, count: int) -> list[tuple[float, int, int]]:
        every = max(1, len(self.samples) // count)
        return self.samples[::every]


def _answers(journal: Path) -> int:
    """How many answers the journal holds now. A reader does not hold up its writer."""
    if not journal.exists():
        return 0
    try:
        connection = sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    except sqlite3.Error:
        return 0
    try:
        return int(connection.execute("SELECT max(id) FROM answers").fetchone()[0] or 0)
    except sqlite3.Error:
        return 0  # being made, or busy for this moment
    finally:
        connection.close()
