"""`bezoar-data export`: a dataset's accepted rows in the formats trainers read, by the views of its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bezoar_data.api import exports
from bezoar_data.cards.export.formats import FORMATS
from bezoar_data.cli.options import AsJson
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem

_VIEW = "Columns of a view"


def _column(what: str) -> Any:
    return typer.Option(help=what, metavar="COLUMN", rich_help_panel=_VIEW)


def export(
    run: Annotated[
        Path, typer.Argument(help="A run folder (runs/orca), a dataset folder or a Parquet file.", metavar="RUN")
    ],
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}; jsonl is the rows as they are.", metavar="FORMAT")
    ],
    split: Annotated[str | None, typer.Option("--split", help="Only this split; all of them otherwise.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Rejected and undecided rows too.")] = False,
    where: Annotated[
        str | None,
        typer.Option("--where", help="Rows for which this is true, in the place of the accepted ones."),
    ] = None,
    original: Annotated[
        bool, typer.Option("--original", help="Responses as they were before people corrected them.")
    ] = False,
    view: Annotated[str | None, typer.Option("--view", help="The card's view to use, if it has several.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A file (.jsonl, or .json for one list; of several splits each has its name in it) or a folder. "
            "RUN-FORMAT.SPLIT.jsonl here otherwise.",
        ),
    ] = None,
    prompt: Annotated[str | None, _column("What is asked, where no card says it.")] = None,
    response: Annotated[str | None, _column("The answer.")] = None,
    system: Annotated[str | None, _column("The system message.")] = None,
    context: Annotated[str | None, _column("A passage or input that belongs to the prompt.")] = None,
    messages: Annotated[str | None, _column("Whole conversations.")] = None,
    chosen: Annotated[str | None, _column("The better answer of a pair.")] = None,
    rejected: Annotated[str | None, _column("The worse one.")] = None,
    tools: Annotated[str | None, _column("What the assistant may call.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset's accepted rows for a trainer, each split in a file.

    Accepted is what people said, else what the card's view says (`where`), else its one judge. What a format cannot
    hold is left out and counted by its reason.

    Example: bezoar-data export runs/orca --format llama-factory

    Example: bezoar-data export runs/orca --format messages --split train --out train.jsonl

    Example: bezoar-data export rows.parquet --format alpaca --prompt question --response answer
    """
    if everything and where is not None:
        raise InputError(Problem("bad-option", "--all and --where say different things", hint="leave one of them out"))
    named = {
        "prompt": prompt, "response": response, "system": system, "context": context, "messages": messages,
        "chosen": chosen, "rejected": rejected, "tools": tools,
    }  # fmt: skip
    columns = {role: column for role, column in named.items() if column is not None}
    done = exports.export(
        run, form, out, split=split, where=where, everything=everything, original=original, view=view, columns=columns
    )
    typer.echo(json.dumps({"ok": True, **done.as_json()}, ensure_ascii=False) if as_json else str(done))
