"""An ablation is checked with all that it names: each mistake where it is written, before anything is spent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.command import bezoar

ROOT = Path(__file__).parents[2]
VARIANTS = 9
"""The line in which the variants stand."""


def written(folder: Path, **more: Any) -> Path:
    value = {
        "name": "mine", "version": 1, "pipeline": str(ROOT / "pipelines" / "lamini.yaml"),
        "recipe": str(ROOT / "recipes" / "tiny.yaml"), "stage": "lamini",
        "suite": str(ROOT / "suites" / "starter.yaml"), "seeds": [1, 2, 3], "limit": 9,
        "variants": {"less": {"without": ["judge-accept"]}}, **more,
    }  # fmt: skip
    path = folder / "ablation.yaml"
    path.write_text("".join(f"{key}: {json.dumps(one)}\n" for key, one in value.items()))
    return path


def test_what_is_right_passes(tmp_path: Path) -> None:
    told = bezoar("validate", written(tmp_path), ROOT / "ablations")
    assert told.out == "2 ablations: no mistakes found\n", told.err


@pytest.mark.parametrize(
    ("more", "line", "message"),
    [
        ({"variants": {"a": {"without": ["judge_accept"]}}}, VARIANTS, "there is no step with the id 'judge_accept'"),
        ({"variants": {"a": {"set": {"steps.novelty.treshold": 1}}}}, VARIANTS, "treshold"),
        # The step after it reads what it writes.
        ({"variants": {"a": {"without": ["lamini-respond"]}}}, VARIANTS, "'a' cannot run: "),
        ({"variants": {"a": {"without": ["load_instructions"]}}}, VARIANTS, "has its rows from it alone"),
        ({"variants": {"a": {"teacher": "openai"}}}, VARIANTS, "'a' cannot run: "),
        ({"name": "lamini"}, 1, "the pipeline or the recipe has this name"),
        ({"name": "tiny"}, 1, "the pipeline or the recipe has this name"),
        ({"stage": "lamni"}, 5, "the recipe has no stage 'lamni'"),
        ({"pipeline": str(ROOT / "pipelines" / "best-of-n.yaml")}, 4, "no stage of the recipe up to 'lamini' trains"),
        ({"suite": str(ROOT / "suites" / "mt-bench.yaml")}, 6, "left out, as a judge would have to read"),
    ],
)
def test_a_mistake_is_told_where_it_is_written(tmp_path: Path, more: dict[str, Any], line: int, message: str) -> None:
    told = bezoar("validate", written(tmp_path, **more), "--json")
    assert told.code == 2
    found = [p for p in told.json["problems"] if p["level"] == "error"]
    assert {p["line"] for p in found if message in p["message"]} == {line}, found


def test_a_recipe_must_leave_the_seed_free(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = (ROOT / "recipes" / "tiny.yaml").read_text().replace("training:\n", "training:\n  seed: 3\n")
    recipe.write_text(text.replace("../cards", str(ROOT / "cards")).replace("templates/", f"{ROOT}/recipes/templates/"))
    told = bezoar("validate", written(tmp_path, recipe=str(recipe)))
    assert told.code == 2
    assert "recipe.yaml:18:3: the recipe fixes the seed of its training" in told.err
    assert bezoar("validate", recipe).code == 0
