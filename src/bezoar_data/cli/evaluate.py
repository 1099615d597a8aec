"""`bezoar-data evaluate`: models on a suite of the LM Evaluation Harness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api.evaluating import evaluate as evaluated
from bezoar_data.api.evaluating import plan_evaluation
from bezoar_data.api.scores import scores_page
from bezoar_data.cli.named import named
from bezoar_data.cli.options import (
    AsJson,
    EventsFile,
    Journal,
    MaxCost,
    RetryFailed,
    Trained,
    events_of,
)
from bezoar_data.cli.pages import write_page
from bezoar_data.config.shipped import named_file
from bezoar_data.evaluation.mt_bench.record import judged_results
from bezoar_data.reports.evaluation import evaluation_text, suite_text
from bezoar_data.reports.mt_bench import judged_texts

EXAMPLES = """
Examples:

  bezoar-data evaluate recipes/tiny.yaml --suite suites/local.yaml

  bezoar-data evaluate trained/tiny/dpo-merged HuggingFaceTB/SmolLM2-135M --suite suites/open-llm-leaderboard.yaml

  bezoar-data evaluate openai:gpt-4o-mini --suite suites/instructions.yaml --max-cost 1

  bezoar-data evaluate recipes/tiny.yaml --suite suites/mt-bench.yaml --judge openai:gpt-4o --against base

  bezoar-data compare evaluated/tiny/local/base evaluated/tiny/local/dpo-merged

Of a recipe, its base and every stage are evaluated, adapters without merging. A GGUF, SERVICE:MODEL[@URL] and a role of
a models file (FILE:ROLE) are asked through the gateway: their answers are journalled, and they take tasks that generate
alone. What is done is kept task by task: run the same command again to go on after an interruption.

Exit codes: 0 done; 2 the input is wrong; 3 the budget stopped it; 5 the provider did not answer for too long; 130
interrupted.
"""


def evaluate(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            help="A recipe, RECIPE:STAGE, a stage's or model's folder, an id of the Hub, a GGUF, SERVICE:MODEL[@URL], "
            "or FILE:ROLE of a models file.",
            metavar="MODEL...",
        ),
    ],
    suite: Annotated[
        Path | None,
        typer.Option(
            "--suite",
            help="A file, or the name of one here or of a shipped one. Default: local.",
            callback=named("suites"),
        ),
    ] = None,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task of the suite.")] = None,
    allow_code: Annotated[
        bool,
        typer.Option("--allow-code", help="Run code that the models write on this machine, for tasks that test it."),
    ] = False,
    stage: Annotated[
        list[str] | None, typer.Option("--stage", help="Of a recipe, only this stage; 'base' for its base.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="The revision of a model on the Hub.")] = None,
    trained: Trained = Path("trained"),
    runs: Annotated[
        Path,
        typer.Option("--runs", help="The folder that holds the runs; what models learnt from is searched for items."),
    ] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", help="Where results are left, in NAME/SUITE/MODEL.")] = Path(
        "evaluated"
    ),
    judge: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            help="Who reads the answers of suites such as MT-Bench; a second one shows how far the two agree.",
            metavar="SERVICE:MODEL[@URL]",
        ),
    ] = None,
    models_file: Annotated[
        Path | None,
        typer.Option("--models", help="A models file: its role `judge` judges, or the roles that --judge names."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", help="Let judges also compare every model with this one.", metavar="NAME"),
    ] = None,
    journal: Journal = None,
    max_cost: MaxCost = None,
    retry_failed: RetryFailed = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what each task can show, asks and costs; evaluate nothing.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with tables and pictures to this file.", metavar="FILE")
    ] = None,
    events: EventsFile = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate models on a suite of tasks."""
    if suite is None:
        suite = named_file("suites", "local")
    if plan:
        planned = plan_evaluation(
            suite,
            models,
            tasks=task or (),
            judges=judge or (),
            models_file=models_file,
            against=against,
            journal=journal,
        )
        typer.echo(json.dumps({"ok": True, **planned}, ensure_ascii=False) if as_json else suite_text(**planned))
        return
    done, folder = evaluated(
        models,
        suite,
        tasks=task or (),
        allow_code=allow_code,
        out=out,
        stages=stage or (),
        trained=trained,
        runs=runs,
        revision=revision,
        judges=judge or (),
        models_file=models_file,
        against=against,
        journal=journal,
        max_cost=max_cost,
        retry_failed=retry_failed,
        quiet=as_json,
        events=events_of(context),
    )
    events_of(context).left(folder=str(folder), models=[one.model.name for one in done])
    if html is not None:
        write_page(html, scores_page(folder / one.model.name for one in done))
    grades, pairs = judged_results(folder, done)
    if as_json:
        value = {
            "ok": True, "folder": str(folder), "models": [one.as_json() for one in done],
            "judged": [one.as_json() for one in grades], "pairs": [one.as_json() for one in pairs],
        }  # fmt: skip
        typer.echo(json.dumps(value, ensure_ascii=False))
        return
    texts = [evaluation_text(done, markdown=markdown), *judged_texts(grades, pairs, markdown=markdown)]
    typer.echo("\n\n".join(text for text in texts if text))
    if html is not None:
        typer.echo(f"\npage: {html}")
    if len(done) > 1:
        typer.echo(
            "\nWhich differences hold: bezoar-data compare " + " ".join(str(folder / d.model.name) for d in done[:2])
        )


evaluate.__doc__ = f"{evaluate.__doc__}\n{EXAMPLES}"
