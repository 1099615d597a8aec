"""`bezoar-data compare`: two evaluations, paired by item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.evaluation.compare import compare as compared
from bezoar_data.evaluation.items import read_evaluated
from bezoar_data.evaluation.people import people_on
from bezoar_data.reports.evaluation import comparison_text
from bezoar_data.reports.people import people_text


def compare(
    first: Annotated[
        Path, typer.Argument(help="The evaluation to compare with, e.g. evaluated/tiny/local/base.", metavar="A")
    ],
    second: Annotated[Path, typer.Argument(help="The evaluation that may be better.", metavar="B")],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Another metric for a task.", metavar="TASK=METRIC")
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option("--people", help="What people said of the two: a folder of `people`.", metavar="FOLDER"),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="McNemar's exact test in place of its mid-p value.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two evaluated models item by item: better, worse or tied, task by task.

    Each is a folder that `evaluate` left for a model, or lm_eval's own --output_path with --log_samples.

    Example: bezoar-data compare evaluated/tiny/local/base evaluated/tiny/local/dpo-merged
    """
    metrics: dict[str, str] = {}
    for written in metric or []:
        task, equals, name = written.partition("=")
        if not equals:
            raise InputError(
                Problem("bad-value", f"--metric {written} is not TASK=METRIC", hint="e.g. --metric qasc=acc_norm")
            )
        metrics[task] = name
    said = people_on(people, first, second) if people is not None else None
    found = compared(read_evaluated(first), read_evaluated(second), exact=exact, metrics=metrics)
    if as_json:
        more = {"people": said.as_json()} if said is not None else {}
        typer.echo(json.dumps({"ok": True, **found.as_json(), **more}, ensure_ascii=False))
        return
    typer.echo(comparison_text(found, markdown=markdown))
    if people is not None:
        typer.echo("\n" + people_text(said, markdown=markdown))
