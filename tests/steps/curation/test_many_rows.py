"""Steps that need all rows: the same verdicts of rows on disk as of rows in memory, however little is taken at once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from bezoar_data.measures.shingles import ngram_hashes
from bezoar_data.runs import waiting
from bezoar_data.runs.row import Lineage, Row, seed_id
from bezoar_data.runs.spool import Spool
from bezoar_data.steps.base import Dropped, GlobalRowStep, Kept
from bezoar_data.steps.curation import alike, near_duplicates
from bezoar_data.steps.curation.alike import Grams
from bezoar_data.steps.curation.balance import Balance
from bezoar_data.steps.curation.exact_duplicates import ExactDuplicates
from bezoar_data.steps.curation.near_duplicates import NearDuplicates
from bezoar_data.steps.curation.novelty import Novelty
from bezoar_data.steps.curation.sample import Sample

ROWS = 1300


def texts(count: int, seed: int, words: int) -> list[str]:
    """Texts of these many different words; two in five are an earlier one, more or less changed."""
    pick = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(words)]
    made: list[str] = []
    for _ in range(count):
        if made and pick.random() < 0.4:
            said = pick.choice(made).split()
            for _ in range(pick.randrange(5) if said else 0):
                said[pick.randrange(len(said))] = pick.choice(vocabulary)
        else:
            said = pick.choices(vocabulary, k=pick.choice([0, 1, 2, 8, 20, 40, 90]))
        made.append(" ".join(said))
    return made


@pytest.fixture
def rows() -> list[Row]:
    ids = [seed_id("test", "", i) for i in range(ROWS)]
    made = zip(ids, texts(ROWS, 3, 4000), strict=True)
    return [
        Row({"text": text, "kind": i % 7}, Lineage(id=one, order=(i,), seed_ids=(one,)))
        for i, (one, text) in enumerate(made)
    ]


@pytest.fixture
def on_disk(rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sequence[Row]]:
    monkeypatch.setattr(waiting, "CHUNK", 50)
    monkeypatch.setattr(alike, "BLOCK", 500)
    monkeypatch.setattr(near_duplicates, "_AT_ONCE", 64)
    spool = Spool(tmp_path / "spool.sqlite")
    for row in reversed(rows):
        spool.keep(row, "here")
    yield spool.waiting("here")
    spool.close()


@pytest.mark.parametrize(
    "step",
    [
        lambda seeds: NearDuplicates(name="near", column="text"),
        lambda seeds: NearDuplicates(name="near", column=["text", "kind"], threshold=0.4, num_perm=64, action="mark"),
        lambda seeds: Novelty(name="novelty", column="text"),
        lambda seeds: Novelty(name="novelty", column="text", seeds=seeds, earlier=False),
        lambda seeds: Novelty(name="novelty", column="text", seeds=seeds, threshold=0.5),
        lambda seeds: Balance(name="balance", column="kind"),
        lambda seeds: Balance(name="balance", column="text", most=1),
        lambda seeds: Sample(name="sample", rows=100, seed=5),
        lambda seeds: ExactDuplicates(name="exact", column=["text", "kind"]),
    ],
)
def test_rows_on_disk_get_the_verdicts_of_rows_in_memory(step, rows: list[Row], on_disk: Sequence[Row], tmp_path: Path):
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"text": row["text"] or "nothing"}) + "\n" for row in rows[::40]))
    one: GlobalRowStep = step(str(seeds))
    expected = list(one.run_rows(rows))
    assert list(one.run_rows(on_disk)) == expected
    assert any(isinstance(verdict, Dropped) or (isinstance(verdict, Kept) and verdict.flag) for verdict in expected)


@pytest.mark.parametrize("words", [60, 5000])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 1.0])
def test_what_is_alike_is_never_ruled_out(words: int, threshold: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alike, "BLOCK", 300)
    said = texts(250, 8, words)
    hashes, starts = ngram_hashes(said, 3)
    sets = [frozenset(hashes[a:b].tolist()) for a, b in pairwise(starts)]
    pairs = [
        (a, b)
        for a, b in combinations(range(len(sets)), 2)
        if sets[a] and sets[b] and near_duplicates.jaccard(sets[a], sets[b]) >= threshold
    ]
    perhaps = Grams(said, 3, signs=False, folder=None).perhaps_alike(threshold)
    assert pairs
    assert perhaps[np.unique(pairs)].all()


def test_texts_without_a_word_in_common_are_ruled_out():
    said = [" ".join(f"{letter}{number}" for number in range(30)) for letter in "abcdefgh"]
    assert not Grams([*said, "", ""], 3, signs=False, folder=None).perhaps_alike(0.1).any()


def test_rows_that_wait_are_a_sequence(rows: list[Row], on_disk: Sequence[Row]):
    assert len(on_disk) == ROWS
    assert [on_disk[i].id for i in (0, 777, 49, 50, -1)] == [rows[i].id for i in (0, 777, 49, 50, -1)]
    assert [row.id for row in on_disk[95:105]] == [row.id for row in rows[95:105]]
    one, other = iter(on_disk), iter(on_disk)
    assert next(one) == next(other) == rows[0]
    assert list(one) == rows[1:] == list(other)
    with pytest.raises(IndexError):
        on_disk[ROWS]
