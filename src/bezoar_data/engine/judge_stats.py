"""What judges said, counted as rows go by: for the lock, the card, and reports on a judge.

Judges are known by the columns they write: those of `judge.accept` and `judge.panel` (`judge_status`, `judge_rating`,
`judge_reason`), `judge.attributes` and `judge.compare`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from bezoar_data.measures.agreement import agreement, as_label
from bezoar_data.measures.bias import repeated, swapped
from bezoar_data.runs.row import Drop, Row, digest
from bezoar_data.steps.verdicts import TAKEN_IN

Kind = Literal["accept", "panel", "attributes", "compare"]
ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity", "goodness")

_MARKS: Mapping[Kind, tuple[str, ...]] = {
    "accept": ("_status", "_rating", "_reason"),
    "attributes": ("helpfulness", "correctness", "coherence", "goodness"),
    "compare": ("_preference", "_order_ab", "_order_ba"),
}
"""How the columns of a kind of judge end: what precedes all of them is the judge's name."""
_RATING: Mapping[Kind, str] = {"accept": "rating", "attributes": "", "compare": "preference"}
_REASON: Mapping[Kind, str] = {"accept": "reason", "attributes": "attributes_reason", "compare": "preference_reason"}

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

    A verdict is counted where its judge stands (`judged`), whatever becomes of the row later: steps that put rows
    together or drop them hide no verdict. How far judges agree is measured on the rows kept (`kept`). Neither depends
    on the order in which rows come. A verdict takes eight bytes; where it is measured (several judges, repeated
    samples, comparisons), the labels of each row are held.
    """

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._tallies = {judge: _Tally(judge) for judge in judges}
        self._by_step: dict[str, list[_Tally]] = {}
        for judge, tally in self._tallies.items():
            self._by_step.setdefault(judge.step, []).append(tally)
        several = [judge for judge in judges if judge.kind == "accept"]
        self._labels: dict[tuple[str, str], _Labels] = {
            (one.column(ending), other.column(ending)): _Labels()
            for one, other in combinations(several, 2)
            for ending in ("status", "rating")
        }

    def judged(self, step: str, row: Row) -> None:
        """Count the verdicts with which a row left a judge's step."""
        for tally in self._by_step.get(step, ()):
            tally.add(row.columns, row.lineage.order, row.lineage.seed_ids, row.lineage.soft_failures)

    def all_judged(self, rows: Sequence[Row]) -> None:
        """Count the verdicts of all rows of a run, kept and dropped and put together, where that is known at its end
        alone. A row made of judged ones may have their verdicts too: those are counted once."""
        for step, tallies in self._by_step.items():
            judged = [row for row in rows if any(tally.found_in(row.columns) for tally in tallies)]
            material = {r.id for r in judged if r.lineage.drop is not None and r.lineage.drop.reason == TAKEN_IN}
            for row in sorted(judged, key=lambda row: row.lineage.order):
                if material.isdisjoint(row.lineage.parent_ids):
                    self.judged(step, row)
                else:
                    material.add(row.id)

    def kept(self, columns: Mapping[str, Any], seeds: Sequence[str], order: tuple[int, ...] = ()) -> None:
        """Count how the judges agree on a row kept. Rows that come of the same `seeds` are alike, and are resampled
        together."""
        for (one, other), labels in self._labels.items():
            x, y = columns.get(one), columns.get(other)
            if x is not None and y is not None:
                labels.add(order, seeds, (as_label(x), as_label(y)))

    def add(self, columns: Mapping[str, Any], seeds: Sequence[str], failures: Sequence[Drop] = ()) -> None:
        """Count one row in all respects."""
        for tally in self._tallies.values():
            tally.add(columns, (), seeds, failures)
        self.kept(columns, seeds)

    def judges(self) -> list[dict[str, Any]]:
        """Those that accept and reject, with panels: how often they did, and by which ratings."""
        return [
            {
                **tally.told(),
                "kind": judge.kind,
                "accepted": tally.counts["status", "Accept"],
                "rejected": tally.counts["status", "Reject"],
                "ratings": {v: n for (what, v), n in sorted(tally.counts.items()) if what == "rating"},
            }
            for judge, tally in self._tallies.items()
            if judge.kind in ("accept", "panel")
        ]

    def measured(self) -> dict[str, Any]:
        """Scores and comparisons, and what the verdicts themselves show of the judges' reliability."""
        tallies = self._tallies.values()
        return {
            "attributes": [tally.scores() for tally in tallies if tally.judge.kind == "attributes"],
            "comparisons": [tally.comparison() for tally in tallies if tally.judge.kind == "compare"],
            "repeated": [tally.repeated() for tally in tallies if tally.samples],
            "agreement": [_agreement(pair, labels) for pair, labels in self._labels.items()],
        }


class _Labels:
    """What was said of each row, with the seeds it comes of."""

    def __init__(self) -> None:
        self._rows: list[tuple[tuple[int, ...], tuple[str, ...], Any]] = []

    def add(self, order: tuple[int, ...], seeds: Sequence[str], said: Any) -> None:
        self._rows.append((order, tuple(seeds), said))

    def __len__(self) -> int:
        return len(self._rows)

    def in_order(self) -> tuple[list[Any], list[int]]:
        """What was said, and the group of each row: rows of the same seeds are one, those without seeds one each."""
        groups: dict[tuple[str, ...], int] = {}
        rows = sorted(self._rows, key=lambda row: row[0])
        numbers = [groups.setdefault(seeds or (f"row {i}",), len(groups)) for i, (_, seeds, _) in enumerate(rows)]
        return [said for _, _, said in rows], numbers


class _Tally:
    """What one judge said."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.counts: Counter[tuple[str, str]] = Counter()
        self.samples = _Labels()
        self._unjudged: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._orders = _Labels()
        self._alike = Alike()

    def found_in(self, columns: Mapping[str, Any]) -> bool:
        return self.judge.columns[0] in columns

    def add(
        self, columns: Mapping[str, Any], order: tuple[int, ...], seeds: Sequence[str], failures: Sequence[Drop]
    ) -> None:
        judge, counts = self.judge, self.counts
        self._unjudged.update(failure.reason for failure in failures if failure.step == judge.step)
        said = {ending: columns.get(judge.column(ending)) for ending in _READ[judge.kind]}
        if all(value is None for value in said.values()):
            return
        if judge.kind == "attributes":
            counts["rows", ""] += 1
            counts["safety", str(said["safety"])] += 1
            self._sums.update({name: said[name] for name in ATTRIBUTES})
            rating = ", ".join(f"{name} {said[name]}" for name in ATTRIBUTES if name != "goodness")
        elif judge.kind == "compare":
            rating = str(said["preference"])
            counts["preference", rating] += 1
            self._orders.add(order, seeds, (str(said["order_ab"]), str(said["order_ba"])))
        else:
            rating = as_label(said["rating"])
            counts["status", str(said["status"])] += 1
            counts["rating", rating] += 1
            if said.get("samples"):
                self.samples.add(order, seeds, said["samples"])
        if judge.kind != "panel":
            reason = str(columns.get(judge.column(_REASON[judge.kind])) or "")
            self._alike.add(reason, f"{_RATING[judge.kind]} {rating}".strip())

    def told(self) -> dict[str, Any]:
        """What the lock says of every judge."""
        alike = self._alike.told() if self.judge.kind != "panel" else None
        unjudged = dict(sorted(self._unjudged.items()))
        return {"name": self.judge.name, "step": self.judge.step, "unjudged": unjudged, "alike": alike}

    def scores(self) -> dict[str, Any]:
        rows = self.counts["rows", ""]
        return {
            **self.told(),
            "rows": rows,
            "means": {name: round(self._sums[name] / rows, 4) for name in ATTRIBUTES} if rows else {},
            "unsafe": self.counts["safety", "fail"],
        }

    def comparison(self) -> dict[str, Any]:
        labels, groups = self._orders.in_order()
        found = swapped([x for x, _ in labels], [y for _, y in labels], groups=groups)
        return {
            **self.told(),
            **{name: self.counts["preference", name] for name in ("a", "b", "tie", "inconsistent")},
            **found.as_json(),
        }

    def repeated(self) -> dict[str, Any]:
        rows, groups = self.samples.in_order()

        def by(what: str) -> dict[str, Any]:
            return repeated([[as_label(s[what]) for s in said] for said in rows], groups=groups).as_json()

        return {"name": self.judge.name, "step": self.judge.step, "status": by("status"), "rating": by("rating")}


class Alike:
    """How alike a judge's verdicts are, in eight bytes for each.

    The words of the commonest reason are known where more than half of the verdicts give it: then it is what a vote of
    each against each leaves (Boyer and Moore, 1991), in whatever order they come.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._ratings: Counter[str] = Counter()
        self._candidate, self._votes = "", 0

    def add(self, reason: str, rating: str) -> None:
        said = " ".join(reason.split())
        self._hashes.append(int(digest(said, length=16), 16))
        self._ratings[rating] += 1
        if not self._votes:
            self._candidate = said
        self._votes += 1 if said == self._candidate else -1

    def told(self) -> dict[str, Any]:
        counts = Counter(self._hashes)
        verdicts, most = len(self._hashes), max(counts.values(), default=0)
        rating, same = max(self._ratings.items(), key=lambda one: (one[1], one[0]), default=("", 0))
        return {
            "verdicts": verdicts,
            "reasons": len(counts),
            "commonest_reason": most,
            "reason": self._candidate if 2 * most > verdicts else None,
            "commonest_rating": same,
            "rating": rating if 2 * same > verdicts else None,
        }


def _agreement(pair: tuple[str, str], labels: _Labels) -> dict[str, Any]:
    said, groups = labels.in_order()
    return {"columns": list(pair), **agreement([x for x, _ in said], [y for _, y in said], groups=groups).as_json()}
