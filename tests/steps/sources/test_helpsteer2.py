"""HelpSteer2's two sets: conversations in one text, neighbours that answer one prompt, ratings and strengths."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Row
from bezoar_data.steps.sources.files import FileSource
from bezoar_data.steps.sources.load_helpsteer2 import ATTRIBUTES, LoadHelpsteer2
from bezoar_data.steps.sources.load_helpsteer2_preference import LoadHelpsteer2Preference

SEEDS = Path(__file__).parents[3] / "pipelines" / "seeds"
A, U = "\n<extra_id_1>Assistant\n", "\n<extra_id_1>User\n"


def rated(prompt: str, response: str = "Yes.", **changes: Any) -> dict[str, Any]:
    return {"prompt": prompt, "response": response, **dict.fromkeys(ATTRIBUTES, 3), **changes}


def compared(**changes: Any) -> dict[str, Any]:
    return {"prompt": "Q", "response_1": "a", "response_2": "b", "preference_strength": -2, "split": "train", **changes}


def load(cls: type[FileSource], folder: Path, *rows: dict[str, Any], **settings: Any) -> list[Row]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return list(cls(name="load", path=str(path), **settings).rows())


def reason(row: Row) -> str:
    return row.lineage.drop.reason if row.lineage.drop else "kept"


def test_a_prompt_of_several_turns_becomes_messages(tmp_path: Path):
    prompt = f"How?{A}Like this:\n\nUser\n1 is no mark here.{U}And then? "
    first, second = load(LoadHelpsteer2, tmp_path, rated("Hi"), rated(prompt))
    assert first["prompt"] == [{"role": "user", "content": "Hi"}]
    assert second["prompt"] == [
        {"role": "user", "content": "How?"},
        {"role": "assistant", "content": "Like this:\n\nUser\n1 is no mark here."},
        {"role": "user", "content": "And then?"},
    ]
    assert second["response"] == "Yes."


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (rated(f"How?{A}So."), "even"),
        (rated(f"How?{U}Well?{U}So?"), "roles"),
        (rated(f"How?{A}{U}So?"), "empty"),
        (rated(""), "empty"),
        (rated("How?", " "), "empty"),
        (rated("How?", coherence=None), "rating"),
        (rated("How?", helpfulness=5), "rating"),
        (rated("How?", verbosity=2.5), "rating"),
        (rated("How?", verbosity="4"), "rating"),
        (rated("How?", complexity=4.0), "kept"),
    ],
)
def test_what_cannot_be_used_is_dropped_with_its_reason(tmp_path: Path, row: dict[str, Any], expected: str):
    (got,) = load(LoadHelpsteer2, tmp_path, row)
    assert reason(got) == expected
    if expected != "kept":
        assert {name: got[name] for name in row} == row


def test_markers_are_read_as_they_come_or_the_row_is_dropped(tmp_path: Path):
    talk = [{"role": role, "content": said} for role, said in (("user", "q1"), ("assistant", "a1"), ("user", "q2"))]
    read = [
        "q1\r\n<extra_id_1>Assistant\r\na1\r\n<extra_id_1>User\r\nq2",
        "<extra_id_1>User\nq1\n<extra_id_1>Assistant\na1\n<extra_id_1>User\nq2\n",
        "q1\n<extra_id_1> Assistant\na1\n<extra_id_1>User \nq2",
    ]
    for row in load(LoadHelpsteer2, tmp_path, *map(rated, read)):
        assert row["prompt"] == talk
    not_read = {
        "q1\n<extra_id_1>Assistant": "even",
        "<extra_id_0>System\nbe kind\n<extra_id_1>User\nq1": "roles",
        "q1\n<extra_id_1>Assistant\n<extra_id_2>quality:4\n": "roles",
        "What is <extra_id_1>?": "roles",
        "<extra_id_1>Assistant\na1\n<extra_id_1>User\nq2": "even",
    }
    assert [reason(row) for row in load(LoadHelpsteer2, tmp_path, *map(rated, not_read))] == list(not_read.values())
    marked = compared(response_2="r<extra_id_1>")
    rows = [
        *load(LoadHelpsteer2, tmp_path, rated("q", "r<extra_id_1>")),
        *load(LoadHelpsteer2Preference, tmp_path, marked),
    ]
    assert [reason(row) for row in rows] == ["roles", "roles"]


def test_neighbours_with_one_prompt_share_its_number_and_a_missing_one_shifts_no_others(tmp_path: Path):
    prompts = ["a", "a", "b", "c", "c", "c", "c", "a", "a", "a"]
    rows = load(LoadHelpsteer2, tmp_path, *(rated(p, f"answer {i}") for i, p in enumerate(prompts)))
    assert [r["prompt_index"] for r in rows] == [0, 0, 1, 2, 2, 3, 3, 4, 4, 5]


def test_preferences_are_checked_and_the_other_part_is_left_out(tmp_path: Path):
    rows = [
        compared(),
        compared(split="validation"),
        compared(preference_strength=4),
        compared(preference_strength="2"),
        compared(response_2=""),
        compared(prompt=f"Q{A}So."),
        compared(preference_strength=0),
    ]
    got = load(LoadHelpsteer2Preference, tmp_path, *rows, part="train")
    assert list(map(reason, got)) == ["kept", "other_part", "strength", "strength", "empty", "even", "kept"]
    assert reason(load(LoadHelpsteer2Preference, tmp_path, *rows)[1]) == "kept"
    assert got[0].columns == {**compared(), "prompt": [{"role": "user", "content": "Q"}]}


@pytest.mark.parametrize("cls", [LoadHelpsteer2, LoadHelpsteer2Preference])
def test_rows_of_another_shape_are_told_before_the_run(tmp_path: Path, cls: type[FileSource]):
    with pytest.raises(InputError) as error:
        load(cls, tmp_path, {"chosen": "x"}, {"chosen": "y"})
    (problem,) = error.value.problems
    assert "none of the 2 rows can be used (2 missing)" in problem.message
    assert problem.hint == "write columns: {prompt: chosen}; the row has chosen"


def test_the_shipped_rows_hold_pairs_ties_talks_and_one_of_each_fault():
    rows = list(LoadHelpsteer2(name="load", path=str(SEEDS / "helpsteer2_like.jsonl")).rows())
    assert Counter(map(reason, rows)) == {"kept": 29, "even": 1, "rating": 1}
    numbers = Counter(r["prompt_index"] for r in rows if reason(r) == "kept")
    assert Counter(numbers.values()) == {2: 14, 1: 1}
    assert sum(len(r["prompt"]) > 1 for r in rows if reason(r) == "kept") >= 6
    path = SEEDS / "helpsteer2_preference_like.jsonl"
    strengths = {r["preference_strength"] for r in LoadHelpsteer2Preference(name="load", path=str(path)).rows()}
    assert {-3, 0, 3} <= strengths
