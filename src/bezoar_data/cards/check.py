"""`card check`: every claim of a dataset's card held against its rows and its lock.

The lock is held against the rows (files, hashes, counts, columns, verdicts), the card's front matter, its sections and
the Croissant against what the lock gives when they are made anew. Whoever changes one of them by hand is found out; who
makes all of them anew, consistently, has made another dataset, which has another hash for a name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import lt
from pathlib import Path
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.cards import croissant
from bezoar_data.cards.front_matter import GENERATED, build_front
from bezoar_data.cards.licences.hub_keys import KEYS
from bezoar_data.cards.merge import split_body
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.config.files.card import Card, check_front, load_card
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.ingredients import check_published
from bezoar_data.runs.lock import DataFile, Lock
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED, content_hash
from bezoar_data.runs.value_counts import ValueCounts

_SHOWN = 5
"""So many changed rows are named."""


@dataclass(slots=True)
class _Rows:
    """What the rows themselves say."""

    by_file: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    status: dict[str, Counter[str]] = field(default_factory=dict)
    values: ValueCounts = field(default_factory=lambda: ValueCounts((*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS)))
    demo: bool = False
    first: tuple[Any, Mapping[str, Any]] | None = None
    twice: list[str] = field(default_factory=list)


def check_dataset(folder: Path) -> list[Problem]:
    """Everything on the card of the dataset in `folder` that is not so. Raises `InputError` where there is none."""
    lock = Lock.read(folder / "lock.json")
    card = load_card(folder / "README.md")
    problems = check_front(card, tuple(lock.columns))
    if card.bezoar.get("lock") != lock.hash:
        place = card.place(("bezoar", "lock"))
        message = f"the card is that of build {card.bezoar.get('lock')}, the lock's is {lock.hash}"
        problems.append(Problem("lock-differs", message, place))
    rows = _Rows(status={judge.name: Counter() for judge in lock.judges})
    problems += _check_files(folder, lock, rows)
    problems += _check_counts(folder, lock, rows)
    if answers := card.bezoar.get("answers"):
        problems += check_published(folder, answers)
    differences = _check_card(folder, card, lock, rows)
    rendered_by = lock.software.get("bezoar-data")
    if rendered_by == __version__:
        return [*problems, *differences]
    # A difference may be one of wording: another version of this program rendered the card.
    hint = f"bezoar-data {rendered_by} rendered this card, and this is {__version__}: check it with that version"
    return [*problems, *(replace(p, hint=p.hint or hint) for p in differences)]


def _check_files(folder: Path, lock: Lock, rows: _Rows) -> Iterator[Problem]:
    """The data's files against the lock, and the rows in them."""
    named = {file.path: file for file in lock.data}
    found = {str(p.relative_to(folder)) for p in (folder / "data").rglob("*") if p.is_file()}
    for path in sorted(found - set(named)):
        yield Problem("file-unknown", "the lock knows no such file", Place(str(folder / path)))
    seen: set[str] = set()
    for path, file in named.items():
        if path not in found or not (folder / path).resolve().is_relative_to(folder.resolve()):
            message = "the lock names this file, but it is not there"
            yield Problem("file-missing", message, Place(str(folder / path)))
        else:
            yield from _check_data_file(folder, file, rows, seen)
    if lock.contamination and (report := lock.contamination.report):
        place = Place(str(folder / report.path))
        if not (folder / report.path).exists() or sha256_of(folder / report.path) != report.sha256:
            yield Problem("file-changed", "the report on contamination is not the one that the lock names", place)
    if shown := ", ".join(rows.twice[:_SHOWN]):
        yield Problem("rows-twice", f"rows stand in the data twice: {shown}", Place(str(folder)))


def _check_data_file(folder: Path, file: DataFile, rows: _Rows, seen: set[str]) -> Iterator[Problem]:
    path = folder / file.path
    place = Place(str(path))
    changed = sha256_of(path) != file.sha256
    if changed:
        yield Problem("file-changed", "the file is not the one that the lock names: its hash differs", place)
    try:
        wrong = list(_read_rows(path, file.path, rows, seen))
    except (OSError, ValueError) as error:
        yield Problem("file-unreadable", f"the rows cannot be read: {error}", place)
        return
    if changed and wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        yield Problem("rows-changed", f"rows were changed: {', '.join(wrong[:_SHOWN])}{more}", place)
    if rows.by_file[file.path] != file.rows:
        message = f"the lock says {file.rows} rows, the file has {rows.by_file[file.path]}"
        yield Problem("rows-differ", message, place)


def _read_rows(file: Path, name: str, rows: _Rows, seen: set[str]) -> Iterator[str]:
    """The ids of rows that are not what they were when they were written; all else is noted in `rows`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file)
    # Parquet calls a list's elements by another name than Arrow does.
    rows.columns = {f.name: str(f.type).replace("list<element: ", "list<item: ") for f in parquet.schema_arrow}
    rows.by_file[name] = 0
    for batch in parquet.iter_batches(1000):
        rows.values.see(pa.Table.from_batches([batch]))
        for row in batch.to_pylist():
            rows.by_file[name] += 1
            identity = str(row.get("id"))
            if identity in seen:
                rows.twice.append(identity)
            seen.add(identity)
            lineage = json.loads(row.get(RESERVED) or "{}")
            rows.demo |= bool(lineage.get("demo"))
            if rows.first is None or lineage.get("order", []) < rows.first[0]:
                rows.first = (lineage.get("order", []), row)
            for judge, counter in rows.status.items():
                counter[str(row.get(f"{judge}_status"))] += 1
            if not _unchanged(row):
                yield identity


def _unchanged(row: Mapping[str, Any]) -> bool:
    """Whether a row still has its hash. A column that only other rows have stands as null, and was not hashed; nor was
    what people said of the row."""
    columns = {k: v for k, v in row.items() if k not in LINEAGE_COLUMNS and k != RESERVED}
    own = {k: v for k, v in columns.items() if k not in REVIEW_COLUMNS}
    forms = (columns, _given(columns), own, _given(own))
    return row.get("content_hash") in [content_hash(form) for form in forms]


def _given(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in columns.items() if v is not None}


def _check_counts(folder: Path, lock: Lock, rows: _Rows) -> Iterator[Problem]:
    """The lock's counts against the rows, and against each other."""
    place = Place(str(folder / "lock.json"))
    kept = sum(rows.by_file.values())
    if lock.counts.kept != kept:
        yield Problem("counts-differ", f"the lock says {lock.counts.kept} rows were kept; there are {kept}", place)
    for step in lock.steps:
        if step.rows_in != step.rows_out + sum(step.dropped.values()):
            yield Problem("counts-differ", f"the rows of the step {step.id} do not add up", place)
    if rows.by_file and rows.columns != dict(lock.columns):
        differing = sorted(set(rows.columns.items()) ^ set(dict(lock.columns).items()))
        names = ", ".join(dict.fromkeys(name for name, _ in differing))
        yield Problem(
            "columns-differ", f"the columns are not those that the lock names: {names or 'their order'}", place
        )
    yield from _check_values(place, lock, rows)
    if rows.demo and not lock.demo:
        yield Problem("demo-hidden", "rows of demo models or demo seeds are in it, and the lock denies it", place)
    dropped = folder.parent / "dropped.parquet"
    if dropped.exists():
        yield from _check_dropped(dropped, lock)


def _check_values(place: Place, lock: Lock, rows: _Rows) -> Iterator[Problem]:
    """What the lock counted of the rows' values, verdicts above all."""
    there_are = rows.values.result()
    columns = {**there_are, **lock.values}
    if differing := [column for column in columns if there_are.get(column) != lock.values.get(column)]:
        names = ", ".join(differing)
        yield Problem("values-differ", f"the lock counts other values than the rows hold in: {names}", place)
    for judge in lock.judges:
        found = rows.status[judge.name]
        counted, given = (judge.accepted, judge.rejected), (found["Accept"], found["Reject"])
        # Verdicts are counted where the judge stands: of those, later steps may have taken rows out, not added any.
        if counted != given and (lock.kept_all_of(judge.step) or any(map(lt, counted, given))):
            said = f"{judge.accepted} accepted and {judge.rejected} rejected"
            there = f"{found['Accept']} and {found['Reject']}"
            yield Problem("verdicts-differ", f"judge {judge.name}: the lock says {said}; the rows say {there}", place)


def _check_dropped(path: Path, lock: Lock) -> Iterator[Problem]:
    import pyarrow.parquet as pq

    try:
        found = Counter(zip(*(pq.read_table(path)[c].to_pylist() for c in ("step", "reason")), strict=True))
    except (OSError, KeyError, ValueError) as error:
        yield Problem("dropped-unreadable", f"the dropped rows cannot be read: {error}", Place(str(path)))
        return
    if sum(found.values()) != lock.counts.dropped:
        said = f"the lock says {lock.counts.dropped} rows were dropped; there are {sum(found.values())}"
        yield Problem("counts-differ", said, Place(str(path)))


def _check_card(folder: Path, card: Card, lock: Lock, rows: _Rows) -> Iterator[Problem]:
    """The card and the Croissant against what the lock gives when they are made anew."""
    person = {key: value for key, value in card.front.items() if key not in GENERATED}
    if not (card.bezoar.get("licence") or {}).get("stated"):
        person = {key: value for key, value in person.items() if key not in KEYS}
    context = CardContext.of(lock, rows.first[1] if rows.first else None, card, person)
    expected = build_front(person, card.bezoar, lock, context.licence)
    for key in (*GENERATED, *KEYS):
        if key != "bezoar" and card.front.get(key) != expected.get(key):
            yield Problem("card-differs", f"'{key}' is not what follows from the lock", card.place((key,)))
    for key, value in expected["bezoar"].items():
        if card.bezoar.get(key) != value and key != "lock":
            hint = f"it should be {_shown(value)}"
            yield Problem(
                "card-differs", f"'bezoar: {key}' is not what follows from the lock", card.place(("bezoar", key)), hint
            )
    sections = split_body(card.body).sections
    for section, what in SECTIONS.items():
        if sections.get(section, "").strip() != what.make(context).strip():
            title = what.title or section
            line = next((i for i, t in enumerate(card.text.split("\n"), 1) if f"bezoar:begin {section} " in t), 1)
            said = f"the section '{title}' is not what follows from the lock"
            yield Problem("section-differs", said, Place(card.file, line))
    file = folder / croissant.FILE
    if not file.exists() or file.read_text("utf-8") != croissant.croissant_text(lock, card.front):
        said = f"{croissant.FILE} is not what follows from lock and card" if file.exists() else "there is no such file"
        yield Problem("croissant-differs", said, Place(str(file)))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "…"
