"""The JSON schemas agree with the checks, and speak of every key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bezoar_data.config.files.card_front_matter import CardFront
from bezoar_data.config.files.discovery import find_files
from bezoar_data.config.files.json_schema import card_schema, models_schema, pipeline_schema, recipe_schema
from bezoar_data.config.files.models import ModelsFile
from bezoar_data.config.files.pipeline import PipelineFile
from bezoar_data.config.files.recipe import recipe_model
from bezoar_data.config.files.recipe_check import _check_all_settings
from bezoar_data.config.validation import check
from bezoar_data.config.yaml.document import parse_yaml
from bezoar_data.project.schemas import schema_texts
from bezoar_data.training.stages.registry import stage_configs

PIPELINES = {
    "name: a\nversion: 1\nsteps: [{use: s}]\n": True,
    "name: a\nversion: 1\nsplits: {v: 0.1}\nsteps: [{use: s, with: {p: 1}}, {use: 'm.n:C', after: [s]}]\n": True,
    "name: a\nversion: 1\nmax_cost: 1\nseed: 0\nsteps: [{use: 'distilabel:X', id: a-b, columns: {a: b}}]\n": True,
    "name: A\nversion: 1\nsteps: [{use: s}]\n": False,
    "name: a\nversion: 2\nsteps: [{use: s}]\n": False,
    "name: a\nversion: 1\nsteps: []\n": False,
    "name: a\nversion: 1\nsteps: [{use: s, settings: {}}]\n": False,
    "name: a\nversion: 1\nsteps: [{use: s, after: {a: 1}}]\n": False,
    "name: a\nversion: 1\nsplits: {v: 1}\nsteps: [{use: s}]\n": False,
    "name: a\nversion: 1\nsplits: {v w: 0.5}\nsteps: [{use: s}]\n": False,
    "name: a\nversion: 1\ntolerate: 2\nsteps: [{use: s}]\n": False,
    "name: a\nversion: 1\nseed: '3'\nsteps: [{use: s}]\n": False,
}

MODELS = {
    "version: 1\nroles: {t: {provider: p, model: m, price: {input: 1, output: 1, read: 2026-01-31}}}\n": True,
    "version: 1\nroles: {t: {provider: p, model: m, fallbacks: [{provider: q, model: n}]}}\n": True,
    "version: 1\nroles: {}\n": False,
    "version: 1\nroles: {t: {provider: p, model: m, api_key_env: x}}\n": False,
    "version: 1\nroles: {t: {provider: p, model: m, price: {input: 1, output: 1}}}\n": False,
    "version: 1\nroles: {t: {provider: p, model: m, fallbacks: [{provider: q}]}}\n": False,
}

RECIPE = "name: a\nversion: 1\nbase: {model: x/y}\nadapter: {r: 8}\n"
STAGE = "stages: [{use: sft, card: c.md}]\n"
RECIPES = {
    RECIPE + STAGE: True,
    RECIPE
    + "stages: [{use: sft, card: c.md, split: {validation: 0.2}, training: {packing: true}}, {use: merge}]\n": True,
    RECIPE + "quantisation: {load_in_4bit: true}\npolicy: {commercial: true}\n" + STAGE: True,
    RECIPE + "training: {bf16: true, learning_rate: 1}\n" + STAGE: True,
    RECIPE + "training: {label_smoothing: 0.1}\n" + STAGE: False,
    RECIPE + "quantisation: {load_in_4bits: true}\n" + STAGE: False,
    RECIPE + "stages: [{use: dpo, card: c.md, training: {packing: true}}]\n": False,
    RECIPE + "stages: [{use: sft}]\n": False,
    RECIPE + "stages: [{use: rlhf, card: c.md}]\n": False,
    RECIPE + "stages: []\n": False,
}

CARDS = {
    "license: mit\nlanguage: [en, de]\nother_key: 3\n": True,
    "bezoar: {views: {sft: {prompt: a, response: b}}, fields: {a: What}}\n": True,
    "bezoar: {views: {sft: {prompt: a}}}\n": False,
    "bezoar: {views: {stf: {prompt: a, response: b}}}\n": False,
    "bezoar: {veiws: {}}\n": False,
    "license: 3\n": False,
    "tags: [a, 3]\n": False,
}

ROOT = Path(__file__).parents[3]
SCHEMAS = {name: json.loads(text) for name, text in schema_texts().items()}
SHIPPED = sorted(path for path, _ in find_files([ROOT / folder for folder in ("pipelines", "recipes", "cards")]))


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(("text", "right"), PIPELINES.items())
def test_pipeline_schema_and_check_agree(text: str, right: bool) -> None:
    document = parse_yaml(text, "f")
    assert (not check(document, PipelineFile)[1]) is right
    assert accepts(pipeline_schema(), document.value) is right


@pytest.mark.parametrize(("text", "right"), MODELS.items())
def test_models_schema_and_check_agree(text: str, right: bool) -> None:
    document = parse_yaml(text, "f")
    assert (not check(document, ModelsFile)[1]) is right
    assert accepts(models_schema(), document.value) is right


@pytest.mark.parametrize(("text", "right"), RECIPES.items())
def test_recipe_schema_and_check_agree(text: str, right: bool) -> None:
    document = parse_yaml(text, "f")
    stages = stage_configs()
    wrong = check(document, recipe_model(tuple(stages)))[1]
    wrong += _check_all_settings(document, {stage.kind(): stage for stage in stages})
    assert (not wrong) is right
    assert accepts(recipe_schema(stages), document.value) is right


@pytest.mark.parametrize(("text", "right"), CARDS.items())
def test_card_schema_and_check_agree(text: str, right: bool) -> None:
    document = parse_yaml(text, "f")
    assert (not check(document, CardFront)[1]) is right
    assert accepts(card_schema(), document.value) is right


@pytest.mark.parametrize("name", [name for name in SCHEMAS if name != "events.schema.json"])  # which nobody writes
def test_every_key_has_a_description_and_examples_that_are_right(name: str) -> None:
    schema = SCHEMAS[name]
    steps = schema["$defs"].get("StepUse", {}).get("allOf", ())
    settings = {step["if"]["properties"]["use"]["const"]: step["then"]["properties"]["with"] for step in steps}
    for owner, definition in [("file", schema), *schema["$defs"].items(), *settings.items()]:
        assert owner in settings or definition.get("description"), owner
        for key, field in definition["properties"].items():
            assert field.get("description"), f"{owner}.{key}"
            assert field.get("examples"), f"{owner}.{key}"
            for example in field["examples"]:
                assert accepts({**field, "$defs": schema["$defs"]}, example), f"{owner}.{key}: {example!r}"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_shipped_file_names_its_schema_and_keeps_to_it(path: Path) -> None:
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        text = text.split("---\n")[1]
    line = text.split("\n")[0]
    named = path.parent / line.removeprefix("# yaml-language-server: $schema=")
    assert named.resolve().parent == ROOT / "schemas", line
    assert accepts(json.loads(named.read_text("utf-8")), parse_yaml(text, "f").value)


@pytest.mark.parametrize(
    ("use", "right"),
    [
        ("orca.explain", True),
        ("orca.explian", False),
        ("no_step", False),
        ("distilabel:UltraFeedback", True),
        ("distilabel:UltraFedback", False),
        ("my_steps.mine:Mine", True),
        ("my steps:Mine", False),
    ],
)
def test_an_editor_underlines_the_name_of_a_step_that_is_not_there(use: str, right: bool) -> None:
    step = SCHEMAS["pipeline.schema.json"]["$defs"]["StepUse"]["properties"]["use"]
    assert accepts(step, use) is right


def test_settings_of_known_steps_are_checked_and_foreign_steps_stay_allowed() -> None:
    settings = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    schema = pipeline_schema({"orca.explain": settings}, ["distilabel:X"])
    base = {"name": "a", "version": 1}
    assert accepts(schema, {**base, "steps": [{"use": "orca.explain", "with": {"n": 1}}]})
    assert not accepts(schema, {**base, "steps": [{"use": "orca.explain", "with": {"m": 1}}]})
    assert accepts(schema, {**base, "steps": [{"use": "distilabel:X", "with": {"m": 1}}]})
    assert accepts(schema, {**base, "steps": [{"use": "my.steps:Mine", "with": {"m": 1}}]})
    assert not accepts(schema, {**base, "steps": [{"use": "no step"}]})
