"""Rows that only show the flow are marked beside them, and no others."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.runs.demo_mark import is_demo
from support.shipped import PIPELINES


def test_every_shipped_seed_is_marked_and_rows_beside_them_are_not(tmp_path: Path):
    seeds = sorted((PIPELINES / "seeds").glob("*.jsonl"))
    assert len(seeds) > 5
    assert all(map(is_demo, seeds))
    assert not is_demo(PIPELINES / "seeds" / "mine.jsonl")
    (tmp_path / "demo.txt").write_text("# rows.jsonl is none\nother.jsonl  # this one is\n")
    assert is_demo(tmp_path / "other.jsonl")
    assert not is_demo(tmp_path / "rows.jsonl")
