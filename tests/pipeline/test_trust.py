"""A pulled pipeline reads nothing outside of its folder: not by a path, a pattern or a link, whoever names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.pipeline.load import load

SECRET = '{"instruction": "private", "response": "words"}\n'
MODELS = "version: 1\nroles:\n  teacher: {provider: placeholder, model: any}\n"
STEPS = [{"use": "load_instructions", "with": {"path": "rows.jsonl"}}]


@pytest.fixture
def pulled(tmp_path: Path) -> Path:
    """A folder as `pull` leaves it, with files of the person's own around it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rows.jsonl").write_text(SECRET)
    (tmp_path / "mine" / "more.jsonl").write_text(SECRET)
    (tmp_path / "mine" / "models.yaml").write_text(MODELS)
    (tmp_path / "mine" / "card.md").write_text("---\nlicense: mit\n---\n")
    folder = tmp_path / "pulled"
    folder.mkdir()
    (folder / "pulled.json").write_text("{}")
    (folder / "rows.jsonl").write_text(SECRET)
    (folder / "models.yaml").write_text(MODELS)
    return folder


def codes(folder: Path, steps: list[dict[str, Any]] = STEPS, **top: Any) -> set[str]:
    file = folder / "pipeline.yaml"
    file.write_text(json.dumps({"name": "p", "version": 1, **top, "steps": steps}))
    assert {w.code for w in load(file).warnings} == {"untrusted-file"}  # for who only looks
    load_trusted = load(file, trust_code=True, to_run=True) if top.get("card") != "nowhere.md" else None
    assert load_trusted is None or load_trusted.warnings == ()
    with pytest.raises(InputError) as error:
        load(file, to_run=True)
    return {p.code for p in error.value.problems}


def one(step: str, **settings: Any) -> list[dict[str, Any]]:
    return (
        [*STEPS, {"use": step, "with": settings}] if step != "load_instructions" else [{"use": step, "with": settings}]
    )


def linked(folder: Path, name: str, target: str) -> str:
    (folder / name).symlink_to(target)
    return name


CASES: dict[str, Callable[[Path], tuple[list[dict[str, Any]], dict[str, Any]]]] = {
    "a path": lambda f: (one("load_instructions", path="../mine/rows.jsonl"), {}),
    "an absolute path": lambda f: (one("load_instructions", path=str(f.parent / "mine" / "rows.jsonl")), {}),
    "a folder": lambda f: (one("load_instructions", path="../mine"), {}),
    "a pattern": lambda f: (one("load_instructions", path="../*/rows.jsonl"), {}),
    "one of several": lambda f: (one("load_instructions", path=["rows.jsonl", "../mine/more.jsonl"]), {}),
    "a link to a file": lambda f: (one("load_instructions", path=linked(f, "x.jsonl", "../mine/rows.jsonl")), {}),
    "a link to a folder": lambda f: (one("load_instructions", path=linked(f, "data", "../mine") + "/*.jsonl"), {}),
    "a link in a pattern": lambda f: (one("load_instructions", path="**/*.jsonl"), {"": linked(f, "a", "../mine")}),
    "models": lambda f: (STEPS, {"models": "../mine/models.yaml"}),
    "linked models": lambda f: (STEPS, {"models": linked(f, "m.yaml", "../mine/models.yaml")}),
    "a card": lambda f: (STEPS, {"card": "../mine/card.md"}),
    "a linked card": lambda f: (STEPS, {"card": linked(f, "card.md", "../mine/card.md")}),
    "answers": lambda f: (STEPS, {"answers": ["../mine/rows.jsonl"]}),
    "a test set": lambda f: (one("decontaminate", against=["../mine/rows.jsonl"], column="instruction"), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_outside_is_read(pulled: Path, case: str) -> None:
    steps, top = CASES[case](pulled)
    top.pop("", None)
    assert "untrusted-file" in codes(pulled, steps, **top)


def test_a_models_file_names_nothing_outside(pulled: Path) -> None:
    weights = pulled.parent / "mine" / "model.gguf"
    weights.write_bytes(b"GGUF")
    entry = {"provider": "placeholder", "model": "any", "extra_body": {"adapter": [str(weights)]}}
    (pulled / "models.yaml").write_text(json.dumps({"version": 1, "roles": {"teacher": entry}}))
    steps = [*STEPS, {"use": "lamini.respond", "with": {"model": "teacher"}}]
    assert "untrusted-file" in codes(pulled, steps, models="models.yaml")


def test_what_the_reader_gives_is_their_own(pulled: Path) -> None:
    file = pulled / "pipeline.yaml"
    file.write_text(json.dumps({"name": "p", "version": 1, "models": "../elsewhere.yaml", "steps": STEPS}))
    mine = pulled.parent / "mine"
    given = [f"steps.load_instructions.path={mine}/rows.jsonl"]
    assert load(file, overrides=given, models=mine / "models.yaml", to_run=True).warnings == ()
