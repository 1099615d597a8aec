"""Who is measured: how each is told to do the same job, where its answers are read, and the settings it is tried with.

A newcomer is a driver in `peers/`, a pinned list beside it and one entry in `PEERS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import envs
import prompts

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Setting:
    """A contender's own knobs. `batch` None: it has none, or `rows` at a time."""

    concurrency: int
    batch: int | None = None
    backend: str = ""

    def __str__(self) -> str:
        parts = [self.backend] if self.backend else []
        parts.append(f"{self.concurrency} in flight")
        if self.batch is not None:
            parts.append(f"batches of {self.batch}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Job:
    """The same for all: these rows, from this endpoint, into this folder. `resume` keeps what going on needs."""

    rows: int
    base_url: str
    work: Path
    setting: Setting
    resume: bool = False


class Contender:
    name: str
    title: str

    def prepare(self, job: Job) -> None:
        """Write the inputs. Not measured."""
        raise NotImplementedError

    def command(self, job: Job) -> list[str]:
        raise NotImplementedError

    def answers(self, job: Job) -> Iterator[tuple[Any, Any]]:
        """(question, answer) of each row of the output, as it stands on disk."""
        raise NotImplementedError

    def faults(self, job: Job) -> list[str]:
        """What is wrong with the output; empty if every row has its right answer once."""
        try:
            return prompts.faults(job.rows, self.answers(job))
        except (OSError, ValueError) as error:
            return [f"no output ({type(error).__name__})"]


class Peer(Contender):
    """Another tool, driven by a script of ours in its own environment."""

    def __init__(self, name: str, title: str, script: str, package: str, folder: Path) -> None:
        self.name = name
        self.title = title
        self.script = HERE / "peers" / script
        self.package = package
        self.python = envs.peer_python(name, folder)

    @property
    def version(self) -> str:
        for line in (envs.PEERS / f"{self.name}.txt").read_text().splitlines():
            if line.lower().startswith(f"{self.package}=="):
                return line.partition("==")[2]
        return "?"

    def prepare(self, job: Job) -> None:
        job.work.mkdir(parents=True, exist_ok=True)
        prompts.write_rows(job.work / "rows.jsonl", job.rows)

    def command(self, job: Job) -> list[str]:
        command = [str(self.python), str(self.script), "--base-url", job.base_url]
        command += ["--input", str(job.work / "rows.jsonl"), "--output", str(job.work / "answers.jsonl")]
        command += ["--work", str(job.work / "cache"), "--concurrency", str(job.setting.concurrency)]
        command += ["--batch", str(job.setting.batch or job.rows), "--backend", job.setting.backend]
        return [*command, "--resume"] if job.resume else command

    def answers(self, job: Job) -> Iterator[tuple[Any, Any]]:
        with (job.work / "answers.jsonl").open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield row["prompt"], row["answer"]


class Ours(Contender):
    """`bezoar-data run` with its journal, from files as a person writes them.

    `provider` may name an embedded model, which asks no server; what it answers is then not checked.
    """

    name = "ours"
    title = "bezoar-data"

    def __init__(self, python: Path, provider: str = "openai") -> None:
        self.python = python
        beside = python.parent / "bezoar-data"
        self.program = [str(beside)] if beside.exists() else [str(python), "-m", "bezoar_data.cli.main"]
        self.provider = provider

    def prepare(self, job: Job) -> None:
        job.work.mkdir(parents=True, exist_ok=True)
        prompts.write_flan_rows(job.work / "rows.jsonl", job.rows)
        (job.work / "messages.yaml").write_text(_NO_SYSTEM_MESSAGE)
        (job.work / "pipeline.yaml").write_text(_PIPELINE)
        (job.work / "models.yaml").write_text(self._models(job))

    def _models(self, job: Job) -> str:
        lines = ["version: 1", "roles:", "  teacher:", f"    provider: {self.provider}", "    model: bench"]
        if self.provider == "openai":
            lines.append(f"    base_url: {job.base_url}")
        lines.append("    sampling: {temperature: 0.0, max_tokens: 256}")
        lines.append(f"    limits: {{concurrency: {job.setting.concurrency}, timeout: 60}}")
        return "\n".join(lines) + "\n"

    def command(self, job: Job) -> list[str]:
        files = [str(job.work / "pipeline.yaml"), "--models", str(job.work / "models.yaml")]
        return [*self.program, "run", *files, "--out", str(self.out(job)), "--json"]

    def out(self, job: Job) -> Path:
        return job.work / "runs" / "bench"

    def journal(self, job: Job) -> Path:
        return job.work / "runs" / "journal.sqlite"

    def answers(self, job: Job) -> Iterator[tuple[Any, Any]]:
        from pyarrow import parquet

        files = sorted((self.out(job) / "dataset" / "data").rglob("*.parquet"))
        if not files:
            raise FileNotFoundError("no dataset")
        for file in files:
            table = parquet.read_table(file, columns=["inputs", "explained_targets"])
            yield from zip(*(table[c].to_pylist() for c in ("inputs", "explained_targets")), strict=True)


_PIPELINE = """\
name: bench
version: 1
description: One question, one answer.
models: models.yaml
seed: 42
steps:
  - use: load_flan
    with: {path: rows.jsonl, licence: CC0-1.0}
  - use: orca.system_message
    with: {messages: messages.yaml}
  - use: orca.explain
    with: {model: teacher}
"""

# The peers send the question alone, so we do too: one system message, and it is empty.
_NO_SYSTEM_MESSAGE = """\
version: 1
messages:
  - {id: 1, purpose: none, text: ""}
assignment:
  T0: {messages: [1]}
"""


@dataclass(frozen=True)
class Entry:
    """A peer: its script, and the settings the sweep tries it with. The first is the one used without a sweep."""

    title: str
    script: str
    package: str
    settings: Sequence[Setting]


PEERS: dict[str, Entry] = {
    "raw-aiohttp": Entry("raw aiohttp (the bound)", "raw_aiohttp.py", "aiohttp", [Setting(256)]),
    "distilabel": Entry(
        "distilabel Pipeline",
        "distilabel_run.py",
        "distilabel",
        [
            Setting(1000, 1000),
            Setting(50, 50),
            Setting(50),
            Setting(256, 256),
            Setting(256),
            Setting(500),
            Setting(1000),
        ],
    ),
    "curator": Entry(
        "Bespoke Curator",
        "curator_run.py",
        "bespokelabs-curator",
        [
            Setting(256, backend="openai"),
            Setting(64, backend="openai"),
            Setting(512, backend="openai"),
            Setting(64, backend="litellm"),
            Setting(256, backend="litellm"),
        ],
    ),
    "data-designer": Entry(
        "Data Designer",
        "datadesigner_run.py",
        "data-designer",
        [Setting(16, 1000), Setting(8, 1000), Setting(64, 1000), Setting(256, 1000), Setting(16, 250), Setting(64)],
    ),
}

BOUND = "raw-aiohttp"


def make_peers(names: Sequence[str], folder: Path) -> tuple[dict[str, Peer], dict[str, str]]:
    """The peers that can be run here, and for the others why not."""
    made: dict[str, Peer] = {}
    missing: dict[str, str] = {}
    for name in names:
        entry = PEERS[name]
        try:
            made[name] = Peer(name, entry.title, entry.script, entry.package, folder)
        except RuntimeError as error:
            missing[name] = str(error)
    return made, missing
