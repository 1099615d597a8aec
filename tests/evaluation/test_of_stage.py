"""Which evaluations belong to a stage, and which only seem to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.evaluation.of_stage import scores_of
from support.evaluations import Scored, leave_evaluation
from support.trained import data, stage

ORCA, HH = data("orca.md", "MIT", "yes"), data("hh.md", "MIT", "yes")
SFT, DPO = stage(ORCA), stage(ORCA, HH)
TASKS = [Scored("qasc", [1.0, 0.0] * 10), Scored("ecqa", [1.0, 1.0] * 10)]


def test_a_stage_stands_beside_its_base_and_the_stages_before(tmp_path: Path) -> None:
    folder = tmp_path / "evaluated" / "r" / "small"
    for one in (DPO, SFT, None):
        leave_evaluation(folder, one, TASKS)
    leave_evaluation(folder, None, TASKS, name="other", suite="another")
    leave_evaluation(folder, stage(HH, key="f" * 32), TASKS, name="stranger")
    (chain,) = scores_of(DPO, [tmp_path / "evaluated"]).chains
    assert [point.name for point in chain.points] == ["base", "s0", "s1"]
    (chain,) = scores_of(SFT, [tmp_path / "evaluated"]).chains
    assert [point.name for point in chain.points] == ["base", "s0"]


def test_one_evaluation_of_a_suite_is_taken_and_the_other_named(tmp_path: Path) -> None:
    leave_evaluation(tmp_path / "evaluated" / "a" / "small", DPO, TASKS)
    second = leave_evaluation(tmp_path / "evaluated" / "r" / "small", DPO, TASKS)
    found = scores_of(DPO, [tmp_path / "evaluated"])
    assert [chain.last.folder.parents[1].name for chain in found.chains] == ["a"]
    assert "another evaluation on small goes on the card" in found.refused[0].message
    assert [chain.last.folder for chain in scores_of(DPO, [tmp_path / "evaluated", second]).chains] == [second]


def altered(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "evaluation.json"
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def other_data(value: dict[str, Any]) -> None:
    value["model"]["trained_on"][0]["lock"] = "0123456789abcdef"


def not_searched(value: dict[str, Any]) -> None:
    value["contamination"]["checked"] = []


def better_figure(value: dict[str, Any]) -> None:
    value["tasks"][0]["metrics"]["acc"]["value"] += 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_data, "its model was trained on other data than s1: orca.md at lock 0123456789abcdef"),
        (not_searched, "it is not finished"),
        (better_figure, "the acc of 'qasc' is not what its items say"),
    ],
)
def test_what_does_not_hold_is_refused_and_told_why(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    folder = leave_evaluation(tmp_path / "evaluated" / "r" / "small", DPO, TASKS)
    altered(folder, change)
    found = scores_of(DPO, [tmp_path / "evaluated"])
    assert (found.chains, [problem.message for problem in found.refused]) == ((), [message])
    with pytest.raises(InputError, match=message.partition(":")[0]):
        scores_of(DPO, [folder])


def test_scores_of_another_training_are_not_the_stages(tmp_path: Path) -> None:
    folder = leave_evaluation(tmp_path / "evaluated" / "r" / "small", DPO, TASKS)
    again = replace(DPO, key="e" * 32)
    found = scores_of(again, [tmp_path / "evaluated"])
    assert found.chains == ()
    (problem,) = found.refused
    assert (
        problem.message
        == f"it is of the stage of key {DPO.key[:16]}, and s1 has key {'e' * 16}: it was trained again since"
    )
    base = leave_evaluation(tmp_path / "evaluated" / "r" / "small", None, TASKS)
    with pytest.raises(InputError, match="it is of a model that is not a stage"):
        scores_of(again, [base])
    with pytest.raises(InputError, match="trained again since"):
        scores_of(again, [folder])
