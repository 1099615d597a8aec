"""The JSON schemas agree with the checks, and speak of every key."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from bezoar_data.spec.check import check
from bezoar_data.spec.models_file import ModelsFile
from bezoar_data.spec.pipeline_file import PipelineFile
from bezoar_data.spec.schema import models_schema, pipeline_schema
from bezoar_data.spec.yaml_text import parse_yaml

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


def accepts(schema: dict[str, Any], value: Any) -> bool:
    jsonschema.Draft202012Validator.check_schema(schema)
    return not list(jsonschema.Draft202012Validator(schema).iter_errors(value))


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


@pytest.mark.parametrize("schema", [pipeline_schema(), models_schema()], ids=["pipeline", "models"])
def test_every_key_has_a_description(schema: dict[str, Any]) -> None:
    for name, definition in [("file", schema), *schema["$defs"].items()]:
        assert definition.get("description"), name
        for key, field in definition["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_settings_of_known_steps_are_checked_and_foreign_steps_stay_allowed() -> None:
    settings = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    schema = pipeline_schema({"orca.explain": settings})
    base = {"name": "a", "version": 1}
    assert accepts(schema, {**base, "steps": [{"use": "orca.explain", "with": {"n": 1}}]})
    assert not accepts(schema, {**base, "steps": [{"use": "orca.explain", "with": {"m": 1}}]})
    assert accepts(schema, {**base, "steps": [{"use": "distilabel:X", "with": {"m": 1}}]})
    assert not accepts(schema, {**base, "steps": [{"use": "no step"}]})
