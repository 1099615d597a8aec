"""What may be named as a model to evaluate, under which name its results lie, and what is said of what may not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bezoar_data.api.named import behind_gateway, group_of, models_found, target_of
from bezoar_data.config.errors import InputError
from bezoar_data.config.shipped import as_named
from support.trained import GOOD, leave, stage

TINY = str(Path(__file__).parents[2] / "recipes" / "tiny.yaml")
MADE = {"base": {"make": {}}, "base_lineage": {"make": {}}}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Of the recipe `tiny` its base, and one of its stages."""
    leave(tmp_path / "tiny" / "orca", replace(stage(GOOD, **MADE), stage="orca"))
    (tmp_path / "tiny" / "base").mkdir()
    (tmp_path / "tiny" / "base" / "config.json").write_text("{}")
    return tmp_path


def test_a_recipe_is_its_base_and_stages_and_a_stage_of_it_is_itself(trained: Path) -> None:
    found = models_found([f"{TINY}:orca", f"{TINY}:base"], trained=trained)
    assert [(one.name, one.group) for one in found] == [("orca", "tiny"), ("base", "tiny")]
    assert group_of(found) == "tiny"
    orca, base = (target_of(one, None) for one in found)
    assert (orca.weights, orca.adapter) == (str(trained / "tiny" / "base"), trained / "tiny" / "orca")
    assert orca.identity() == {"stage": orca.record.key if orca.record else ""}
    assert [data.card for data in orca.learnt] == [GOOD.card]
    assert (base.adapter, base.record) == (None, None)
    assert [one.name for one in models_found([TINY], trained=trained, stages=["orca"])] == ["orca"]
    with pytest.raises(InputError, match="no whole recipe is named"):
        models_found([f"{TINY}:orca"], trained=trained, stages=["base"])
    alone = models_found([str(trained / "tiny" / "orca")], trained=trained)
    assert [(one.name, one.group) for one in alone] == [("orca", "orca")]
    with pytest.raises(InputError) as error:  # every stage that is not there, at once
        models_found([TINY], trained=trained)
    assert len(error.value.problems) > 1
    assert {problem.hint for problem in error.value.problems} == {f"train it: bezoar-data train {as_named(Path(TINY))}"}


def test_models_behind_the_gateway_are_told_by_their_words(tmp_path: Path) -> None:
    role = {
        "provider": "openai",
        "model": "org/m",
        "sampling": {"temperature": 0.7},
        "base_url": "http://localhost:1/v1",
    }
    file = tmp_path / "models.yaml"
    other = {**role, "fallbacks": [{**role, "model": "n"}]}
    file.write_text(f"version: 1\nroles: {json.dumps({'teacher': role, 'judge': {**other, 'model': 'j'}})}\n")
    words = [
        f"{file}:teacher",
        f"{file}:judge",
        "openai:gpt-4o@http://other:1/v1",
        "smollm2-135m-instruct",
        "./a/b.gguf",
    ]
    found = models_found(words, trained=tmp_path)
    assert [one.name for one in found] == ["org-m", "j", "gpt-4o", "smollm2-135m-instruct", "b"]
    assert group_of(found) == "models"
    roles = behind_gateway(found)
    assert {(m.sampling.temperature, m.fallbacks) for m in roles.values()} == {(0, ())}
    assert [m.provider for m in roles.values()] == ["openai", "openai", "openai", "llamacpp", "llamacpp"]
    (hub,) = models_found(["owner/name"], trained=tmp_path, revision="v1")
    assert target_of(hub, None).identity() == {"hub": "owner/name", "revision": "v1"}


def test_what_names_no_model_is_told(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text('version: 1\nroles: {teacher: {provider: openai, model: m, base_url: "http://localhost:1/v1"}}\n')
    wrong = {
        f"{file}:techer": "no role 'techer'",
        str(file): "names several models",
        "openai:": "needs a model",
        "opnai:gpt-4o": "names no model",
        str(tmp_path / "none.yaml"): "there is no file",
        f"{TINY}:nothing": "no stage 'nothing'",
    }
    for word, said in wrong.items():
        with pytest.raises(InputError, match=said):
            models_found([word], trained=tmp_path)
    with pytest.raises(InputError) as error:
        models_found(["opnai:gpt-4o"], trained=tmp_path)
    assert error.value.problems[0].hint == "did you mean 'openai'?"
    with pytest.raises(InputError, match="two models are called m"):
        models_found([f"{file}:teacher", "openai:m"], trained=tmp_path)
