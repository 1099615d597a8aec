"""`bezoar-data steps`: which steps there are, and how each is used. Reads the catalogue; imports no step."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="List the steps and show how each is used.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_steps(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """List all steps, with a line on each.

    Example: bezoar-data steps list
    """
    from bezoar_data.steps.catalogue import load_catalogue

    entries = load_catalogue()
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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show a step's columns, settings and an example.

    Example: bezoar-data steps show judge.accept
    """
    from bezoar_data.steps.catalogue import find_step

    entry = find_step(name)
    if as_json:
        typer.echo(json.dumps(entry.as_json(), ensure_ascii=False))
        return
    typer.echo(f"{entry.use} ({entry.kind} step, version {entry.version})\n")
    typer.echo(f"{entry.doc}\n")
    for title, columns in (
        ("reads", entry.reads),
        ("writes", entry.writes),
        ("may write", entry.optional_writes),
    ):
        if columns:
            typer.echo(f"{title}: {', '.join(columns)}")
    if entry.settings:
        typer.echo("\nsettings:")
    for setting in entry.settings:
        default = "required" if setting.required else f"default {json.dumps(setting.default, ensure_ascii=False)}"
        typer.echo(f"  {setting.name} ({setting.type}, {default})\n      {setting.description}")
    if entry.example:
        typer.echo(f"\nexample:\n{entry.example}")
