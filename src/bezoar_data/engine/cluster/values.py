"""What travels between the driver of a run on a cluster and its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.engine.shard import Shard
from bezoar_data.llms.endpoint.share import Part
from bezoar_data.pipeline.load import Checked


@dataclass(frozen=True, slots=True)
class Home:
    """Where the driver is: its node, its working directory, the folder of its workers, and its journal."""

    node: str
    cwd: str
    folder: str
    journal: str
    run: str
    """What the run is known by on other nodes."""


@dataclass(frozen=True, slots=True)
class Job:
    """A shard to run. `files` are those of the store that it may read, and `known` the driver's journal for a node that
    does not have it, both as references to Ray's object store. `turn` numbers what workers are told to run."""

    checked: Checked
    shard: Shard
    limit: int | None
    retry_failed: bool
    home: Home
    files: Mapping[str, Any]
    known: Any = None
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told while it runs: the parts of the limits of which it holds the least, how many of the files
    that it sent have arrived, and whether to stop."""

    parts: tuple[Part, ...] = ()
    arrived: int = 0
    stop: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What a worker says of the shard that it runs. `within` says that no endpoint has more in flight than the orders
    allow; `sent` are files for the store, from the number `arrived` on."""

    shard: Shard
    turn: int
    within: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    sent: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The process that a worker is, and what it has installed."""

    node: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a shard ended: by an error where there is a message, which as an exception would not travel."""

    news: News
    message: str = ""
    exit_code: int = 0
    problems: tuple[Problem, ...] = ()

    @classmethod
    def by(cls, error: BezoarError, news: News) -> Ended:
        problems = error.problems if isinstance(error, InputError) else ()
        return cls(news, str(error), error.exit_code, problems)

    def error(self, host: str = "") -> BezoarError:
        """The error, with the host where it happened if that is another one."""
        on = f" (on {host})" if host else ""
        if self.problems:
            return InputError([replace(one, message=f"{one.message}{on}") for one in self.problems])
        error = BezoarError(f"{self.message}{on}")
        error.exit_code = self.exit_code
        return error
