"""`run.json`: what a run did, and how it stands while it goes on. Volatile, never published; `status` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bezoar_data.runs.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """Rows at a step so far. `waiting` lie before a step that needs all rows."""

    rows_in: int
    rows_out: int
    waiting: int
    dropped: Mapping[str, int]
    missed: Mapping[str, int] = field(default_factory=dict)
    noted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord(Record):
    """A run, with what is known of it so far."""

    FORMAT: ClassVar[int] = 1
    KIND: ClassVar[str] = "run"
    IF_MISSING: ClassVar[str] = "a run folder holds run.json; see what there is with: ls runs"
    IF_OLDER: ClassVar[str] = "run the same command again: it goes on from the journal, and rewrites the file"

    name: str
    engine: str
    pid: int
    started: str
    state: Literal["running", "stopped", "done"]
    exit_code: int | None = None
    reason: str | None = None
    """Why it stopped."""
    shard: str | None = None
    """Of a run in shards, which one: `0/7`."""
    phase: str | None = None
    """Of a run in shards, its phase: `1 of 2`."""
    lock: str | None = None
    """The hash of the lock that it wrote."""
    seconds: float = 0.0
    rows: int = 0
    rows_expected: int | None = None
    rows_per_second: float = 0.0
    seconds_left: float | None = None
    cost_projected: float | None = None
    failed: int = 0
    steps: Mapping[str, StepProgress] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    """LLM calls: in all, by step and by endpoint (`llms.endpoint.usage`)."""
