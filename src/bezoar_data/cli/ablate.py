"""`bezoar-data ablate`: what each step of a pipeline is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api.ablations import load_ablation
from bezoar_data.cli.named import named
from bezoar_data.cli.options import AsJson, Journal, RetryFailed

EXAMPLES = """
Examples:

  bezoar-data ablate ablations/lamini.yaml --plan

  bezoar-data ablate ablations/lamini.yaml --max-cost 5

Every variant's data are made with one journal, so that what several ask is paid once. Each is trained and evaluated
with every seed, and compared with the whole pipeline over items and seeds. Run the same command again to go on after an
interruption: finished data, stages and tasks stay.

Exit codes: 0 done; 2 the input is wrong, or the whole pipeline fails; 3 the budget stopped it; 4 the recipe's policy
refuses the card; 5 the provider did not answer for too long; 130 interrupted.
"""


def ablate(
    file: Annotated[
        Path,
        typer.Argument(
            help="A file, or the name of one here or of a shipped one.", metavar="FILE", callback=named("ablations")
        ),
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would ask, cost, train and can show; do nothing.")
    ] = False,
    runs: Annotated[Path, typer.Option("--runs", help="Where data are left, in NAME/VARIANT.")] = Path("runs"),
    trained: Annotated[Path, typer.Option("--trained", help="Where models are left, in NAME/VARIANT-SEED.")] = Path(
        "trained"
    ),
    out: Annotated[Path, typer.Option("--out", help="Where evaluations and the page are left, in NAME.")] = Path(
        "evaluated"
    ),
    journal: Journal = None,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0, help="Stop before spending more US dollars than this on all variants.", metavar="USD"),
    ] = None,
    retry_failed: RetryFailed = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Leave steps out or change them, train, evaluate, and say of each whether it helps, hurts, or neither is seen."""
    ablation = load_ablation(file, runs=runs, trained=trained, out=out, journal=journal, max_cost=max_cost)
    if plan:
        planned = ablation.plan()
        typer.echo(json.dumps(planned.as_json(), ensure_ascii=False) if as_json else str(planned))
        return
    report = ablation.run(quiet=as_json, retry_failed=retry_failed)
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        typer.echo(report.as_markdown() if markdown else str(report))


ablate.__doc__ = f"{ablate.__doc__}\n{EXAMPLES}"
