"""`bezoar-data people`: people compare the answers of two models, blind, in Argilla."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bezoar_data.api.people import people_status, pull_people, push_judged, push_people
from bezoar_data.cli.options import AsJson, Journal, MaxCost, RetryFailed, Trained
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.reports.people import people_text

app = typer.Typer(help="Let people compare two models, blind, in Argilla.", no_args_is_help=True)

_Folder = Annotated[
    Path, typer.Argument(help="The folder of the comparison, e.g. evaluated/people/base-dpo.", metavar="FOLDER")
]


@app.command("push")
def push(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Two of what `evaluate` takes (RECIPE:STAGE too), or files of answers that `generate` left.",
            metavar="A B",
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="The file of prompts: .txt or .jsonl.", metavar="FILE")
    ] = None,
    judged: Annotated[
        Path | None,
        typer.Option(
            "--judged",
            help="In place of both: the pairs that a judge compared, a file of `evaluate --judge --against`.",
            metavar="FILE",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The comparison's folder. Default: evaluated/people/FIRST-SECOND.")
    ] = None,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="How many people answer each pair.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws which answer comes first.")] = 42,
    system: Annotated[str | None, typer.Option("--system", help="A system message before each conversation.")] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="The longest answer.")] = 512,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Prompts that are answered at once.")] = 8,
    trained: Trained = Path("trained"),
    journal: Journal = None,
    max_cost: MaxCost = None,
    retry_failed: RetryFailed = False,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name in Argilla. Default: a neutral one.")
    ] = None,
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace in Argilla.")] = "review",
    as_json: AsJson = False,
) -> None:
    """Push both models' answers, side by side.

    People are asked whether each answer is acceptable, and which is better, in five levels. Which model gave which
    answer stands nowhere in Argilla; which stands first is drawn. Answers are made once and kept in the folder;
    pushing again adds what is missing.

    With --judged, people see first turns that a judge compared, and how far it agrees with them is told.

    Example: bezoar-data people push recipes/tiny.yaml:base recipes/tiny.yaml:dpo --prompts prompts.txt --overlap 2
    """
    same: dict[str, Any] = {
        "out": out, "overlap": overlap, "seed": seed, "dataset": dataset, "workspace": workspace,
    }  # fmt: skip
    if judged is not None and not models and prompts is None:
        pushed = push_judged(judged, **same)
    elif judged is None and prompts is not None and models and len(models) == 2:
        pushed = push_people(
            models[0],
            models[1],
            prompts,
            **same,
            system=system,
            max_tokens=max_tokens,
            batch_size=batch_size,
            trained=trained,
            journal=journal,
            max_cost=max_cost,
            retry_failed=retry_failed,
            quiet=as_json,
        )
    else:
        hint = "bezoar-data people push A B --prompts FILE, or: bezoar-data people push --judged FILE"
        raise InputError(Problem("bad-usage", "two models with a file of prompts, or a file of --judged", hint=hint))
    typer.echo(json.dumps({"ok": True, **pushed.as_json()}) if as_json else str(pushed))


@app.command("status")
def status(folder: _Folder, as_json: AsJson = False) -> None:
    """Show people's progress, agreement and time left.

    Example: bezoar-data people status evaluated/people/base-dpo
    """
    found = people_status(folder)
    typer.echo(json.dumps({"ok": True, **found.as_json()}) if as_json else str(found))


@app.command("pull")
def pull(
    folder: _Folder,
    markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch what people said, and what it comes to.

    FOLDER/review.parquet gets every answer, FOLDER/people.json what was submitted, by model, with all figures. Pulling
    twice changes nothing.

    Example: bezoar-data people pull evaluated/people/base-dpo
    """
    found = pull_people(folder)
    value = found.as_json() if found is not None else {"judgments": 0}
    typer.echo(
        json.dumps({"ok": True, **value}, ensure_ascii=False) if as_json else people_text(found, markdown=markdown)
    )
