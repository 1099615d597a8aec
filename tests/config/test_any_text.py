"""Whatever bytes stand in a file, reading it gives a checked value or our own errors, and the errors can be shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.cli.checking import check_files
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import check_front, load_card
from bezoar_data.config.files.card_front_matter import BezoarKeys, CardFront
from bezoar_data.config.files.discovery import find_files
from bezoar_data.config.files.models import Model, ModelsFile, load_models_file
from bezoar_data.config.files.pipeline import PipelineFile, StepUse
from bezoar_data.config.files.recipe import RecipeFile
from bezoar_data.config.render import render_problems
from bezoar_data.training.stages.dpo import DpoStage
from bezoar_data.training.stages.registry import load_recipe
from bezoar_data.training.stages.sft import SftStage
from support.pipeline_files import load_pipeline_file

MODELS = (PipelineFile, StepUse, ModelsFile, Model, RecipeFile, SftStage, DpoStage, CardFront, BezoarKeys)
KEYS = sorted({field.alias or name for model in MODELS for name, field in model.model_fields.items()})
WORDS = [*KEYS, "sft", "dpo", "merge", "load_flan", "openai", "other", "mit", "a == 1", "../x", "x.md", "1e9999"]
SYNTAX = ["\n", "\n  ", "  ", "---\n", "- ", ": ", "&a ", "*a", "<<: ", *"-:,[]{}'\"#&*!|>?%@`~\\\t\x00\u2028\ud7ff"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
keys = st.sampled_from(KEYS) | st.text(max_size=3)
values = st.recursive(scalars, lambda i: st.lists(i, max_size=4) | st.dictionaries(keys, i, max_size=6), max_leaves=25)
# Nearly right, so that what is looked at last is looked at too.
uses = st.sampled_from(["sft", "dpo", "merge", "load_flan", "where", "m:C"]) | values
within = ("id", "from", "after", "with", "card", "where", "view", "split", "training", "adapter", "columns")
steps = st.fixed_dictionaries({"use": uses}, optional=dict.fromkeys(within, values))
models = st.fixed_dictionaries({"provider": st.just("openai"), "model": values}, optional={"price": values})
top = (
    "bezoar",
    "license",
    "training",
    "quantisation",
    "policy",
    "template",
    "dataset_info",
    "models",
    "card",
    "splits",
)
files = st.fixed_dictionaries(
    {"version": st.just(1), "name": st.just("a")},
    optional={
        **dict.fromkeys(top, values),
        "base": st.just({"model": "x/y"}) | values,
        "adapter": st.just({"r": 1}) | values,
        "stages": st.lists(steps, max_size=4) | values,
        "steps": st.lists(steps, max_size=4) | values,
        "roles": st.dictionaries(st.just("a"), models) | values,
    },
)
soup = st.lists(st.sampled_from([*SYNTAX, *WORDS]), max_size=60).map("".join)


def yaml_of(value: Any) -> str:
    """A value as YAML, block style; what cannot be written so is left as Python shows it, which is the point."""
    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, out)
    return out.getvalue()


def front(text: str) -> str:
    return f"---\n{text}\n---\n{{{{ title }}}}\n"


texts = soup | values.map(yaml_of) | files.map(yaml_of)

LOADERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "pipeline": ("p.yaml", load_pipeline_file),
    "models": ("m.yaml", lambda path: load_models_file(path, ("openai",))),
    "recipe": ("r.yaml", load_recipe),
    "card": ("c.md", lambda path: check_front(load_card(path, lenient=True), ("a",))),
    "kind": ("x/", lambda path: list(find_files([path.parent]))),
    "validate": ("x/", lambda path: check_files([path.parent])),
}


@pytest.mark.parametrize("kind", LOADERS)
@settings(max_examples=150)
@given(content=st.binary(max_size=80) | texts.map(str.encode) | texts.map(front).map(str.encode))
def test_only_our_errors_come_out(tmp_path_factory: pytest.TempPathFactory, kind: str, content: bytes) -> None:
    name, load = LOADERS[kind]
    folder = tmp_path_factory.mktemp("any")
    paths = [folder / name] if not name.endswith("/") else [folder / "cards" / "c.md", folder / "pipelines" / "p.yaml"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    try:
        load(paths[0])
    except InputError as error:
        assert error.problems
        assert render_problems(error.problems)
        assert all(p.code and p.message for p in error.problems)
