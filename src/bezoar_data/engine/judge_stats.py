"""What judges said, counted as rows go by: for the lock, the card, and reports on a judge.

Judges are known by the columns they write: those of `judge.accept` and `judge.panel` (`judge_status`, `judge_rating`,
`judge_reason`), `judge.attributes` and `judge.compare`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from bezoar_data.measures.agreement import agreement
from bezoar_data.measures.bias import repeated, swapped
from bezoar_data.runs.row import Drop

Kind = Literal["accept", "panel", "attributes", "compare"]
ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity", "goodness")

_MARKS: Mapping[Kind, tuple[str, ...]] = {
    "accept": ("_status", "_rating", "_reason"),
    "attributes": ("helpfulness", "correctness", "coherence", "goodness"),
    "compare": ("_preference", "_order_ab", "_order_ba"),
}
"""How the columns of a kind of judge end: what precedes all of them is the judge's name."""

_READ: Mapping[Kind, tuple[str, ...]] = {
    "accept": ("status", "rating", "samples"),
    "panel": ("status", "rating"),
    "attributes": (*ATTRIBUTES, "safety"),
    "compare": ("preference", "order_ab", "order_ba"),
}


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge by the name its columns begin with (empty for plain attribute names), and the step that asked it."""

    name: str
    step: str
    kind: Kind

    def column(self, ending: str) -> str:
        return f"{self.name}_{ending}" if self.name else ending

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at here."""
        return tuple(map(self.column, _READ[self.kind]))


def judges_in(columns: Collection[str], step: str, *, asks: bool = True) -> Iterator[Judge]:
    """The judges whose columns these are. A verdict of a step that `asks` no model is that of a panel."""
    for kind, endings in _MARKS.items():
        for column in columns:
            if column.endswith(endings[0]) and all(
                column.removesuffix(endings[0]) + other in columns for other in endings
            ):
                name = column.removesuffix(endings[0]).removesuffix("_")
                yield Judge(name, step, "panel" if kind == "accept" and not asks else kind)


class Judging:
    """Counts of what judges said, and what is needed to measure their reliability.

    Counts take no memory. Where agreement is measured (several judges, repeated samples, comparisons), the labels of
    each row are held, some bytes a row.
    """

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)
        self._counts: dict[Judge, Counter[tuple[str, str]]] = {judge: Counter() for judge in judges}
        self._unjudged: dict[Judge, Counter[str]] = {judge: Counter() for judge in judges}
        self._sums: dict[Judge, Counter[str]] = {judge: Counter() for judge in judges}
        several = [judge for judge in judges if judge.kind == "accept"]
        self._pairs = [
            (one.column(ending), other.column(ending))
            for one, other in combinations(several, 2)
            for ending in ("status", "rating")
        ]
        self._pairs += [(j.column("order_ab"), j.column("order_ba")) for j in judges if j.kind == "compare"]
        self._labels: dict[tuple[str, str], list[tuple[str, str, int]]] = {pair: [] for pair in self._pairs}
        self._samples: dict[Judge, list[tuple[list[Mapping[str, str]], int]]] = defaultdict(list)
        self._groups: dict[tuple[str, ...], int] = {}

    def add(self, columns: Mapping[str, Any], seeds: Sequence[str], failures: Sequence[Drop] = ()) -> None:
        """Count one row. Rows that come of the same `seeds` are alike, and are resampled together."""
        for judge in self._judges:
            self._count(judge, columns)
            for failure in failures:
                if failure.step == judge.step:
                    self._unjudged[judge][failure.reason] += 1
        group = self._groups.setdefault(tuple(seeds) or (f"row {len(self._groups)}",), len(self._groups))
        for pair, labels in self._labels.items():
            one, other = (columns.get(column) for column in pair)
            if one is not None and other is not None:
                labels.append((str(one), str(other), group))
        for judge in self._judges:
            if judge.kind == "accept" and (samples := columns.get(judge.column("samples"))):
                self._samples[judge].append((samples, group))

    def _count(self, judge: Judge, columns: Mapping[str, Any]) -> None:
        counts = self._counts[judge]
        if judge.kind == "attributes":
            if columns.get(judge.column("goodness")) is not None:
                counts["rows", ""] += 1
                counts["safety", str(columns.get(judge.column("safety")))] += 1
                for name in ATTRIBUTES:
                    self._sums[judge][name] += columns[judge.column(name)]
            return
        for ending in ("preference",) if judge.kind == "compare" else ("status", "rating"):
            if (value := columns.get(judge.column(ending))) is not None:
                counts[ending, str(value)] += 1

    def judges(self) -> list[dict[str, Any]]:
        """Those that accept and reject, with panels: how often they did, and by which ratings."""
        return [
            {
                "name": judge.name,
                "step": judge.step,
                "kind": judge.kind,
                "accepted": self._counts[judge]["status", "Accept"],
                "rejected": self._counts[judge]["status", "Reject"],
                "ratings": {v: n for (what, v), n in sorted(self._counts[judge].items()) if what == "rating"},
                "unjudged": dict(sorted(self._unjudged[judge].items())),
            }
            for judge in self._judges
            if judge.kind in ("accept", "panel")
        ]

    def measured(self) -> dict[str, Any]:
        """Scores and comparisons, and what the verdicts themselves show of the judges' reliability."""
        return {
            "attributes": [self._attributes(j) for j in self._judges if j.kind == "attributes"],
            "comparisons": [self._comparison(j) for j in self._judges if j.kind == "compare"],
            "repeated": [self._repeated(j) for j in self._judges if self._samples.get(j)],
            "agreement": [self._agreement(pair) for pair in self._pairs if pair[0].endswith(("_status", "_rating"))],
        }

    def _attributes(self, judge: Judge) -> dict[str, Any]:
        counts, rows = self._counts[judge], self._counts[judge]["rows", ""]
        return {
            "name": judge.name,
            "step": judge.step,
            "rows": rows,
            "means": {name: round(self._sums[judge][name] / rows, 4) for name in ATTRIBUTES} if rows else {},
            "unsafe": counts["safety", "fail"],
            "unjudged": dict(sorted(self._unjudged[judge].items())),
        }

    def _comparison(self, judge: Judge) -> dict[str, Any]:
        labels = self._labels[judge.column("order_ab"), judge.column("order_ba")]
        found = swapped([x for x, _, _ in labels], [y for _, y, _ in labels], groups=[g for _, _, g in labels])
        counts = self._counts[judge]
        return {
            "name": judge.name,
            "step": judge.step,
            **{name: counts["preference", name] for name in ("a", "b", "tie", "inconsistent")},
            "unjudged": dict(sorted(self._unjudged[judge].items())),
            **found.as_json(),
        }

    def _repeated(self, judge: Judge) -> dict[str, Any]:
        samples = self._samples[judge]
        groups = [group for _, group in samples]

        def by(what: str) -> dict[str, Any]:
            return repeated([[s[what] for s in said] for said, _ in samples], groups=groups).as_json()

        return {"name": judge.name, "step": judge.step, "status": by("status"), "rating": by("rating")}

    def _agreement(self, pair: tuple[str, str]) -> dict[str, Any]:
        labels = self._labels[pair]
        found = agreement([x for x, _, _ in labels], [y for _, y, _ in labels], groups=[g for _, _, g in labels])
        return {"columns": list(pair), **found.as_json()}
