"""By what the rows of a page can be chosen: each filter is a name, its values, and for each row the number of one."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.measures.checks.reference import compare
from bezoar_data.reports.page import plain_text
from bezoar_data.reports.rows.files import FoundRow
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import SOURCES
from bezoar_data.steps.catalogue.registry import load_catalogue

MOST_VALUES = 200
"""A filter of more values helps nobody to choose, and is left out."""
_BY_PEOPLE = tuple(name for name in REVIEW_COLUMNS if name in ("review_status", "review_preference", "final_status"))

_OUTCOMES = {"agrees": "gives its answer", "differs": "gives another", "unstated": "gives none"}

Value = str | None
FATE = "fate"


class Filter:
    """One filter while rows pass. The first of its values is that of rows that have none."""

    def __init__(self, name: str, of: Callable[[FoundRow], Value]) -> None:
        self.name = name
        self.codes = array("H")
        self._of = of
        self._known: dict[Value, int] = {None: 0}

    def see(self, row: FoundRow) -> None:
        value = self._of(row)
        code = self._known.get(value)
        if code is None:
            code = self._known[value] = min(len(self._known), MOST_VALUES + 1)
        self.codes.append(code)

    @property
    def is_useful(self) -> bool:
        """Whether rows differ in it, and not too much."""
        values = len(self._known) - (0 not in self.codes)
        return 1 < values <= MOST_VALUES

    @property
    def values(self) -> list[str | None]:
        return [None if value is None else plain_text(value) for value in self._known]


def filters_of(lock: Lock) -> list[Filter]:
    """Those of a run: what became of a row, where it came from, whose answers are in it, and every column that holds
    but few values, such as verdicts, ratings and categories."""
    columns = [name for name in (*lock.values, *_BY_PEOPLE) if name in lock.columns]
    return [
        Filter(FATE, lambda row: "dropped" if row.lineage.drop else "kept"),
        Filter("dropped by", lambda row: row.lineage.drop.step if row.lineage.drop else None),
        Filter("reason", lambda row: row.lineage.drop.reason if row.lineage.drop else None),
        *(Filter(name, _column(name)) for name in dict.fromkeys(columns)),
        *_against_references(lock),
        Filter("marked", lambda row: _several(f"{one.step}: {one.reason}" for one in row.lineage.flags)),
        Filter("not done", lambda row: _several(f"{one.step}: {one.reason}" for one in row.lineage.soft_failures)),
        Filter("source", lambda row: row.lineage.source.replace(SOURCES, " + ") or None),
        Filter("answered by", lambda row: _several(_models(row.lineage.models))),
        Filter("split", lambda row: row.split),
    ]


def _column(name: str) -> Callable[[FoundRow], Value]:
    def of(row: FoundRow) -> Value:
        value: Any = row.columns.get(name, row.people.get(name))
        return value if value is None or isinstance(value, str) else json.dumps(value)

    return of


def _against_references(lock: Lock) -> Iterator[Filter]:
    """For each judge that accepts and rejects, the verdict, and whether the answer gives the reference's: an accepted
    answer that does not is what a person looks at first. Of answers that cannot be compared by rules, nothing."""
    judges = {judge.step: judge.name for judge in lock.judges}
    for step in lock.steps:
        if step.use != "judge.accept" or step.id not in judges:
            continue
        settings = {**_defaults(step.use), **step.settings}
        asked, said, wanted = (settings.get(name, "") for name in ("instruction", "response", "reference"))
        if wanted in lock.columns and said in lock.columns:
            name = judges[step.id]
            yield Filter(f"{name} and reference", _against(f"{name}_status", asked, said, wanted))


def _defaults(use: str) -> dict[str, Any]:
    properties = load_catalogue()[use].schema["properties"]
    return {name: field["default"] for name, field in properties.items() if "default" in field}


def _against(verdict: str, asked: str, said: str, wanted: str) -> Callable[[FoundRow], Value]:
    def of(row: FoundRow) -> Value:
        texts = [row.columns.get(name) for name in (said, wanted, asked)]
        if row.columns.get(verdict) is None or not all(isinstance(text, str) and text for text in texts[:2]):
            return None
        outcome = compare(str(texts[0]), str(texts[1]), str(texts[2] or "")).outcome
        return None if outcome == "not_comparable" else f"{row.columns[verdict]}, {_OUTCOMES[outcome]}"

    return of


def _models(models: Mapping[str, str]) -> Iterator[str]:
    return (f"{step}: {model}" for step, model in models.items())


def _several(said: Iterable[str]) -> Value:
    return " + ".join(dict.fromkeys(said)) or None


def useful(filters: Sequence[Filter]) -> list[Filter]:
    """What became of the rows is always told, also where all were kept."""
    return [one for one in filters if one.name == FATE or one.is_useful]
