"""The sections of a card that show the data itself: fields, an example row, splits, how to load it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.runs.accepted import judges_of
from bezoar_data.runs.conversations.turns import Unread, read_turns, said_in
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.reviewed import DROPPED
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED

EXAMPLE_LIMIT = 800
"""Characters of one field in the example row."""

_INLINE = 100
"""A value of no more characters stands beside its name."""
_OF_LINEAGE = (*LINEAGE_COLUMNS, RESERVED)


def fields(context: CardContext) -> str:
    own = {name: kind for name, kind in context.lock.columns.items() if name not in _OF_LINEAGE}
    parts = [_columns(context, own)]
    if context.views:
        views = [
            (md.code(kind), ", ".join(f"{md.text(role)}: {md.code(column)}" for role, column in view.items()))
            for kind, view in context.views.items()
        ]
        parts += ["Trainers read these columns:", md.table(("View", "Columns"), views)]
    lineage = {name: kind for name, kind in context.lock.columns.items() if name in _OF_LINEAGE}
    if lineage:
        parts.append(md.folded("Columns that say where each row comes from", _columns(context, lineage)))
    return "\n\n".join(parts)


def _columns(context: CardContext, columns: Mapping[str, str]) -> str:
    said = context.meanings
    rows = ((md.code(n), md.code(k), md.text(said[n]) if n in said else "not described") for n, k in columns.items())
    return md.table(("Column", "Type", "What it holds"), rows)


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
    row = context.example
    if row is None:
        return "There is no example: the dataset has no rows."
    parts = [f"{_which(row, context.lock)}; long texts are cut."]
    shown = {*_OF_LINEAGE}
    for kind, view in context.views.items():
        new = {role: column for role, column in view.items() if column not in shown and role != "where"}
        items = [_item(label, value) for label, value in _as_read(new, row)]
        if items:
            parts += [f"What trainers read of it by the view {md.code(kind)}:", "\n".join(items).rstrip()]
        shown.update(new.values())
    others = [_item(md.code(name), value) for name, value in row.items() if name not in shown and value is not None]
    if others:
        parts += [*(["Its other columns:"] if context.views else []), "\n".join(others).rstrip()]
    return "\n\n".join(parts)


def _which(row: Mapping[str, Any], lock: Lock) -> str:
    """Which row it is: the first that was accepted, where there is one (`claims.rows`)."""
    statuses = [row.get(f"{one.name}_status") for one in lock.judges]
    if row.get(DROPPED):
        return "The first row; none was accepted"
    if people := row.get("review_status"):
        return "The first row that people accepted" if people == "Accept" else "The first row; none was accepted"
    if not statuses:
        return "The first row that people did not drop" if DROPPED in row else "The first row"
    accepted = all(status == "Accept" for status in statuses)
    return "The first row that was accepted" if accepted else "The first row; none was accepted"


def _item(label: str, value: Any) -> str:
    # Each value stands in a list item: indented so, no line of it can be taken for a line of the card itself.
    shown = _shown(value)
    if "\n" in shown or len(shown) > _INLINE:
        return f"- {label}\n\n{md.block(shown, indent='  ')}\n"
    return f"- {label}: {md.value(value, shown)}"


def _as_read(view: Mapping[str, str], row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Columns of the row by a view, each with its part in the training text; conversations turn by turn."""
    for role, column in view.items():
        value = row.get(column)
        turns = read_turns(value, role) if isinstance(value, list) else []
        label = f"{md.code(column)}, {md.text(role)}"
        if isinstance(turns, Unread) or not turns:
            yield label, value
            continue
        for turn in turns:
            yield f"{md.code(column)}, {md.text(turn['role'])}", said_in(turn)


def splits(context: CardContext) -> str:
    files = context.lock.data
    total = sum(file.rows for file in files)
    by_split: dict[str, int] = {}
    for file in files:
        by_split[file.split] = by_split.get(file.split, 0) + file.rows
    table = md.table(
        ("Split", "Rows", "Share"),
        ((md.code(split), md.number(rows), md.share(rows, total)) for split, rows in by_split.items()),
        "lrr",
    )
    notes = []
    if len({file.split for file in files}) > 1:
        notes.append(
            f"Splits are grouped by source row and drawn with the seed {context.lock.pipeline.seed}: rows made "
            "from the same source row are never on both sides."
        )
    if not total:
        notes.append("A dataset without rows can be read with `streaming=True` only.")
    elif any(not file.rows for file in files):
        notes.append("A split without rows has a file but is not declared to the Hub, whose library cannot load it.")
    return f"{table}\n\n{' '.join(notes)}"


def use(context: CardContext) -> str:
    name = context.about.repository
    remark = "" if name else "  # this folder, or the name of its repository on the Hub"
    lines = [
        "from datasets import load_dataset",
        "",
        f"dataset = load_dataset({json.dumps(name or 'path/to/dataset')}){remark}",
    ]
    if chosen := _filter(context):
        lines.append(f"accepted = dataset.filter(lambda row: {chosen})")
    text = md.block("\n".join(lines), "python")
    said = _accepted(context)
    return f"{text}\n\n{said}" if said else text


def _filter(context: CardContext) -> str | None:
    """The condition that takes the accepted rows: by people's verdict, once there was a review. None where a view says
    otherwise, or several judges decide and nobody says whose verdict counts."""
    lock = context.lock
    if lock.review and "final_status" in lock.columns:
        dropped = f' and row["{DROPPED}"] is None' if DROPPED in lock.columns else ""
        return ('row["final_status"] == "Accept"' if lock.judges else 'row["final_status"] != "Reject"') + dropped
    judges = judges_of(tuple(lock.columns), lock)
    if len(judges) != 1 or any("where" in view for view in context.views.values()):
        return None
    return f'row[{json.dumps(f"{judges[0]}_status")}] == "Accept"'


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
    dropped = " and dropped" if DROPPED in context.lock.columns else ""
    return f"Training and exports leave out what people rejected{dropped}{others}."


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return md.shorten(text.replace("\r\n", "\n"), EXAMPLE_LIMIT)
