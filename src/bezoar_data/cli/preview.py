"""`bezoar-data preview`: a few rows through the whole pipeline, with everything that was said about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import bezoar_data
from bezoar_data.cli.collector import expect_imports
from bezoar_data.cli.named import PipelineFile
from bezoar_data.cli.options import (
    AsJson,
    Full,
    Journal,
    Judge,
    Limit,
    MaxCost,
    ModelsFile,
    Out,
    Overrides,
    RetryFailed,
    Teacher,
)
from bezoar_data.cli.pages import write_page
from bezoar_data.cli.terminal import console
from bezoar_data.llms.redact import redact


def preview(
    pipeline: PipelineFile,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many rows of each source.")] = 5,
    models: ModelsFile = None,
    teacher: Teacher = None,
    judge: Judge = None,
    overrides: Overrides = None,
    limit: Limit = None,
    out: Out = None,
    journal: Journal = None,
    max_cost: MaxCost = None,
    retry_failed: RetryFailed = False,
    full: Full = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page for a browser, in place of all this.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take a few rows through the whole pipeline; show prompts, raw answers, columns and verdicts side by side.

    They are the rows a run begins with. Nothing is written but the journal, where the run finds the answers.

    Example: bezoar-data preview pipelines/orca.yaml -n 3 --html preview.html
    """
    expect_imports()
    file = bezoar_data.load_pipeline(
        pipeline,
        models=models,
        teacher=teacher,
        judge=judge,
        set=overrides or (),
        limit=limit,
        out=out,
        journal=journal,
        max_cost=max_cost,
    )
    report = file.preview(rows, retry_failed=retry_failed, quiet=as_json)
    if html is not None:
        write_page(html, report.page())
    if as_json:
        typer.echo(redact(json.dumps(report.as_json(), ensure_ascii=False, default=str)))
    elif html is not None:
        typer.echo(f"{report.headline}\npage: {html}")
    else:
        report.show(console(), full=full)
    raise typer.Exit(report.exit_code)
