"""What the README promises of its run command, held against what it left: run in the folder and the environment where
it has just run. Real answers of the real model; a second run asks nothing; a killed run goes on and asks nothing twice.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

MODEL = "smollm2-135m-instruct"
RUN = ("bezoar-data", "run", "pipelines/orca.yaml", "--json")
PATIENCE = 300.0


def rows_of(run: Path) -> dict[str, dict[str, Any]]:
    """The kept rows of a run, by id."""
    files = sorted((run / "dataset" / "data").glob("*.parquet"))
    return {row["id"]: row for file in files for row in pq.read_table(file).to_pylist()}


def bytes_of(run: Path) -> dict[str, bytes]:
    files = [*(run / "dataset").rglob("*"), run / "dropped.parquet"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files if path.is_file()}


def answers_in(journal: Path) -> dict[str, tuple[int, float]]:
    """What the journal holds: by key the answer's number and time."""
    if not journal.exists():
        return {}
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT key, id, answered_at FROM answers").fetchall()
    assert len({key for key, *_ in rows}) == len(rows), "a question was answered twice"
    return {key: (number, at) for key, number, at in rows}


def check_the_run(run: Path) -> None:
    lock = json.loads((run / "dataset" / "lock.json").read_text())
    assert lock["counts"]["source"] == 72, lock["counts"]
    assert lock["counts"]["kept"] + lock["counts"]["dropped"] == 72, lock["counts"]
    assert lock["counts"]["kept"] >= 60, lock["counts"]
    teacher, judge = (next(m for m in lock["models"] if m["role"] == role) for role in ("teacher", "judge"))
    assert (teacher["provider"], teacher["model"], teacher["demo"]) == ("llamacpp", MODEL, False), teacher
    assert teacher["revision"].startswith("b179c9523d0e6a0f"), teacher
    assert judge["rules"], judge
    assert lock["demo"]
    assert all(source["demo"] for source in lock["sources"])

    rows = rows_of(run)
    verdicts = {row["judge_status"] for row in rows.values()}
    assert verdicts == {"Accept", "Reject"}, verdicts
    assert any("reference" in row["judge_reason"] for row in rows.values())
    assert len({row["explained_targets"] for row in rows.values()}) > 50

    card = (run / "dataset" / "README.md").read_text()
    assert MODEL in card
    assert "This is demonstration data" in card
    assert "(rules, no model)" in card
    example = card.partition("## An example row")[2].partition("\n## ")[0]
    assert "Accept" in example, example
    assert "Reject" not in example, example


def check_again(run: Path) -> None:
    before = bytes_of(run)
    done = subprocess.run(RUN, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["asked"]["requests"] == 0, done.stdout
    assert bytes_of(run) == before


def check_killed(run: Path) -> None:
    """Into another folder with a journal of its own, killed half way, and gone on with."""
    folder, journal = Path("killed") / "orca", Path("killed") / "journal.sqlite"
    command = [*RUN, "--limit", "6", "--out", str(folder)]
    environment = {**os.environ, "BEZOAR_JOURNAL": str(journal.absolute())}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE
    while len(answers_in(journal)) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until, "no answer within five minutes"
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "dataset").exists()
    paid = answers_in(journal)

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    after = answers_in(journal)
    assert {key: after[key] for key in paid} == paid, "a journalled answer was asked for again"
    assert json.loads(done.stdout)["asked"]["requests"] <= len(after) - len(paid)
    # At temperature 0 the words are the same whatever else is asked.
    whole, part = rows_of(run), rows_of(folder)
    shared = part.keys() & whole.keys()
    differing = [key for key in shared if part[key]["explained_targets"] != whole[key]["explained_targets"]]
    assert len(shared) > 3, len(shared)
    assert not differing, differing


def main() -> None:
    run = Path("runs") / "orca"
    for check in (check_the_run, check_again, check_killed):
        began = time.monotonic()
        check(run)
        print(f"{check.__name__}: well, in {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
