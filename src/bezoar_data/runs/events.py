"""What a command that nobody watches tells of itself: JSON Lines, appended to the file that `--events` names.

Each line is one of the classes of `event_lines`, and whole: several commands may write one file. The last line of a
command is `end`, also after a mistake, a signal or a budget that stopped it; where it is missing, the process was
killed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from bezoar_data._version import __version__
from bezoar_data.config import errors
from bezoar_data.config.errors import BezoarError, InputError, ProblemsError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.render import in_order

EVERY = 5.0
"""Seconds between two lines of progress."""

OUTCOMES: Mapping[int, str] = {
    errors.DONE: "done",
    errors.TOO_MANY_FAILED: "too_many_failed",
    errors.INPUT_WRONG: "input_wrong",
    errors.BUDGET_STOPPED: "budget",
    errors.POLICY_REFUSED: "policy",
    errors.PROVIDER_AWAY: "provider_away",
    errors.INTERRUPTED: "interrupted",
}
GOES_ON = frozenset({"too_many_failed", "budget", "provider_away", "interrupted"})
"""After these the same command goes on, and pays for nothing twice."""


class Report(Protocol):
    """What a run, a shard or a merge of shards returns."""

    @property
    def exit_code(self) -> int: ...

    @property
    def failure(self) -> str: ...

    def leaves(self) -> dict[str, Any]: ...


class Events:
    """Writes lines once a file is opened, and nothing before. May be told from any thread.

    `hide` takes keys out of a text. A disk that is full ends no command from here.
    """

    def __init__(self, arguments: Sequence[str] = (), hide: Callable[[str], str] = str) -> None:
        self._arguments, self._hide = tuple(arguments), hide
        self._file: TextIO | None = None
        self._lock = threading.Lock()
        self._command = ""
        self._began = self._told = 0.0
        self._counts: dict[tuple[str, str, str], int] = {}
        self._spent: Mapping[str, Any] = {}
        self._why: tuple[str, tuple[dict[str, Any], ...]] = ("", ())
        self._result: dict[str, Any] = {}

    def open(self, path: Path, command: str) -> None:
        """Begin with `start`. Raises `InputError` where nothing can be written there."""
        if self._file is not None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            message = f"nothing can be written to {path}: {error.strerror or error}"
            hint = "--events names a file that need not be there yet"
            raise InputError(Problem("events-unwritable", message, Place(str(path)), hint)) from None
        self._command, self._began = command, time.monotonic()
        self._told = self._began
        self._write("start", bezoar_data=__version__, arguments=[self._hide(one) for one in self._arguments])

    def due(self) -> bool:
        """Whether it is time for another line of progress; the next is due `EVERY` seconds later."""
        now = time.monotonic()
        if self._file is None or now - self._told < EVERY:
            return False
        self._told = now
        return True

    def progress(
        self, part: str, unit: str, done: int, expected: int | None, seconds_left: float | None = None
    ) -> None:
        self._write("progress", part=part, unit=unit, done=done, expected=expected, seconds_left=seconds_left)

    def away(self, address: str, why: str) -> None:
        """An endpoint does not answer."""
        key = ("endpoint", "", address)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        self._write("failure", what="endpoint", cause=self._hide(why), where=address, count=count)

    def failed_rows(self, step: str, counts: Mapping[str, int]) -> None:
        self._failures("row", step, counts)

    def asked(self, usage: Mapping[str, Any]) -> None:
        """What was asked so far, as a gateway's snapshot has it."""
        if not usage:
            return
        self._failures("request", "", usage["failures"])
        names = {"cost": "cost", "unpriced": "unpriced", "requests": "requests", "hits": "cached"}
        names |= {"prompt_tokens": "prompt_tokens", "completion_tokens": "completion_tokens"}
        spent = {ours: usage[theirs] for theirs, ours in names.items()}
        if spent != self._spent and any(spent.values()):
            self._spent = spent
            self._write("spend", **spent)

    def left(self, **result: Any) -> None:
        """What the command leaves, for its last line."""
        self._result |= result

    def because(self, reason: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        """Why it is about to end otherwise than well."""
        self._why = (reason, tuple(dict(one) for one in problems))

    def failed(self, error: BezoarError) -> None:
        """The error is why, with all its problems."""
        problems = error.problems if isinstance(error, ProblemsError) else ()
        self.because(str(error), [problem.as_json() for problem in in_order(problems)])

    def reported(self, report: Report) -> None:
        """What the report says was left, and why not all."""
        self.left(**report.leaves())
        self.because(report.failure)

    def end(self, exit_code: int) -> None:
        """The last line."""
        reason, problems = self._why
        outcome = OUTCOMES.get(exit_code, "internal_error")
        self._write(
            "end", exit_code=exit_code, outcome=outcome, goes_on=outcome in GOES_ON,
            seconds=round(time.monotonic() - self._began, 3),
            reason=reason or ("" if exit_code == errors.DONE else outcome), problems=problems, result=self._result,
        )  # fmt: skip
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass  # the exit code has to do

    def _failures(self, what: str, where: str, counts: Mapping[str, int]) -> None:
        for cause, count in sorted(counts.items()):
            if self._counts.get((what, cause, where), 0) != count:
                self._counts[what, cause, where] = count
                self._write("failure", what=what, cause=cause, where=where, count=count)

    def _write(self, kind: str, **facts: Any) -> None:
        if self._file is None:
            return
        from bezoar_data.runs.event_lines import Line

        now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        told = {"version": 1, "time": now, "command": self._command, "pid": os.getpid(), "event": kind, **facts}
        line = Line.model_validate(told).model_dump_json()
        with self._lock:
            try:
                self._file.write(self._hide(line) + "\n")
                self._file.flush()
            except (OSError, ValueError):
                pass
