"""A person's project for tests: rows, a models file and a pipeline in a folder, run by the real command line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

BEZOAR = (sys.executable, "-m", "bezoar_data.cli.main")

STEPS = """\
  - use: load_flan
    with: {path: rows.jsonl}
  - use: orca.system_message
  - use: orca.explain
    with: {model: teacher}
"""

JUDGED = (
    STEPS
    + """\
  - use: judge.accept
    with: {model: judge, as: gpt4}
"""
)


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


class Project:
    """A folder with a pipeline, as a person would have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def rows(self, count: int, mark: Mapping[int, str] | None = None) -> None:
        """`count` FLAN-like rows; `mark` puts a word for the fault server into some."""
        marks = mark or {}
        with (self.folder / "rows.jsonl").open("w") as file:
            for i in range(count):
                row = {
                    "inputs": f"What is special about the number {i}? {marks.get(i, '')}".strip(),
                    "targets": f"It comes after {i - 1}.",
                    "task_source": ("CoT", "NIv2", "T0", "Flan2021")[i % 4],
                    "task_name": f"task {i % 7}",
                    "template_type": "zs_noopt",
                }
                file.write(json.dumps(row) + "\n")

    def pipeline(self, steps: str = STEPS, **top: Any) -> Path:
        path = self.folder / "pipeline.yaml"
        head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in top.items())
        path.write_text(f"name: test\nversion: 1\nmodels: models.yaml\n{head}steps:\n{steps}")
        return path

    def models(self, url: str, **more: Any) -> Path:
        """Teacher and judge at one address. `more` is merged into both entries."""
        entry = {"provider": "openai", "model": "tester", "base_url": url, "sampling": {"max_tokens": 256}, **more}
        path = self.folder / "models.yaml"
        path.write_text(f"version: 1\nroles: {json.dumps({'teacher': entry, 'judge': entry})}\n")
        return path

    def bezoar(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 100) -> Outcome:
        done = subprocess.run(
            [*BEZOAR, *arguments],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str, **more: Any) -> Outcome:
        return self.bezoar("run", "pipeline.yaml", *arguments, **more)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, left running in a process group of its own."""
        return subprocess.Popen(
            [*BEZOAR, "run", "pipeline.yaml", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def kept(self, run: str = "test") -> list[dict[str, Any]]:
        files = sorted((self.folder / "runs" / run / "dataset" / "data").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def dropped(self, run: str = "test") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.folder / "runs" / run / "dropped.parquet").to_pylist()
        return rows

    def journalled(self, runs: str = "runs") -> int:
        """How many answers the journal holds."""
        with closing(sqlite3.connect(self.folder / runs / "journal.sqlite")) as journal:
            return int(journal.execute("SELECT count(*) FROM answers").fetchone()[0])

    def files(self, run: str = "test") -> dict[str, bytes]:
        """Every published file's bytes, and those of the dropped rows."""
        folder = self.folder / "runs" / run
        paths = [p for p in (folder / "dataset").rglob("*") if p.is_file()]
        return {str(p.relative_to(folder)): p.read_bytes() for p in [*paths, folder / "dropped.parquet"]}


def kill_group(process: subprocess.Popen[str]) -> None:
    """`kill -9` for the process and everything it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def alive_in_group(pid: int) -> Sequence[int]:
    """Processes still alive in a group: orphans, once its leader is gone."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found
