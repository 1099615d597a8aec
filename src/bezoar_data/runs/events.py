"""What a command that nobody watches tells of itself: JSON Lines, appended to the file that `--events` names.

Each line is one of the classes below, and whole: several commands may write one file. The last line of a command is
`end`, also after a mistake, a signal or a budget that stopped it; where it is missing, the process was killed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from pydantic import ConfigDict, Field, RootModel

from bezoar_data._version import __version__
from bezoar_data.config import errors
from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem

EVERY = 5.0
"""Seconds between two lines of progress."""

Command = Literal["run", "train", "evaluate"]
Outcome = Literal[
    "done", "too_many_failed", "input_wrong", "budget", "policy", "provider_away", "interrupted", "internal_error"
]
OUTCOMES: Mapping[int, Outcome] = {
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


class _Event(Strict):
    """What all lines have."""

    version: Literal[1] = Field(1, description="Of this format.")
    time: str = Field(description="When, in UTC (ISO 8601).")
    command: Command = Field(description="The command that tells it.")
    pid: int = Field(description="Its process: lines of several commands in one file are told apart by it.")


class Start(_Event):
    """A command begins."""

    model_config = ConfigDict(title="start")

    event: Literal["start"] = "start"
    bezoar_data: str = Field(description="The version of bezoar-data.")
    arguments: tuple[str, ...] = Field(description="What was typed after `bezoar-data`; keys are taken out.")


class Progress(_Event):
    """How far it is, at most every five seconds, and once more at its end."""

    model_config = ConfigDict(title="progress")

    event: Literal["progress"] = "progress"
    part: str = Field(description="The pipeline, stage or model that is worked on.")
    unit: Literal["rows", "steps", "tasks"] = Field(description="What is counted: rows of a run, steps of training.")
    done: int = Field(description="So many are done.")
    expected: int | None = Field(description="Of so many; null where nobody knows.")
    seconds_left: float | None = Field(description="An estimate; null where there is none.")


class Failure(_Event):
    """Something failed for a cause. One line for each cause whenever its count has grown; the command goes on."""

    model_config = ConfigDict(title="failure")

    event: Literal["failure"] = "failure"
    what: Literal["request", "row", "endpoint"] = Field(
        description="request: it is tried again. row: it was dropped or left undone. endpoint: it is away."
    )
    cause: str = Field(description="rate_limited, timeout, no_usable_answer, ...; of an endpoint what it last said.")
    where: str = Field(description="The step of a row, the address of an endpoint; empty for requests.")
    count: int = Field(description="How many so far, in this process.")


class Spend(_Event):
    """What it asked and paid so far, in this process, whenever that has changed; answers of the journal are free."""

    model_config = ConfigDict(title="spend")

    event: Literal["spend"] = "spend"
    cost: float = Field(description="US dollars.")
    unpriced: int = Field(description="Answers without a price: while above 0, `cost` is a part of the truth.")
    requests: int = Field(description="Sent, tries among them.")
    cached: int = Field(description="Answers found in the journal.")
    prompt_tokens: int
    completion_tokens: int


class End(_Event):
    """How it ended. The last line of a command."""

    model_config = ConfigDict(title="end")

    event: Literal["end"] = "end"
    exit_code: int = Field(description="0 done, 1 too many rows failed, 2 the input is wrong, 3 budget, 4 policy, ...")
    outcome: Outcome = Field(description="The exit code in a word.")
    goes_on: bool = Field(description="Whether the same command goes on from here, and pays for nothing twice.")
    seconds: float = Field(description="From `start` to here.")
    reason: str = Field(description="Why it is not done, in words; empty where it is.")
    problems: tuple[dict[str, Any], ...] = Field(description="The mistakes, as `--json` has them.")
    result: dict[str, Any] = Field(
        description="What it left. run: folder, lock, kept, dropped. train: folder, stages. evaluate: folder, models; "
        "empty where it left nothing new."
    )


class Line(RootModel[Annotated[Start | Progress | Failure | Spend | End, Field(discriminator="event")]]):
    """A line of the file that `--events` names."""

    model_config = ConfigDict(title="A line of --events")


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
        self._write(Start, bezoar_data=__version__, arguments=[self._hide(one) for one in self._arguments])

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
        self._write(Progress, part=part, unit=unit, done=done, expected=expected, seconds_left=seconds_left)

    def away(self, address: str, why: str) -> None:
        """An endpoint does not answer."""
        key = ("endpoint", "", address)
        self._counts[key] = count = self._counts.get(key, 0) + 1
        self._write(Failure, what="endpoint", cause=self._hide(why), where=address, count=count)

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
            self._write(Spend, **spent)

    def left(self, **result: Any) -> None:
        """What the command leaves, for its last line."""
        self._result |= result

    def because(self, reason: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        """Why it is about to end otherwise than well."""
        self._why = (reason, tuple(dict(one) for one in problems))

    def end(self, exit_code: int) -> None:
        """The last line."""
        reason, problems = self._why
        outcome = OUTCOMES.get(exit_code, "internal_error")
        self._write(
            End, exit_code=exit_code, outcome=outcome, goes_on=outcome in GOES_ON,
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
                self._write(Failure, what=what, cause=cause, where=where, count=count)

    def _write(self, kind: type[_Event], **facts: Any) -> None:
        if self._file is None:
            return
        now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        line = kind(time=now, command=self._command, pid=os.getpid(), **facts).model_dump_json()  # type: ignore[arg-type]
        with self._lock:
            try:
                self._file.write(self._hide(line) + "\n")
                self._file.flush()
            except (OSError, ValueError):
                pass
