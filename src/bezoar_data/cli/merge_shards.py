"""`bezoar-data merge-shards`: from the answers of all shards to the dataset, or to the next phase."""

from __future__ import annotations

import json

import typer

import bezoar_data
from bezoar_data.cli.collector import expect_imports
from bezoar_data.cli.named import PipelineFile
from bezoar_data.cli.options import (
    AsJson,
    Collect,
    EventsFile,
    Journal,
    Judge,
    Limit,
    MaxCost,
    ModelsFile,
    Out,
    Overrides,
    RetryFailed,
    Teacher,
    events_of,
)


def merge_shards(
    context: typer.Context,
    pipeline: PipelineFile,
    models: ModelsFile = None,
    teacher: Teacher = None,
    judge: Judge = None,
    overrides: Overrides = None,
    limit: Limit = None,
    out: Out = None,
    journal: Journal = None,
    collect: Collect = None,
    max_cost: MaxCost = None,
    retry_failed: RetryFailed = False,
    events: EventsFile = None,
    as_json: AsJson = False,
) -> None:
    """Merge the shards of a run: take in what they collected, and go on with the steps that need all rows.

    It ends in the dataset, with the bytes, lock and card of a run without shards; or, where later steps ask about
    single rows, in the next phase, whose shards are then run with --phase. Give it the options that the shards had.

    Examples:

      bezoar-data merge-shards pipelines/orca.yaml

      bezoar-data merge-shards pipelines/orca.yaml --collect s3://my-bucket/orca
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
    told = events_of(context)
    report = file.merge_shards(collect=collect, retry_failed=retry_failed, quiet=as_json, events=told)
    told.reported(report)
    typer.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else str(report))
    raise typer.Exit(report.exit_code)
