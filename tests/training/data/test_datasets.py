"""Which rows of a dataset a stage takes: its own `where`, else the accepted ones; corrected responses are learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.problems import Place
from bezoar_data.training.data.datasets import StageCard, read_rows
from bezoar_data.training.data.examples import StageRows
from bezoar_data.training.stages.registry import load_recipe
from training.conftest import Recipe, card

VIEW = {"prompt": "ask", "response": "say"}


@pytest.fixture
def read(tmp_path: Path, recipe: Recipe) -> Any:
    """Reads the rows of a stage from a dataset of ten rows, judged or reviewed."""

    def rows_of(
        view: dict[str, str] = VIEW, stage: dict[str, Any] | None = None, validation: int = 0, **columns: list[Any]
    ) -> StageRows:
        dataset = tmp_path / "dataset"
        (dataset / "data").mkdir(parents=True, exist_ok=True)
        texts = {"ask": [f"Q{i}" for i in range(10)], "say": [f"A{i}" for i in range(10)]}
        table = pa.table({**texts, **columns})
        held = table.num_rows - validation
        for name, part in {"train": table.slice(0, held), "validation": table.slice(held)}.items():
            if part.num_rows:
                pq.write_table(part, dataset / "data" / f"{name}-00000-of-00001.parquet")
        (dataset / "README.md").write_text(f"---\nbezoar: {json.dumps({'views': {'sft': view}})}\n---\n")
        (dataset / "lock.json").write_text(json.dumps(SAMPLE.as_json()))
        loaded = load_recipe(recipe([{"use": "sft", "card": card("lamini"), **(stage or {})}]))
        own = load_card(dataset / "README.md").bezoar
        return read_rows(loaded, StageCard(0, loaded.file.stages[0], dataset, own, "l", Place("r.yaml", 9)))

    return rows_of


def judge(name: str = "judge") -> dict[str, list[Any]]:
    return {f"{name}_status": ["Accept", "Reject"] * 5, f"{name}_rating": [*range(10)], f"{name}_reason": ["why"] * 10}


def said(rows: StageRows) -> str:
    return "".join(row["say"][1:] for row in rows.train)


def test_a_stage_takes_the_accepted_rows_and_says_how_many_it_passed_over(read: Any):
    rows = read(**judge())
    assert (said(rows), rows.passed_over, rows.where) == ("02468", 5, 'judge_status == "Accept"')
    rows = read({**VIEW, "where": "judge_rating >= 7"}, **judge())
    assert (said(rows), rows.passed_over, rows.where) == ("789", 7, "judge_rating >= 7")
    assert rows.view == VIEW
    rows = read()
    assert (said(rows), rows.passed_over, rows.where) == ("0123456789", 0, None)


def test_a_stages_own_where_goes_before_the_cards(read: Any):
    rows = read({**VIEW, "where": "judge_rating >= 7"}, {"where": "judge_rating < 2"}, **judge())
    assert (said(rows), rows.where) == ("01", "judge_rating < 2")


def test_people_decide_and_what_they_corrected_is_learnt(read: Any):
    people = {
        "review_status": ["Reject", "Accept", *[None] * 8],
        "final_status": ["Reject", "Accept", *["Accept", "Reject"] * 4],
        "review_response": [None, "B1", *[None] * 8],
        "review_corrects": [None, "say", *[None] * 8],
    }
    rows = read(**judge(), **people)
    assert [row["say"] for row in rows.train] == ["B1", "A2", "A4", "A6", "A8"]


def test_held_out_rows_are_accepted_ones_too(read: Any):
    rows = read(stage={"split": {"validation": 0.4}}, **judge())
    assert len(rows.train) + len(rows.held_out) == 5
    assert {row["judge_status"] for row in rows.held_out} == {"Accept"}


def test_several_judges_and_no_where_are_a_mistake_that_says_what_to_write(read: Any):
    with pytest.raises(InputError) as error:
        read(**judge("one"), **judge("two"))
    (problem,) = error.value.problems
    assert (problem.code, problem.place) == ("several-judges", Place("r.yaml", 9))
    assert problem.hint.endswith('where: one_status == "Accept"; or write it in this stage')


def test_rows_that_nobody_accepted_leave_nothing_to_train_on(read: Any):
    with pytest.raises(InputError) as error:
        read({**VIEW, "where": "judge_rating > 99"}, **judge())
    assert "judge_rating > 99" in error.value.problems[0].hint


FIFTY_ONE = {"ask": [f"Q{i}" for i in range(51)], "say": [f"A{i}" for i in range(51)]}


def test_rows_are_held_out_once(read: Any):
    """Of all accepted rows, those among them that the dataset holds out itself."""
    rows = read(stage={"split": {"validation": 0.2}}, validation=9, **FIFTY_ONE)
    assert (len(rows.train), len(rows.held_out), rows.passed_over) == (41, 10, 0)
    assert len({row["say"] for row in (*rows.train, *rows.held_out)}) == 51
    assert "held out once" in rows.notes[0]
    rows = read(stage={"split": {"validation": "validation"}}, validation=9, **FIFTY_ONE)
    assert (len(rows.train), len(rows.held_out), rows.notes) == (42, 9, ())
    rows = read(stage={"split": {"train": "train", "validation": 0.2}}, validation=9, **FIFTY_ONE)
    assert (len(rows.train), len(rows.held_out), rows.notes) == (34, 8, ())


def test_so_many_rows_are_drawn_by_the_seed(read: Any):
    def drawn(**split: Any) -> list[str]:
        return [row["say"] for row in read(stage={"split": split}, **FIFTY_ONE).train]

    first = drawn(rows=12)
    assert (len(first), first, drawn(rows=12)) == (12, sorted(first, key=lambda say: int(say[1:])), first)
    assert first != [f"A{i}" for i in range(12)], "it is not the head"
    assert drawn(rows=12, seed=7) != first
    assert len(drawn(rows=900)) == 51


def test_a_share_far_from_the_wanted_one_is_told(read: Any):
    seeds = [["one"]] * 48 + [["two"], ["three"], ["four"]]
    rows = read(stage={"split": {"validation": 0.2}}, seed_ids=seeds, **FIFTY_ONE)
    assert (len(rows.train), len(rows.held_out)) == (48, 3)
    assert rows.notes[0].startswith("wanted 20.0% held out, got 5.9% (3 of 51 rows)")
