"""Types of columns along a pipeline: a comparison of unlike kinds is told before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bezoar_data.cli.checking import check_files
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.pipeline.load import load

MODELS = """\
version: 1
roles:
  judge: {provider: checks, model: rules}
  teacher: {provider: placeholder, model: none}
"""
SOURCE = "- use: load_instructions\n  with: {path: rows.jsonl, keep: [response, extra]}\n"
JUDGE = "instruction: instruction, response: response, system: '', reference: ''"
ACCEPT = f"- use: judge.accept\n  with: {{model: judge, {JUDGE}}}\n"
AS_TEXT = f"- use: judge.accept\n  with: {{model: judge, rating: text, {JUDGE}}}\n"
SCORES = f"- use: judge.attributes\n  with: {{model: teacher, {JUDGE}}}\n"
OTHER = f"- use: judge.accept\n  id: other\n  with: {{model: judge, as: other, {JUDGE}}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(MODELS)
    row = {"instruction": "What is two and two?", "response": "Two and two make four.", "extra": 1}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def written(steps: str, name: str = "p", more: str = "") -> Path:
    lines = "".join(f"  {line}\n" for line in steps.splitlines())
    path = Path(f"{name}.yaml")
    path.write_text(f"name: {name}\nversion: 1\nmodels: models.yaml\n{more}steps:\n{lines}")
    return path


def where(expression: str) -> str:
    return f"- use: where\n  with: {{expression: '{expression}'}}\n"


def problems(steps: str) -> list[Problem]:
    try:
        load(written(steps))
    except InputError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("steps", "expression"),
    [
        (SOURCE + ACCEPT, "judge_rating >= 3"),
        (SOURCE + ACCEPT, 'judge_status == "Accept" and judge_rating in [4, 5] and length(judge_reason) > 3'),
        (SOURCE + AS_TEXT, 'judge_rating in ["4", "5"]'),
        (SOURCE + SCORES, 'goodness > 5.5 and helpfulness >= 3 and safety == "pass"'),
        (SOURCE + ACCEPT + OTHER + "- use: judge.panel\n  with: {judges: [judge, other]}\n", "panel_rating > 3.5"),
        (SOURCE + ACCEPT + "- use: sample\n  with: {rows: 1}\n", "judge_rating >= 3"),
        (SOURCE, 'contains(instruction, "two") and extra is not null'),
    ],
)
def test_like_is_compared_with_like(here: Path, steps: str, expression: str) -> None:
    assert problems(steps + where(expression)) == []


@pytest.mark.parametrize(
    ("steps", "expression", "said", "hint"),
    [
        (SOURCE + AS_TEXT, "judge_rating >= 3", "text is compared with a number", "`rating: text` of 'judge-accept'"),
        (SOURCE + AS_TEXT, "judge_rating in [4, 5]", "text is compared with a number", 'such as "4"'),
        (SOURCE + ACCEPT, 'judge_rating in ["4", "5"]', "a number is compared with text", "write 4 without quotes"),
        (SOURCE + ACCEPT, '3 <= judge_rating and "3" <= judge_rating', "text is compared with a number", "without q"),
        (SOURCE + ACCEPT, "judge_status == 1", "text is compared with a number", "'judge_status' is text"),
        (SOURCE + ACCEPT, "judge_status == judge_rating", "text is compared with a number", "'judge_rating' is a num"),
        (SOURCE + ACCEPT, "judge_rating == true", "a number is compared with true or false", "'judge_rating' is a n"),
        (SOURCE + ACCEPT, "judge_status", "true or false is needed, not text", "'judge_status' is text"),
        (SOURCE + ACCEPT, "length(judge_rating) > 1", "'length' measures text and lists", ""),
        (SOURCE + ACCEPT, 'contains(judge_rating, "4")', "'contains' looks into text", ""),
        (SOURCE + SCORES, 'not (helpfulness == "4")', "a number is compared with text", "write 4 without quotes"),
        (SOURCE, "length(instruction) > 3 and instruction > 3", "text is compared with a number", ""),
        (
            SOURCE
            + "- use: to_messages\n  with: {prompt: instruction, response: response, dataset: d, keep: [category]}\n",
            "category > 3 or messages == 1",
            "text is compared with a number",
            "'category' is text",
        ),
    ],
)
def test_a_comparison_of_unlike_kinds_is_told_with_its_place(
    here: Path, steps: str, expression: str, said: str, hint: str
) -> None:
    (problem,) = problems(steps + where(expression))
    assert said in problem.message
    assert "▸" in problem.message
    assert hint in problem.hint
    place = problem.place
    assert place is not None
    line = Path("p.yaml").read_text().splitlines()[place.line - 1]
    assert "expression:" in line
    assert line[place.column - 1 :].startswith(
        problem.message.partition("▸")[2].partition(" (character")[0][:5].rstrip("…")
    )


def test_a_type_that_branches_give_differently_is_not_known(here: Path) -> None:
    union = (
        "- use: load_instructions\n  id: a\n  with: {path: rows.jsonl, keep: [response]}\n"
        f"- use: judge.accept\n  id: number\n  with: {{model: judge, {JUDGE}}}\n"
        "- use: load_instructions\n  id: b\n  after: []\n  with: {path: rows.jsonl, keep: [response]}\n"
        f"- use: judge.accept\n  id: text\n  with: {{model: judge, rating: text, {JUDGE}}}\n"
        "- use: where\n  after: [number, text]\n  join: union\n"
        "  with: {expression: 'EXPRESSION'}\n"
    )
    assert problems(union.replace("EXPRESSION", "judge_rating >= 3")) == []
    (problem,) = problems(union.replace("EXPRESSION", "judge_status >= 3"))
    assert "text is compared with a number" in problem.message


def test_steps_that_are_not_ours_write_columns_of_unknown_types(here: Path) -> None:
    steps = (
        SOURCE
        + "- use: distilabel:TextGeneration\n  with: {model: teacher}\n  columns: {generation: instruction_2}\n"
        + "- use: my_steps:Mine\n  writes: [extra_2]\n"
    )
    assert problems(steps + where("instruction_2 > 3 and extra_2 > 3")) == []


def test_a_recipe_and_a_view_are_held_against_the_types_of_the_pipeline_that_builds_the_card(here: Path) -> None:
    Path("cards").mkdir()
    Path("pipelines").mkdir()
    view = "sft: {prompt: instruction, response: response, where: 'WHERE'}"
    card = f"---\nlicense: cc0-1.0\nbezoar:\n  views:\n    {view}\n---\n# D\n"
    Path("pipelines/models.yaml").write_text(MODELS)
    Path("pipelines/rows.jsonl").write_text(Path("rows.jsonl").read_text())
    written(SOURCE + AS_TEXT, "pipelines/p", "card: ../cards/d.md\n")
    text = Path("pipelines/p.yaml").read_text().replace("name: pipelines/p", "name: p")
    Path("pipelines/p.yaml").write_text(text)
    recipe = (
        "version: 1\nname: r\nbase: {model: m}\nstages:\n"
        "  - {use: sft, card: cards/d.md, where: 'judge_rating >= 3', training: {max_steps: 1}}\n"
    )
    Path("r.yaml").write_text(recipe)
    Path("cards/d.md").write_text(card.replace("WHERE", "judge_rating > 4"))
    found = check_files([Path("pipelines/p.yaml"), Path("r.yaml")])
    unlike = [p for p in found.problems if "text is compared with a number" in p.message]
    assert [Path(p.place.file).name for p in unlike if p.place] == ["d.md", "r.yaml"], found.problems
