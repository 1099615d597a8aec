"""Rows of FLAN for tests, and what `load_flan` makes of them."""

from __future__ import annotations

import json
from pathlib import Path

from bezoar_data.steps.sources.load_flan import LoadFlan

FLAN = ["inputs", "targets", "task_source", "task_name", "template_type"]


def flan(i: int = 0, **changes: object) -> dict:
    return {
        "inputs": f"Question {i}?",
        "targets": f"Answer {i}",
        "task_source": "CoT",
        "task_name": "sums",
        "template_type": "zs_noopt",
        **changes,
    }


def write_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def load(**settings) -> LoadFlan:
    return LoadFlan(name="load_flan", **settings)


def columns(**settings) -> list[dict]:
    return [r.columns for r in load(**settings).rows()]
