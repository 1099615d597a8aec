"""`bezoar-data run`: from a pipeline file to a judged dataset with a card."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bezoar_data.engine.run import Result


class EngineName(StrEnum):
    stream = "stream"
    local = "local"


EXAMPLES = """
Examples:

  bezoar-data run pipelines/orca.yaml

  bezoar-data run pipelines/orca.yaml --models pipelines/models/openai.yaml --limit 20

  bezoar-data run pipelines/orca.yaml --set steps.load_flan.path=my_rows.jsonl --out runs/mine

Run the same command again to go on after an interruption: answers already paid for come from the journal.

Exit codes: 0 done; 1 more rows failed than the pipeline tolerates; 2 the input is wrong; 3 the budget stopped it;
5 the provider was away too long; 130 interrupted.
"""


def run(
    pipeline: Annotated[Path, typer.Argument(help="The pipeline file.", metavar="PIPELINE")],
    models: Annotated[
        Path | None, typer.Option(help="Models file to use instead of the one the pipeline names.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting, e.g. steps.load_flan.path=rows.tsv or seed=7.", metavar="KEY=VALUE"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many rows from each source.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/NAME.")] = None,
    engine: Annotated[
        EngineName, typer.Option(help="stream: ours, row by row. local: distilabel's own runner, for comparison.")
    ] = EngineName.stream,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Stop before spending more than this many US dollars.", metavar="USD")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send requests again that a provider refused for good.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Run a pipeline: make the rows, judge them, write the dataset and its card."""
    from bezoar_data.cards.render import card_writer
    from bezoar_data.engine.progress import Progress
    from bezoar_data.engine.run import Options
    from bezoar_data.engine.run import run as run_pipeline
    from bezoar_data.pipeline.compile import compile_pipeline
    from bezoar_data.pipeline.load import load
    from bezoar_data.runs.folder import RunFolder

    plan = load(pipeline, overrides=overrides or (), models=models, to_run=True)
    file = plan.loaded.file
    folder = RunFolder(out or Path("runs") / file.name)
    compiled = compile_pipeline(plan, folder.journal)
    options = Options(
        engine=engine.value,
        limit=limit,
        max_cost=max_cost if max_cost is not None else file.max_cost,
        retry_failed=retry_failed,
    )
    card = card_writer(plan.card, compiled.expected_columns, folder.dataset / "README.md")
    result = run_pipeline(compiled, folder, options, card=card, progress=Progress(quiet=as_json))
    if as_json:
        typer.echo(json.dumps(_as_json(result), ensure_ascii=False))
    else:
        typer.echo(_summary(result))
    raise typer.Exit(result.exit_code)


run.__doc__ = f"{run.__doc__}\n{EXAMPLES}"


def _as_json(result: Result) -> dict[str, Any]:
    lock = result.lock
    return {
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "run": str(result.folder.path),
        "dataset": str(result.folder.dataset),
        "lock": result.lock_hash,
        "seconds": round(result.seconds, 3),
        "counts": lock["counts"],
        "steps": [{k: s[k] for k in ("id", "rows_in", "rows_out", "dropped")} for s in lock["steps"]],
        "judges": lock["judges"],
        "usage": lock["usage"],
        "cost": lock["cost"],
        "asked": dict(result.tally),
        "demo": lock["demo"],
    }


def _summary(result: Result) -> str:
    """What a person wants to know when a run is done, in plain lines."""
    lock = result.lock
    counts = lock["counts"]
    # Steps that make rows let more come out than went in: "of" would be wrong then.
    of = "of" if counts["kept"] + counts["dropped"] == counts["source"] else "made from"
    lines = [
        f"{lock['pipeline']['name']}: {counts['kept']:,} rows kept, {counts['dropped']:,} dropped, "
        f"{of} {counts['source']:,}, in {result.seconds:.1f} s"
    ]
    for step in lock["steps"]:
        for reason, n in step["dropped"].items():
            lines.append(f"  dropped by {step['id']}: {n:,} {reason}")
    for judge in lock["judges"]:
        total = judge["accepted"] + judge["rejected"]
        share = f" ({judge['accepted'] / total:.0%})" if total else ""
        lines.append(
            f"  judged by {judge['name']}: {judge['accepted']:,} accepted{share}, {judge['rejected']:,} rejected"
        )
    tokens = sum(u["prompt_tokens"] + u["completion_tokens"] for u in lock["usage"])
    cost = "cost unknown (no price given)" if lock["cost"] is None else f"${lock['cost']:,.4f}"
    asked = result.tally
    if asked:
        lines.append(
            f"  answers: {asked['requests']:,} asked now, {asked['hits']:,} from the journal; "
            f"{tokens:,} tokens, {cost} over their lifetime"
        )
    else:
        lines.append(f"  {tokens:,} tokens, {cost} over their lifetime")
    if lock["demo"]:
        lines.append("  demo: made by the embedded offline models, to try the flow; not for training or publishing")
    lines.append(f"  dataset and card: {result.folder.dataset}")
    if counts["dropped"]:
        lines.append(f"  dropped rows and why: {result.folder.dropped}")
    if result.exit_code:
        lines.append(
            f"  more rows failed ({result.counts.failed:,}) than the pipeline tolerates "
            f"({lock['pipeline']['tolerate']:.0%}); --retry-failed asks refused requests again"
        )
    return "\n".join(lines)
