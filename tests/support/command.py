"""The command line, called by tests: in this process, which takes no start, or in one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bezoar_data.cli.main import main

BEZOAR = (sys.executable, "-m", "bezoar_data.cli.main")


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.out)
        return value


def bezoar(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Outcome:
    """The command line in this process. What only a start can show needs `bezoar_process`: signals, settings that a
    library reads when it is imported (`HF_HOME`), distilabel's runner, which starts processes of its own."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err), _as_from(cwd, env or {}):
        try:
            main([str(a) for a in arguments])
        except SystemExit as ended:
            assert isinstance(ended.code, int), ended.code
            code = ended.code
    return Outcome(code, out.getvalue(), err.getvalue())


@contextmanager
def _as_from(folder: Path | None, env: Mapping[str, str]) -> Iterator[None]:
    """A person's folder and environment. Modules of the folder are forgotten afterwards: the next may have its own."""
    path = list(sys.path)
    with chdir(folder or Path.cwd()), patch.dict(os.environ, env), warnings.catch_warnings():
        try:
            yield
        finally:
            sys.path[:] = path
            for name, module in list(sys.modules.items()):
                if folder and Path(getattr(module, "__file__", None) or "/").is_relative_to(folder.resolve()):
                    del sys.modules[name]


def bezoar_process(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 500
) -> Outcome:
    """The command line in a process of its own."""
    done = subprocess.run(
        [*BEZOAR, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
