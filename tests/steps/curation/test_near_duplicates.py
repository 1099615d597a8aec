import random

import pytest

from bezoar_data.measures.words import words_of
from bezoar_data.runs.row import Drop, Row
from bezoar_data.steps.base import Dropped
from bezoar_data.steps.curation.near_duplicates import NearDuplicates, bands, jaccard
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


def ngrams(text: str) -> frozenset[tuple[str, ...]]:
    said = words_of(text)
    return frozenset(zip(said, said[1:], said[2:], strict=False))


def test_the_first_of_each_group_stays() -> None:
    other = "An entirely different text about baking bread with sourdough and patience."
    near = TEXT.replace("seven", "eight")
    assert dropped([other, TEXT, near, other.upper(), TEXT]) == {
        2: "of row-1, similarity 0.92",
        3: "of row-0, similarity 1.00",
        4: "of row-1, similarity 1.00",
    }


def test_case_and_spacing_make_no_difference_nor_does_punctuation_where_words_alone_count() -> None:
    texts: list[object] = [
        "One, two; three four!",
        "one , two;   THREE\nfour!",
        "one two three four",
        "１ two three four",
    ]
    assert dropped(texts) == {1: "of row-0, similarity 1.00"}
    assert dropped(texts, compare="words") == {1: "of row-0, similarity 1.00", 2: "of row-0, similarity 1.00"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Write hello world in C.", "Write hello world in C++."),
        ("Compute 12 + 7", "Compute 12 - 7"),
        ("Is -5 larger than 3?", "Is 5 larger than -3?"),
        ("Simplify x > 3", "Simplify x < 3"),
        ("What does 😀 mean?", "What does 😡 mean?"),
        ("Convert $5 to €", "Convert €5 to $"),
        ("Let's eat, grandma", "Let's eat grandma!"),
        ("Was kostet 5 € in $, bitte?", "Was kostet 5 $ in €, bitte?"),
        ("Explain the regex ^a.*b$", "Explain the regex (a|b)?"),
    ],
)
def test_a_sign_makes_another_text(one: str, other: str) -> None:
    assert dropped([one, other, one], threshold=0.9) == {2: "of row-0, similarity 1.00"}


def test_rows_without_words_are_never_duplicates() -> None:
    assert dropped(["", "", None, None, "?!", "?!"], compare="words") == {}
    assert dropped(["", "", None, None, "?!", "?!"]) == {5: "of row-4, similarity 1.00"}


def test_short_texts_are_compared_as_a_whole() -> None:
    assert dropped(["yes", "no", "Yes", "not yes", "yes."]) == {2: "of row-0, similarity 1.00"}


def test_scripts_without_spaces_are_compared_by_their_characters() -> None:
    text = "東京の空は青く、川の水は静かに流れている。人々は橋の上で夕日を見ていた。"
    assert set(dropped([text, text.replace("夕日", "朝日"), "全く別の話である。猫が寝ている。"])) == {1}


def test_marked_rows_stay_and_say_of_which_they_are() -> None:
    step = NearDuplicates(name="near", column="text", action="mark")
    rows = [row(i, text=text) for i, text in enumerate(("one, two, three, four", "One, TWO, three,  four", "five"))]
    kept = list(step.run_rows(rows))
    assert [verdict.columns["near_duplicate"] for verdict in kept] == [
        None, f"near_duplicate: of {rows[0].id}, similarity 1.00", None,
    ]  # fmt: skip


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
    grams = [ngrams(t) for t in drift]
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
        if jaccard(ngrams(texts[-2]), ngrams(texts[-1])) >= threshold:
            truth.add(len(texts) - 1)
    assert 3 < len(truth) < 60
    found = set(dropped(texts, threshold=threshold))
    assert found <= truth, "a dropped row is always as similar as it says"
    assert len(truth - found) <= 1, f"missed {len(truth - found)} of {len(truth)}"


def test_where_everything_is_like_much_else_the_rule_still_holds() -> None:
    """Rows that share bands with hundreds of others: the most alike of those that stay is named."""
    pick = random.Random(5)
    bases = [words(40, s) for s in range(6)]
    texts = []
    for _ in range(400):
        base = list(pick.choice(bases))
        for _ in range(pick.randrange(1, 12)):
            base[pick.randrange(40)] = pick.choice(["one", "two", "three"])
        texts.append(" ".join(base))
    found = dropped(texts, threshold=0.5)
    grams = [ngrams(t) for t in texts]
    stayed: list[int] = []
    missed = 0
    for i in range(len(texts)):
        best, first = max(((jaccard(grams[i], grams[k]), -k) for k in stayed), default=(0.0, 0))
        if i in found:
            assert found[i] == f"of row-{-first}, similarity {best:.2f}"
            assert best >= 0.5
        else:
            missed += best >= 0.5
            stayed.append(i)
    assert missed <= 2
    assert 30 < len(stayed) < 370


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
