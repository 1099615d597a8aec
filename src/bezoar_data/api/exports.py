"""Exports from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bezoar_data.cards.export.export import Choice, export_rows
from bezoar_data.cards.export.exported import Exported
from bezoar_data.config.paths import expand_home


def export(
    run: str | Path,
    form: str,
    out: str | Path | None = None,
    *,
    split: str | None = None,
    where: str | None = None,
    everything: bool = False,
    original: bool = False,
    view: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Exported:
    """Write the accepted rows of a run, a dataset's folder or a Parquet file as a trainer reads them.

    `form` is a format's name, such as `messages` or `llama-factory`; `out` a file or a folder. `where` chooses rows in
    the place of the accepted ones, `everything` takes all. `view` is one of the card's; `columns` name the columns of
    one by role (`{"prompt": "question", "response": "answer"}`). Raises `InputError`.
    """
    choice = Choice(split, where, everything, view, columns or {}, original)
    return export_rows(expand_home(run), form, None if out is None else expand_home(out), choice)
