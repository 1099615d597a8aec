"""What may be named as a model to talk to, and what is said of what may not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.training.generation.named import compared_with, model_named
from bezoar_data.training.stages.registry import load_recipe
from support.trained import GOOD, leave, stage
from training.conftest import Recipe, card


def test_a_recipe_names_its_stages_its_base_and_its_last_finished_stage(tmp_path: Path, recipe: Recipe):
    path = str(recipe([{"use": "sft", "id": name, "card": card("orca")} for name in ("one", "two", "three")]))
    trained = tmp_path / "trained"
    out = trained / load_recipe(Path(path)).file.name
    made = {"base": {"make": {}}, "base_lineage": {"make": {}}}
    for name in ("two", "one"):
        leave(out / name, replace(stage(GOOD, **made), stage=name))
    (out / "base").mkdir()
    (out / "base" / "config.json").write_text("{}")
    last = model_named(path, trained)
    assert (last.name, last.adapter, last.weights) == (f"{path}:two", out / "two", str(out / "base"))
    assert model_named(f"{path}:one", trained).adapter == out / "one"
    base = model_named(f"{path}:base", trained)
    assert (base.weights, base.adapter) == (str(out / "base"), None)
    # Beside a stage, others of its recipe go by their names alone.
    assert compared_with("one", f"{path}:two", last, trained).adapter == out / "one"
    assert compared_with("base", path, last, trained).weights == str(out / "base")
    assert compared_with("one", str(out / "two"), last).adapter == out / "one"
    assert compared_with("base", str(out / "two"), last).weights == str(out / "base")
    with pytest.raises(InputError, match="'three' is not finished") as error:
        model_named(f"{path}:three", trained)
    assert error.value.problems[0].hint == f"train it: bezoar-data train {path}"
    with pytest.raises(InputError, match="no stage 'tow'") as error:
        model_named(f"{path}:tow", trained)
    assert error.value.problems[0].hint == "did you mean 'two'?"
    with pytest.raises(InputError, match="no stage of it is finished"):
        model_named(path, tmp_path / "elsewhere")
    # The recipe's own folder is not the one that holds it.
    with pytest.raises(InputError, match="no stage of it is finished") as error:
        model_named(path, out)
    assert error.value.problems[0].hint == f"--trained names the folder that holds {out.name}: --trained {trained}"
    out.rename(tmp_path / "other")
    with pytest.raises(InputError, match="no stage of it is finished") as error:
        model_named(path, tmp_path / "other")
    assert "name one by its folder" in (error.value.problems[0].hint or "")


def test_an_adapter_stands_on_the_hub_on_a_stage_or_on_a_folder(tmp_path: Path):
    on_hub = leave(tmp_path / "a", stage(GOOD, base_lineage={"model": "open/base", "revision": "v2"}))
    found = model_named(str(on_hub))
    assert (found.weights, found.revision, found.adapter) == ("open/base", "v2", on_hub)
    (tmp_path / "base").mkdir()
    brought = ({"gguf": "smollm2-135m-instruct", "sha256": "0"}, {"model": "open/base", "convert": True})
    for i, kept in enumerate(brought):
        kept_here = leave(tmp_path / f"kept{i}", stage(GOOD, base_lineage=kept))
        assert model_named(str(kept_here)).weights == str(tmp_path / "base")
    merged = leave(tmp_path / "merged", stage(GOOD, base_lineage=None))
    on_stage = leave(tmp_path / "b", stage(GOOD, base_lineage={"stage": "merged"}))
    assert model_named(str(on_stage)).weights == str(merged)
    alone = leave(tmp_path / "elsewhere" / "c", stage(GOOD, base_lineage={"stage": "merged"}))
    with pytest.raises(InputError, match="not here"):
        model_named(str(alone))
    (tmp_path / "weights").mkdir()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "weights")}))
    assert model_named(str(foreign)).weights == str(tmp_path / "weights")
    (foreign / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="names no weights"):
        model_named(str(foreign))


def test_a_gguf_and_the_hub_are_told_by_their_names_and_nothing_is_guessed(tmp_path: Path):
    for name in ("smollm2-135m-instruct", "some/where/model.gguf", "owner/name:file.gguf"):
        assert model_named(name).gguf
    found = model_named("owner/name@v1")
    assert (found.weights, found.revision, found.gguf) == ("owner/name", "v1", False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("x")
    wrong = {"nothing": "no such folder", "./a/b": "no such folder", str(tmp_path / "no.yaml"): "no"}
    wrong |= {str(tmp_path / "empty"): "no model", str(tmp_path / "note.txt"): "not a model"}
    for name, said in wrong.items():
        with pytest.raises(InputError, match=said):
            model_named(name)
