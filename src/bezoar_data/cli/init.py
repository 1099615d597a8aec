"""`bezoar-data init`: a new project that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.cli.shipped import report_files
from bezoar_data.project.files import write_files
from bezoar_data.project.new import project_files
from bezoar_data.runs.project import project_around


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder, created if missing.", metavar="DIR")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Start a new project: a pipeline with its models, card and recipe, and a step of your own. It runs offline.

    Overwrites nothing. Example: bezoar-data init my-data
    """
    done = write_files(folder, project_files(), hint="init overwrites nothing; name another folder")
    around = project_around(folder)
    report_files(done.written, done.kept, as_json=as_json, first=folder / "pipelines" / "first.yaml")
    if not as_json:
        go = "" if folder == Path() else f"cd {folder} && "
        if around is not None:
            typer.echo(
                f"it is inside the project {around}, and has a journal of its own: neither finds the other's answers"
            )
        typer.echo(f"next: {go}bezoar-data preview pipelines/first.yaml -n 3")
