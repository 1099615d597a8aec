"""`bezoar-data undo`: the dataset that a run or a pull has replaced, back in its place."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.paths import expand_home
from bezoar_data.runs.undo import undo as bring_back


def undo(
    run: Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca.", metavar="RUN")],
    as_json: AsJson = False,
) -> None:
    """Bring back the dataset that the last run or pull replaced. The same command again undoes this.

    Example: bezoar-data undo runs/orca
    """
    back, standing = bring_back(expand_home(run))
    if as_json:
        value = {"standing": back.as_json(), "previous": standing.as_json() if standing else None}
        typer.echo(json.dumps({"ok": True, "run": str(run), **value}, ensure_ascii=False))
        return
    typer.echo(f"{run}: {back}, is back; `bezoar-data report {shlex.quote(str(run))}` writes its page")
    if standing is not None:
        typer.echo(f"  kept instead: {standing}; the same command again brings that one back")
