"""Claims on answers where the run's journal is at hand: whose they are, and what they took at least.

The journal may hold more than it did: a key asked again with more room has two answers. So it refutes too little, and
other names, never too much.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.journal.entry import key_bytes
from bezoar_data.llms.journal.integrity import reading
from bezoar_data.runs.parquet import readable, rows_of
from bezoar_data.runs.row import RESERVED, Lineage

_AT_ONCE = 500
_TOOK = """SELECT model, min(coalesce(prompt_tokens, 0)), min(coalesce(completion_tokens, 0)) FROM answers
           WHERE error IS NULL AND key IN ({}) GROUP BY key, model"""


def journalled(seen: Evidence) -> Iterator[Problem]:
    path = seen.journal
    if path is None:
        return
    answers, prompt, completion = Counter[str](), Counter[str](), Counter[str]()
    keys = iter(_keys(seen))
    with reading(path) as connection:
        while chunk := list(islice(keys, _AT_ONCE)):
            for model, *tokens in _took(connection, chunk):
                answers[model] += 1
                prompt[model] += tokens[0]
                completion[model] += tokens[1]
    named = {one.model for one in seen.lock.models}
    for model in sorted(set(answers) - named):
        message = (
            f"{answers[model]} answers behind the rows are of {model}, as the journal has them, and the lock does "
        )
        yield Problem("models-differ", f"{message}not name it", seen.lock_place)
    for model in sorted(set(answers) & named):
        uses = [use for use in seen.lock.usage if use.model == model]
        told = [sum(getattr(use, name) for use in uses) for name in ("answers", "prompt_tokens", "completion_tokens")]
        there = [answers[model], prompt[model], completion[model]]
        if any(one < other for one, other in zip(told, there, strict=True)):
            message = f"{model}: the lock says {told[0]} answers, {told[1]} prompt and {told[2]} completion tokens; "
            message += f"the journal says {there[0]}, {there[1]} and {there[2]}"
            yield Problem("usage-differs", message, seen.lock_place)


def _took(connection: sqlite3.Connection, keys: list[bytes]) -> Iterator[tuple[str, int, int]]:
    yield from connection.execute(_TOOK.format(", ".join("?" * len(keys))), keys)


def _keys(seen: Evidence) -> set[bytes]:
    """The keys of the answers behind all rows, the dropped ones too."""
    found: set[bytes] = set()
    for path in (*(seen.folder / file.path for file in seen.lock.data), seen.beside("dropped.parquet")):
        for lineage in _lineages(path) if path is not None and path.is_file() else ():
            for key in (key for keys in lineage.keys.values() for key in keys):
                try:
                    found.add(key_bytes(key))
                except ValueError:
                    continue  # no key: the journal has no answer to it, which is told elsewhere
    return found


def _lineages(path: Path) -> Iterator[Lineage]:
    try:
        for row in rows_of(path, [RESERVED]):
            with readable(path):
                lineage = Lineage.from_json(row[RESERVED] or "")
            yield lineage
    except InputError:
        return  # told where the rows are read
