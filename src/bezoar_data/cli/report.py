"""`bezoar-data report` and `view`: the page of a run, or of a recipe's training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson

_Run = Annotated[
    Path,
    typer.Argument(
        help="A run folder (runs/orca), the folder of a pulled dataset, or of a training (trained/tiny).", metavar="RUN"
    ),
]


def report(
    run: _Run,
    out: Annotated[
        Path | None, typer.Option(help="The file. Default: report.html in that folder.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's page: every row with its story, filters, search, and pictures; or a training's: its stages, their
    curves and samples, their data and licences, their scores. It opens from the disk, offline.

    Example: bezoar-data report runs/orca
    """
    from bezoar_data.api import reports

    path = reports.report(run, out)
    typer.echo(json.dumps({"ok": True, "page": str(path)}, ensure_ascii=False) if as_json else f"page: {path}")


def view(run: _Run, as_json: AsJson = False) -> None:
    """Open the page of a run or a training in your browser; it is written again where what it shows has changed.

    Example: bezoar-data view runs/orca
    """
    from bezoar_data.api import reports

    path, opened = reports.view(run)
    if as_json:
        typer.echo(json.dumps({"ok": True, "page": str(path), "opened": opened}, ensure_ascii=False))
    else:
        typer.echo(f"page: {path}" if opened else f"page: {path} (there is no browser here; open it yourself)")
