import random
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.measures.rouge import Nearest, RougePool, count_words
from bezoar_data.measures.words import text_of, words_of


def plain_lcs(a: list[str], b: list[str]) -> int:
    """The table everyone learns."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def plain_nearest(pool: list[list[str]], words: list[str], threshold: float) -> Nearest | None:
    scores = [2 * plain_lcs(words, t) / (len(words) + len(t)) if words and t else 0.0 for t in pool]
    best = max(scores, default=0.0)
    return Nearest(scores.index(best), best) if best >= threshold - 1e-9 else None


WORDS = st.lists(st.sampled_from(list("abcdefghijkl")), max_size=12)


@settings(max_examples=200)
@given(
    pool=st.lists(WORDS, max_size=12),
    query=WORDS,
    threshold=st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.75, 0.9, 1.0]),
    known=st.booleans(),
)
def test_the_nearest_is_that_of_comparing_all_pairs(pool, query, threshold, known):
    fast = RougePool(threshold, count_words([*pool, query]) if known else Counter())
    for words in pool:
        fast.add(words)
    assert fast.nearest(query) == plain_nearest(pool, query, threshold)


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_the_nearest_among_many_long_texts(threshold: float):
    pick = random.Random(5)
    vocabulary = [f"w{i}" for i in range(300)]
    weights = [1 / (i + 1) for i in range(300)]
    texts = [pick.choices(vocabulary, weights, k=pick.randrange(3, 60)) for _ in range(150)]
    for text in texts[:60]:
        changed = list(text)
        for _ in range(pick.randrange(1, 2 + len(text) // 3)):
            changed[pick.randrange(len(changed))] = pick.choice(vocabulary)
        texts.append(changed)
    fast = RougePool(threshold, count_words(texts))
    hits = 0
    for i, words in enumerate(texts):
        found = fast.nearest(words)
        assert found == plain_nearest(texts[:i], words, threshold), i
        hits += found is not None
        fast.add(words)
    assert hits > 30


def test_it_is_the_rouge_l_of_the_rouge_score_package():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)
    texts = [
        "Write a poem about the sea, in four lines.",
        "In four lines: a poem on the SEA!",
        "don't re-use 3.14 x_y",
        "",
    ]
    for a in texts:
        for b in texts:
            pool = RougePool(1e-6, Counter())
            pool.add(words_of(a))
            found = pool.nearest(words_of(b))
            assert (found.similarity if found else 0.0) == pytest.approx(scorer.score(a, b)["rougeL"].fmeasure)


def test_words_beyond_the_places_of_unicode_are_told_apart(monkeypatch):
    pool = RougePool(0.5, {f"w{i}": i for i in range(600_000)})
    pool.add(["w599999", "w599998", "w1"])
    pool.add(["w1", "w2", "w3"])
    assert pool.nearest(["w599999", "w599998", "w5"]) == Nearest(0, pytest.approx(2 / 3))
    assert pool.nearest(["w1", "w2", "new"]) == Nearest(1, pytest.approx(2 / 3))
    assert sys.maxunicode == 0x10FFFF


def test_words_are_folded_and_scripts_without_spaces_are_split():
    assert words_of("Straße, ＡＢＣ 東京x9") == ["strasse", "abc", "東", "京", "x9"]
    assert text_of([{"role": "user", "content": "Hi"}, None, ["you", 3]]) == "user\nHi\nyou\n3"
