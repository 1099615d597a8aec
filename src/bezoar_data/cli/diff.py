"""`bezoar-data diff`: how two runs differ, for a person and for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api.differences import diff as compared
from bezoar_data.cli.options import AsJson
from bezoar_data.cli.pages import write_page
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.redact import redact
from bezoar_data.reports.diff.diff import ASPECTS

DIFFERENT = 1


def diff(
    first: Annotated[Path, typer.Argument(help="The run before: its folder, or a dataset's.", metavar="RUN_A")],
    second: Annotated[Path, typer.Argument(help="The run after.", metavar="RUN_B")],
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", help=f"Exit code 1 for these alone: {', '.join(ASPECTS)}.", metavar="WHAT,WHAT"),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for a browser to this file.", metavar="FILE")] = None,
    full: Annotated[bool, typer.Option("--full", help="Show every change and name every row.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell how two runs differ: settings, prompts, models, versions, counts, verdicts, scores, lengths, cost, rows.

    Rows are known by where they came from, and each that differs is shown with the first step at which it does. Exit
    code 1 where the runs differ; scores and lengths do where a test shows it.

    Example: bezoar-data diff runs/orca runs/orca-2 --fail-on rows,verdicts
    """
    wanted = _wanted(fail_on)
    found = compared(first, second)
    failed = found.diff.differs_in(wanted)
    if html is not None:
        write_page(html, found.page())
    if as_json:
        value = {"ok": not failed, "exit_code": DIFFERENT if failed else 0, "failed_on": list(failed)}
        typer.echo(redact(json.dumps({**value, **found.as_json()}, ensure_ascii=False)))
    else:
        typer.echo(redact(found.text(full=full)))
        if html is not None:
            typer.echo(f"page: {html}")
    raise typer.Exit(DIFFERENT if failed else 0)


def _wanted(fail_on: str | None) -> tuple[str, ...]:
    if fail_on is None:
        return ASPECTS
    named = [name.strip() for name in fail_on.split(",") if name.strip()]
    problems = [
        Problem("bad-option", f"--fail-on knows no '{name}'", hint=did_you_mean(name, ASPECTS))
        for name in named
        if name not in ASPECTS
    ]
    if not named:
        problems = [Problem("bad-option", "--fail-on names nothing", hint=f"name some of {', '.join(ASPECTS)}")]
    if problems:
        raise InputError(problems)
    return tuple(named)
