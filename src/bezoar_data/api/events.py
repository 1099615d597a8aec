"""What `--events` writes, for scripts that nobody watches.

with bezoar_data.Events("logs/events.jsonl") as events:
    events.ended(bezoar_data.load_pipeline("pipelines/first.yaml").run(events=events))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from bezoar_data.config.errors import DONE, INTERRUPTED, BezoarError, ProblemsError
from bezoar_data.llms.redact import redact, register_environment
from bezoar_data.runs import events as lines

if TYPE_CHECKING:
    from bezoar_data.runs.event_lines import Command

_INTERNAL_ERROR = 70


class Report(Protocol):
    """What a run, a shard or a merge of shards returns."""

    @property
    def exit_code(self) -> int: ...

    @property
    def failure(self) -> str: ...

    def leaves(self) -> dict[str, Any]: ...


class Events(lines.Events):
    """Appends to `path` what the command line would: a line of JSON for start, progress, failures, spending and end.

    An error that leaves the `with` block is written as its end. Raises `InputError` where nothing can be written."""

    def __init__(self, path: str | Path, command: Command = "run") -> None:
        register_environment()
        super().__init__(hide=redact)
        self.open(Path(path), command)

    def ended(self, report: Report) -> None:
        """Write the end: what the report says was left, and its exit code."""
        self.left(**report.leaves())
        self.because(report.failure)
        self.end(report.exit_code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        code = DONE
        if error is not None:
            problems = error.problems if isinstance(error, ProblemsError) else ()
            self.because(str(error) or type(error).__name__, [problem.as_json() for problem in problems])
            code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else _INTERNAL_ERROR
        self.end(error.exit_code if isinstance(error, BezoarError) else code)
