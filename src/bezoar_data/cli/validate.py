"""`bezoar-data validate`: every mistake of the files a person writes, before anything is spent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.checking import Findings, check_files
from bezoar_data.cli.options import AsJson
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.discovery import FOLDERS, Kind
from bezoar_data.config.problems import Problem
from bezoar_data.config.render import render_problems
from bezoar_data.config.shipped import named_files

_ONE_AND_MANY: dict[Kind, tuple[str, str]] = {
    "pipeline": ("pipeline", "pipelines"),
    "models": ("models file", "models files"),
    "recipe": ("recipe", "recipes"),
    "suite": ("suite", "suites"),
    "ablation": ("ablation", "ablations"),
    "expectations": ("file of expectations", "files of expectations"),
    "card": ("card", "cards"),
}


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files, names, or folders to search through. Default: the folders of a project here.",
            metavar="PATH",
        ),
    ] = None,
    models: Annotated[Path | None, typer.Option(help="Models file to use instead of the one a pipeline names.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the pipelines to change first.", metavar="KEY=VALUE"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as mistakes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check pipelines, models files, recipes, suites, ablations, expectations and cards, and what they name. Runs
    nothing, imports no step, sends nothing. Ends with 2 if there are mistakes.

    What only this machine lacks, such as a key in the environment, is a warning: CI has no keys.

    Example: bezoar-data validate pipelines/orca.yaml
    """
    found = check_files(_meant(paths), overrides=overrides or (), models=models)
    if found.errors or (strict and found.problems):
        raise InputError(found.problems)
    if as_json:
        files = [{"file": str(path), "kind": kind} for path, kind in found.files]
        problems = [p.as_json() for p in found.problems]
        value = {"ok": True, "files": files, "problems": problems, "unchecked": found.unchecked}
        typer.echo(json.dumps(value, ensure_ascii=False))
        return
    if found.problems:
        typer.echo(render_problems(found.problems), err=True)
    typer.echo(_summary(found))
    for line in found.unchecked:
        typer.echo(f"not checked: {line}")


def _meant(written: list[Path] | None) -> list[Path]:
    """What is to be checked. Raises `InputError` with every name that names nothing."""
    found: list[Path] = []
    problems: list[Problem] = []
    for name in written or ():
        try:
            found += named_files(name)
        except InputError as error:
            problems += error.problems
    raise_errors(problems)
    return found or _folders()


def _folders() -> list[Path]:
    """The folders of a project that are here. Raises `InputError` where there is none."""
    found = [Path(name) for name in FOLDERS if Path(name).is_dir()]
    if not found:
        message = f"none of the folders {', '.join(FOLDERS)} is here"
        raise InputError(Problem("nothing-to-check", message, hint="name files or folders: bezoar-data validate PATH"))
    return found


def _summary(found: Findings) -> str:
    counts = Counter(kind for _, kind in found.files)
    parts = [f"{n} {one if n == 1 else many}" for kind, (one, many) in _ONE_AND_MANY.items() if (n := counts[kind])]
    warned = len(found.problems)
    warnings = f", {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    return f"{', '.join(parts)}: no mistakes found{warnings}"
