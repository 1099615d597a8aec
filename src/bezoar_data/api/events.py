"""What `--events` writes, for scripts that nobody watches.

with bezoar_data.Events("logs/events.jsonl") as events:
    events.ended(bezoar_data.load_pipeline("pipelines/first.yaml").run(events=events))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from bezoar_data.config.errors import DONE, INTERNAL_ERROR, INTERRUPTED, BezoarError
from bezoar_data.llms.redact import redact, register_environment
from bezoar_data.runs import events as lines

if TYPE_CHECKING:
    from bezoar_data.runs.event_lines import Command


class Events(lines.Events):
    """Appends to `path` what the command line would: a line of JSON for start, progress, failures, spending and end.

    An error that leaves the `with` block is written as its end. Raises `InputError` where nothing can be written."""

    def __init__(self, path: str | Path, command: Command = "run") -> None:
        register_environment()
        super().__init__(hide=redact)
        self.open(Path(path), command)

    def ended(self, report: lines.Report) -> None:
        """Write the end: what the report says was left, and its exit code."""
        self.reported(report)
        self.end(report.exit_code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        code = DONE
        if isinstance(error, BezoarError):
            self.failed(error)
            code = error.exit_code
        elif error is not None:
            self.because(str(error) or type(error).__name__)
            code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else INTERNAL_ERROR
        self.end(code)
