"""Writing `run.json` while a run goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bezoar_data.config.errors import BezoarError
from bezoar_data.llms.redact import redact
from bezoar_data.runs.folder import RunFolder, write_json
from bezoar_data.runs.record import parse
from bezoar_data.runs.run_record import RunRecord


class RunRecorder:
    """Writes a run's `run.json`, from its start to how it ended."""

    def __init__(self, folder: RunFolder, name: str, engine: str) -> None:
        self._path = folder.run_json
        started = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        self._head = {"name": name, "engine": engine, "pid": os.getpid(), "started": started}
        self._write("running", {})

    def running(self, facts: Mapping[str, Any]) -> None:
        self._write("running", facts)

    def stopped(self, facts: Mapping[str, Any], error: BaseException) -> None:
        """The run ended early: by a clean stop, or by an error. The dataset stays the last finished one's."""
        code = error.exit_code if isinstance(error, BezoarError) else None
        reason = redact(str(error) or type(error).__name__)
        self._write("stopped", {**facts, "exit_code": code, "reason": reason})

    def done(self, facts: Mapping[str, Any], exit_code: int, lock: str) -> None:
        self._write("done", {**facts, "exit_code": exit_code, "lock": lock})

    def _write(self, state: str, facts: Mapping[str, Any]) -> None:
        try:
            write_json(self._path, parse(RunRecord, {**self._head, "state": state, **facts}).as_json())
        except OSError:
            pass  # a full disk must not hide why the run ended; whoever looks sees the state before
