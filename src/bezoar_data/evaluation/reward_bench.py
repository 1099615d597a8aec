"""RewardBench 2's items, from files of its form or the Hub, scored by a reward model.

A row has `id`, `subset`, `prompt` (a text, or messages), `chosen` and `rejected` (lists of answers), those chosen the
right ones. What the scores come to is in `measures.reward_bench`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.llms.reward.model import BATCH, RewardModel, TooLong
from bezoar_data.measures.reward_bench import Scored, reward_bench

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_FORM = "a row has id, subset, prompt, chosen and rejected, the latter two as lists of answers"


@dataclass(frozen=True, slots=True)
class BenchItem:
    """One prompt with its answers, the `correct` first of which are right."""

    id: str
    subset: str
    prompt: tuple[Mapping[str, Any], ...]
    answers: tuple[str, ...]
    correct: int


@dataclass(frozen=True, slots=True)
class BenchScores:
    """What a model's scores come to."""

    subsets: Mapping[str, float]
    items: Mapping[str, int]
    """Of each subset, those that were scored."""
    too_long: int
    """Items left out: an answer has more tokens than the model takes."""

    @property
    def mean(self) -> float | None:
        """Of all subsets alike, as the leaderboard ranks models."""
        return fmean(self.subsets.values()) if self.subsets else None

    def as_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "subsets": dict(self.subsets),
            "items": dict(self.items),
            "too_long": self.too_long,
        }

    def as_text(self) -> str:
        width = max(map(len, (*self.items, "mean")))
        lines = []
        for name, count in self.items.items():
            score = self.subsets.get(name)
            lines.append(f"{name:<{width}}  {'–' if score is None else f'{score:.3f}':>6}  {count:,} items")
        if self.mean is not None:
            lines.append(f"{'mean':<{width}}  {self.mean:>6.3f}")
        if self.too_long:
            lines.append(f"{self.too_long:,} items left out: an answer has more tokens than the model takes")
        return "\n".join(lines)


def read_items(data: str) -> list[BenchItem]:
    """The items of a JSONL or Parquet file, or of the split `test` of a dataset on the Hub. Raises `InputError`."""
    path = Path(data)
    if not path.exists() and _HUB.fullmatch(data) and not path.suffix:
        from datasets import load_dataset

        rows: Iterable[Any] = load_dataset(data, split="test")
    else:
        rows = _rows(path)
    found = [_item(row) for row in rows]
    bad = [i for i, one in enumerate(found) if one is None]
    raise_errors(Problem("bad-item", f"row {i + 1} is not an item", Place(data), _FORM) for i in bad[:5])
    if not found:
        raise InputError(Problem("no-items", "there are no items", Place(data), _FORM))
    return [one for one in found if one is not None]


def _rows(path: Path) -> list[Any]:
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            rows: list[Any] = pq.read_table(path).to_pylist()
            return rows
        return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
    except (OSError, ValueError) as error:
        message = f"the items cannot be read: {str(error).splitlines()[0]}"
        raise InputError(Problem("missing-file", message, Place(str(path)), similar_file_hint(path))) from error


def _item(row: Any) -> BenchItem | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("prompt"), str | list):
        return None
    sides = [row.get(name) for name in ("chosen", "rejected")]
    if not all(isinstance(side, list) and side and all(isinstance(one, str) for one in side) for side in sides):
        return None
    right, wrong = (tuple(side or ()) for side in sides)
    prompt = row["prompt"]
    turns = ({"role": "user", "content": prompt},) if isinstance(prompt, str) else tuple(prompt)
    return BenchItem(str(row.get("id")), str(row.get("subset")), turns, (*right, *wrong), len(right))


def bench(model: RewardModel, items: Iterable[BenchItem], *, batch: int = BATCH) -> BenchScores:
    """A model's scores on these items. Raises `InputError` where its chat template does not take one."""
    encoded: list[tuple[BenchItem, list[list[int]]]] = []
    too_long = 0
    for item in items:
        try:
            encoded.append((item, [model.encode(turns) for turns in _talks(item)]))
        except TooLong:
            too_long += 1
        except ValueError as error:
            message = f"the item '{printable(item.id, 100)}' cannot be scored: {error}"
            raise InputError(Problem("bad-item", message, hint="leave it out, or write its prompt as text")) from error
    said = iter(model.score([ids for _, answers in encoded for ids in answers], batch=batch))
    scored = [
        Scored(item.id, item.subset, [model.head.reward(next(said)) for _ in answers], item.correct)
        for item, answers in encoded
    ]
    counts: dict[str, int] = {}
    for one in scored:
        counts[one.subset] = counts.get(one.subset, 0) + 1
    return BenchScores(reward_bench(scored), dict(sorted(counts.items())), too_long)


def _talks(item: BenchItem) -> Iterator[list[Mapping[str, Any]]]:
    yield from ([*item.prompt, {"role": "assistant", "content": answer}] for answer in item.answers)
