"""The sections of a card that show the data itself: fields, an example row, splits, how to load it, how to cite it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.runs.accepted import judges_of
from bezoar_data.runs.conversations.turns import Unread, read_turns, said_in
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.row import RESERVED

EXAMPLE_LIMIT = 800
"""Characters of one field in the example row."""

_INLINE = 100
"""A value of no more characters stands beside its name."""


def fields(context: CardContext) -> str:
    meanings = context.meanings
    table = md.table(
        ("Column", "Type", "What it holds"),
        (
            (
                md.code(name),
                md.code(kind),
                md.text(meanings[name]) if name in meanings else "not described",
            )
            for name, kind in context.lock.columns.items()
        ),
    )
    parts = [table]
    if context.lock.values:
        parts += ["Columns with few values, and the rows that hold each:", _values(context.lock.values)]
    if not context.views:
        return "\n\n".join(parts)
    views = md.table(
        ("View", "Columns"),
        (
            (md.code(kind), ", ".join(f"{md.text(role)}: {md.code(column)}" for role, column in view.items()))
            for kind, view in context.views.items()
        ),
    )
    return "\n\n".join([*parts, "Trainers read these columns:", views])


def _values(counts: Mapping[str, Mapping[str, int]]) -> str:
    return md.table(
        ("Column", "Values"),
        (
            (md.code(name), ", ".join(f"{_inline(value, value)} {md.number(rows)}" for value, rows in found.items()))
            for name, found in counts.items()
        ),
    )


def as_text(lock: Lock) -> Iterator[str]:
    """Which columns hold text in the place of other values."""
    for source in lock.sources:
        if source.as_text:
            names = ", ".join(map(md.code, source.as_text))
            yield f"Dates, times, decimals or bytes of {md.code(source.name)} were read as text in: {names}."
    if lock.mixed_columns:
        names = ", ".join(map(md.code, lock.mixed_columns))
        yield f"Values of differing types were written as JSON text, and texts as they are, in: {names}."


def example(context: CardContext) -> str:
    if context.example is None:
        return "There is no example: the dataset has no rows."
    # Each value stands in a list item: indented so, no line of it can be taken for a line of the card itself.
    items = [_item(name, value) for name, value in context.example.items() if name != RESERVED]
    parts = ["The first row, without its lineage column; long texts are cut.", "\n".join(items)]
    for kind, view in context.views.items():
        read = [_item(role, value) for role, value in _as_read(view, context.example)]
        parts += [f"The same row as trainers read it by the view {md.code(kind)}:", "\n".join(read)]
    return "\n\n".join(parts)


def _item(name: str, value: Any) -> str:
    shown = _shown(value)
    if "\n" in shown or len(shown) > _INLINE:
        return f"- {md.code(name)}\n\n{md.block(shown, indent='  ')}\n"
    return f"- {md.code(name)}: {_inline(value, shown)}"


def _as_read(view: Mapping[str, str], row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The row's training text by a view: each part with its role, conversations turn by turn."""
    for role, column in view.items():
        if role == "where":
            continue
        value = row.get(column)
        turns = read_turns(value, role) if isinstance(value, list) else []
        if isinstance(turns, Unread) or not turns:
            yield role, value
            continue
        for turn in turns:
            yield turn["role"] if role == "messages" else f"{role}: {turn['role']}", said_in(turn)


def splits(context: CardContext) -> str:
    files = context.lock.data
    total = sum(file.rows for file in files)
    table = md.table(
        ("Split", "Rows", "Share", "File", "Bytes"),
        (
            (
                md.code(file.split),
                md.number(file.rows),
                md.share(file.rows, total),
                md.code(file.path),
                md.number(file.bytes),
            )
            for file in files
        ),
        "lrrlr",
    )
    notes = []
    if len({file.split for file in files}) > 1:
        notes.append(
            f"Splits are grouped by source row and drawn with the seed {context.lock.pipeline.seed}: rows made "
            "from the same source row never stand on both sides."
        )
    if not total:
        notes.append("A dataset without rows can be read with `streaming=True` only.")
    elif any(not file.rows for file in files):
        notes.append("A split without rows has a file but is not declared to the Hub, whose library cannot load it.")
    return f"{table}\n\n{' '.join(notes)}"


def use(context: CardContext) -> str:
    lines = [
        "from datasets import load_dataset",
        "",
        'dataset = load_dataset("path/to/dataset")  # this folder, or the name of its repository on the Hub',
    ]
    columns = context.lock.columns
    statuses = [name for judge in context.lock.judges if (name := f"{judge.name}_status") in columns]
    lines += [f'accepted = dataset.filter(lambda row: row[{json.dumps(name)}] == "Accept")' for name in statuses]
    text = md.block("\n".join(lines), "python")
    said = _accepted(context)
    return f"{text}\n\n{said}" if said else text


def _accepted(context: CardContext) -> str:
    """Which rows leave the dataset for training and exports (`runs.accepted`)."""
    judges = judges_of(tuple(context.lock.columns), context.lock)
    own = list(dict.fromkeys(view["where"] for view in context.views.values() if "where" in view))
    chosen = own or [f'{judge}_status == "Accept"' for judge in judges]
    if len(chosen) > 1 and not own:
        return "Several judges decided: a recipe or an export of these rows says whose verdict counts, with `where`."
    which = " or ".join(map(md.code, chosen))
    if not context.lock.review:
        return f"Training and exports take the rows for which {which}." if chosen else ""
    others = f"; of those that they did not decide on, the ones for which {which}" if chosen else ""
    return f"Training and exports leave out what people rejected{others}."


def citation(context: CardContext) -> str:
    name = context.lock.pipeline.name
    key = re.sub(r"[^A-Za-z0-9-]", "-", name) or "dataset"
    title = re.sub(r"[{}\\%#$&~^_]", " ", context.title)
    lines = [
        f"@misc{{{key}-{context.lock.hash},",
        f"  title = {{{' '.join(title.split())}}},",
        f"  note  = {{Dataset made with bezoar-data, build {context.lock.hash}}}",
        "}",
    ]
    return md.block("\n".join(lines), "bibtex")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return md.shorten(text.replace("\r\n", "\n"), EXAMPLE_LIMIT)


def _inline(value: Any, shown: str) -> str:
    if value is None:
        return "null"
    if value == "":
        return "(empty)"
    return md.code(shown)
