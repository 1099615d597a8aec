"""`bezoar-data judge`: how far a judge can be relied on, and from which rating up its verdicts are good enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bezoar_data.cli.options import AsJson
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.where import Where
from bezoar_data.evaluation.annotations import read_annotations
from bezoar_data.evaluation.reward_bench import bench, read_items
from bezoar_data.llms.reward.model import RewardModel
from bezoar_data.reports.judge_text import calibrated_text, compared_text, known_text
from bezoar_data.reports.mt_bench import annotated_text
from bezoar_data.reports.reliability import calibrate_cut, compare_columns, known_reliability
from bezoar_data.runs import record
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.judged import PeopleAgreement, RatingCalibration
from bezoar_data.runs.measured import add_measured
from bezoar_data.runs.reviewed import REVIEW_COLUMNS

app = typer.Typer(help="Measure judges: against people, against each other, against themselves.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca, or a dataset folder.", metavar="RUN")]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="A JSONL, TSV or Parquet file of labels: `id` and columns of its own.")
]
WhereOption = Annotated[str | None, typer.Option("--where", help="Only rows for which this is true.")]
Save = Annotated[
    bool, typer.Option("--save", help="Keep it in RUN/reliability.json: the next run puts it on the card.")
]


@app.command("reliability")
def reliability(
    run: Run,
    columns: Annotated[
        tuple[str, str] | None,
        typer.Option("--columns", help="Two label columns: a judge's, and a person's or another judge's."),
    ] = None,
    slices: Annotated[
        list[str] | None, typer.Option("--slice", help="Split agreement by this column's values; may be repeated.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="The column of judged answers (the two of compared ones): what length does."),
    ] = None,
    labels: Labels = None,
    where: WhereOption = None,
    save: Save = False,
    as_json: AsJson = False,
) -> None:
    """Compare a judge with people and other ones.

    Without --columns: what the run itself shows of its judges (agreement among several, with themselves over repeated
    samples, and whether comparisons change with the order). With two label columns: share of equal labels, Cohen's
    kappa, quadratic-weighted kappa of ratings, each with a 95 % bootstrap interval, and the table they come from.

    Example: bezoar-data judge reliability runs/orca --columns judge_rating human_rating --labels labels.jsonl
    """
    if columns is None:
        given = {"--slice": slices, "--text": text, "--labels": labels, "--where": where, "--save": save}
        if wrong := [name for name, value in given.items() if value]:
            hint = f"a judge's column and people's; `bezoar-data judge reliability {run}` alone reports on its judges"
            raise InputError(Problem("missing-option", f"{wrong[0]} needs --columns", hint=hint))
        judges, judging = known_reliability(run)
        known = {"judges": [record.as_json(judge) for judge in judges], **record.as_json(judging)}
        known.pop("people")
        typer.echo(_json(known) if as_json else known_text(judges, judging))
        return
    report, rows = compare_columns(run, *columns, slices=slices or (), text=text or (), labels=labels, where=where)
    if save:
        if columns[1] in rows.judged or columns[0] not in rows.judged:
            hint = "name a judge's column first and people's second; how judges agree is on the card anyway"
            raise InputError(Problem("not-people", "--save keeps what a judge was measured by people", hint=hint))
        _save(run, report, used=(*columns, *_columns(where)))
    typer.echo(_json(record.as_json(report)) if as_json else compared_text(report))


@app.command("calibrate")
def calibrate(
    run: Run,
    rating: Annotated[str, typer.Option("--rating", help="The judge's ratings, e.g. judge_rating.")],
    good: Annotated[
        str, typer.Option("--good", help="When people find a row good, e.g. 'human_status == \"Accept\"'.")
    ],
    precision: Annotated[
        float, typer.Option("--precision", min=0.0, max=1.0, help="The share of good rows wanted.")
    ] = 0.9,
    labels: Labels = None,
    where: WhereOption = None,
    save: Save = False,
    as_json: AsJson = False,
) -> None:
    """Choose the rating that is good enough.

    Measured on rows that people have labelled.

    All ratings get their exact intervals at once, so that the chosen one's holds although it was chosen; taken is the
    lowest one whose interval lies at or above the wanted precision.

    Example: bezoar-data judge calibrate runs/orca --rating judge_rating --good 'human_status == "Accept"'
    """
    report, _ = calibrate_cut(run, rating, good, precision, labels=labels, where=where)
    if save:
        _save(run, report, used=(rating, *_columns(good), *_columns(where)))
    typer.echo(_json(record.as_json(report)) if as_json else calibrated_text(report))


@app.command("win-rate")
def win_rate(
    annotations: Annotated[
        Path, typer.Argument(help="AlpacaEval's annotations, or others of its format: JSON or JSON Lines.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Work out win rates of AlpacaEval.

    Each row has a preference from 1 (the baseline's answer) to 2 (the model's), the model's name (generator_2 or
    model), and both answers (output_1, output_2) or their lengths (chars_baseline, chars_model). Rate and standard
    error are AlpacaEval's own; beside them stand the answers' lengths and what the preference goes with.

    Example: bezoar-data judge win-rate annotations.json
    """
    found = read_annotations(annotations)
    told = _json({"models": [one.as_json() for one in found]}) if as_json else annotated_text(found, markdown=markdown)
    typer.echo(told)


def _json(value: dict[str, Any]) -> str:
    return json.dumps({"ok": True, **value}, ensure_ascii=False)


def _columns(expression: str | None) -> tuple[str, ...]:
    return tuple(Where.parse(expression).columns) if expression else ()


def _save(run: Path, report: PeopleAgreement | RatingCalibration, used: tuple[str, ...]) -> None:
    folder = RunFolder(run)
    if not folder.dataset.is_dir():
        hint = "name the run folder, not its dataset"
        raise InputError(Problem("no-run", "--save needs a run folder", Place(str(run)), hint))
    if of_review := [name for name in used if name in REVIEW_COLUMNS]:
        hint = "leave --save out: each `review pull` measures the judges by people's answers, for the card too"
        raise InputError(Problem("not-kept", f"'{of_review[0]}' may change with the next pull", Place(str(run)), hint))
    add_measured(folder.reliability, folder.dataset, report)
    typer.echo(f"{folder.reliability}: run the same pipeline again to put it on the card", err=True)


@app.command("bench")
def bench_(
    model: Annotated[Path, typer.Argument(help="The folder of a `reward` stage.", metavar="MODEL")],
    data: Annotated[
        str,
        typer.Argument(help="A JSONL or Parquet file, or a dataset of the Hub.", metavar="DATA"),
    ],
    batch_size: Annotated[int, typer.Option(min=1, help="Answers scored at once.")] = 64,
    as_json: AsJson = False,
) -> None:
    """Score a reward model on RewardBench 2.

    How often the right answer of several has the highest score, by the rule of RewardBench 2's own script.

    Example: bezoar-data judge bench trained/helpsteer2-reward/pairs allenai/reward-bench-2
    """
    items = read_items(data)
    found = bench(RewardModel(model), items, batch=batch_size)
    typer.echo(json.dumps({"ok": True, "exit_code": 0, **found.as_json()}) if as_json else found.as_text())
