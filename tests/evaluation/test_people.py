"""Pairs of answers, and what people's judgments of them come to. Argilla stands in tests/review."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.api.named import models_found, target_of
from bezoar_data.config.errors import InputError
from bezoar_data.evaluation.answering import answers_in, answers_to, name_in
from bezoar_data.evaluation.people import (
    LEVELS,
    Judgment,
    Pair,
    Pairs,
    People,
    Side,
    by_model,
    compare_people,
    make_pairs,
    people_on,
)
from bezoar_data.reports.people import people_text

TURNS = [[{"role": "user", "content": f"Question {n}?"}] for n in range(40)]
PROMPTS = [(turns[0]["content"], turns) for turns in TURNS]
FIRST, SECOND = [f"first {n}" for n in range(40)], [f"the second {n}" for n in range(40)]


def of(pairs: list[Pair], judge: Sequence[Any] = (), overlap: int = 1) -> Pairs:
    sides = tuple(Side(name=name, model=None, answers="0" * 64) for name in ("one", "two"))
    return Pairs(
        comparison="c", sides=sides, prompts={"name": "p.txt", "sha256": "0" * 64}, settings={}, dataset="d",
        workspace="w", overlap=overlap, pairs=tuple(pairs),
        judge=dict(zip((pair.id for pair in pairs), judge, strict=False)),
    )  # fmt: skip


def test_neither_id_nor_place_tells_whose_an_answer_is():
    pairs, turned = make_pairs(PROMPTS, FIRST, SECOND, 1), make_pairs(PROMPTS, SECOND, FIRST, 1)
    assert [pair.id for pair in pairs] == [pair.id for pair in turned]
    # The place is drawn of the pair, not of the model: what stands first with either order of the models varies.
    assert 10 < sum(pair.swapped for pair in pairs) < 30
    assert [pair.swapped for pair in make_pairs(PROMPTS, FIRST, SECOND, 2)] != [pair.swapped for pair in pairs]


def test_what_is_said_of_places_is_said_of_models():
    (pair,) = make_pairs(PROMPTS[:1], FIRST[:1], SECOND[:1], 1)
    for swapped, level in product((False, True), LEVELS):
        placed = Pair(id=pair.id, prompt="p", first="a", second="b", swapped=swapped)
        said = by_model(placed, "anna", (True, False), level)
        assert said.acceptable == ((False, True) if swapped else (True, False))
        assert said.level == (-level if swapped else level)


def test_a_judge_is_held_against_what_most_people_chose(tmp_path: Path):
    pairs = of(make_pairs(PROMPTS[:6], FIRST[:6], SECOND[:6], 1), ["b", "a", "a", "tie", "b"], overlap=2)
    levels = {"anna": [2, 1, -1, 0, 1, -2], "ben": [1, 1, -2, 0, -1, -1]}
    judgments = [
        Judgment(pair=pair.id, person=person, acceptable=(True, level > 0), level=level)
        for person, given in levels.items()
        for pair, level in zip(pairs.pairs, given, strict=True)
    ]
    # Most people: b, b, a, tie, divided, a. The judge, of five: b, a, a, tie, b.
    found = compare_people(pairs, judgments)
    assert found is not None
    assert found.judge is not None
    # Four of the five have a majority; three are the same. Chance: a 2/4 1/4, b 1/4 2/4, tie 1/4 1/4: 5/16.
    assert (found.judge.agreement.rows, found.judge.agreement.share.value) == (4, 3 / 4)
    assert found.judge.agreement.kappa.value == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))
    assert (found.win.wins, found.win.ties, found.win.losses, found.p, found.word) == (2, 2, 2, 1.0, "tied")
    assert found.more_acceptable.value == -(12 - 5) / 12
    assert found.win.characters == (7, 12)
    text = people_text(found)
    assert "judge and most people 4 0.750" in " ".join(text.split())
    assert "12 / 7 3 / 2" in " ".join(text.split())
    pairs.write(tmp_path)
    assert Pairs.read(tmp_path / "pairs.json") == pairs
    assert compare_people(pairs, []) is None
    assert people_text(None) == "Nobody has answered yet."


def test_answers_are_made_once(models: dict[str, Path], tmp_path: Path):
    file, said = tmp_path / "answers.jsonl", list[str]()
    (found,) = models_found([str(models["adapter"])], trained=tmp_path)
    target = target_of(found, None)

    def asked(count: int, **more: int) -> list[str]:
        settings = {"max_tokens": 6, "batch_size": 2, **more}
        return answers_to(TURNS[:count], target, file, say=said.append, **settings)

    first = asked(3)
    # Killed while it wrote: what is whole is kept, and what was cut is asked anew.
    lines = file.read_text("utf-8").split("\n")
    file.write_text("\n".join([*lines[:2], lines[2][:20]]), "utf-8")
    assert asked(4)[:3] == first
    assert said == ["adapter: 3 of 3 answered", "adapter: 2 of 2 answered"]
    assert [json.loads(line)["answer"] for line in file.read_text("utf-8").split("\n")[:4]] == asked(4)
    assert len(said) == 2
    with pytest.raises(InputError, match="takes 256 tokens"):
        asked(1, max_tokens=256)


def test_a_file_of_answers_is_read_by_its_prompts(tmp_path: Path):
    file = tmp_path / "answers.jsonl"
    lines = [
        {"prompt": "Question 1?", "model": "m", "answer": "One.", "finish_reason": "stop"},
        {"messages": TURNS[0], "model": "m", "answer": "too long", "finish_reason": "refused"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert answers_in(file, TURNS[:2]) == ["", "One."]
    assert name_in(file) == "m"
    with pytest.raises(InputError, match="38 of 40 prompts have no answer here, the first: Question 2"):
        answers_in(file, TURNS)
    file.write_text("no JSON")
    with pytest.raises(InputError, match="not JSON"):
        answers_in(file, TURNS)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        answers_in(file, TURNS)


def test_compare_shows_what_people_said_in_its_own_order(tmp_path: Path):
    pairs = of(make_pairs(PROMPTS[:4], FIRST[:4], SECOND[:4], 1), ["b"])
    judgments = tuple(
        Judgment(pair=pair.id, person="anna", acceptable=(False, True), level=level)
        for pair, level in zip(pairs.pairs, [2, 1, 1, -1], strict=True)
    )
    pairs.write(tmp_path)
    People(comparison="c", names=("one", "two"), judgments=judgments, figures={}).write(tmp_path)
    straight = people_on(tmp_path, Path("evaluated/one"), Path("evaluated/two"))
    turned = people_on(tmp_path, Path("evaluated/two"), Path("evaluated/one"))
    assert straight is not None
    assert turned is not None
    assert (straight.win.rate.value, turned.win.rate.value) == (3 / 4, 1 / 4)
    assert (straight.levels[2], turned.levels[-2]) == (1, 1)
    assert straight.acceptable == turned.acceptable[::-1]
    assert straight.first_chosen == turned.first_chosen
    for found, choice in ((straight, "b"), (turned, "a")):
        assert found.judge is not None
        assert found.judge.agreement.table[("a", "tie", "b").index(choice)] != (0, 0, 0)
    with pytest.raises(InputError, match="people compared one and two"):
        people_on(tmp_path, Path("evaluated/one"), Path("evaluated/three"))
