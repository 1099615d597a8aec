"""`bezoar-data plan`: what a run would ask, cost and write, without a request."""

from __future__ import annotations

import json
import shutil
from enum import StrEnum
from typing import Annotated

import typer

import bezoar_data
from bezoar_data.cli.collector import expect_imports
from bezoar_data.cli.named import PipelineFile
from bezoar_data.cli.options import AsJson, Journal, Judge, Limit, ModelsFile, Out, Overrides, Teacher
from bezoar_data.llms.redact import redact


class Format(StrEnum):
    text = "text"
    mermaid = "mermaid"


EXAMPLES = """
Examples:

  bezoar-data plan pipelines/orca.yaml

  bezoar-data plan pipelines/orca.yaml --models pipelines/models/openai.yaml --limit 500 --max-cost 5

  bezoar-data plan pipelines/orca.yaml --format mermaid

It takes the options of `run`, sends nothing and writes nothing. Before anything is known of a step, lengths of answers
are assumed; after a run of a few rows (run ... --limit 20) they are learned. See docs/plan.md.
"""


def plan(
    pipeline: PipelineFile,
    models: ModelsFile = None,
    teacher: Teacher = None,
    judge: Judge = None,
    overrides: Overrides = None,
    limit: Limit = None,
    out: Out = None,
    journal: Journal = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Say whether this many US dollars are enough.", metavar="USD")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Plan to send requests again that a provider refused for good.")
    ] = False,
    tokenizer: Annotated[
        str | None,
        typer.Option(help="Count prompts with this tokenizer.json, or that of a folder.", metavar="FILE"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="text: for the terminal. mermaid: the DAG only.")] = (
        Format.text
    ),
    as_json: AsJson = False,
) -> None:
    """Show what a run would ask, cost and write, as intervals for each step and model. Sends nothing."""
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
    made = file.plan(retry_failed=retry_failed, tokenizer=tokenizer)
    if as_json:
        text = json.dumps(made.as_json(), ensure_ascii=False)
    elif form is Format.mermaid:
        text = made.as_mermaid()
    else:
        text = made.as_text(max(80, shutil.get_terminal_size((120, 24)).columns))
    typer.echo(redact(text))


plan.__doc__ = f"{plan.__doc__}\n{EXAMPLES}"
