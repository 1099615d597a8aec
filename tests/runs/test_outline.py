"""What is read of a lock without reading all of it is what stands in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.errors import InputError
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.outline import Outline, step_of

OLD = Path(__file__).parents[1] / "compatibility" / "0.1.0" / "lock.json"


def written(tmp_path: Path, change: Callable[[dict[str, Any]], Any] = lambda _: None) -> Path:
    value = SAMPLE.as_json()
    change(value)
    path = tmp_path / "lock.json"
    path.write_text(json.dumps(value))
    return path


def test_it_says_what_the_lock_says(tmp_path: Path) -> None:
    path = written(tmp_path)
    outline, lock = Outline.read(path), Lock.read(path)
    assert [(s.id, s.use, s.after) for s in outline.steps] == [(s.id, s.use, s.after) for s in lock.steps]
    assert outline.read_by == {source.name: source.step for source in lock.sources}
    assert list(outline.limits) == [(step, model.model) for model in lock.models for step in model.steps]


def test_an_older_format_has_the_same_keys() -> None:
    steps = json.loads(OLD.read_text())["steps"]
    assert [step.id for step in Outline.read(OLD).steps] == [step["id"] for step in steps]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lock: lock.update(format=Lock.FORMAT + 1), f"has format {Lock.FORMAT + 1}"),
        (lambda lock: lock.pop("format"), "malformed"),
        (lambda lock: lock.pop("steps"), "malformed"),
        (lambda lock: lock.update(models=[1]), "malformed"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        Outline.read(written(tmp_path, change))
    assert said in caught.value.problems[0].message


def test_a_lock_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Outline.read(tmp_path / "lock.json")
    assert "there is no lock.json here" in caught.value.problems[0].message


def test_an_answers_name_names_its_step() -> None:
    steps = ["answer", "answer.two", "judge"]
    assert [step_of(name, steps) for name in ("answer", "answer.llm_b", "answer.two", "other")] == [
        "answer", "answer", "answer.two", "other",
    ]  # fmt: skip
