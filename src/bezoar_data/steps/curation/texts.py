"""Texts to compare rows with: evaluation sets and seeds, from files or the Hub, with the place of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.words import text_of
from bezoar_data.runs.conversations.turns import Unread, read_turns, said_in
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.steps.base import SourceFacts
from bezoar_data.steps.sources.hub import hub_facts, hub_records
from bezoar_data.steps.sources.readers import BadRows, find_files, read_lines, read_records

USUAL_FIELDS = (
    "turns",
    "prompt",
    "question",
    "instruction",
    "problem",
    "query",
    "goal",
    "ctx",
    "inputs",
    "input",
    "premise",
    "sentence",
    "text",
)
"""Where evaluation sets hold what is asked, in the order in which they are looked for."""

HUB = r"^[\w.-]+(/[\w.-]+)?(@[\w.-]+)?(:[\w.-]+(:[\w.-]+)?)?$"
"""owner/name, then optionally @revision, :split or :config:split."""


@dataclass(frozen=True, slots=True)
class TextItem:
    """One text: the set it belongs to, the row (from 0) of the set, and what people call that row, field and turn."""

    source: str
    row: int
    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.source} {self.label}"


@dataclass(frozen=True, slots=True)
class TextSet:
    """The texts of one file or Hub dataset, and which state of it they are."""

    facts: SourceFacts
    items: tuple[TextItem, ...]

    @property
    def rows(self) -> int:
        """How many of its rows have texts: a question of several turns is one."""
        return len({item.row for item in self.items})


def read_items(paths: str | Sequence[str] | None, hub: Sequence[str], fields: Sequence[str]) -> Iterator[TextItem]:
    """All texts, in order. Raises as `read_sets` does."""
    for one in read_sets(paths, hub, fields):
        yield from one.items


def read_sets(paths: str | Sequence[str] | None, hub: Sequence[str], fields: Sequence[str]) -> Iterator[TextSet]:
    """Each set with its texts, in order. Raises `InputError` for what cannot be read, rows without the fields, and
    nothing at all."""
    for path in [paths] if isinstance(paths, str) else paths or []:
        yield from _sets_of_path(path, fields)
    for dataset in hub:
        yield _set_of_hub(dataset, fields)


def _sets_of_path(path: str, fields: Sequence[str]) -> Iterator[TextSet]:
    bad_rows = BadRows()
    if path.lower().endswith(".txt") and Path(path).is_file():
        name = Path(path).name
        lines = enumerate(read_lines(Path(path), bad_rows))
        items = tuple(TextItem(name, i, f"line {number}", line) for i, (number, line) in lines if line.strip())
        bad_rows.raise_if_any()
        if not items:
            raise InputError(Problem("empty-source", "there are no texts in it", Place(path)))
        yield TextSet(SourceFacts(name, sha256=sha256_of(Path(path))), items)
        return
    for file in find_files(path):
        records = (r.values for r in read_records(file.path, bad_rows, tsv_columns=fields))
        items = tuple(_items(file.name, str(file.path), records, fields))
        bad_rows.raise_if_any()
        yield TextSet(SourceFacts(file.name, sha256=sha256_of(file.path)), items)


def _set_of_hub(dataset: str, fields: Sequence[str]) -> TextSet:
    name, _, part = dataset.partition(":")
    name, _, revision = name.partition("@")
    config, _, split = part.rpartition(":")
    facts = hub_facts(name, revision or None, None)
    records = (r.values for r in hub_records(name, facts.revision, config or None, split or "test"))
    return TextSet(facts, tuple(_items(name, dataset, records, fields)))


def _items(source: str, place: str, records: Iterator[Mapping[str, Any]], fields: Sequence[str]) -> Iterator[TextItem]:
    found = 0
    for index, values in enumerate(records):
        wanted = list(fields) or [f for f in USUAL_FIELDS if values.get(f)][:1]
        if not any(f in values for f in wanted):
            message = f"no field {' or '.join(repr(f) for f in fields or USUAL_FIELDS[:4])} in row {index + 1}"
            hint = f"name the fields that hold its text with `fields`; it has: {', '.join(values)}"
            raise InputError(Problem("missing-column", message, Place(place), hint))
        name = next((str(values[key]) for key in ("question_id", "id", "task_id") if values.get(key) is not None), None)
        label = f"item {name if name is not None else index}"
        for field in wanted:
            value = values.get(field)
            # The turns of a conversation are texts of their own: a row may repeat one of them.
            parts = value if isinstance(value, list) else [value]
            for k, part in enumerate(parts):
                text = _said(part)
                if text.strip():
                    found += 1
                    more = (f" {field}" if len(wanted) > 1 else "") + (f" {k + 1}" if len(parts) > 1 else "")
                    yield TextItem(source, index, f"{label}{more}", text)
    if not found:
        raise InputError(Problem("empty-source", "there are no texts in it", Place(place)))


def _said(part: Any) -> str:
    """The text of a value, of a turn what is said in it."""
    turns = read_turns(part, "user") if isinstance(part, dict) else []
    if isinstance(turns, Unread) or not turns:
        return text_of(part.get("content", part) if isinstance(part, dict) else part)
    return "\n".join(map(said_in, turns))


def checked_hub(names: Sequence[str]) -> Sequence[str]:
    """The names, if each is one of a Hub dataset. Raises `ValueError`."""
    for name in names:
        if not re.match(HUB, name):
            raise ValueError(
                f"'{name}' is not a Hub dataset: write owner/name, owner/name:split or owner/name:config:split"
            )
    return names
