"""The steps that see all rows: exact and semantic duplicates, sample, balance."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept
from bezoar_data.steps.curation.balance import Balance
from bezoar_data.steps.curation.exact_duplicates import ExactDuplicates
from bezoar_data.steps.curation.sample import Sample
from bezoar_data.steps.curation.semantic_duplicates import SemanticDuplicates
from support.drive import row


def dropped(step: GlobalRowStep, rows: list[Row]) -> dict[str, str]:
    verdicts = list(step.run_rows(rows))
    assert len(verdicts) == len(rows)
    return {r.id: v.detail for r, v in zip(rows, verdicts, strict=True) if isinstance(v, Dropped)}


def texts(*given: Any) -> list[Row]:
    return [row(i, text=t) for i, t in enumerate(given)]


def test_exact_duplicates_by_words_and_by_text():
    rows = texts("One two.", "one  TWO!", "one two three", "", "", None, "?!", "?!", "one-two")
    by_words = ExactDuplicates(name="e", column="text", compare="words")
    assert dropped(by_words, rows) == {"row-1": "of row-0", "row-7": "of row-6", "row-8": "of row-0"}
    by_text = ExactDuplicates(name="e", column="text")
    assert dropped(by_text, texts("What is 3 + 2?", "What is 3 - 2?", "In C++?", "In C#?")) == {}
    assert dropped(by_text, [*rows, row(9, text="One  two.\n")]) == {"row-7": "of row-6", "row-9": "of row-0"}


def test_exact_duplicates_keeps_columns_apart_and_marks():
    rows = [row(0, a="x y", b="z"), row(1, a="x", b="y z"), row(2, a="X y", b="z")]
    step = ExactDuplicates(name="e", column=["a", "b"], compare="words", action="mark")
    marks = [v.columns["duplicate"] for v in step.run_rows(rows) if isinstance(v, Kept)]
    assert marks == [None, None, "exact_duplicate: of row-0"]


def test_a_sample_is_the_same_whatever_the_order_and_another_with_another_seed():
    rows = texts(*map(str, range(200)))
    shuffled = random.Random(1).sample(rows, len(rows))
    gone = set(dropped(Sample(name="s", rows=50, seed=1), rows))
    assert len(gone) == 150
    assert gone == set(dropped(Sample(name="s", rows=50, seed=1), shuffled))
    assert gone != set(dropped(Sample(name="s", rows=50, seed=2), rows))
    assert gone >= set(dropped(Sample(name="s", rows=80, seed=1), rows)), "a larger sample holds the smaller"
    assert len(dropped(Sample(name="s", fraction=0.25, seed=1), rows)) == 150
    assert dropped(Sample(name="s", rows=500), rows) == {}


def test_balance_caps_each_value_and_by_default_at_the_rarest():
    kinds = ["a"] * 30 + ["b"] * 12 + ["c"] * 5 + [None] * 7
    rows = [row(i, kind=k) for i, k in enumerate(kinds)]
    gone = dropped(Balance(name="b", column="kind"), rows)
    left = Counter(r["kind"] for r in rows if r.id not in gone)
    assert left == {"a": 5, "b": 5, "c": 5, None: 5}
    assert gone[next(r.id for r in rows if r["kind"] == "b" and r.id in gone)] == 'kind = "b": 5 of 12 stay'
    capped = dropped(Balance(name="b", column="kind", most=10), rows)
    assert Counter(r["kind"] for r in rows if r.id not in capped) == {"a": 10, "b": 10, "c": 5, None: 7}
    assert set(capped) == set(dropped(Balance(name="b", column="kind", most=10), rows[::-1]))
    assert list(Balance(name="b", column="kind").run_rows([])) == []


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """A model2vec model of eight words in two dimensions, made on the spot: animals point one way, tools another."""
    model2vec = pytest.importorskip("model2vec", reason="the extra `semantic` is not installed")
    import numpy as np
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["cat", "kitten", "dog", "puppy", "hammer", "saw", "drill", "[UNK]"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    angles = [0.0, 0.05, 0.9, 0.95, 1.5, 1.52, 1.54]
    vectors = np.array([[np.cos(a), np.sin(a)] for a in angles] + [[0.0, 0.0]], dtype=np.float32)
    model2vec.StaticModel(vectors=vectors, tokenizer=tokenizer).save_pretrained(str(tmp_path / "model"))
    return tmp_path / "model"


def test_semantic_duplicates_stay_away_from_rows_that_stayed(tiny_model: Path):
    step = SemanticDuplicates(name="s", column="text", model=str(tiny_model), threshold=0.95)
    step.load()
    rows = texts("cat", "kitten", "dog", "hammer", "saw saw", "puppy", "zebra", "zebra", "", "")
    assert dropped(step, rows) == {
        "row-1": "of row-0, likeness 1.00",
        "row-4": "of row-3, likeness 1.00",
        "row-5": "of row-2, likeness 1.00",
    }


def test_semantic_duplicates_in_blocks_are_those_of_comparing_all(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bezoar_data.steps.curation.semantic_duplicates._BLOCK", 4)
    import numpy as np

    step = SemanticDuplicates(name="s", column="text", model=str(tiny_model), threshold=0.99)
    pick = random.Random(2)
    names = ["cat", "kitten", "dog", "puppy", "hammer", "saw", "drill"]
    rows = texts(*(" ".join(pick.choices(names, k=3)) for _ in range(60)))
    vectors = step.embedder.vectors([r["text"] for r in rows])
    kept: list[int] = []
    for i in range(60):
        if not any(float(np.dot(vectors[i], vectors[k])) >= 0.99 for k in kept):
            kept.append(i)
    assert set(dropped(step, rows)) == {f"row-{i}" for i in range(60)} - {f"row-{k}" for k in kept}
    assert 3 < len(kept) < 50


def test_a_model_that_is_none_is_told(tmp_path: Path):
    pytest.importorskip("model2vec")
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match="cannot be read by model2vec"):
        SemanticDuplicates(name="s", column="text", model=str(tmp_path)).load()


def test_without_its_library_the_step_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(__import__("sys").modules, "model2vec", None)
    with pytest.raises(InputError) as error:
        SemanticDuplicates(name="s", column="text", model=str(tmp_path)).load()
    assert error.value.problems[0].hint == "pip install 'bezoar-data[semantic]'"


def test_balance_takes_numbers_for_one_value_however_they_are_written():
    rows = [row(i, kind=k) for i, k in enumerate([1, 1.0, 1, 2.5])]
    assert len(dropped(Balance(name="b", column="kind"), rows)) == 2
