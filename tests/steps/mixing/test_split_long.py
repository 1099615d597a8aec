"""Long conversations cut at turn borders: parts that fit, and nothing that vanishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Row
from bezoar_data.steps.driver import apply_verdict
from bezoar_data.steps.mixing.split_long import SplitLong
from support.drive import drive, row


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer of which every letter is a token."""
    made = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    folder = tmp_path_factory.mktemp("letters")
    made.save(str(folder / "tokenizer.json"))
    return str(folder)


def talk(text: str) -> list[dict[str, str]]:
    """Turns by their first letter: s, u, a."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[word[0]], "content": word} for word in text.split()]


def split(letters: str, text: str, most: int, **settings: Any) -> tuple[list[str], dict[str, str], list[Row]]:
    step = SplitLong(name="split", tokenizer=letters, max_tokens=most, **{"per_turn": 0, **settings})
    given = row(messages=talk(text), origin="web")
    made = list(apply_verdict(given, drive(step, given).verdict, "split").rows)
    said = {id(r): " ".join(m["content"] for m in r["messages"]) for r in made}
    assert all(r["origin"] == "web" for r in made)
    dropped = {said[id(r)]: r.lineage.drop.reason for r in made if r.lineage.drop}
    return [said[id(r)] for r in made if not r.lineage.drop], dropped, made


def test_what_fits_stays_one(letters: str):
    kept, dropped, (made,) = split(letters, "s1 u1 a1 u2 a2", 10)
    assert (kept, dropped) == (["s1 u1 a1 u2 a2"], {})
    assert not made.lineage.flags


def test_parts_are_whole_exchanges_with_the_systems_words_before_each(letters: str):
    kept, dropped, made = split(letters, "s1 u1 a1 u2 a2 u3 a3", 10)
    assert (kept, dropped) == (["s1 u1 a1 u2 a2", "s1 u3 a3"], {})
    assert [flag.detail for r in made for flag in r.lineage.flags] == ["part 1 of 2", "part 2 of 2"]
    assert split(letters, "s1 u1 a1 u2 a2 u3 a3", 9)[0] == ["s1 u1 a1", "s1 u2 a2", "s1 u3 a3"]


def test_an_exchange_that_is_alone_too_long_is_dropped_and_parts_what_stands_around_it(letters: str):
    kept, dropped, _ = split(letters, "u1 a1 u2 aaaaaaaaaaaa u3 a3", 12)
    assert (kept, dropped) == (["u1 a1", "u3 a3"], {"u2 aaaaaaaaaaaa": "too_long"})


def test_what_no_question_and_no_answer_belongs_to_is_dropped_for_itself(letters: str):
    kept, dropped, _ = split(letters, "a0 u1 a1 u2", 100)
    assert (kept, dropped) == (["u1 a1"], {"a0": "no_question", "u2": "no_answer"})
    assert split(letters, "u1", 100)[:2] == ([], {"u1": "no_answer"})
    assert split(letters, "s1", 100)[1] == {"s1": "empty"}


def test_a_turn_costs_its_marks_too(letters: str):
    assert split(letters, "u1 a1 u2 a2", 32, per_turn=6)[0] == ["u1 a1 u2 a2"]
    assert split(letters, "u1 a1 u2 a2", 31, per_turn=6)[0] == ["u1 a1", "u2 a2"]


@pytest.mark.parametrize("most", range(1, 30))
def test_every_turn_is_in_one_part_or_dropped_and_no_part_is_too_long(letters: str, most: int):
    text = "u1 a1 u22 a2 u3 a3333 u4 a4 u55555 a5 u6"
    kept, dropped, _ = split(letters, text, most)
    assert sorted(" ".join([*kept, *dropped]).split()) == sorted(text.split())
    assert all(len(part.replace(" ", "")) <= most for part in kept)
    assert all(part.split()[0][0] == "u" and part.split()[-1][0] == "a" for part in kept)
    full = [part.replace(" ", "") for part in kept]
    firsts = {" ".join(part.split()[:2]): len("".join(part.split()[:2])) for part in kept}
    for part, after in zip(full, kept[1:], strict=False):
        follows = text.index(after) == text.index(kept[full.index(part)]) + len(kept[full.index(part)]) + 1
        assert not follows or len(part) + firsts[" ".join(after.split()[:2])] > most, "a part holds all that fits"


def test_a_tokenizer_that_is_none_is_told_before_a_row(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        SplitLong(name="split", tokenizer=str(tmp_path), max_tokens=9).load()
