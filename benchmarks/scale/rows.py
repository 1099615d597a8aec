"""A million rows of made-up text with what is to be found in them: copies, near copies, seeds' likes, test items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

WORDS_OF_TEXT = (20, 36)


@dataclass(frozen=True, slots=True)
class Planted:
    """So many rows of each kind stand in the file, and are to be dropped."""

    rows: int
    pairs: int
    like_seeds: int
    contaminated: int


def write_rows(folder: Path, rows: int, seed: int = 7) -> Planted:
    """`rows.jsonl`, `seeds.jsonl` and `items.jsonl` in the folder: the same for the same numbers.

    One row in twenty is a copy of an earlier one, every second of these with its last word changed; one in a thousand
    is a seed with its last word changed, and one in a thousand holds a test item.
    """
    chance = np.random.default_rng(seed)
    pairs, few = rows // 20, rows // 1000
    texts = _texts(chance, rows + 2 * few)
    items, seeds = (list(islice(texts, few)) for _ in range(2))
    for name, lines in (("items", items), ("seeds", seeds)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": " ".join(line)}) + "\n" for line in lines))
    kinds = np.zeros(rows, np.int8)
    places = chance.permutation(np.arange(rows // 10, rows))
    kinds[places[:pairs]] = 1
    kinds[places[pairs : pairs + few]] = 2
    kinds[places[pairs + few : pairs + 2 * few]] = 3
    kept: list[list[str]] = []
    copied = 0
    liked, held = iter(seeds), iter(items)
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number, kind in enumerate(kinds.tolist()):
            if kind == 1:
                words = list(kept[copied])
                copied += 1
                if copied % 2:
                    words[-1] = f"other{number}"
            elif kind == 2:
                words = [*next(liked)[:-1], f"seed{number}"]
            elif kind == 3:
                words = [f"item{number}", *next(held)]
            else:
                words = next(texts)
                if number < rows // 10 and len(kept) < pairs:
                    kept.append(words)
            half = len(words) // 3
            row = {"instruction": " ".join(words[:half]), "response": " ".join(words[half:])}
            file.write(json.dumps(row) + "\n")
    return Planted(rows, copied, few, few)


def _texts(chance: np.random.Generator, most: int) -> Iterator[list[str]]:
    """Texts of words that are as unequal as those of English."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = ["".join(chance.choice(letters, size=int(chance.integers(3, 10)))) for _ in range(30_000)]
    weights = 1 / (np.arange(len(vocabulary)) + 10)
    borders = np.cumsum(weights / weights.sum())
    while most > 0:
        lengths = chance.integers(*WORDS_OF_TEXT, size=10_000)
        drawn = np.minimum(np.searchsorted(borders, chance.random(int(lengths.sum()))), len(vocabulary) - 1)
        for part in np.split(drawn, np.cumsum(lengths)[:-1]):
            yield [vocabulary[i] for i in part]
        most -= 10_000
