"""How long one waits for `trace`, `head` and `diff`, over `--version`, beside a large journal and large runs.

    python benchmarks/look/measure.py FOLDER [--answers 1000000] [--rows 100000] [--rounds 7]

Makes a journal and two runs in FOLDER, once, and writes nothing else. The second run differs from the first in every
tenth row's answer, and in the prompt of the step that asked. Prints a table: the median of the rounds, by the clock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import STORED, Entry, compress, pack
from bezoar_data.llms.journal.schema import connect
from bezoar_data.runs.dataset import write_dataset, write_dropped
from bezoar_data.runs.folder import RunFolder, write_json
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.row import Drop, Lineage, Row, seed_id
from bezoar_data.runs.spool import Spool

WORDS = ["river", "stone", "amber", "light", "under", "quiet", "north", "paper", "seven", "garden", "because", "often"]
TOGETHER = 10_000


def key(side: str, step: str, number: int) -> str:
    return hashlib.sha256(f"{side} {step} {number}".encode()).hexdigest()


def text(number: int, letters: int) -> str:
    chance = random.Random(number)
    return " ".join(chance.choices(WORDS, k=letters // 6))


def make_journal(path: Path, answers: int) -> None:
    Journal.open(path).close()
    with closing(connect(path)) as connection:
        for first in range(0, answers, TOGETHER):
            packed = [pack(entry(number)) for number in range(first, min(first + TOGETHER, answers))]
            connection.execute("BEGIN")
            marks = ", ".join("?" * len(packed[0].row))
            into = f"INSERT INTO answers ({STORED}) VALUES ({marks})"  # noqa: S608
            connection.executemany(into, [one.row for one in packed])
            requests = [(one.request, compress(one.messages or b"")) for one in packed]
            connection.executemany("INSERT OR IGNORE INTO requests (hash, messages) VALUES (?, ?)", requests)
            connection.execute("COMMIT")


def entry(number: int) -> Entry:
    step, row = ("answer", "judge")[number % 2], number // 2
    return Entry(
        key=key("a", step, row), text=text(number, 350), finish_reason="stop", provider="openai", model="model",
        max_tokens=512, prompt_tokens=100, completion_tokens=60, cost=0.0001, asked_at=1.0, answered_at=2.0, step=step,
        messages=[{"role": "user", "content": f"{number} {text(-number, 300)}"}],
    )  # fmt: skip


def rows(side: str, count: int) -> Iterator[Row]:
    for number in range(count):
        other = side == "b" and number % 10 == 0
        source = "b" if other else "a"
        lineage = Lineage(
            id=seed_id("source", "1", number),
            order=(number,),
            seed_ids=(seed_id("source", "1", number),),
            source="source",
            models={"answer": "model", "judge": "model"},
            keys={"answer": (key(source, "answer", number),), "judge": (key("a", "judge", number),)},
        )
        columns = {
            "instruction": text(-number, 150),
            "response": text(number + other, 500),
            "judge_status": ("Accept", "Reject")[number % 3 == 0],
            "judge_rating": 1 + number % 5,
        }
        drop = Drop("judge", "not_chosen", "rating 1") if number % 20 == 19 else None
        yield Row(columns, lineage if drop is None else lineage.dropped(drop))


def make_run(folder: RunFolder, journal: Path, side: str, count: int) -> None:
    folder.path.mkdir(parents=True)
    spool = Spool(folder.path / "spool")
    try:
        for row in rows(side, count):
            spool.keep(row) if row.lineage.drop is None else spool.drop(row)
        written = write_dataset(spool, folder.dataset, splits={"validation": 0.1}, seed=0)
        dropped = write_dropped(spool, folder.dropped)
    finally:
        spool.close()
    step = SAMPLE.steps[0]
    steps = (
        replace(step, id="load", use="load_instructions", role=None),
        replace(step, id="answer", use="lamini.respond", after=("load",), texts={"prompt": f"Answer it. {side}"}),
        replace(step, id="judge", use="judge.accept", after=("answer",)),
    )
    lock = replace(
        SAMPLE,
        steps=steps,
        counts=replace(SAMPLE.counts, source=count, kept=written.rows, dropped=dropped),
        judges=(replace(SAMPLE.judges[0], step="judge"),),
        sources=(replace(SAMPLE.sources[0], step="load"),),
        columns=dict(written.columns),
        data=written.files,
    )
    write_json(folder.dataset / "lock.json", lock.as_json())
    Ingredients(journal, (), {}, None).note(folder, folder.path.parent / "pipeline.yaml")


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, float]:
    """The median of each; a round runs all of them, so that a slow minute of the machine meets all alike."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
            taken[name].append(time.perf_counter() - start)
            assert done.returncode in (0, 1), done.stderr
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    runs = options.folder / "runs"
    journal = runs / "journal.sqlite"
    if not (runs / "b" / "dataset" / "lock.json").exists():
        runs.mkdir(parents=True, exist_ok=True)
        make_journal(journal, options.answers)
        for side in ("a", "b"):
            make_run(RunFolder(runs / side), journal, side, options.rows)
    kept, dropped = (seed_id("source", "1", number) for number in (options.rows // 2, options.rows // 20 * 10 - 1))
    a, b = str(runs / "a"), str(runs / "b")
    table = {
        "--version": ["--version"],
        "trace, kept row": ["trace", kept, "--run", a],
        "trace, dropped row": ["trace", dropped, "--run", a],
        "trace --find": ["trace", "--find", text(options.rows // 2, 500)[:60], "--run", a],
        "head": ["head", a],
        "show, last row": ["show", a, str(options.rows // 20 * 19)],
        "diff": ["diff", a, b],
    }
    commands = {name: ["-m", "bezoar_data.cli.main", *arguments] for name, arguments in table.items()}
    commands["its libraries alone"] = [
        "-c",
        "from pydantic import TypeAdapter; import pyarrow.parquet, rich.console, typer",
    ]
    found = measure(commands, options.rounds)
    size = journal.stat().st_size / 1e6
    print(f"{options.answers:,} answers ({size:,.0f} MB), {options.rows:,} rows, median of {options.rounds}")
    print(json.dumps({name: round(seconds, 3) for name, seconds in found.items()}, indent=1))
    print(f"trace over --version: {found['trace, kept row'] - found['--version']:.3f} s")


if __name__ == "__main__":
    main()
