"""How two runs differ, put together: `bezoar-data diff`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bezoar_data.reports.diff.facts import Change, Facts, facts, in_order
from bezoar_data.reports.diff.figures import ColumnFigures, lengths, scores
from bezoar_data.reports.diff.rows import (
    KINDS,
    OF_DATASET,
    Kind,
    RowChange,
    RunRows,
    row_changes,
    verdict_changes,
    verdict_columns,
)
from bezoar_data.reports.rows.files import RowFiles
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.published import dataset_folder

ASPECTS = (
    "settings", "prompts", "models", "versions", "counts", "verdicts", "scores", "lengths", "cost", "rows",
)  # fmt: skip
"""In what two runs may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How the second run differs from the first. `steps` are those of both, in order."""

    first: Path
    second: Path
    names: tuple[str, str]
    """Of the builds: the hashes of their locks."""
    steps: tuple[str, ...]
    facts: Facts
    rows: tuple[RowChange, ...]
    kept: tuple[int, int]
    verdicts: Mapping[str, Counter[tuple[str, str]]]
    scores: tuple[ColumnFigures, ...]
    lengths: tuple[ColumnFigures, ...]

    def differs_in(self, among: Collection[str] = ASPECTS) -> tuple[str, ...]:
        """Those of the aspects in which they differ. Scores and lengths do where the test shows it."""
        found = {
            **{name: bool(getattr(self.facts, name)) for name in Facts.__dataclass_fields__},
            "verdicts": any(self.verdicts.values()),
            "scores": any(one.differ for one in self.scores),
            "lengths": any(one.differ for one in self.lengths),
            "rows": any(row.kind in OF_DATASET for row in self.rows),
        }
        return tuple(name for name in ASPECTS if name in among and found[name])

    def by_kind(self) -> dict[Kind, int]:
        """How many rows differ in which way."""
        counts = Counter(row.kind for row in self.rows)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}

    def since(self) -> dict[str | None, list[RowChange]]:
        """The rows that differ by the first step at which they do, in the order of the steps; last, under None, those
        of which it is not known."""
        found: dict[str | None, list[RowChange]] = defaultdict(list)
        for row in self.rows:
            found[row.since].append(row)
        return {step: found[step] for step in (*self.steps, None) if step in found}

    def as_json(self) -> dict[str, Any]:
        def told(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
            return [change.as_json() for change in changes]

        return {
            "first": {"run": str(self.first), "lock": self.names[0], "rows": self.kept[0]},
            "second": {"run": str(self.second), "lock": self.names[1], "rows": self.kept[1]},
            "differ": list(self.differs_in()),
            **{name: told(getattr(self.facts, name)) for name in Facts.__dataclass_fields__},
            "verdicts": [
                {"column": column, "before": before, "after": after, "rows": count}
                for column, moved in self.verdicts.items()
                for (before, after), count in sorted(moved.items())
            ],
            "scores": [one.as_json() for one in self.scores],
            "lengths": [one.as_json() for one in self.lengths],
            "rows": {
                "counts": dict(self.by_kind()),
                "changes": [
                    {"id": row.id, "kind": row.kind, "since": row.since, "reason": row.reason} for row in self.rows
                ],
            },
        }


def diff(first: Path, second: Path) -> Diff:
    """How the second run, or dataset folder, differs from the first. Raises `InputError`."""
    folders = (dataset_folder(first), dataset_folder(second))
    before, after = (Lock.read(folder / "lock.json") for folder in folders)
    files = tuple(RowFiles.of(folder) for folder in (first, second))
    columns = verdict_columns(before, after)
    one, other = (RunRows.read(found, columns) for found in files)
    steps, told = tuple(in_order(before, after)), facts(before, after)
    return Diff(
        first=first,
        second=second,
        names=(before.hash, after.hash),
        steps=steps,
        facts=told,
        rows=tuple(_since_set(row_changes(one, other, (before, after), steps), told.changed_steps())),
        kept=(len(one.ids), len(other.ids)),
        verdicts=verdict_changes(one, other),
        scores=scores(*files),
        lengths=lengths(*files),
    )


def _since_set(rows: list[RowChange], steps: set[str]) -> Iterator[RowChange]:
    """A row whose answers are the same and whose words are not was changed by a step that asks nobody: by the one that
    was set otherwise, if there is but one."""
    for row in rows:
        yield (
            replace(row, since=next(iter(steps)))
            if row.kind == "changed" and not row.since and len(steps) == 1
            else row
        )
