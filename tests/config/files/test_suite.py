"""Suites: every mistake at its place, and what only this machine lacks as a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.suite import load_suite
from support.command import bezoar


def write(folder: Path, *tasks: Any, **top: Any) -> Path:
    path = folder / "suite.yaml"
    lines = {"name": "mine", "version": 1, "tasks": list(tasks), **top}
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in lines.items()))
    return path


def codes(path: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        load_suite(path)
    return [problem.code for problem in error.value.problems]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"task": "arc_challenge"},
        {"task": "arc_challenge", "data": {"test": "nowhere.jsonl"}},
        {"task": "tasks/mine.yaml"},
    )
    assert codes(path) == ["duplicate-id", "missing-file", "missing-file"]
    assert codes(write(tmp_path, {"task": "a", "shot": 3})) == ["unknown-key"]
    assert codes(write(tmp_path)) == ["bad-value"]


def test_a_variable_that_is_not_set_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"task": "gsm8k", "data": {"test": "$MY_DATA/test.jsonl"}})
    monkeypatch.delenv("MY_DATA", raising=False)
    assert [(p.code, p.level) for p in load_suite(path).warnings] == [("missing-variable", "warning")]
    assert "no mistakes found, 1 warning" in bezoar("validate", path).out
    monkeypatch.setenv("MY_DATA", str(tmp_path))
    assert codes(path) == ["missing-file"]
    (tmp_path / "test.jsonl").write_text("{}\n")
    loaded = load_suite(path)
    assert loaded.data(loaded.file.tasks[0])["test"].file == str(tmp_path / "test.jsonl")
