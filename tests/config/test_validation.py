"""Checking any model: pydantic's errors as problems for people, whatever is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model, ModelsFile, load_models_file
from bezoar_data.config.files.pipeline import LoadedPipeline, PipelineFile
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.render import render_problems
from bezoar_data.config.validation import check, known_keys, load_checked
from bezoar_data.config.yaml.document import Document, parse_yaml
from support.pipeline_files import load_pipeline_file


class Inner(Strict):
    size: Annotated[int, Field(ge=1, le=9)] = 1
    kind: Literal["big", "small"] = "big"


class Outer(Strict):
    either: str | tuple[int, ...] | Inner | None = None
    inner: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = Field(default_factory=dict)
    word: Annotated[str, Field(min_length=2, max_length=4)] = "abc"
    many: Annotated[tuple[int, ...], Field(min_length=2, max_length=3)] = (1, 2)
    on: bool = False
    even: int = 0
    colour: str = "red"

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("'even' should be an even number")
        return value

    @field_validator("colour")
    @classmethod
    def _colour(cls, value: str) -> str:
        if value == "blue":
            raise PydanticCustomError("no_blue", "blue is not sold", {"message": "blue is not sold", "hint": "try red"})
        return value


def found(text: str) -> list[tuple[str, str, str, str]]:
    document = parse_yaml(text, "f")
    return [(p.code, str(p.place), p.message, p.hint) for p in check(document, Outer)[1]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("either: 1.5", ("wrong-type", "f:1:9", "'either' should be text or a list or a mapping", "")),
        ("either: [1, x]", ("wrong-type", "f:1:13", "entry 2 of 'either' should be a whole number", "")),
        ("either: {size: 0}", ("bad-value", "f:1:16", "'size' should be at least 1, not the number 0", "")),
        ("inner: [{}, {sise: 3}]", ("unknown-key", "f:1:14", "unknown key 'sise'", "did you mean 'size'?")),
        ("by_name: {a: {kind: bigg}}", ("bad-value", "f:1:21", "'kind' should be 'big' or 'small'", "'big'?")),
        ("word: a", ("bad-value", "f:1:7", "'word' should have at least 2 characters", "")),
        ("word: abcde", ("bad-value", "f:1:7", "'word' should have at most 4 characters", "")),
        ("many: [1]", ("bad-value", "f:1:7", "'many' should have at least 2 entries", "")),
        ("many: [1, 2, 3, 4]", ("bad-value", "f:1:7", "'many' should have at most 3 entries", "")),
        ("many: '1, 2'", ("wrong-type", "f:1:7", "'many' should be a list, not the text '1, 2'", "as a list")),
        ("on: yes", ("wrong-type", "f:1:5", "'on' should be true or false, not the text 'yes'", "write true")),
        ("on: 'False'", ("wrong-type", "f:1:5", "'on' should be true or false", "write false")),
        ("even: 1_000", ("wrong-type", "f:1:7", "'even' should be a whole number", "without quotes, '_'")),
        ("even: 3", ("bad-value", "f:1:7", "'even' should be an even number", "")),
        ("colour: blue", ("no-blue", "f:1:9", "blue is not sold", "try red")),
        ("colour: 7", ("wrong-type", "f:1:9", "'colour' should be text, not the number 7", "in quotes")),
    ],
)
def test_each_kind_of_mistake_in_words(text: str, problem: tuple[str, str, str, str]) -> None:
    ((code, place, message, hint),) = found(text)
    assert (code, place) == problem[:2]
    assert message.startswith(problem[2])
    assert problem[3] in hint


def test_a_right_document_becomes_its_model() -> None:
    text = "either: [1, 2]\ninner: [{size: 3}]\nby_name: {a: {kind: small}}\neven: 4\n"
    value, problems = check(parse_yaml(text, "f"), Outer)
    assert value is not None
    assert not problems
    assert value.either == (1, 2)
    assert value.inner == (Inner(size=3),)
    assert value.by_name["a"].kind == "small"


def test_problems_of_reading_and_of_meaning_come_together_without_echo() -> None:
    document = parse_yaml("even: !!int 3\neven: 4\nword: 7\n", "f", lenient=True)
    value, problems = check(document, Outer)
    assert value is None
    places = [(p.code, p.place) for p in problems]
    # The tagged value has no type of its own any more: only the tag is told.
    assert places == [("tag", Place("f", 1, 7)), ("duplicate-key", Place("f", 2, 1)), ("wrong-type", Place("f", 3, 7))]


def test_a_file_is_read_with_what_is_wrong_with_its_values_together(tmp_path: Path) -> None:
    def sizes(value: Outer, document: Document) -> list[Problem]:
        return [document.problem("bad-value", f"{i.size} is too large", ("inner",)) for i in value.inner if i.size > 5]

    path = tmp_path / "f.yaml"
    for text, codes in (("inner: [{size: 9}, {size: 8}]", ["bad-value"] * 2), ("inner: [{size: x}]", ["wrong-type"])):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            load_checked(path, Outer, sizes)
        assert [p.code for p in caught.value.problems] == codes
    path.write_text("inner: [{size: 3}]")
    assert load_checked(path, Outer, sizes).inner == (Inner(size=3),)


def test_known_keys_are_found_through_lists_mappings_and_unions() -> None:
    assert known_keys(Outer, ("inner", 3)) == ["kind", "size"]
    assert known_keys(Outer, ("by_name", "x")) == ["kind", "size"]
    assert known_keys(Outer, ("either",)) == ["kind", "size"]
    assert known_keys(Outer, ("word",)) == []
    assert "word" in known_keys(Outer, ())


SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["s", "t", "a.b", "", "x y"])
)
KEYS = [
    *PipelineFile.model_fields,
    *ModelsFile.model_fields,
    *Model.model_fields,
    "use",
    "after",
    "with",
    "[key]",
    "str",
]
WORDS = st.sampled_from(KEYS)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)
STEP = st.fixed_dictionaries(
    {"use": st.sampled_from(["s", "t", "u.v", "distilabel:X"])},
    optional={
        "id": st.sampled_from(["s", "t", "p"]) | SCALARS,
        "after": st.sampled_from(["s", "t", "p", "u-v"]) | st.lists(st.sampled_from(["s", "t", "p"]), max_size=3) | ANY,
        "join": st.sampled_from(["union", "join"]) | SCALARS,
        "with": ANY,
    },
)
PIPELINE = st.fixed_dictionaries(
    {"name": st.just("a"), "version": st.just(1), "steps": st.lists(STEP, max_size=5) | ANY},
    optional={"splits": st.dictionaries(st.sampled_from(["v", "t", "train"]), SCALARS) | ANY, "seed": SCALARS},
)
MODELS = st.fixed_dictionaries(
    {"version": st.just(1), "roles": st.dictionaries(st.sampled_from(["a", "b"]), ANY, max_size=2) | ANY}
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Pipelines of right steps whose `after` is right, or names a later step, or closes a circle."""
    ids = [f"s{i}" for i in range(draw(st.integers(1, 6)))]
    steps = []
    for i, name in enumerate(ids):
        step: dict[str, Any] = {"use": name}
        after = draw(st.none() | st.lists(st.sampled_from(ids), max_size=3, unique=True)) if i else None
        if after is not None:
            step["after"] = [a for a in after if a != name]
            if len(step["after"]) > 1:
                step["join"] = "union"
        steps.append(step)
    return {"name": "a", "version": 1, "steps": steps}


@settings(max_examples=100)
@given(graphs())
def test_a_graph_loads_exactly_when_it_has_no_circle(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]
) -> None:
    parents = {
        step["use"]: step.get("after", [value["steps"][i - 1]["use"]] if i else [])
        for i, step in enumerate(value["steps"])
    }
    done: set[str] = set()
    for _ in parents:
        done |= {name for name, before in parents.items() if done.issuperset(before)}
    path = tmp_path_factory.mktemp("g") / "p.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    if done == set(parents):
        assert_sound(load_pipeline_file(path))
    else:
        with pytest.raises(InputError) as caught:
            load_pipeline_file(path)
        assert {p.code for p in caught.value.problems} == {"circle"}


@settings(max_examples=150)
@given(ANY | PIPELINE, st.lists(st.sampled_from(["seed=1", "splits.v=0.2", "steps.s.a=1", "steps.t.a.b=[", "x"])))
def test_any_pipeline_loads_soundly_or_is_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, value: Any, overrides: list[str]
) -> None:
    path = tmp_path_factory.mktemp("p") / "p.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        loaded = load_pipeline_file(path, overrides)
    except InputError as error:
        assert error.problems
        assert all(p.place and (p.place.line == 1 or p.place.file.startswith("--set")) for p in error.problems)
        render_problems(error.problems)
    else:
        assert_sound(loaded)


def assert_sound(loaded: LoadedPipeline) -> None:
    """Ids are unique, every edge joins two of them, and the steps can be put in an order."""
    ids = [step.id for step in loaded.file.steps]
    assert len(set(ids)) == len(ids)
    waiting = {(a, b) for a, b in loaded.file.edges()}
    assert all(a in ids and b in ids and a != b for a, b in waiting)
    while waiting:
        later = {b for _, b in waiting}
        ready = {edge for edge in waiting if edge[0] not in later}
        assert ready, "a circle"
        waiting -= ready
    assert sum(loaded.file.splits.values()) < 1


@settings(max_examples=100)
@given(ANY | MODELS)
def test_any_models_file_loads_or_is_an_input_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("m") / "m.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        loaded = load_models_file(path, ("s", "t"))
    except InputError as error:
        assert error.problems
    else:
        assert all(model.provider in ("s", "t") for model in loaded.file.roles.values())


def test_a_missing_file_is_told_by_both_loaders(tmp_path: Path) -> None:
    for load in (load_pipeline_file, load_models_file):
        with pytest.raises(InputError) as caught:
            load(tmp_path / "none.yaml")
        assert [p.code for p in caught.value.problems] == ["missing-file"]
