"""What the text of a person's module says of its steps: as its import would, without importing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bezoar_data.steps.catalogue.registry import load_catalogue
from bezoar_data.steps.external.source_text import NO_MODULE, ONLY_A_RUN, read_step
from support.command import bezoar

SOURCE = "  - use: load_instructions\n    with: {path: rows.jsonl}\n"
MINE = '''"""Steps of a test."""
import typing as t
from typing import ClassVar, Literal

from pydantic import Field

from bezoar_data.steps import base
from bezoar_data.steps.curation import FilterStep
from bezoar_data.steps.base import Dropped, Kept, RowStep

raise RuntimeError("nobody imports this")


class Brief(FilterStep):
    """Brief answers."""

    words: int = Field(gt=0, description="The most " "words.")
    how: Literal["cut", "drop"] = "drop"


class Briefer(Brief):
    version: ClassVar[int] = 3
    least: float | None = None


class Asks(base.ModelStep):
    reads: ClassVar[tuple[str, ...]] = ("{text}",)
    writes: ClassVar[tuple[str, ...]] = ("title", "{also}")
    text: str = "instruction"
    also: str | None = Field(default=None, description="One more.")


class Worked(RowStep):
    writes: ClassVar[tuple[str, ...]] = tuple(f"part_{i}" for i in range(3))


class Unclosed(RowStep):
    writes = ("{part",)


try:
    from distilabel.steps.tasks import Task
except ImportError:
    Task = object


class Headline(Task):
    words: int = 6
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steps_of_mine").mkdir()
    (tmp_path / "steps_of_mine" / "few.py").write_text(MINE)
    (tmp_path / "steps_of_mine" / "__init__.py").write_text("from .few import Briefer as Shortest\n")
    (tmp_path / "rows.jsonl").write_text('{"instruction": "Count to three."}\n')
    return tmp_path


def validated(steps: str) -> list[tuple[str, str, str]]:
    Path("p.yaml").write_text(f"name: p\nversion: 1\nmodels: m.yaml\nsteps:\n{SOURCE}{steps}")
    Path("m.yaml").write_text("version: 1\nroles: {teacher: {provider: placeholder, model: any}}\n")
    told = bezoar("validate", "p.yaml", "--json").json
    assert not [name for name in sys.modules if name.startswith("steps_of_mine")]
    return [(p["code"], f"{p['file']}:{p['line']}", p["message"]) for p in told["problems"]]


@pytest.mark.parametrize("name", load_catalogue())
def test_the_text_of_every_step_of_ours_says_what_its_class_says(name: str):
    entry = load_catalogue()[name]
    found = read_step(entry.target)
    assert found.entry is not None
    for part in ("kind", "makes", "carries", "one_of"):
        assert getattr(found.entry, part) == getattr(entry, part), part
    assert [s.name for s in found.entry.settings if s.required] == [s.name for s in entry.settings if s.required]
    assert {s.name for s in found.entry.settings} == {s.name for s in entry.settings}
    assert {s.name for s in found.entry.settings if s.role} == {s.name for s in entry.settings if s.role}
    required = {s.name: s.name for s in entry.settings if s.required}
    assert found.entry.columns(required) == entry.columns(required)
    assert found.entry.check_settings({**required, "nobody_has": 1}), "a setting that is not there"


def test_a_class_of_a_module_is_read_with_its_bases(here: Path):
    entry = read_step("steps_of_mine:Shortest").entry
    assert entry is not None
    assert (entry.kind, entry.version, entry.reads) == ("row", 3, ("{column}",))
    assert {s.name for s in entry.settings} == {"column", "action", "mark", "seed", "words", "how", "least"}
    assert entry.schema["properties"]["words"] == {
        "type": "integer", "exclusiveMinimum": 0, "description": "The most words.",
    }  # fmt: skip
    asks = read_step("steps_of_mine.few:Asks").entry
    assert asks is not None
    assert (asks.kind, asks.role_settings) == ("model", ("model",))
    assert asks.columns({"also": "mood"}) == (["instruction"], ["title", "mood"])
    assert read_step("steps_of_mine.few:Worked").unread == ONLY_A_RUN
    assert read_step("steps_of_mine.few:Unclosed").unread == ONLY_A_RUN
    assert read_step("steps_of_mine.few:Headline").unread == ONLY_A_RUN
    assert read_step("steps_of_mine.none:Mine").unread == NO_MODULE
    assert (
        "  words (whole number, required)\n      The most words."
        in bezoar("steps", "show", "steps_of_mine:Shortest").out
    )


def test_validate_knows_what_a_module_takes_and_writes(here: Path):
    wrong = (
        "  - {use: 'steps_of_mine.few:Asks', with: {model: techer, text: question}}\n"
        "  - {use: 'steps_of_mine:Shortest', with: {column: [title], words: 0, hwo: cut}}\n"
        "  - {use: distilabel:KeepColumns, with: {columns: [titel]}}\n"
    )
    assert [(code, place) for code, place, _ in validated(wrong)] == [
        ("unknown-role", "p.yaml:7"),
        ("missing-column", "p.yaml:7"),
        ("bad-value", "p.yaml:8"),
        ("unknown-key", "p.yaml:8"),
    ]
    better = wrong.replace("techer, text: question", "teacher").replace("words: 0, hwo", "words: 1, how")
    assert [(code, place) for code, place, _ in validated(better)] == [("missing-column", "p.yaml:9")]
    assert not validated(better.replace("titel", "title"))


def test_what_is_wrong_in_a_module_is_told_at_its_line(here: Path):
    assert validated("  - {use: 'steps_of_mine:Shorter', with: {}}\n")[0][0] == "unknown-step"
    (here / "steps_of_mine" / "few.py").write_text("class Brief(:\n")
    ((code, place, message),) = validated("  - {use: 'steps_of_mine.few:Brief', with: {}}\n")
    assert (code, place) == ("step-import", "steps_of_mine/few.py:1")
    assert message.startswith("this is not Python: ")
    ((code, place, message),) = validated("  - {use: 'stesp_of_mine:Brief', with: {}}\n")
    assert (code, place, message) == ("unknown-step", "p.yaml:7", "there is no module 'stesp_of_mine' here")


def test_what_was_not_checked_is_said(here: Path):
    assert not validated("  - {use: 'steps_of_mine.few:Headline', with: {model: teacher, wrods: 3}, writes: [title]}\n")
    told = bezoar("validate", "p.yaml")
    line = "not checked: settings and columns of 'steps_of_mine.few:Headline', which only a run imports\n"
    assert line in told.out
    assert json.loads(bezoar("validate", "p.yaml", "--json").out)["unchecked"][0] == line[13:-1]
