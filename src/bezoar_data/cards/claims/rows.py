"""What a dataset's rows say of themselves, gathered in one pass: the card's claims are held against it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bezoar_data.measures.agreement import as_label
from bezoar_data.runs.lengths import LengthCounts
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import readable, rows_of
from bezoar_data.runs.reviewed import DROPPED, REVIEW_COLUMNS
from bezoar_data.runs.row import (
    LINEAGE_COLUMNS,
    MADE_FROM_MANY,
    RESERVED,
    SOURCE_SPAN,
    SOURCES,
    Lineage,
    content_hash,
    digest,
    made_id,
)
from bezoar_data.runs.value_counts import ValueCounts

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity", "goodness")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A judge of the lock, and how the columns are read that begin with its name."""

    name: str
    step: str
    kind: str

    def column(self, ending: str) -> str:
        return f"{self.name}_{ending}" if self.name else ending

    def of(self, row: Mapping[str, Any], ending: str) -> Any:
        return row.get(self.column(ending))


def judges_of_lock(lock: Lock) -> list[Verdicts]:
    """Every judge that the lock names."""
    return [
        *(Verdicts(one.name, one.step, one.kind) for one in lock.judges),
        *(Verdicts(one.name, one.step, "attributes") for one in lock.judging.attributes),
        *(Verdicts(one.name, one.step, "compare") for one in lock.judging.comparisons),
    ]


@dataclass(frozen=True, slots=True)
class PeopleSaid:
    """A reviewed row: what stands in its columns of people and judges."""

    identity: str
    seeds: tuple[str, ...]
    source: str
    row: Mapping[str, Any]


@dataclass(slots=True)
class RowFacts:
    """What the rows hold. Show it every row with its file; it keeps counts and identities, not the rows."""

    lock: Lock
    by_file: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    values: ValueCounts = field(default_factory=lambda: ValueCounts((*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS)))
    lengths: LengthCounts = field(default_factory=lambda: LengthCounts((*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS)))
    demo: bool = False
    first: tuple[tuple[bool, tuple[int, ...]], Mapping[str, Any]] | None = None
    """The row that the card shows: the first that people accept, or where none decided every judge, else the first."""
    twice: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    """Rows whose columns name another lineage than their `_bezoar`."""
    strange: list[str] = field(default_factory=list)
    """Made rows whose id no step of the lock can have given them."""
    sources: Counter[str] = field(default_factory=Counter)
    models: dict[tuple[str, str], str] = field(default_factory=dict)
    """By answering step and model, the first row that names them."""
    keys: set[int] = field(default_factory=set)
    found: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Rows that missed or noted something, by step and reason."""
    said: dict[Verdicts, Counter[tuple[str, str]]] = field(default_factory=dict)
    """By judge its labels: of what, and which."""
    sums: dict[Verdicts, Counter[str]] = field(default_factory=dict)
    reasons: dict[Verdicts, Counter[int]] = field(default_factory=dict)
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = field(default_factory=dict)
    """The labels of two judges, by the columns that the lock compares."""
    seeds: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    """The ids of source rows that any row comes from, with the names of the sources, and the row's number among those
    that were read where it is known."""
    groups: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """The split and the seeds of each row, where the lock has splits."""
    people: list[PeopleSaid] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    """Rows that stand after one that comes later in the source."""
    _ids: set[str] = field(default_factory=set)
    _last: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for judge in judges_of_lock(self.lock):
            self.said[judge], self.sums[judge], self.reasons[judge] = Counter(), Counter(), Counter()

        self.pairs = {told.columns: Counter() for told in self.lock.judging.agreement}

    @property
    def rows(self) -> int:
        return sum(self.by_file.values())

    def read(self, file: Path, name: str, split: str) -> Iterator[str]:
        """The ids of a file's rows that are not what they were when they were written. Raises `OSError`,
        `ValueError`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parquet = pq.ParquetFile(file)
        # Parquet calls a list's elements by another name than Arrow does.
        self.columns = {f.name: str(f.type).replace("list<element: ", "list<item: ") for f in parquet.schema_arrow}
        self.by_file[name] = 0
        self._last = ()
        for batch in parquet.iter_batches(1000):
            table = pa.Table.from_batches([batch])
            self.values.see(table)
            self.lengths.see(table)
            for row in batch.to_pylist():
                self.by_file[name] += 1
                self._see(row, split)
                if not _unchanged(row):
                    yield str(row.get("id"))

    def _see(self, row: Mapping[str, Any], split: str) -> None:
        identity = str(row.get("id"))
        if identity in self._ids:
            self.twice.append(identity)
        self._ids.add(identity)
        try:
            lineage = Lineage.from_json(row.get(RESERVED) or "")
        except (KeyError, TypeError, ValueError, AttributeError):
            self.unlike.append(identity)
            return
        named = (lineage.id, list(lineage.seed_ids), list(lineage.parent_ids))
        if named != (row.get("id"), row.get("seed_ids"), row.get("parent_ids")):
            self.unlike.append(identity)
        if not self._could_be_made(lineage):
            self.strange.append(identity)
        if lineage.order < self._last:
            self.moved.append(identity)
        self._last = lineage.order
        self.demo |= lineage.demo
        place = (not self._accepted(row), lineage.order)
        if self.first is None or place < self.first[0]:
            self.first = (place, row)
        self._see_lineage(lineage, identity, split)
        self._see_verdicts(row)
        if row.get("review_people"):
            self.people.append(PeopleSaid(identity, lineage.seed_ids, lineage.source, _about_people(row, self.said)))

    def _accepted(self, row: Mapping[str, Any]) -> bool:
        if row.get(DROPPED):
            return False
        if people := row.get("review_status"):
            return bool(people == "Accept")
        return all(judge.of(row, "status") == "Accept" for judge in self.said if judge.kind in ("accept", "panel"))

    def _see_lineage(self, lineage: Lineage, identity: str, split: str) -> None:
        self.sources.update(lineage.source.split(SOURCES))
        for step, model in lineage.models.items():
            self.models.setdefault((step, model), identity)
        self.keys.update(int(key[:15], 16) for keys in lineage.keys.values() for key in keys)
        self.found.update(("missed", one.step, one.reason) for one in lineage.soft_failures)
        self.found.update(("noted", one.step, one.reason) for one in lineage.flags)
        alone = len(lineage.seed_ids) == 1 and lineage.order and lineage.order[0] < MADE_FROM_MANY
        number = lineage.order[0] % SOURCE_SPAN if alone else None
        for seed in lineage.seed_ids:
            self.seeds.setdefault(seed, (lineage.source, number))
        if self.lock.pipeline.splits:
            self.groups.append((split, lineage.seed_ids))

    def _could_be_made(self, lineage: Lineage) -> bool:
        """Whether the row's id follows from its parents, a step of the lock and its place; a source row's from no
        parent, and itself."""
        if not lineage.parent_ids:
            return lineage.seed_ids == (lineage.id,)
        steps, order = [step.id for step in self.lock.steps], lineage.order
        if order and order[0] >= MADE_FROM_MANY:
            # A union later on lengthens the order.
            ids = (
                digest("made", lineage.parent_ids, step, list(order[1:end]))
                for step in steps
                for end in range(len(order), 0, -1)
            )
            if lineage.id in ids:
                return True
        return any(made_id(lineage.parent_ids, step, k) == lineage.id for step in steps for k in reversed(order[1:]))

    def _see_verdicts(self, row: Mapping[str, Any]) -> None:
        for judge in self.said:
            self._see_verdict(judge, row)
        for (one, other), pairs in self.pairs.items():
            if (x := row.get(one)) is not None and (y := row.get(other)) is not None:
                pairs[as_label(x), as_label(y)] += 1

    def _see_verdict(self, judge: Verdicts, row: Mapping[str, Any]) -> None:
        said = self.said[judge]
        if judge.kind == "attributes":
            scores = {name: judge.of(row, name) for name in ATTRIBUTES}
            safety = judge.of(row, "safety")
            if safety is None and all(score is None for score in scores.values()):
                return
            said["rows", ""] += 1
            said["safety", str(safety)] += 1
            self.sums[judge].update({name: score for name, score in scores.items() if score is not None})
            rating = ", ".join(f"{name} {score}" for name, score in scores.items() if name != "goodness")
            reason = judge.of(row, "attributes_reason")
        elif judge.kind == "compare":
            if (preference := judge.of(row, "preference")) is None:
                return
            said["preference", str(preference)] += 1
            rating, reason = f"preference {preference}", judge.of(row, "preference_reason")
        else:
            status, rating = judge.of(row, "status"), judge.of(row, "rating")
            if status is None and rating is None:
                return
            said["status", str(status)] += 1
            said["rating", as_label(rating)] += 1
            rating, reason = f"rating {as_label(rating)}", judge.of(row, "reason")
        said["alike", rating] += 1
        self.reasons[judge][int(digest(" ".join(str(reason or "").split()), length=15), 16)] += 1


def _unchanged(row: Mapping[str, Any]) -> bool:
    """Whether a row still has its hash. A column that only other rows have stands as null, and was not hashed; nor was
    what people said of the row."""
    columns = {k: v for k, v in row.items() if k not in LINEAGE_COLUMNS and k != RESERVED}
    own = {k: v for k, v in columns.items() if k not in REVIEW_COLUMNS}
    forms = (columns, _given(columns), own, _given(own))
    return row.get("content_hash") in [content_hash(form) for form in forms]


def _given(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in columns.items() if v is not None}


def _about_people(row: Mapping[str, Any], judges: Iterable[Verdicts]) -> dict[str, Any]:
    names = [judge.column(ending) for judge in judges for ending in ("status", "rating", "preference")]
    return {name: row.get(name) for name in (*REVIEW_COLUMNS, *names, "content_hash")}


@dataclass(slots=True)
class DroppedFacts:
    """What `dropped.parquet` says, where it is at hand: it is not published."""

    marks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows by step and reason."""
    sources: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Rows whose columns name another step or reason than their `_bezoar`."""

    @classmethod
    def read(cls, path: Path) -> DroppedFacts:
        """Raises `InputError`."""
        facts = cls()
        for row in rows_of(path, ["id", "step", "reason", RESERVED]):
            with readable(path):
                lineage = Lineage.from_json(row[RESERVED] or "")
            mark = lineage.drop
            facts.marks[row["step"], row["reason"]] += 1
            facts.sources.update(lineage.source.split(SOURCES))
            said = (lineage.id, None, None) if mark is None else (lineage.id, mark.step, mark.reason)
            if (row["id"], row["step"], row["reason"]) != said:
                facts.wrong.append(str(row["id"]))
        return facts


def grouped(pairs: Mapping[tuple[str, str], int], what: str) -> dict[str, int]:
    """The labels of one kind with their counts."""
    counts: dict[str, int] = defaultdict(int)
    for (kind, label), number in pairs.items():
        if kind == what:
            counts[label] += number
    return dict(counts)
