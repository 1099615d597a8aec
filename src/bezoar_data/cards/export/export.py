"""A dataset's rows in the formats trainers read.

The card's views say which column is prompt, answer or system message; nothing is guessed. Rows stream from
Parquet to the file, which is written beside its place and takes it when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bezoar_data.cards.export.formats import load_format
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import Card, check_front, load_card
from bezoar_data.config.files.card_front_matter import VIEW_KINDS
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.where import Where
from bezoar_data.runs.conversations.turns import Unread
from bezoar_data.runs.conversations.views import read_view
from bezoar_data.runs.published import dataset_folder, open_rows

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Exported:
    """How many rows were written, not chosen, and left out for want of a prompt or an answer."""

    rows: int
    left_out: int
    without_text: int


def export_rows(
    run: Path, form: str, out: Path, *, where: str | None = None, split: str | None = None, view: str | None = None
) -> Exported:
    """Write the rows of a run's or dataset's folder to `out`. Raises `InputError`."""
    convert, needs_view = load_format(form)
    folder = dataset_folder(run)
    rows = open_rows(folder, split)
    chosen = Where.parse(where).arrow(rows.schema) if where else None
    kind, columns = _view(load_card(folder / "README.md"), rows.schema.names, view) if needs_view else ("", {})
    if out.is_dir():
        raise InputError(Problem("bad-out", "this is a folder, not a file", Place(str(out)), "name a file with --out"))
    listed = out.suffix.lower() == ".json"
    beside = out.with_name(f".{out.name}.{os.getpid()}.new")
    written = without = 0
    try:
        with beside.open("wb") as file:
            file.write(b"[\n" if listed else b"")
            for row in _rows(rows, chosen):
                parts = {role: row[column] for role, column in columns.items()}
                example = read_view(kind, parts) if needs_view else None
                if isinstance(example, Unread):
                    without += 1
                    continue
                file.write(b",\n" if listed and written else b"")
                file.write(orjson.dumps(convert(row, example), default=str) + (b"" if listed else b"\n"))
                written += 1
            file.write(b"\n]\n" if listed else b"")
        beside.replace(out)
    except OSError as error:
        said = error.strerror or str(error)
        raise InputError(Problem("bad-out", f"cannot be written: {said}", Place(str(out)))) from None
    finally:
        beside.unlink(missing_ok=True)
    return Exported(written, rows.count_rows() - written - without, without)


def _rows(rows: Any, chosen: Any) -> Iterator[dict[str, Any]]:
    for batch in rows.to_batches(filter=chosen, batch_size=_CHUNK):
        yield from batch.to_pylist()


def _view(card: Card, columns: list[str], wanted: str | None) -> tuple[str, Mapping[str, str]]:
    views = card.bezoar.get("views")
    place = card.place(("bezoar", "views")) if views is not None else card.place()
    if not views:
        hint = "write under bezoar: views: {sft: {prompt: COLUMN, response: COLUMN}}, or use --format jsonl"
        raise InputError(Problem("no-views", "the card does not say how columns become training text", place, hint))
    raise_errors(check_front(card, columns))
    if wanted is not None and wanted not in views:
        hint = did_you_mean(wanted, list(views))
        raise InputError(Problem("unknown-view", f"the card has no view '{wanted}'", place, hint))
    kind = wanted or next(k for k in VIEW_KINDS if k in views)
    return kind, views[kind]
