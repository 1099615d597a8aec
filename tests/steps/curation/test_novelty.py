import json
from pathlib import Path

import pytest
from rapidfuzz.distance import LCSseq

from bezoar_data.config.errors import InputError
from bezoar_data.measures.words import words_of
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.curation.novelty import Novelty
from support.drive import row


def rouge_l(a: list[str], b: list[str]) -> float:
    return 2 * LCSseq.similarity(a, b) / (len(a) + len(b)) if a and b else 0.0


def verdicts(step: Novelty, texts: list[object]) -> dict[int, tuple[str, str]]:
    rows = [row(i, text=t) for i, t in enumerate(texts)]
    found = list(step.run_rows(rows))
    assert len(found) == len(rows)
    return {i: (v.reason, v.detail) for i, v in enumerate(found) if isinstance(v, Dropped)}


def test_rows_like_a_seed_or_like_an_earlier_row_go(tmp_path: Path):
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Write a short poem about the sea."}\n')
    step = Novelty(name="n", column="text", seeds=str(tmp_path / "seeds.jsonl"))
    texts = [
        "Write a long poem about the sea!",
        "List three uses of old newspapers.",
        "List four uses of old newspapers",
        "Explain how tides come about.",
        "",
        None,
        "",
    ]
    assert verdicts(step, texts) == {
        0: ("like_a_seed", "seeds.jsonl item 0, ROUGE-L 0.86"),
        2: ("like_an_earlier_row", "row-1, ROUGE-L 0.83"),
    }
    only_seeds = Novelty(name="n", column="text", seeds=str(tmp_path / "seeds.jsonl"), earlier=False)
    assert set(verdicts(only_seeds, texts)) == {0}


def test_rows_are_compared_with_rows_that_stayed_only():
    a, b, c = "a b c d e f g h i j", "a b c d e f g h x y", "a b c d e f z w x y"
    assert rouge_l(words_of(a), words_of(b)) >= 0.7 > rouge_l(words_of(a), words_of(c))
    assert rouge_l(words_of(b), words_of(c)) >= 0.7
    assert set(verdicts(Novelty(name="n", column="text"), [a, b, c])) == {1}


def test_the_rule_as_it_is_written_down_gives_the_same(real_data: Path):
    seeds = [
        json.loads(s)["instruction"] for s in (real_data / "self_instruct_seed_tasks.jsonl").read_text().splitlines()
    ]
    texts = [t for s in seeds for t in (s, s.replace("the", "a"), " ".join(s.split()[: len(s.split()) * 2 // 3]))]
    kept: list[list[str]] = []
    plain = set()
    for i, text in enumerate(texts):
        words = words_of(text)
        if any(rouge_l(words, k) >= 0.7 for k in kept):
            plain.add(i)
        else:
            kept.append(words)
    assert set(verdicts(Novelty(name="n", column="text"), list(texts))) == plain
    assert 200 < len(plain) < len(texts) - 150


def test_marking_keeps_every_row():
    step = Novelty(name="n", column="text", action="mark", mark="seen")
    rows = [row(0, text="the same words here"), row(1, text="The same words, here")]
    kept = [v for v in step.run_rows(rows) if isinstance(v, Kept)]
    assert [v.columns["seen"] for v in kept] == [None, "like_an_earlier_row: row-0, ROUGE-L 1.00"]


def test_comparing_with_nothing_is_a_mistake():
    with pytest.raises(InputError, match="compares rows with nothing"):
        list(Novelty(name="n", column="text", earlier=False).run_rows([row(0, text="a")]))
