"""Runs in shards: whatever is killed or lost, what is merged has the bytes of a run that was never cut."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import fsspec
import pytest

from bezoar_data.llms.journal import integrity
from support.fault_server import FaultServer
from support.projects import PHASES, STEPS, Project, kill, wait_for_requests


@pytest.fixture
def cut(project: Project, server: FaultServer) -> Project:
    """A pipeline of two phases, with rows that ask the same in several shards."""
    server.set(spread=0.01)
    project.models(server.url)
    project.pipeline(PHASES, splits={"validation": 0.3})
    project.rows(15)
    rows = project.folder / "rows.jsonl"
    rows.write_text(rows.read_text() * 2)
    return project


def run_shards(project: Project, of: int, *more: str) -> list[dict[str, object]]:
    done = [project.run("--json", "--shard", f"{i}/{of}", *more) for i in range(of)]
    assert [one.code for one in done] == [0] * of, [one.err for one in done]
    return [one.json for one in done]


def merge(project: Project, *more: str) -> dict[str, object]:
    done = project.bezoar("merge-shards", "pipeline.yaml", "--json", *more)
    assert done.code == 0, done.err
    merged: dict[str, object] = done.json
    return merged


def test_three_shards_of_which_one_is_killed_merge_into_the_bytes_of_one_run(cut: Project, server: FaultServer) -> None:
    whole = cut.run("--json", "--out", "whole/test", "--journal", "whole/journal.sqlite")
    assert whole.code == 0, whole.err
    server.set(latency=0.1)
    killed = cut.start("--shard", "1/3")
    wait_for_requests(server, killed, 5)
    kill(killed, server)
    server.turn(spread=0.01)
    first = run_shards(cut, 3)
    assert [one["rows"] for one in first] == [10, 10, 10]
    assert [(one["phase"], one["phases"]) for one in first] == [(1, 2)] * 3
    assert server.stats()["most_for_one"] <= 3, "once in each of the shards whose rows ask it"
    begun = merge(cut, "--events", "merged.jsonl")
    assert (begun["phase"], begun["phases"]) == (2, 2)
    second = run_shards(cut, 2, "--phase", "2")
    assert sum(int(str(one["rows"])) for one in second) == begun["rows"]
    asked = server.stats()["requests"]
    merged = merge(cut, "--events", "merged.jsonl")
    assert server.stats()["requests"] == asked, "merging asks nobody"
    told = [json.loads(line) for line in (cut.folder / "merged.jsonl").read_text().splitlines()]
    ends = [(line["command"], line["outcome"], line["result"]) for line in told if line["event"] == "end"]
    assert [end[:2] for end in ends] == [("merge-shards", "done")] * 2
    assert (ends[0][2]["rows"], ends[1][2]["lock"]) == (begun["rows"], merged["lock"])
    assert cut.files() == cut.files("../whole/test")
    assert merged["lock"] == whole.json["lock"]
    status = cut.bezoar("status", "runs/test/shards/phase-2/1-of-2")
    assert "shard 1/2, phase 2 of 2" in status.out


def test_a_lost_machine_costs_nothing_that_was_collected(cut: Project, server: FaultServer) -> None:
    cut.pipeline(STEPS)
    assert cut.run("--out", "whole/test", "--journal", "whole/journal.sqlite").code == 0
    url = "memory://lost/machine"
    run_shards(cut, 2, "--collect", url)
    fsspec.filesystem("memory").rm("/lost/machine/phase-1/0-of-2/done.json")
    shutil.rmtree(cut.folder / "runs")
    asked = server.stats()["requests"]
    anew = cut.run("--json", "--shard", "0/2", "--collect", url)
    assert anew.code == 0, anew.err
    assert anew.json["brought_back"] > 0
    shutil.rmtree(cut.folder / "runs")
    merge(cut, "--collect", url)
    assert server.stats()["requests"] == asked
    assert cut.files() == cut.files("../whole/test")


def test_where_shards_gave_other_answers_that_of_the_lowest_row_counts(
    cut: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is there twice, in the first and in the second half. They are collected in a folder on a network."""
    shared = cut.folder / "shared"
    shared.mkdir()
    monkeypatch.setattr(integrity, "mounts", lambda: f"36 35 0:32 / {shared} rw - nfs4 server:/shared rw\n")
    cut.pipeline(STEPS)
    refused = cut.run("--shard", "0/2", "--out", "shared/test")
    assert refused.code == 2
    assert "journal cannot be kept on a network file system" in refused.err
    run_shards(cut, 2, "--collect", "shared/shards")
    collected = shared / "shards" / "phase-1"
    (first,) = (collected / "0-of-2").glob("answers-*")
    (second,) = (collected / "1-of-2").glob("answers-*")
    known = {entry["key"] for entry in entries(first)}
    changed = [{**e, "text": "another answer"} if e["key"] in known else e for e in entries(second)]
    assert any(entry["text"] == "another answer" for entry in changed)
    second.write_bytes(gzip.compress("".join(json.dumps(entry) + "\n" for entry in changed).encode()))
    merge(cut, "--collect", "shared/shards")
    assert not [row for row in cut.kept() if row["explained_targets"] == "another answer"]


def entries(segment: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(segment.read_bytes()).splitlines()]


def test_what_is_missing_or_of_another_run_is_told(cut: Project) -> None:
    def said(*arguments: str) -> str:
        done = cut.bezoar(*arguments)
        assert done.code == 2
        return done.err

    assert "names no shard" in said("run", "pipeline.yaml", "--shard", "3/3")
    assert "--phase is for shards alone" in said("run", "pipeline.yaml", "--phase", "2")
    assert "no shard of phase 1 is collected" in said("merge-shards", "pipeline.yaml")
    assert "phase 2 has not begun" in said("run", "pipeline.yaml", "--shard", "0/3", "--phase", "2")
    assert "there is no phase 3" in said("run", "pipeline.yaml", "--shard", "0/3", "--phase", "3")
    assert "nowhere" in said("run", "pipeline.yaml", "--shard", "0/3", "--collect", "nowhere://x")
    assert cut.run("--shard", "1/3").code == 0
    assert "of the 3 shards of phase 1, 2 are not done: 0/3, 2/3" in said("merge-shards", "pipeline.yaml")
    cut.pipeline(PHASES, splits={"validation": 0.5})
    (cut.folder / "runs" / "test" / "shards" / "collected" / "phase-1" / "1-of-3").rename(
        cut.folder / "runs" / "test" / "shards" / "collected" / "phase-1" / "0-of-1"
    )
    assert "of a pipeline file or settings other than these" in said("merge-shards", "pipeline.yaml")
