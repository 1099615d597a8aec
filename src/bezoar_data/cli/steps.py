"""`bezoar-data steps`: which steps there are, and how each is used. Reads the catalogue; imports no step."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.steps.known import find_step, known_steps

app = typer.Typer(help="List the steps and show how each is used.", no_args_is_help=True)


@app.command("list")
def list_steps(
    as_json: AsJson = False,
) -> None:
    """List all steps, with a line on each.

    Ours come first, then distilabel's.

    Example: bezoar-data steps list
    """
    entries = known_steps()
    if as_json:
        typer.echo(
            json.dumps({"steps": [{"use": e.use, "kind": e.kind, "summary": e.summary} for e in entries.values()]})
        )
        return
    width = max(len(name) for name in entries)
    for name, entry in entries.items():
        typer.echo(f"{name:<{width}}  {entry.kind:<6}  {entry.summary}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The step's name in pipeline files.")],
    as_json: AsJson = False,
) -> None:
    """Show a step's columns, settings and an example.

    A step of a module of yours is shown as its text says; nothing is imported.

    Examples: bezoar-data steps show judge.accept; bezoar-data steps show distilabel:UltraFeedback
    """
    entry = find_step(name)
    if as_json:
        typer.echo(json.dumps(entry.as_json(), ensure_ascii=False))
        return
    typer.echo(f"{entry.use} ({entry.kind} step, version {entry.version})\n")
    typer.echo(f"{entry.doc}\n")
    for line in entry.describe_columns():
        typer.echo(line)
    if entry.settings:
        typer.echo("\nsettings:")
    for setting in entry.settings:
        default = "required" if setting.required else f"default {json.dumps(setting.default, ensure_ascii=False)}"
        about = f"\n      {setting.description}" if setting.description else ""
        typer.echo(f"  {setting.name} ({setting.type}, {default}){about}")
    if entry.example:
        typer.echo(f"\nexample:\n{entry.example}")
