"""`bezoar-data run`: from a pipeline file to a judged dataset with a card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

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
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.problems import Problem

if TYPE_CHECKING:
    from bezoar_data.reports.run_report import RunReport
    from bezoar_data.reports.shards import ShardReport


class EngineName(StrEnum):
    stream = "stream"
    local = "local"
    ray = "ray"
    distilabel_ray = "distilabel-ray"


EXAMPLES = """
Examples:

  bezoar-data run pipelines/orca.yaml

  bezoar-data run orca --limit 20   # pipelines/orca.yaml here, else the shipped one of this name

  bezoar-data run pipelines/orca.yaml --models pipelines/models/openai.yaml --limit 20

  bezoar-data run pipelines/orca.yaml --set steps.load_flan.path=my_rows.jsonl --out runs/mine

Run the same command again to go on after an interruption: answers already paid for come from the journal. A project has
one, runs/journal.sqlite in the nearest folder upwards from the pipeline file that has one, or `pipelines`, a
pyproject.toml or a .git; --journal or BEZOAR_JOURNAL names another.

Exit codes: 0 done; 1 more rows failed than the pipeline tolerates; 2 the input is wrong; 3 the budget stopped it;
5 the provider did not answer for too long; 130 interrupted.
"""


def run(
    context: typer.Context,
    pipeline: PipelineFile,
    models: ModelsFile = None,
    teacher: Teacher = None,
    judge: Judge = None,
    overrides: Overrides = None,
    limit: Limit = None,
    out: Out = None,
    journal: Journal = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="stream: row by row. ray: the same, in workers on a Ray cluster. local, distilabel-ray: distilabel's "
            "own runners, for comparison."
        ),
    ] = EngineName.stream,
    ray: Annotated[
        str | None,
        typer.Option(
            help="The Ray cluster: HOST:6379, or auto. Default: RAY_ADDRESS, else one on this machine.",
            metavar="ADDRESS",
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="With --engine ray, so many workers.", metavar="N")] = None,
    shard: Annotated[
        str | None, typer.Option(help="Run one of N shards alone, 0/N to N-1/N; then: merge-shards.", metavar="I/N")
    ] = None,
    phase: Annotated[int, typer.Option(min=1, help="Of a run in shards, the phase to run.")] = 1,
    collect: Collect = None,
    max_cost: MaxCost = None,
    retry_failed: RetryFailed = False,
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Allow steps that run text of rows or answers as code, and what a pulled pipeline names.",
        ),
    ] = False,
    events: EventsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a pipeline: make the rows, judge them, write the dataset and its card."""
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
        trust_code=trust_code,
    )
    told = events_of(context)
    raise_errors(_of_ray_alone(engine, ray, workers))
    report: RunReport | ShardReport
    if shard is None:
        raise_errors(_of_shards_alone(phase, collect))
        report = file.run(
            engine=engine.value, ray=ray, workers=workers, retry_failed=retry_failed, quiet=as_json, events=told
        )
    else:
        if engine != EngineName.stream:
            raise InputError(Problem("bad-shard", "shards have the engine stream alone", hint="leave --engine out"))
        report = file.run_shard(
            shard, phase=phase, collect=collect, retry_failed=retry_failed, quiet=as_json, events=told
        )
    told.reported(report)
    typer.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else str(report))
    raise typer.Exit(report.exit_code)


def _of_shards_alone(phase: int, collect: str | None) -> Iterator[Problem]:
    for option, given in (("--phase", phase != 1), ("--collect", collect is not None)):
        if given:
            yield Problem("no-shard", f"{option} is for shards alone", hint="name one: --shard 0/7")


def _of_ray_alone(engine: EngineName, ray: str | None, workers: int | None) -> Iterator[Problem]:
    on_ray = (EngineName.ray, EngineName.distilabel_ray)
    if ray is not None and engine not in on_ray:
        yield Problem("not-ray", "--ray names a Ray cluster", hint="add --engine ray")
    if workers is not None and engine is not EngineName.ray:
        yield Problem("not-ray", "--workers is for --engine ray alone", hint="add --engine ray")


run.__doc__ = f"{run.__doc__}\n{EXAMPLES}"
