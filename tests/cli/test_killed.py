"""Commands that write, killed: what they write is the old or the new, never half of either."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.llms.journal import Journal
from support.command import BEZOAR, bezoar
from support.journal_entries import entry_of, key_of, put_all
from support.waiting import wait_until

KILLS = [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, 10))]
ROWS = 60_000


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(pa.table({"id": [str(i) for i in range(ROWS)], "said": ["word " * 20] * ROWS}), file)
    return file


@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_export_leaves_what_was_there(rows: Path, tmp_path: Path, kill: int) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text('{"id": "0", "said": "before"}\n')
    process = subprocess.Popen([*BEZOAR, "export", str(rows), "--format", "jsonl", "--out", str(out)])
    size = random.Random(kill).randrange(1, 7_000_000)

    def written() -> bool:
        beside = [p.stat().st_size for p in tmp_path.glob(".*.new")]
        return process.poll() is not None or any(n >= size for n in beside)

    wait_until(written)
    process.kill()
    process.wait()
    lines = out.read_text().splitlines()
    assert len(lines) in (1, ROWS)
    assert len(lines) == ROWS or json.loads(lines[0])["said"] == "before"
    done = bezoar("export", rows, "--format", "jsonl", "--out", out)
    assert done.code == 0, done.err
    assert len(out.read_text().splitlines()) == ROWS
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_prune_has_deleted_all_or_nothing(tmp_path: Path, kill: int) -> None:
    path = tmp_path / "journal.sqlite"
    old, kept = range(3000), range(10_000, 10_500)
    with Journal.open(path) as journal:
        put_all(journal, [entry_of(n) for n in old])
        put_all(journal, [entry_of(n, model="another") for n in kept])
    command = ("journal", "prune", "--model", "some-model", "--journal", str(path))
    process = subprocess.Popen([*BEZOAR, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log, size = path.with_name("journal.sqlite-wal"), random.Random(kill).randrange(1, 12_000_000)
    wait_until(lambda: process.poll() is not None or (log.exists() and log.stat().st_size >= size))
    process.kill()
    process.wait()
    with Journal.open(path) as journal:
        assert journal.notes == []
        there = [journal.get(key_of(n)) is not None for n in old]
        assert all(there) or not any(there)
        assert all(journal.get(key_of(n)) == entry_of(n, model="another") for n in kept)
    assert bezoar(*command).code == 0
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert file.execute("SELECT count(*) FROM answers").fetchone() == (len(kept),)
