"""`bezoar-data schema`: the JSON schemas of the files a person writes, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.project.schemas import schema_texts
from bezoar_data.runs.folder import write_text


def schema(
    out: Annotated[Path, typer.Option(help="Folder of the schemas.")] = Path("schemas"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; end with 1 if a file is not current.")] = False,
) -> None:
    """Write the JSON schemas that let an editor complete and check the files of a project.

    A file names its schema in its first line: `# yaml-language-server: $schema=../schemas/pipeline.schema.json`.

    Example: bezoar-data schema --out schemas
    """
    stale = []
    for name, text in schema_texts().items():
        path = out / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path))
        if not check:
            out.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
    if check:
        typer.echo("not current: " + ", ".join(stale) if stale else "all current")
        raise typer.Exit(1 if stale else 0)
    typer.echo("written: " + ", ".join(stale) if stale else "all current")
