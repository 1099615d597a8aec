"""The ablation file: what it may say, and every mistake at its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.ablation import LoadedAblation, load_ablation

NAMED = ("pipeline", "recipe", "suite")


def written(folder: Path, **more: Any) -> Path:
    for name in NAMED:
        (folder / f"{name}.yaml").touch()
    value: dict[str, Any] = {"name": "a", "version": 1, **{name: f"{name}.yaml" for name in NAMED}, "seeds": [1, 2]}
    value |= {"variants": {"less": {"without": ["b"]}}, **more}
    path = folder / "ablation.yaml"
    path.write_text("\n".join(f"{key}: {json.dumps(one)}" for key, one in value.items()))
    return path


def test_every_variant_has_what_is_set_for_all(tmp_path: Path) -> None:
    variants = {"less": {"without": ["b"]}, "other": {"set": {"steps.b.x": 2}, "teacher": "ollama:m"}}
    (tmp_path / "m.yaml").touch()
    path = written(tmp_path, set={"steps.b.x": 1, "tolerate": 1}, models="m.yaml", whole="all", variants=variants)
    loaded: LoadedAblation = load_ablation(path)
    assert list(loaded.variants) == ["all", "less", "other"]
    assert loaded.variants["all"].settings == {"steps.b.x": 1, "tolerate": 1}
    assert loaded.variants["other"].settings == {"steps.b.x": 2, "tolerate": 1}
    assert loaded.variants["other"].named == {"teacher": "ollama:m"}
    assert {one.models for one in loaded.variants.values()} == {"m.yaml"}
    assert loaded.pipeline == tmp_path / "pipeline.yaml"
    # What all variants have in common is not a change of one of them.
    assert [name for name in loaded.variants if loaded.only_leaves_out(name)] == ["less"]


@pytest.mark.parametrize(
    ("more", "line", "message"),
    [
        ({"seeds": [1, 1]}, 6, "a seed appears twice"),
        ({"data_seeds": [1]}, 8, "1 seeds of data for 2 trainings"),
        ({"whole": "less"}, 7, "'less' is the pipeline as it is"),
        ({"variants": {"same": {}}}, 7, "'same' is the pipeline as it is"),
        ({"variants": {"s": {"set": {"seed": 2}}}}, 7, "the data's seed is not a setting"),
        ({"set": {"seed": 2}}, 8, "the data's seed is not a setting"),
        ({"variants": {"s": {"models": "no.yaml"}}}, 7, "there is no file 'no.yaml'"),
        ({"suite": "no.yaml"}, 5, "there is no file 'no.yaml'"),
        ({"variants": {"S": {"without": ["b"]}}}, 7, "'S' may not be a key here"),
        ({"variant": {}}, 8, "unknown key 'variant'"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, more: dict[str, Any], line: int, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_ablation(written(tmp_path, **more))
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == line
