"""Texts to compare rows with: evaluation sets and seeds, from files or the Hub, with the place of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.measures.words import text_of
from bezoar_data.spec.errors import InputError, Place, Problem
from bezoar_data.steps.sources.readers import Faults, find_files, read_lines, read_records

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
class Item:
    """One text: the set it belongs to, and its number there (from 0), field and turn."""

    source: str
    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.source} {self.label}"


def read_items(paths: str | Sequence[str] | None, hub: Sequence[str], fields: Sequence[str]) -> Iterator[Item]:
    """All texts, in order. Raises `InputError` for what cannot be read, rows without the fields, and nothing at all."""
    for path in [paths] if isinstance(paths, str) else paths or []:
        yield from _items_of_path(path, fields)
    for dataset in hub:
        yield from _items_of_hub(dataset, fields)


def _items_of_path(path: str, fields: Sequence[str]) -> Iterator[Item]:
    faults = Faults()
    if path.lower().endswith(".txt") and Path(path).is_file():
        found = 0
        for number, line in read_lines(Path(path), faults):
            if line.strip():
                found += 1
                yield Item(Path(path).name, f"line {number}", line)
        faults.raise_if_any()
        if not found:
            raise InputError(Problem("empty-source", "there are no texts in it", Place(path)))
        return
    for file in find_files(path):
        records = (r.values for r in read_records(file.path, faults, tsv_columns=fields))
        yield from _items(file.name, str(file.path), records, fields)
        faults.raise_if_any()


def _items_of_hub(dataset: str, fields: Sequence[str]) -> Iterator[Item]:
    from bezoar_data.steps.sources.hub import hub_facts, hub_records

    name, _, part = dataset.partition(":")
    name, _, revision = name.partition("@")
    config, _, split = part.rpartition(":")
    commit = hub_facts(name, revision or None, None).revision
    records = (r.values for r in hub_records(name, commit, config or None, split or "test"))
    yield from _items(name, dataset, records, fields)


def _items(source: str, place: str, records: Iterator[Mapping[str, Any]], fields: Sequence[str]) -> Iterator[Item]:
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
                text = text_of(part.get("content", part) if isinstance(part, dict) else part)
                if text.strip():
                    found += 1
                    more = (f" {field}" if len(wanted) > 1 else "") + (f" {k + 1}" if len(parts) > 1 else "")
                    yield Item(source, f"{label}{more}", text)
    if not found:
        raise InputError(Problem("empty-source", "there are no texts in it", Place(place)))


def checked_hub(names: Sequence[str]) -> Sequence[str]:
    """The names, if each is one of a Hub dataset. Raises `ValueError`."""
    for name in names:
        if not re.match(HUB, name):
            raise ValueError(
                f"'{name}' is no Hub dataset: write owner/name, owner/name:split or owner/name:config:split"
            )
    return names
