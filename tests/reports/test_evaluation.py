"""Evaluations as text."""

from __future__ import annotations

from pathlib import Path

from bezoar_data.evaluation.record import EVALUATION, Evaluation
from bezoar_data.reports.evaluation import evaluation_text
from support.evaluations import Scored, leave_evaluation


def test_a_task_that_only_the_second_model_has_is_shown(tmp_path: Path) -> None:
    both, own = Scored("qasc", [1.0, 0.0]), Scored("ecqa", [1.0, 1.0])
    folders = [
        leave_evaluation(tmp_path, None, tasks, name=name) for name, tasks in (("a", [both]), ("b", [both, own]))
    ]
    text = evaluation_text([Evaluation.read(folder / EVALUATION) for folder in folders])
    rows = [line.split() for line in text.splitlines()]
    assert ["qasc", "acc", "2", "0.500", "±", "0.010", "0.500", "±", "0.010"] in rows
    assert ["ecqa", "acc", "2", "-", "1.000", "±", "0.010"] in rows
