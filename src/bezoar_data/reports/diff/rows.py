"""Which rows of two runs differ, and since which step: rows are known by their ids, which say where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from bezoar_data.reports.rows.files import RowFiles
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import MANY, batches_of, readable, schema_of
from bezoar_data.runs.row import RESERVED

Kind = Literal["added", "removed", "now dropped", "now kept", "changed", "asked again", "dropped otherwise"]
KINDS: Mapping[Kind, str] = {
    "added": "kept now, and not among the rows before",
    "removed": "kept before, and not among the rows now",
    "now dropped": "kept before, dropped now",
    "now kept": "dropped before, kept now",
    "changed": "kept by both, and says something else",
    "asked again": "kept by both, from other answers, and says the same",
    "dropped otherwise": "dropped by both, for another reason or from other answers",
}
OF_DATASET: tuple[Kind, ...] = ("added", "removed", "now dropped", "now kept", "changed")
"""By these the datasets themselves differ."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that differs. `since` is the first step at which it does, as far as that is known."""

    id: str
    kind: Kind
    since: str | None
    reason: str | None = None
    """Why it is dropped now."""


@dataclass(slots=True)
class RunRows:
    """The rows of a run by id: their content's hash, None for a dropped one, and their lineage as text. `said` holds
    the columns of judges' verdicts, of the kept rows in the order of `ids`."""

    places: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    said: dict[str, list[Any]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, files: RowFiles, verdicts: Sequence[str]) -> RunRows:
        """Raises `InputError` for files that cannot be read."""
        rows = cls(said={name: [] for name in verdicts})
        for file, _ in files.kept:
            there = [name for name in verdicts if name in schema_of(file).names]
            for batch in batches_of(file, ["id", "content_hash", RESERVED, *there], at_once=MANY):
                with readable(file):
                    ids, hashes, lineages = (batch.column(i).to_pylist() for i in range(3))
                    rows.ids += ids
                    for name in verdicts:
                        values = batch.column(name).to_pylist() if name in there else [None] * len(ids)
                        rows.said[name] += values
                rows.places.update(zip(ids, zip(hashes, lineages, strict=True), strict=True))
        if files.dropped is not None:
            for batch in batches_of(files.dropped, ["id", RESERVED], at_once=MANY):
                with readable(files.dropped):
                    ids, lineages = (batch.column(i).to_pylist() for i in range(2))
                rows.places.update((row, (None, lineage)) for row, lineage in zip(ids, lineages, strict=True))
        return rows


def row_changes(first: RunRows, second: RunRows, locks: tuple[Lock, Lock], steps: Sequence[str]) -> list[RowChange]:
    """Every row that differs, in the order of the second run, then those that are gone."""
    since = _Since(locks, steps)
    return [*_of_second(first, second, since), *_gone(first, second, since)]


def _of_second(first: RunRows, second: RunRows, since: _Since) -> Iterator[RowChange]:
    for row, (content, lineage) in second.places.items():
        before = first.places.get(row)
        if before is None:
            if content is not None:
                yield RowChange(row, "added", None)
            continue
        if before == (content, lineage):
            continue
        kind = _kind(before[0], content)
        step, other = since.first(before[1], lineage)
        # A lineage may be told otherwise and mean the same: another place among the rows, a flag in other words.
        if kind not in ("asked again", "dropped otherwise") or other:
            yield RowChange(row, kind, step, since.reason(lineage))


def _gone(first: RunRows, second: RunRows, since: _Since) -> Iterator[RowChange]:
    for row, (content, _) in first.places.items():
        if content is not None and row not in second.places:
            yield RowChange(row, "removed", None)


def _kind(before: str | None, after: str | None) -> Kind:
    if before is None:
        return "dropped otherwise" if after is None else "now kept"
    if after is None:
        return "now dropped"
    return "asked again" if before == after else "changed"


class _Since:
    """Finds the first step at which two lineages of a row part."""

    def __init__(self, locks: tuple[Lock, Lock], steps: Sequence[str]) -> None:
        self._places = {step: i for i, step in enumerate(steps)}
        self._locks = locks

    def first(self, before: str, after: str) -> tuple[str | None, bool]:
        """The step, and whether answers or drop marks differ at all."""
        one, other = orjson.loads(before or "{}"), orjson.loads(after or "{}")
        parted = [*self._asked(one, other), *self._dropped(one, other)]
        return min(parted, key=lambda step: self._places.get(step, len(self._places)), default=None), bool(parted)

    def reason(self, lineage: str) -> str | None:
        drop = orjson.loads(lineage or "{}").get("drop")
        return f"{drop['step']}: {drop['reason']}" if drop else None

    def _asked(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        keys, others = one.get("keys", {}), other.get("keys", {})
        for name in {**keys, **others}:
            if keys.get(name) != others.get(name):
                yield self._locks[name in others].step_of(name)

    def _dropped(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
        drop, another = one.get("drop"), other.get("drop")
        marks = [(mark["step"], mark["reason"]) if mark else None for mark in (drop, another)]
        if marks[0] != marks[1]:
            yield from (mark[0] for mark in marks if mark is not None)


def verdict_changes(first: RunRows, second: RunRows) -> dict[str, Counter[tuple[str, str]]]:
    """For each column of verdicts how often one became another, of the rows that both kept; `-` stands for none."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for name in first.said:
        if name not in second.said:
            continue
        before = dict(zip(first.ids, first.said[name], strict=True))
        moved = Counter(
            ("-" if before[row] is None else str(before[row]), "-" if now is None else str(now))
            for row, now in zip(second.ids, second.said[name], strict=True)
            if row in before and before[row] != now
        )
        found[name] = moved
    return found


def verdict_columns(*locks: Lock) -> list[str]:
    """The columns in which judges accept, reject or prefer."""
    found: dict[str, None] = {}
    for lock in locks:
        for judge in lock.judges:
            found[f"{judge.name}_status"] = None
        for comparison in lock.judging.comparisons:
            found[f"{comparison.name}_preference".removeprefix("_")] = None
    return [name for name in found if any(name in lock.columns for lock in locks)]
