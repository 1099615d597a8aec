"""`bezoar-data trace`: all that happened to one row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api import tracing
from bezoar_data.cli.options import AsJson, Full, Journal
from bezoar_data.cli.terminal import console
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.llms.redact import redact
from bezoar_data.reports.rows.search import Search


def trace(
    row: Annotated[
        str | None, typer.Argument(help="The row's id, or the first letters of it.", metavar="ROW", show_default=False)
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Its run. Default: the newest that has it.", metavar="RUN")
    ] = None,
    find: Annotated[
        str | None, typer.Option("--find", help="Find the row by a text in it; case is ignored.", metavar="TEXT")
    ] = None,
    journal: Journal = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Tell all that happened to a row, kept or dropped: source, prompts, raw answers, verdicts, cost.

    Prompts and answers come from the journal, or from the answers that were published with the dataset. Nothing is
    asked and nothing is written.

    Example: bezoar-data trace ROW_ID

    Example: bezoar-data trace --find "special about the number 7" --run runs/orca
    """
    if (row is None) == (find is None):
        raise InputError(Problem("bad-option", "name one row", hint="by its id, or by a text in it with --find"))
    if find is not None:
        found = tracing.find(find, run, journal=journal)
        if len(found.matches) > 1:
            _say_found(found, as_json)
            return
        row, run = found.matches[0].row.id, found.run
    traced = tracing.trace(row or "", run, journal=journal)
    if as_json:
        typer.echo(redact(json.dumps({"ok": True, **traced.as_json()}, ensure_ascii=False, default=str)))
    else:
        traced.show(console(), full=full)
        typer.echo(f"run: {traced.run}")


def _say_found(found: Search, as_json: bool) -> None:
    if as_json:
        value = {
            "ok": True,
            "run": str(found.run),
            "more": found.more,
            "matches": [match.as_json() for match in found.matches],
        }
        typer.echo(redact(json.dumps(value, ensure_ascii=False)))
        return
    for match in found.matches:
        drop = match.row.lineage.drop
        ends = f"dropped: {drop.reason}" if drop is not None else "kept"
        line = f"{match.row.id[:12]}  {ends}  {match.column}: {match.words}"
        typer.echo(printable(redact(line), 200))
    count = f"more than {len(found.matches)}" if found.more else f"{len(found.matches)}"
    typer.echo(f"{count} rows in {found.run}; `bezoar-data trace ID --run {found.run}` shows one")
