"""Rows as they went wrong elsewhere (`support/cases.py`): what is right stands in the dataset, the card holds, and both
engines write the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bezoar_data.cards.check import check_dataset
from bezoar_data.cards.export.export import export_rows
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.row import content_hash
from support.borders import lines
from support.cases import CASES, Case
from support.command import Outcome
from support.nasty import broken_texts, same, values
from support.projects import Project

CARD = "---\npretty_name: Owls\nlanguage: en\nbezoar: {views: VIEWS}\n---\n\n# {{ title }}\n\n{{ sections.fields }}\n"
CARD += "\n{{ sections.example }}\n"
CHECKS = "version: 1\nroles:\n  judge: {provider: checks, model: checks}\n"
FIRST = ("01", "04", "11", "21", "28", "31", "36", "39")
"""Those that are tried with every change."""
EACH = [pytest.param(name, marks=[] if name.startswith(FIRST) else pytest.mark.nightly) for name in CASES]


@pytest.fixture
def run(project: Project) -> Callable[..., Outcome]:
    def run(case: Case, *more: str) -> Outcome:
        (project.folder / case.file).write_bytes(case.bytes)
        (project.folder / "card.md").write_text(CARD.replace("VIEWS", case.views))
        (project.folder / "models.yaml").write_text(CHECKS)
        project.pipeline(case.steps, card="card.md", tolerate=1.0)
        return project.run(*more)

    return run


@pytest.mark.parametrize("name", EACH)
def test_what_is_right_stands_in_the_dataset(project: Project, run: Callable[..., Outcome], name: str) -> None:
    case = CASES[name]
    done = run(case)
    assert done.code == case.code, done.out + done.err
    assert case.said in done.out + done.err
    if case.code == 2:
        return
    dataset = project.folder / "runs" / "test" / "dataset"
    assert check_dataset(dataset) == []
    kept = project.kept()
    assert all(row["content_hash"] == content_hash(row) for row in kept)
    if case.kept is not None:
        found = [{column: row[column] for column in right} for row, right in zip(kept, case.kept, strict=True)]
        assert all(map(same, found, case.kept)), found
    dropped = project.dropped()
    assert Counter(row["reason"] for row in dropped) == case.dropped
    said = "\n".join(f"{row['raw']} {row['row']}" for row in dropped)
    assert all(words in said for words in case.words), said
    assert sorted(Lock.read(dataset / "lock.json").mixed_columns) == sorted(case.mixed)
    for form, (rows, left_out) in case.exports.items():
        path = project.folder / f"{form}.jsonl"
        assert export_rows(dataset, form, path).left_out == left_out, form
        assert [json.loads(line) for line in path.read_text().splitlines()] == list(rows), form


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_distilabels_runner_writes_the_same_bytes(project: Project, run: Callable[..., Outcome], name: str) -> None:
    case = CASES[name]
    if case.code == 2:
        pytest.skip("it is refused before an engine begins")
    assert run(case).code == case.code
    streamed = project.files()
    done = run(case, "--engine", "local", "--out", "runs/local", "--journal", "runs/local.sqlite")
    assert done.code == case.code, done.out + done.err
    assert project.files("local") == streamed


QUESTION = {"prompt": "What floats?", "response": "Corks.", "more": 1, "id": 1}
ROWS = st.fixed_dictionaries({"prompt": broken_texts, "response": broken_texts, "more": values, "id": values})
STEPS = """\
  - {use: load_rows, with: {path: rows.jsonl, texts: [prompt, response]}}
  - {use: exact_duplicates, with: {column: prompt}}
  - {use: clean, with: {column: response}}
  - {use: near_duplicates, with: {column: prompt, threshold: 0.9}}
"""


@pytest.mark.nightly
@settings(max_examples=4, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(rows=st.lists(ROWS, min_size=30, max_size=60))
def test_distilabels_runner_writes_the_same_bytes_of_nasty_rows(
    project: Project, run: Callable[..., Outcome], rows: list[dict[str, Any]]
) -> None:
    case = Case(content=lines([QUESTION, *rows]) + b"{broken\n", steps=STEPS, views="{}")
    assert run(case).code == 0
    streamed = project.files()
    assert run(case, "--engine", "local", "--out", "runs/local", "--journal", "runs/local.sqlite").code == 0
    assert project.files("local") == streamed
