"""`bezoar-data train`: from a recipe and the cards it names to a trained model with a card of its own."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import bezoar_data
from bezoar_data.cli.named import named
from bezoar_data.cli.options import AsJson, EventsFile, events_of
from bezoar_data.reports.training_plan import plan_text
from bezoar_data.training.distributed import is_first
from bezoar_data.training.launcher import write_launcher
from bezoar_data.training.stages import registry

EXAMPLES = """
Examples:

  bezoar-data train recipes/tiny.yaml --plan

  bezoar-data train recipes/tiny.yaml

  bezoar-data train openbezoar --plan   # a shipped recipe, by its name

  bezoar-data train recipes/tiny.yaml --keep orca   # keep this stage, even if something before it changed

  bezoar-data train recipes/tiny.yaml --launcher ddp --processes 2   # then run the command that it prints

The datasets are those that runs here have built; where one is missing, the message names the command that builds it.
Run the same command again to go on after an interruption: finished stages stay, and the one that was cut short goes on
from its last checkpoint.

Exit codes: 0 done; 2 the input is wrong; 4 the recipe's policy refuses a card; 130 interrupted.
"""


class Launcher(StrEnum):
    """How several processes train together."""

    ddp = "ddp"
    fsdp = "fsdp"


def train(
    context: typer.Context,
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A file, or the name of one here or of a shipped one.", metavar="RECIPE", callback=named("recipes")
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Where the stages are left. Default: trained/NAME.")] = None,
    runs: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("runs"),
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be trained, and whether it can be; train nothing.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Keep this finished stage, and all before it, as they are.", metavar="STAGE"),
    ] = None,
    launcher: Annotated[
        Launcher | None,
        typer.Option(help="Write settings for several processes, and say how to start them; train nothing."),
    ] = None,
    processes: Annotated[int, typer.Option(min=2, help="With --launcher: how many, one for each GPU.")] = 2,
    events: EventsFile = None,
    as_json: AsJson = False,
) -> None:
    """Train from a recipe: its stages in order, each from the card it names."""
    if launcher is not None:
        _write_launcher(recipe, launcher, processes, out)
        return
    loaded = bezoar_data.load_recipe(recipe, runs=runs, out=out, keep=keep or ())
    if plan:
        found = loaded.plan()
        typer.echo(json.dumps(found, ensure_ascii=False) if as_json else plan_text(found))
        return
    told = events_of(context)
    trained = loaded.train(quiet=as_json, events=told)
    if not is_first():
        return
    told.left(folder=str(trained.folder), stages=[stage.stage for stage in trained.stages])
    typer.echo(json.dumps(trained.as_json(), ensure_ascii=False) if as_json else str(trained))


train.__doc__ = f"{train.__doc__}\n{EXAMPLES}"


def _write_launcher(recipe: Path, launcher: Launcher, processes: int, out: Path | None) -> None:
    loaded = registry.load_recipe(recipe)
    path, commands = write_launcher(loaded, launcher.value, processes, out or Path("trained") / loaded.file.name)
    typer.echo(f"settings: {path}")
    for command in commands:
        typer.echo(f"  {command}")
