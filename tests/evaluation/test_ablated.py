"""What variants say of the steps that they leave out, and of changes: verdicts, directions, and what a point takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bezoar_data.evaluation.ablated import Ablated, Data, Trained, VariantResult, compare_variants
from bezoar_data.evaluation.items import Evaluated, TaskItems
from bezoar_data.reports.ablation import AblationReport

ITEMS, SEEDS = 80, 3


def trained(
    name: str,
    rights: dict[str, float],
    *,
    cost: float | None = 1.0,
    answers: float = 100,
    left_out: bool = True,
    lower: bool = False,
) -> Trained:
    """A variant that has so much of each task's items right, the same ones with every seed but a few."""
    models = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        tasks = {}
        for task, right in rights.items():
            scores = {str(i): float(i < right * ITEMS) for i in range(ITEMS)}
            for i in rng.integers(0, ITEMS, 2):
                scores[str(i)] = 1 - scores[str(i)]
            better = frozenset({"acc"}) if lower else frozenset[str]()
            tasks[task] = TaskItems(None, "acc", better, {"acc": scores}, {}, {}, {})
        models.append(Evaluated(name, Path(name), tasks))
    data = Data(rows=50, learnt=40, answers=answers, tokens=1000, cost=cost, asked=0)
    return Trained(name, f"without {name}", left_out, data, None, models)


def compared(whole: Trained, *others: Trained) -> dict[str, VariantResult]:
    return {one.name: one for one in compare_variants(whole, others)}


def test_a_step_helps_where_leaving_it_out_costs_points_and_a_point_of_it_has_a_price() -> None:
    whole = trained("whole", {"qa": 0.8})
    found = compared(whole, trained("judge", {"qa": 0.5}, cost=0.4, answers=40))["judge"]
    (said,) = found.found
    assert (found.verdict, said.verdict) == ("helps", "helps")
    points = said.effect["value"] * 100
    assert points == pytest.approx(30, abs=3)
    assert said.cost_per_point == pytest.approx(0.6 / points, rel=1e-3)
    assert said.answers_per_point == pytest.approx(60 / points, rel=1e-3)
    hurts = compared(whole, trained("short", {"qa": 1.0}))["short"]
    assert (hurts.verdict, hurts.found[0].cost_per_point) == ("hurts", None)
    unpriced = compared(trained("whole", {"qa": 0.8}, cost=None), trained("judge", {"qa": 0.5}))["judge"]
    assert (unpriced.found[0].cost_per_point, unpriced.found[0].answers_per_point) == (None, 0)


def test_a_change_helps_where_the_variant_is_better_also_where_less_is_better() -> None:
    better = trained("teacher", {"qa": 0.8}, left_out=False, cost=3)
    found = compared(trained("whole", {"qa": 0.5}), better)["teacher"]
    assert found.verdict == "helps"
    assert found.found[0].cost_per_point == pytest.approx(2 / 100 / found.found[0].effect["value"], rel=1e-3)
    worse = trained("teacher", {"qa": 0.8}, left_out=False, lower=True)
    assert compared(trained("whole", {"qa": 0.5}, lower=True), worse)["teacher"].verdict == "hurts"


def test_tasks_that_disagree_are_mixed_and_all_comparisons_are_corrected_together() -> None:
    whole = trained("whole", {"a": 0.8, "b": 0.5})
    found = compared(whole, trained("x", {"a": 0.5, "b": 0.8}), trained("y", {"a": 0.8, "b": 0.5}))
    assert {task.task: task.verdict for task in found["x"].found} == {"a": "helps", "b": "hurts"}
    assert (found["x"].verdict, found["y"].verdict) == ("mixed", "tied")
    raw, corrected = found["x"].found[0].effect["p"], found["x"].found[0].p
    assert corrected == pytest.approx(4 * raw) or corrected == pytest.approx(3 * raw)
    assert found["whole"].found == ()
    assert [score.value for score in found["whole"].scores] == pytest.approx([0.8, 0.5], abs=0.05)


def test_a_page_says_what_was_not_shown() -> None:
    whole = trained("whole", {"qa": 0.8})
    results = compare_variants(whole, [trained("judge", {"qa": 0.5}, cost=0.4, answers=40)])
    failed = VariantResult(
        name="<b>", change="without <b>", left_out=True, failed="no row is left", data=None, same_as=None, scores=(),
        found=(),
    )  # fmt: skip
    found = Ablated(
        name="steps", description="Why?", pipeline="p", recipe="r", suite="s", seeds=(1,), data_seeds=(), trainings=2,
        variants=(*results, failed),
    )  # fmt: skip
    report = AblationReport(found, Path("evaluated/steps"))
    text = str(report)
    assert text.startswith(
        "Why? Variants of p, each trained by r with 1 seed and evaluated on s; 2 different trainings."
    )
    assert "One training of each: the intervals are over items alone." in text
    assert "The data were made once" in text
    assert "<b> failed: no row is left" in text
    assert "<b>" not in report.as_html()
    assert report.as_json()["format"] == Ablated.FORMAT
