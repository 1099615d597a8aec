"""The row and its lineage: the one shape that travels from source to card.

A row is its columns and its lineage. Between distilabel steps the lineage is the reserved JSON column `_bezoar`,
so that a row can never lose where it came from, whoever's step it passes; in memory it is a `Lineage`.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

from bezoar_data.config.value_class import value_class
from bezoar_data.runs.values import plain

Columns = dict[str, Any]

RESERVED = "_bezoar"
"""The column that carries the lineage. No step may read or write it by itself."""

_NAMES = "columns"
_HELD = "held"

SOURCE_SPAN = 1 << 32
"""How far apart the orders of a pipeline's sources begin: the first row of its second source stands here. No source has
so many rows, so no two rows have one order, and all rows of a source come before those of the next."""

MADE_FROM_MANY = 1 << 40
"""Where the order of rows made from several begins: behind all rows of all sources."""

SOURCES = "\n"
"""What stands between the names of the sources of a row made from rows of several."""

LINEAGE_COLUMNS = ("id", "content_hash", "seed_ids", "parent_ids")
"""Columns a finished dataset adds to those of its steps."""
LINEAGE_TYPES: Mapping[str, str | None] = dict(zip(LINEAGE_COLUMNS, ("text", "text", "list", "list"), strict=True))


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        # What orjson does not take: integers beyond 64 bits, lone surrogates. Which of the two writes a value depends
        # on the value alone, so equal values still give equal text.
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def group_of(value: Any) -> str:
    """The name of the group that a value puts its row into. Equal values are one group, whatever way they are written:
    1 and 1.0, also deep in lists and mappings; a number that is none counts as no value."""
    return canonical(_equal(value))


def _equal(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _equal(inner) for key, inner in value.items()}
    return [_equal(inner) for inner in value] if isinstance(value, list | tuple) else value


def _as_it_stands(columns: Columns) -> str:
    """JSON with the keys in their order, NaN and infinities by the names that `_loads` reads."""
    return json.dumps({name: plain(name, value) for name, value in columns.items()}, ensure_ascii=False)


def _loads(text: str) -> Any:
    try:
        return orjson.loads(text)
    except (UnicodeEncodeError, orjson.JSONDecodeError):
        return json.loads(text)


def digest(*parts: Any, length: int = 32) -> str:
    """Hex SHA-256 of the canonical JSON of the parts, cut to `length` characters."""
    return hashlib.sha256(canonical(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def seed_id(source: str, revision: str, index: int) -> str:
    """Identity of a source's row: hash of (source, revision, index)."""
    return digest("seed", source, revision, index)


def made_id(parent_ids: Iterable[str], step: str, k: int) -> str:
    """Identity of a row a step made: hash of (parent ids, step, k)."""
    return digest("made", list(parent_ids), step, k)


def content_hash(columns: Mapping[str, Any]) -> str:
    """Hash of what a row says as it is published, lineage aside. A key of a mapping that says nothing is ignored: in a
    file, rows have the keys of all others. NaN and infinities, which JSON has not, are not nulls."""
    return digest(
        {
            k: v if type(v) is str else _hashed(v)
            for k, v in columns.items()
            if k != RESERVED and k not in LINEAGE_COLUMNS
        }
    )


def _hashed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: v if type(v) is str else _hashed(v) for k, v in value.items() if v is not None}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return [_hashed(v) for v in value] if isinstance(value, list) else value


def row_random(seed: int, step: str, row_id: str) -> random.Random:
    """A random generator for one row in one step: the same draws whatever the concurrency."""
    return random.Random(int(digest("random", seed, step, row_id), 16))


@value_class(frozen=True, slots=True)
class Drop:
    """Why a row was dropped: by which step, for which reason code, with the raw text if a model gave one.

    `failed` tells what went wrong (a refused request, an unusable answer) from what was dropped on purpose (a
    duplicate): only failures count against the pipeline's `tolerate`.
    """

    step: str
    reason: str
    detail: str = ""
    raw: str | None = None
    failed: bool = False
    facts: Mapping[str, Any] | None = None
    """What a report says of it, as JSON's values."""

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        if self.facts is None:
            del value["facts"]
        return value


@value_class(frozen=True, slots=True)
class Lineage:
    """Where a row came from and who touched it.

    `order` is the row's path of positions (source, row, child...): sorting by it gives the source's order.
    `models` and `keys` name, for each step that asked a model, the model that answered and the journal's keys.
    `soft_failures` tells which steps failed at the row without ending it (a judge without a readable verdict), and why;
    `flags` what steps found in the row that goes on all the same (marked only, or kept on appeal).
    """

    id: str
    order: tuple[int, ...]
    seed_ids: tuple[str, ...] = ()
    parent_ids: tuple[str, ...] = ()
    source: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    demo: bool = False
    drop: Drop | None = None
    soft_failures: tuple[Drop, ...] = ()
    flags: tuple[Drop, ...] = ()
    _text: str | None = field(default=None, init=False, compare=False, repr=False)
    """The JSON it was read from: it is written as often as it is read."""

    def answered(self, step: str, model: str, keys: Iterable[str], *, demo: bool) -> Lineage:
        """This lineage after `step` got an answer from `model` under the journal's `keys`."""
        known = self.keys.get(step, ())
        models = {**self.models, step: model}
        all_keys = {**self.keys, step: known + tuple([k for k in keys if k not in known])}
        # Not by `replace`, which costs twice as much: every row passes here.
        return Lineage(
            self.id, self.order, self.seed_ids, self.parent_ids, self.source, models, all_keys, self.demo or demo,
            self.drop, self.soft_failures, self.flags,
        )  # fmt: skip

    def dropped(self, drop: Drop) -> Lineage:
        return replace(self, drop=drop)

    def without(self, step: str) -> Lineage:
        """This lineage as it was before `step` got answers."""

        def others(names: Iterable[str]) -> list[str]:
            return [n for n in names if n != step and not n.startswith(f"{step}.")]

        return replace(
            self,
            models={n: self.models[n] for n in others(self.models)},
            keys={n: self.keys[n] for n in others(self.keys)},
        )

    def child(self, step: str, k: int, parent: str | None = None) -> Lineage:
        """Lineage of the k-th row that `step` made from this row, or through it from `parent`, another of its rows."""
        parents = (parent or self.id,)
        order = (*self.order, k)
        made = replace(self, id=made_id(parents, step, k), order=order, parent_ids=parents)
        return replace(made, drop=None, soft_failures=(), flags=())

    @classmethod
    def made_from(cls, parents: Sequence[Lineage], step: str, place: Sequence[int]) -> Lineage:
        """Lineage of the row that `step` made from several others. `place` is its number among the rows the step makes
        (a request and a position in its answer, say): with the parents it is the identity, alone it is the order.

        The order stands behind that of all rows of the sources, apart for each step, as there is no one row it follows.
        """
        parent_ids = tuple(p.id for p in parents)
        keys: dict[str, tuple[str, ...]] = {}
        for parent in parents:
            for asked, theirs in parent.keys.items():
                keys[asked] = tuple(dict.fromkeys((*keys.get(asked, ()), *theirs)))
        return cls(
            id=digest("made", parent_ids, step, list(place)),
            order=(MADE_FROM_MANY + int(digest(step, length=6), 16), *place),
            seed_ids=tuple(dict.fromkeys(seed for p in parents for seed in p.seed_ids)),
            parent_ids=parent_ids,
            source=SOURCES.join(dict.fromkeys(name for p in parents for name in p.source.split(SOURCES))),
            models={asked: model for p in parents for asked, model in p.models.items()},
            keys=keys,
            demo=any(p.demo for p in parents),
        )

    def to_json(self) -> str:
        return self._text if self._text is not None else canonical(self._value())

    def _value(self) -> dict[str, Any]:
        value: dict[str, Any] = {"id": self.id, "order": self.order}
        if self.seed_ids != (self.id,):
            value["seed_ids"] = self.seed_ids
        if self.parent_ids:
            value["parent_ids"] = self.parent_ids
        if self.source:
            value["source"] = self.source
        if self.models:
            value["models"] = dict(self.models)
        if self.keys:
            value["keys"] = dict(self.keys)
        if self.demo:
            value["demo"] = True
        if self.drop:
            value["drop"] = self.drop.to_json()
        if self.soft_failures:
            value["missed"] = [failure.to_json() for failure in self.soft_failures]
        if self.flags:
            value["noted"] = [flag.to_json() for flag in self.flags]
        return value

    @classmethod
    def from_json(cls, text: str) -> Lineage:
        """The lineage that `to_json` wrote as this text."""
        found = cls._from_value(_loads(text))
        object.__setattr__(found, "_text", text)
        return found

    @classmethod
    def _from_value(cls, v: Mapping[str, Any]) -> Lineage:
        # In the fields' order, and without a look at what is not there: each row is read several times.
        return cls(
            v["id"],
            tuple(v["order"]),
            tuple(v["seed_ids"]) if "seed_ids" in v else (v["id"],),
            tuple(v["parent_ids"]) if "parent_ids" in v else (),
            v.get("source", ""),
            v.get("models", {}),
            {step: tuple(keys) for step, keys in v["keys"].items()} if "keys" in v else {},
            v.get("demo", False),
            Drop(**v["drop"]) if "drop" in v else None,
            tuple(Drop(**failure) for failure in v["missed"]) if "missed" in v else (),
            tuple(Drop(**flag) for flag in v["noted"]) if "noted" in v else (),
        )


@dataclass(slots=True)
class Row:
    """One row: `row["inputs"]` reads a column; steps return new columns and never change these."""

    columns: Columns
    lineage: Lineage

    @property
    def id(self) -> str:
        return self.lineage.id

    def __getitem__(self, column: str) -> Any:
        return self.columns[column]

    def get(self, column: str, default: Any = None) -> Any:
        return self.columns.get(column, default)

    def with_columns(self, **columns: Any) -> Columns:
        """The row's columns with these set: what a step that keeps the row returns."""
        return {**self.columns, **columns}

    def encode(self, *, packed: bool = False) -> Columns:
        """The row as distilabel carries it: columns and the reserved JSON column, which names them in their order. A
        dropped row has empty columns and holds its values there: they may be of other types than those of the rows that
        were kept, and distilabel wants one type in a column, and one that Arrow and JSON have (1.5.3). A `packed` row
        has no column besides, as all that takes it reads it there. Raises `InputError` for what no row can hold."""
        more = f'"{_NAMES}":{canonical(list(self.columns))}'
        columns = self.columns
        if packed or self.lineage.drop is not None:
            more += f',"{_HELD}":{_as_it_stands(columns)}'
            columns = {} if packed else dict.fromkeys(columns)
        text = f"{self.lineage.to_json()[:-1]},{more}}}"
        # No file of distilabel's holds half a character; JSON writes it as an escape.
        return {**columns, RESERVED: text.encode("utf-8", "backslashreplace").decode()}

    @classmethod
    def decode(cls, columns: Mapping[str, Any]) -> Row:
        """The row that distilabel carried. It gives all rows of a batch the same columns: empty ones that were not the
        row's own are taken away, and the order is the row's."""
        visible = dict(columns)
        value = json.loads(visible.pop(RESERVED))  # orjson makes floats of integers beyond 64 bits
        if _HELD in value:
            return cls(columns=value[_HELD], lineage=Lineage._from_value(value))
        own = {name: visible[name] for name in value.get(_NAMES, ()) if name in visible}
        others = (
            visible if _NAMES not in value else {k: v for k, v in visible.items() if v is not None and k not in own}
        )
        return cls(columns={**own, **others}, lineage=Lineage._from_value(value))
