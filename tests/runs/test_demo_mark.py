"""Rows that only show the flow are marked beside them, and no others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bezoar_data.runs.demo_mark import is_demo
from support.projects import Project, run_here
from support.shipped import PIPELINES


def test_every_shipped_seed_is_marked_and_rows_beside_them_are_not(tmp_path: Path):
    seeds = sorted((PIPELINES / "seeds").glob("*.jsonl"))
    assert len(seeds) > 5
    assert all(map(is_demo, seeds))
    assert not is_demo(PIPELINES / "seeds" / "mine.jsonl")
    (tmp_path / "demo.txt").write_text("# rows.jsonl is none\nother.jsonl  # this one is\n")
    assert is_demo(tmp_path / "other.jsonl")
    assert not is_demo(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("shipped", [True, False])
def test_shipped_rows_stay_a_demo_wherever_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: bool
):
    """A part of them, as CSV, under other columns, without the mark beside them."""
    seeds = [json.loads(line) for line in (PIPELINES / "seeds" / "flan.jsonl").read_text("utf-8").splitlines()]
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "mine"])
        rows.writerows([[row["inputs"] if shipped else f"{row['inputs']} Say why.", "x"] for row in seeds[10:20]])
    project.pipeline("  - use: load_rows\n    with: {path: mine.csv, licence: CC0-1.0, texts: [question]}\n")
    project.models("http://127.0.0.1:9")  # nobody is asked
    run_here(project)
    dataset = tmp_path / "runs" / "test" / "dataset"
    lock = json.loads((dataset / "lock.json").read_text())
    assert (lock["demo"], [source["demo"] for source in lock["sources"]]) == (shipped, [shipped])
    assert ("they are of no other data set" in (dataset / "README.md").read_text()) == shipped
    assert project.bezoar("card", "check", "runs/test").code == 0


def test_no_card_says_that_rows_we_wrote_are_of_another_data_set():
    """Shipped seeds have the shape of published sets: names of pipelines that read them say no more than that."""
    for path in PIPELINES.glob("*.yaml"):
        text = path.read_text("utf-8")
        if "seeds/" in text:
            card = (PIPELINES.parent / "cards" / f"{path.stem}.md").read_text("utf-8")
            said = [line for line in (*text.splitlines(), *card.splitlines()) if line.startswith(SAID)]
            assert said
            for line in said:
                assert not any(name in line for name in SETS) or "in the manner of" in line or "-style" in line, line


SAID = ("description:", "pretty_name:", "- hh-rlhf", "- helpsteer2")
SETS = ("HH-RLHF", "hh-rlhf", "HelpSteer2", "helpsteer2", "FLAN", "OpenAssistant")
