"""`bezoar-data export`: a run's rows in the formats trainers read, by the views of its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cards.export.export import export_rows
from bezoar_data.cards.export.formats import FORMATS
from bezoar_data.cli.options import AsJson


def export(
    run: Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca, or a dataset folder.", metavar="RUN")],
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}; jsonl is the rows as they are.", metavar="FORMAT")
    ],
    where: Annotated[
        str | None, typer.Option("--where", help="Only rows for which this is true, e.g. 'judge_status == \"Accept\"'.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only this split; all of them otherwise.")] = None,
    view: Annotated[str | None, typer.Option("--view", help="The card's view to use, if it has several.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write; RUN-FORMAT.jsonl here otherwise. One in .json is one list."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's rows as Alpaca, ShareGPT, messages or plain JSON Lines.

    Example: bezoar-data export runs/orca --format messages --where 'judge_status == "Accept"'
    """
    name = run.resolve().parent.name if run.name == "dataset" else run.resolve().name
    target = out or Path(f"{name}-{form}.jsonl")
    done = export_rows(run, form, target, where=where, split=split, view=view)
    if as_json:
        value = {
            "ok": True, "file": str(target), "format": form, "rows": done.rows, "left_out": done.left_out,
            "without_text": done.without_text,
        }  # fmt: skip
        typer.echo(json.dumps(value, ensure_ascii=False))
        return
    typer.echo(f"{target}: {done.rows:,} rows as {form}")
    if done.left_out:
        typer.echo(f"  {done.left_out:,} rows not chosen by --where")
    if done.without_text:
        typer.echo(f"  {done.without_text:,} rows left out: no prompt or no answer in them")
