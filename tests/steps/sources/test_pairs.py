"""`load_pairs`: pairs however a set lays them out, the prompt once, or dropped with their words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Row
from bezoar_data.steps.sources.load_pairs import LoadPairs

ASKED, PERCH, NO = (
    {"role": r, "content": c} for r, c in (("user", "Which?"), ("assistant", "Perch"), ("assistant", "No"))
)
PAIR = {"prompt": [ASKED], "chosen": [PERCH], "rejected": [NO]}


def load(folder: Path, *rows: dict[str, Any], **settings: Any) -> list[Row]:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(LoadPairs(name="load", path=str(path), **settings).rows())


def test_pairs_of_every_layout(tmp_path: Path):
    system = {"role": "system", "content": "S"}
    tools = [{"type": "function", "function": {"name": "look"}}]
    layouts: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"prompt": "Which?", "chosen": "Perch", "rejected": "No"}, PAIR),
        ({"prompt": "Which?", "chosen": [ASKED, PERCH], "rejected": [ASKED, NO], "margin": 2}, {**PAIR, "margin": 2.0}),
        ({"chosen": [ASKED, PERCH], "rejected": [ASKED, NO], "tools": tools}, {**PAIR, "tools": json.dumps(tools)}),
        (
            {"prompt": [{"from": "human", "value": "Which?"}], "chosen": {"from": "gpt", "value": "Perch"},
             "rejected": {"from": "gpt", "value": "No"}},
            PAIR,
        ),
        (
            {"prompt": "Which?", "input": "", "system": "S", "history": [["Which?", "No"]],
             "chosen": "Perch", "rejected": "No"},
            {**PAIR, "prompt": [system, ASKED, NO, ASKED]},
        ),
    ]  # fmt: skip
    found = load(tmp_path, *(row for row, _ in layouts))
    assert [row.columns for row in found] == [expected for _, expected in layouts]
    (named,) = load(
        tmp_path, {"q": "Which?", "good": "Perch", "bad": "No", "more": 1, "system": "S"},
        prompt="q", chosen="good", rejected="bad", system="", keep=["more"],
    )  # fmt: skip
    assert named.columns == {**PAIR, "more": 1}


def test_what_is_no_pair_is_dropped_with_its_words(tmp_path: Path):
    bad: dict[str, dict[str, Any]] = {
        "missing": {"prompt": "Which?", "chosen": "Perch"},
        "empty": {"prompt": "Which?", "chosen": [ASKED, PERCH], "rejected": [ASKED, {**NO, "content": ""}]},
        "identical": {"prompt": "Which?", "chosen": "Perch", "rejected": "Perch"},
        "prompts_differ": {"prompt": "Who?", "chosen": [ASKED, PERCH], "rejected": [ASKED, NO]},
        "history": {"chosen": [ASKED, PERCH, ASKED, NO], "rejected": [ASKED, NO]},
        "no_reply": {"chosen": [ASKED], "rejected": [ASKED, NO]},
        "margin": {"prompt": "Which?", "chosen": "Perch", "rejected": "No", "margin": "much"},
        "roles": {"prompt": "Which?", "chosen": [{"role": "narrator", "content": "Perch"}], "rejected": "No"},
        "not_unicode": {"prompt": "Which\ud800?", "chosen": "Perch", "rejected": "No"},
    }
    good, *rows = load(tmp_path, {"prompt": "Which?", "chosen": "Perch", "rejected": "No"}, *bad.values())
    assert good.lineage.drop is None
    drops = [row.lineage.drop for row in rows]
    assert [drop and drop.reason for drop in drops] == list(bad)
    assert [json.loads((drop and drop.raw) or "") for drop in drops] == list(bad.values())
    with pytest.raises(InputError) as stopped:
        load(tmp_path, {"prompt": "Which?", "better": "Perch", "rejected": "No"})
    assert stopped.value.problems[0].hint.startswith("write chosen: better;")
