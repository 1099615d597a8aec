"""`bezoar-data validate`: every mistake of a pipeline and what it names, before anything is spent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def validate(
    pipelines: Annotated[list[Path], typer.Argument(help="Pipeline files.", metavar="PIPELINE...")],
    models: Annotated[
        Path | None, typer.Option(help="Models file to use instead of the one the pipeline names.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="A setting to change first.", metavar="KEY=VALUE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check pipeline files with their models, card and inputs. Runs nothing, imports no step, sends nothing.

    Example: bezoar-data validate pipelines/orca.yaml
    """
    from bezoar_data.pipeline.load import load
    from bezoar_data.spec.errors import InputError, Problem

    problems: list[Problem] = []
    for path in pipelines:
        try:
            load(path, overrides=overrides or (), models=models)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    if as_json:
        typer.echo(json.dumps({"ok": True, "problems": []}))
    else:
        typer.echo(f"{len(pipelines)} pipeline{'s' if len(pipelines) > 1 else ''} checked: no mistakes found")
