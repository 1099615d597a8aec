"""A person's project for tests: rows, a models file and a pipeline in a folder, run by the real command line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bezoar_data.api import load_pipeline
from support.command import BEZOAR, Outcome, bezoar, bezoar_process
from support.fault_server import FaultServer
from support.waiting import wait_until

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
    with: {model: judge}
"""
)

PHASES = (
    STEPS
    + """\
  - use: near_duplicates
    with: {column: explained_targets, threshold: 0.8}
  - use: judge.accept
    with: {model: judge}
"""
)
"""Of shards: a step that needs all rows parts two that ask."""


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

    def bezoar(self, *arguments: str, process: bool | None = None, **more: Any) -> Outcome:
        """The command line in this folder; in a process of its own for distilabel, or where the test wants it."""
        run = bezoar_process if process or (process is None and "local" in arguments) else bezoar
        return run(*arguments, cwd=self.folder, **more)

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

    def parquet(self, run: str = "test") -> dict[str, bytes]:
        """The bytes of the rows alone."""
        return {name: content for name, content in self.files(run).items() if name.endswith(".parquet")}


def counts_add_up(done: Outcome, apart: Collection[str] = ()) -> list[dict[str, Any]]:
    """Each step of a run that ended well keeps or drops what came, and what left the step before it came, except to the
    steps `apart`, which count what they make. Gives back the steps."""
    assert done.code == 0, done.err
    steps: list[dict[str, Any]] = done.json["steps"]
    for step in steps:
        assert step["rows_in"] == step["rows_out"] + sum(step["dropped"].values()), step
    for before, after in pairwise(steps):
        assert after["id"] in apart or before["rows_out"] == after["rows_in"], (before, after)
    return steps


def both_engines_agree(project: Project, other: str = "local") -> None:
    """The project's pipeline gives the same counts, rows and bytes under our engine and under distilabel's runner."""
    stream = project.run("--json", "--out", "runs/stream")
    apart = ("--out", "elsewhere/local", "--journal", "elsewhere/journal.sqlite")
    local = project.run("--json", *apart, "--engine", other, process=True)
    assert (stream.code, local.code) == (0, 0), stream.err + local.err
    assert stream.json["counts"] == local.json["counts"]
    assert stream.json["steps"] == local.json["steps"]
    assert stream.json["judges"] == local.json["judges"]
    assert project.parquet("../elsewhere/local") == project.parquet("stream")


def wait_for_requests(server: FaultServer, process: subprocess.Popen[str], count: int) -> None:
    """Until the server was asked `count` times by a run that is under way."""

    def asked() -> bool:
        there = bool(server.stats()["requests"] >= count)
        assert there or process.poll() is None, process.communicate()
        return there

    wait_until(asked)


def kill(process: subprocess.Popen[str], server: FaultServer) -> int:
    """`kill -9` for a run. How many requests the server has got when what was on its way is there."""
    process.kill()
    process.communicate()
    assert not alive_in_group(process.pid)
    wait_until(lambda: server.stats()["now"] == 0)
    return int(server.stats()["requests"])


def interrupt(process: subprocess.Popen[str], then: Callable[[], None]) -> str:
    """Ctrl-C for a run, and `then` once it has said that it stops. What it says on standard error until its end."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    said = ""
    while "stopping:" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    then()
    said += process.stderr.read()
    process.communicate()
    return said


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


def run_here(project: Project, steps: str | None = None, **more: Any) -> dict[str, Any]:
    """Run a project in this process, its folder being the current one, and give the report as JSON has it."""
    if steps is not None:
        project.pipeline(steps, tolerate=1.0)
    return load_pipeline("pipeline.yaml", **more).run(quiet=True).as_json()


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>{{ 'assistant' if messages and messages[-1].role == 'user' else 'user' }}\n"
)


def with_writer(project: Project, url: str) -> None:
    """A role that may be asked for the user's turn."""
    body = {"chat_template": CHATML, "stop": ["<|im_end|>"]}
    entry = {
        "provider": "openai-completions",
        "model": "base",
        "base_url": url,
        "extra_body": body,
        "sampling": {"seed": 7},
    }
    chat = {"provider": "openai", "model": "tester", "base_url": url}
    roles = {"teacher": chat, "judge": chat, "writer": entry}
    (project.folder / "models.yaml").write_text(f"version: 1\nroles: {json.dumps(roles)}\n")
