"""`bezoar-data pipelines`, `recipes`, `suites` and `ablations`: what comes with the package, to look at and to copy."""

# No `from __future__ import annotations`: typer reads the annotations of functions made inside `group` as objects.

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.shipped import ShippedKind, find_shipped, shipped
from bezoar_data.project.copying import files_of
from bezoar_data.project.files import write_files


def group(kind: ShippedKind) -> typer.Typer:
    """The commands for one kind of shipped file."""
    one = kind.removesuffix("s")
    app = typer.Typer(help=f"List, show and copy the {kind} that come with bezoar-data.", no_args_is_help=True)

    @app.command("list", help=f"List the shipped {kind}.\n\nExample: bezoar-data {kind} list")
    def list_them(as_json: AsJson = False) -> None:
        found = shipped(kind)
        if as_json:
            typer.echo(json.dumps({kind: [s.as_json() for s in found.values()]}, ensure_ascii=False))
        elif not found:
            typer.echo(f"no {kind} come with this version")
        else:
            width = max(len(name) for name in found)
            for shipped_file in found.values():
                typer.echo(f"{shipped_file.name:<{width}}  {shipped_file.description}")

    @app.command("show", help=f"Print a shipped {one}.\n\nExample: bezoar-data {kind} show NAME")
    def show(
        name: Annotated[str, typer.Argument(help=f"The {one}'s name.", metavar="NAME")], as_json: AsJson = False
    ) -> None:
        found = find_shipped(kind, name)
        text = found.path.read_text("utf-8")
        typer.echo(json.dumps({**found.as_json(), "text": text}, ensure_ascii=False) if as_json else text.rstrip())

    @app.command(
        "copy",
        help=f"Copy a shipped {one} and what it names.\n\n"
        "The files go into a project; none is overwritten unless --force is given.\n\n"
        f"Example: bezoar-data {kind} copy NAME --as mine",
    )
    def copy(
        name: Annotated[str, typer.Argument(help=f"The {one}'s name.", metavar="NAME")],
        folder: Annotated[Path, typer.Argument(help="The project's folder.", metavar="DIR")] = Path(),
        new_name: Annotated[str | None, typer.Option("--as", help="Give it another name.", metavar="NAME")] = None,
        force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
        as_json: AsJson = False,
    ) -> None:
        files = files_of(find_shipped(kind, name), new_name)
        done = write_files(folder, files, force=force, hint="give the copy another name with --as, or use --force")
        report_files(done.written, done.kept, as_json=as_json, first=folder / files[0].path)

    return app


def report_files(written: tuple[Path, ...], kept: tuple[Path, ...], *, as_json: bool, first: Path) -> None:
    """Show which files were written, and which of the user's own were kept."""
    if as_json:
        value = {"ok": True, "file": str(first), "written": [str(p) for p in written], "kept": [str(p) for p in kept]}
        typer.echo(json.dumps(value, ensure_ascii=False))
        return
    for path in written:
        typer.echo(f"written: {path}")
    for path in kept:
        typer.echo(f"kept your own, which differs: {path}")
    if not written:
        typer.echo("everything is there already")


pipelines, recipes = group("pipelines"), group("recipes")
suites, ablations = group("suites"), group("ablations")
