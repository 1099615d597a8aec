"""Policies: what a card says is held against what the recipe allows, every reason at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bezoar_data.cards.licences.lineage import commercial_use
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.problems import Place
from bezoar_data.training.data.datasets import StageCard, find_cards
from bezoar_data.training.policy import enforce_policy
from bezoar_data.training.stages.registry import load_recipe
from training.conftest import Recipe, card

CLEAN = {"marked": 0, "kept_on_appeal": 0, "every_row": True, "changed_after": []}
GOOD: dict[str, Any] = {
    "demo": False,
    "licence": {"result": "CC-BY-4.0", "commercial": "yes"},
    "judge": [{"name": "judge", "reliability": [{"kappa": {"value": 0.71}}]}],
    "review": {"rows": 100},
    "contamination": {"steps": [CLEAN]},
}
STRICT = {"commercial": True, "judge_agreement": 0.6, "review": True, "contamination": "clean"}
OPEN = {"model": "x/y", "licence": "apache-2.0"}


def refused(recipe: Recipe, own: dict[str, Any], base: dict[str, Any] = OPEN, **policy: Any) -> list[str]:
    loaded = load_recipe(recipe([{"use": "sft", "card": card("lamini")}], policy=policy, base=base))
    one = StageCard(0, loaded.file.stages[0], Path("d"), {**GOOD, **own}, "l", Place("r.yaml"))
    try:
        enforce_policy(loaded, [one], commercial_use)
    except PolicyRefused as error:
        assert error.exit_code == 4
        return [p.code for p in error.problems]
    return []


def test_a_card_that_is_all_that_is_asked_passes(recipe: Recipe):
    assert refused(recipe, {}, **STRICT) == []


@pytest.mark.parametrize(
    ("own", "codes"),
    [
        ({"demo": True}, ["refused-demo"]),
        ({"licence": {"result": "CC-BY-NC-4.0", "commercial": "no"}}, ["refused-commercial"]),
        ({"licence": {"result": "unknown", "commercial": "unknown"}}, ["refused-commercial", "refused-licence"]),
        ({"judge": []}, ["refused-agreement"]),
        ({"judge": [{"name": "judge", "reliability": "not measured"}]}, ["refused-agreement"]),
        ({"judge": [{"name": "judge", "reliability": [{"kappa": {"value": 0.59}}]}]}, ["refused-agreement"]),
        ({"judge": [{"name": "judge", "reliability": [{"kappa": {"value": None}}]}]}, ["refused-agreement"]),
        ({"review": "none"}, ["refused-review"]),
        ({"contamination": "not checked"}, ["refused-contamination"]),
        ({"contamination": {"steps": [{**CLEAN, "marked": 2}]}}, ["refused-contamination"]),
        ({"contamination": {"steps": [{**CLEAN, "every_row": False}]}}, ["refused-contamination"]),
    ],
)
def test_a_card_that_is_less_is_refused(recipe: Recipe, own: dict[str, Any], codes: list[str]):
    assert refused(recipe, own, **STRICT) == codes


def test_every_reason_is_told_at_once(recipe: Recipe):
    own = {"demo": True, "licence": {"commercial": "no"}, "review": "none", "contamination": "not checked"}
    assert len(refused(recipe, own, base={"model": "x/y"}, **STRICT)) == 6


@pytest.mark.parametrize(
    ("model", "licence"),
    [("x/y", "cc-by-nc-4.0"), ("x/y", None), ("x/y", "bsd"), ("meta-llama/Llama-3.1-8B", "apache-2.0")],
)
def test_a_base_whose_licence_does_not_allow_it_is_refused(recipe: Recipe, model: str, licence: str | None):
    base = {"model": model, **({"licence": licence} if licence else {})}
    assert refused(recipe, {}, base=base, commercial=True) == ["refused-commercial"]


def test_a_policy_that_asks_nothing_takes_anything_but_demo_data(recipe: Recipe):
    poor = {"licence": {}, "judge": [], "review": "none", "contamination": "not checked"}
    assert refused(recipe, poor) == []
    assert refused(recipe, {**poor, "demo": True}) == ["refused-demo"]
    assert refused(recipe, {**poor, "demo": True}, demo=True) == []


def test_a_dataset_that_is_not_built_is_told_with_the_command_that_builds_it(recipe: Recipe, tmp_path: Path):
    loaded = load_recipe(recipe([{"use": "sft", "card": card("lamini")}]))
    with pytest.raises(InputError) as error:
        find_cards(loaded, tmp_path / "runs", truth_of)
    (problem,) = error.value.problems
    assert problem.code == "no-dataset"
    assert "bezoar-data run" in problem.hint
    assert problem.hint.endswith("pipelines/lamini.yaml")
    (tmp_path / "runs" / "lamini-limit20").mkdir(parents=True)
    with pytest.raises(InputError, match=r"a few rows, such as those of lamini-limit20, add --limit N --out .*/lamini"):
        find_cards(loaded, tmp_path / "runs", truth_of)


@pytest.mark.slow
def test_a_dataset_changed_by_hand_is_refused(recipe: Recipe, runs: Path, tmp_path: Path):
    import shutil

    shutil.copytree(runs / "lamini", tmp_path / "runs" / "lamini")
    (file,) = (tmp_path / "runs" / "lamini" / "dataset" / "data").glob("*.parquet")
    file.write_bytes(file.read_bytes() + b" ")
    loaded = load_recipe(recipe([{"use": "sft", "card": card("lamini")}]))
    with pytest.raises(InputError, match="not those of its lock"):
        find_cards(loaded, tmp_path / "runs", truth_of)
