from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezoar_data.measures import shingles
from bezoar_data.measures.words import words_of

ALPHABET = "aAbé e\u00dfßﬁ1_-.\x00\n\t東京한ก'٣"
TEXTS = st.lists(st.text(ALPHABET, max_size=40), max_size=8)


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """The rule as it is written down."""
    words = words_of(text)
    if len(words) < n:
        return [tuple(words)] if words else []
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@settings(max_examples=300)
@given(texts=TEXTS, n=st.integers(1, 5), chunk=st.sampled_from([1, 30, 1 << 17]))
def test_numbers_stand_for_the_ngrams_of_each_text_in_order(texts: list[str], n: int, chunk: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingles, "_CHUNK", chunk)
        hashes, starts = shingles.ngram_hashes(iter(texts), n)
    written = [ngrams(t, n) for t in texts]
    assert [hashes[a:b].size for a, b in pairwise(starts)] == [len(w) for w in written]
    grams = [g for w in written for g in w]
    assert len(grams) == len(hashes) == starts[-1]
    pairs = set(zip(grams, hashes.tolist(), strict=True))
    assert len(pairs) == len(set(grams)) == len(set(hashes.tolist()))


def test_numbers_are_the_same_on_every_machine():
    hashes, _ = shingles.ngram_hashes(["To be, or not to be.", "Être", "ja"], 3)
    assert [f"{h:016x}" for h in hashes.tolist()] == [
        "9664c2faf8cbe7a2",
        "005d90eec2ca6a54",
        "97b054abb43fe6a3",
        "955a06193de93309",
        "dba3dc05ed112979",
        "81f68f8776e5f284",
    ]


def test_words_that_differ_in_one_letter_or_in_order_differ_in_all_bits():
    words = ["ab", "ba", "aab", "abb", "a" * 2000, "a" * 2001, "a" * 1999 + "b", "b" + "a" * 1999]
    hashes, _ = shingles.ngram_hashes(words, 2)
    values = hashes.tolist()
    assert min(bin(a ^ b).count("1") for i, a in enumerate(values) for b in values[:i]) > 12


@pytest.mark.parametrize("plain", ["One two-three four_five SIX 7 e8; nine's ten?", "", " ", "one", "\x00a\x1fb"])
def test_plain_text_is_cut_into_the_same_words_as_any_other(plain: str):
    """Plain text takes a faster way: a word that is not plain, set before it, must make no other difference."""
    assert words_of(f"é {plain}") == ["é", *words_of(plain)]
