"""`bezoar-data head`, `sample`, `show`: rows of a finished run in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api import looking
from bezoar_data.cli.options import AsJson, Full
from bezoar_data.cli.terminal import console
from bezoar_data.llms.redact import redact

_Run = Annotated[Path, typer.Argument(help="A run's folder, or a dataset's.", metavar="RUN")]
_Rows = Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")]
_Split = Annotated[str | None, typer.Option("--split", help="Only of this split: numbers are of its rows.")]
_Dropped = Annotated[bool, typer.Option("--dropped", help="Dropped rows in the place of kept ones.")]
_Where = Annotated[str | None, typer.Option("--where", help="Only rows for which this is true.", metavar="EXPRESSION")]
_Columns = Annotated[str | None, typer.Option("--columns", help="Only these columns.", metavar="NAME,NAME")]


def head(
    run: _Run,
    rows: _Rows = 5,
    split: _Split = None,
    dropped: _Dropped = False,
    where: _Where = None,
    columns: _Columns = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show the first rows of a run, or the first for which --where is true.

    Of dropped rows --where also knows `step`, `reason` and `detail`.

    Example: bezoar-data head runs/orca -n 3 --where 'judge_status == "Reject"'

    Example: bezoar-data head runs/orca --dropped
    """
    found = looking.head(run, rows, split=split, dropped=dropped, where=where, columns=_names(columns))
    _say(found, full=full, as_json=as_json)


def sample(
    run: _Run,
    rows: _Rows = 5,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other rows.")] = 0,
    split: _Split = None,
    dropped: _Dropped = False,
    where: _Where = None,
    columns: _Columns = None,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Show rows of a run drawn evenly: the same ones for the same seed.

    Example: bezoar-data sample runs/orca -n 3 --seed 7
    """
    found = looking.sample(run, rows, seed=seed, split=split, dropped=dropped, where=where, columns=_names(columns))
    _say(found, full=full, as_json=as_json)


def show(
    run: _Run,
    rows: Annotated[list[str], typer.Argument(help="Numbers, as `head` shows them, or ids.", metavar="ROW...")],
    split: _Split = None,
    columns: _Columns = None,
    as_json: AsJson = False,
) -> None:
    """Show rows whole: kept ones by their numbers, any by their ids or the first letters of these.

    A word of up to seven digits is a number.

    Example: bezoar-data show runs/orca 1 2
    """
    _say(looking.show(run, rows, split=split, columns=_names(columns)), full=True, as_json=as_json)


def _names(columns: str | None) -> list[str] | None:
    return None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]


def _say(found: looking.ShownRows, *, full: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(redact(json.dumps({"ok": True, **found.as_json()}, ensure_ascii=False, default=str)))
        return
    found.show(console(), full=full)
    if not found.rows:
        typer.echo(f"no rows to show, of {found.total:,}")
