import random

import pytest

from bezoar_data.runs.row import Drop, Row
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.curation.near_duplicates import NearDuplicates, bands, jaccard, word_ngrams
from support.drive import row

TEXT = (
    "The ferry crosses the river seven times a day, and on Sundays four times. Each crossing carries thirty-six cars, "
    "so on an ordinary day it brings over two hundred and fifty-two cars, and over the week somewhat more than sixteen "
    "hundred, which is why the town has been asking for a bridge since the old one was swept away by the great flood."
)


def dropped(texts: list[object], **settings) -> dict[int, str]:
    step = NearDuplicates(name="near", **({"column": "text"} | settings))
    rows = [row(i, text=t) for i, t in enumerate(texts)]
    verdicts = list(step.run_rows(rows))
    assert len(verdicts) == len(rows)
    return {i: v.detail for i, v in enumerate(verdicts) if isinstance(v, Dropped)}


def words(count: int, seed: int) -> list[str]:
    pick = random.Random(seed)
    return ["".join(pick.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(count)]


def test_the_first_of_each_group_stays() -> None:
    other = "An entirely different text about baking bread with sourdough and patience."
    near = TEXT.replace("seven", "eight")
    assert dropped([other, TEXT, near, other.upper(), TEXT]) == {
        2: "of row-1, similarity 0.91",
        3: "of row-0, similarity 1.00",
        4: "of row-1, similarity 1.00",
    }


def test_case_punctuation_and_spacing_make_no_difference() -> None:
    assert dropped(["One, two; three four!", "one two   THREE\nfour", "１ two three four"]) == {
        1: "of row-0, similarity 1.00"
    }


def test_rows_without_words_are_never_duplicates() -> None:
    assert dropped(["", "", None, None, "?!", "?!"]) == {}


def test_short_texts_are_compared_as_a_whole() -> None:
    assert dropped(["yes", "no", "Yes.", "not yes"]) == {2: "of row-0, similarity 1.00"}


def test_scripts_without_spaces_are_compared_by_their_characters() -> None:
    text = "東京の空は青く、川の水は静かに流れている。人々は橋の上で夕日を見ていた。"
    assert set(dropped([text, text.replace("夕日", "朝日"), "全く別の話である。猫が寝ている。"])) == {1}


def test_several_columns_count_together() -> None:
    step = NearDuplicates(name="near", column=["question", "answer"])
    a, b = " ".join(words(40, 1)), " ".join(words(40, 2))
    rows = [row(0, question=a, answer=b), row(1, question=a, answer=a), row(2, question=a, answer=b)]
    assert [isinstance(v, Dropped) for v in step.run_rows(rows)] == [False, False, True]
    assert step.inputs == ["question", "answer"]


def test_a_row_like_a_dropped_one_but_unlike_the_kept_one_stays() -> None:
    """Similarity does not pass along: each row is compared with the rows that stay."""
    base = words(100, 3)
    drift = [" ".join(base[:k] + words(100 - k, 4)[: 100 - k]) for k in (100, 92, 82)]
    grams = [word_ngrams(t, 3) for t in drift]
    assert jaccard(grams[0], grams[1]) > 0.7 > jaccard(grams[0], grams[2])
    assert jaccard(grams[1], grams[2]) > 0.7
    assert set(dropped(drift, threshold=0.7)) == {1}


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 0.95])
def test_planted_near_duplicates_are_found_and_nothing_else(threshold: float) -> None:
    """Pairs are planted just above and just below the threshold; the exact similarity decides."""
    texts: list[str] = []
    truth: set[int] = set()
    for pair in range(60):
        base = words(120, 1000 + pair)
        changed = list(base)
        pick = random.Random(pair)
        for place in range(10, 10 + int(40 * pick.random() ** 2)):
            changed[place] = words(1, pick.randrange(10**9))[0]
        texts += [" ".join(base), " ".join(changed)]
        if jaccard(word_ngrams(texts[-2], 3), word_ngrams(texts[-1], 3)) >= threshold:
            truth.add(len(texts) - 1)
    assert 3 < len(truth) < 60
    found = set(dropped(texts, threshold=threshold))
    assert found <= truth, "a dropped row is always as similar as it says"
    assert len(truth - found) <= 1, f"missed {len(truth - found)} of {len(truth)}"


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("permutations", [16, 128, 200])
def test_bands_promise_the_recall_they_can(threshold: float, permutations: int) -> None:
    count = bands(threshold, permutations)
    assert permutations % count == 0
    recall = 1 - (1 - threshold ** (permutations // count)) ** count
    assert recall >= 0.99 or count == permutations


def test_verdicts_are_the_same_each_time() -> None:
    texts = [" ".join(words(30, s % 7)) for s in range(40)]
    assert dropped(texts) == dropped(texts)
    assert len(dropped(texts)) == 33


def test_in_distilabels_runner_dropped_rows_are_carried_and_set_aside() -> None:
    step = NearDuplicates(name="near", column="text")
    earlier = row(0, text=TEXT)
    earlier.lineage = earlier.lineage.dropped(Drop("x", "bad"))
    rows = [earlier, row(1, text=TEXT), row(2, text=TEXT)]
    (batch,) = step.process([r.encode() for r in reversed(rows)])
    marks = {r.id: r.lineage.drop.reason if r.lineage.drop else None for r in map(Row.decode, batch)}
    assert marks == {"row-0": "bad", "row-1": None, "row-2": "near_duplicate"}
