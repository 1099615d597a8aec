"""`bezoar-data init`: a new project that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder, made if need be.", metavar="[DIR]")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Start a new project: a pipeline with its models, card and recipe, and a step of your own. It runs offline.

    Files that stand there are never written over. Example: bezoar-data init my-data
    """
    from bezoar_data.cli.shipped import tell
    from bezoar_data.project.files import write_files
    from bezoar_data.project.new import project_files

    done = write_files(folder, project_files(), hint="init writes over nothing; name another folder")
    tell(done.written, done.kept, as_json=as_json, first=folder / "pipelines" / "first.yaml")
    if not as_json:
        go = "" if folder == Path() else f"cd {folder} && "
        typer.echo(f"next: {go}bezoar-data preview pipelines/first.yaml -n 3")
