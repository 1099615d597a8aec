"""`bezoar-data review`: people check a sample of the rows, in Argilla."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import bezoar_data
from bezoar_data.cli.options import AsJson
from bezoar_data.review import backup as backups
from bezoar_data.review import server
from bezoar_data.review.data_dir import DataDir, default_data_dir

app = typer.Typer(help="Let people review a sample of the rows, in Argilla.", no_args_is_help=True)

_Run = Annotated[Path, typer.Argument(help="The run folder, e.g. runs/orca.", metavar="RUN")]


@app.command("serve")
def serve(
    annotator: Annotated[
        list[str] | None,
        typer.Option("--annotator", help="An annotator; created with a password. May be given several times."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port on 127.0.0.1.")] = 6900,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Run Argilla's server here until Ctrl-C.

    It needs neither Docker nor Elasticsearch.

    It is installed once, into an environment of its own, and bound to 127.0.0.1. Answers are kept in
    BEZOAR_REVIEW_HOME (~/.local/share/bezoar-data/review). To use an Argilla of your own, skip this command and set
    ARGILLA_API_URL and ARGILLA_API_KEY.

    Example: bezoar-data review serve --annotator anna --annotator ben --open
    """
    code = server.serve(annotator or [], port, open_page, lambda text: typer.echo(text, err=True), typer.echo)
    raise typer.Exit(code)


@app.command("password")
def password(name: Annotated[str, typer.Argument(help="The account, e.g. anna.", metavar="NAME")]) -> None:
    """Show an account's password.

    The server shows it once by itself, when it makes the account.

    Example: bezoar-data review password anna
    """
    typer.echo(server.password_of(DataDir(default_data_dir()), name))


@app.command("backup")
def backup(
    to: Annotated[Path, typer.Argument(help="The file to write, e.g. review.tar.gz.", metavar="FILE")],
) -> None:
    """Write the server's data and accounts to a file.

    Passwords too. The server may be running.

    Example: bezoar-data review backup review-2026-05.tar.gz
    """
    backups.backup(DataDir(default_data_dir()), to)
    typer.echo(f"{to}: all answers and passwords; keep it as you keep passwords")


@app.command("restore")
def restore(
    archive: Annotated[Path, typer.Argument(help="A file that `review backup` wrote.", metavar="FILE")],
) -> None:
    """Put a backup in place of the server's data.

    The server must be stopped; the old data stay beside it.

    Example: bezoar-data review restore review-2026-05.tar.gz
    """
    data = DataDir(default_data_dir())
    backups.restore(data, archive)
    typer.echo(f"restored into {data.path}")


@app.command("push")
def push(
    run: _Run,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="The most rows to push: 200.")] = None,
    even: Annotated[
        float | None,
        typer.Option("--even", min=0.0, max=1.0, help="The share drawn evenly, for unbiased estimates: 0.5."),
    ] = None,
    overlap: Annotated[int | None, typer.Option("--overlap", min=1, help="How many people answer each row: 1.")] = None,
    suggest: Annotated[
        bool | None, typer.Option("--suggest/--blind", help="Show the judge's verdict and reason, or hide them.")
    ] = None,
    judge: Annotated[str | None, typer.Option("--judge", help="Review this judge's rows, by its name.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="Also rate it from 0 to 4, e.g. helpfulness.")
    ] = None,
    instruction: Annotated[str, typer.Option("--instruction", help="The column with the instruction.")] = "",
    response: Annotated[str, typer.Option("--response", help="The column with the response.")] = "",
    other: Annotated[str, typer.Option("--other", help="The column with a second response: people choose.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="The seed of the draw: 42.")] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="What corrected responses may be used under. Default: the pipeline's."),
    ] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", help="Whom annotators ask. Default: the pipeline's.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="helpsteer2: three people rate on five scales.", metavar="NAME")
    ] = None,
    ties: Annotated[bool, typer.Option("--ties", help="List the rows on which people are divided.")] = False,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="With --ties: give them to this person, who has answered none.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name in Argilla. Default: the pipeline's.")
    ] = None,
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace in Argilla.")] = "review",
    as_json: AsJson = False,
) -> None:
    """Push a sample of a run's rows to Argilla. Pushing again adds what is missing and takes no answer away.

    Half of the sample is drawn evenly from all rows; the other half by source, verdict and rating, rare and uncertain
    ones more often. The judge's verdict is hidden, so that its agreement with people can be measured, unless
    --suggest. Pushed again, settings stay as they were unless they are given, and rows that have changed since people
    answered are asked again.

    With --protocol helpsteer2, three people rate each response on five scales in place of a verdict, a fourth and a
    fifth (--ties --to) where helpfulness spreads by more than 2; --sample counts prompts.

    Example: bezoar-data review push runs/orca --sample 200 --overlap 2
    """
    if to and not ties:
        raise typer.BadParameter("it goes with --ties", param_hint="--to")
    if ties:
        found = bezoar_data.push_ties(run, to=to, dataset=dataset, workspace=workspace)
        typer.echo(json.dumps({"ok": True, **found.as_json()}) if as_json else str(found))
        return
    pushed = bezoar_data.push_review(
        run,
        sample=sample,
        even=even,
        overlap=overlap,
        blind=None if suggest is None else not suggest,
        judge=judge,
        attributes=attribute,
        instruction=instruction,
        response=response,
        other=other,
        seed=seed,
        licence=licence,
        contact=contact,
        protocol=protocol,
        dataset=dataset,
        workspace=workspace,
    )
    typer.echo(json.dumps({"ok": True, **pushed.as_json()}) if as_json else str(pushed))


@app.command("status")
def status(
    run: _Run,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name in Argilla. Default: the pipeline's.")
    ] = None,
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace in Argilla.")] = "review",
    as_json: AsJson = False,
) -> None:
    """Show annotators' progress and agreement.

    Example: bezoar-data review status runs/orca
    """
    found = bezoar_data.review_status(run, dataset=dataset, workspace=workspace)
    typer.echo(json.dumps({"ok": True, **found.as_json()}) if as_json else str(found))


@app.command("pull")
def pull(
    run: _Run,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset's name in Argilla. Default: the pipeline's.")
    ] = None,
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace in Argilla.")] = "review",
    as_json: AsJson = False,
) -> None:
    """Fetch all answers and merge them.

    RUN/review.parquet gets every answer: submitted, draft and discarded, with annotator and time. No step runs and no
    model is called; pulling twice changes nothing.

    Example: bezoar-data review pull runs/orca
    """
    report = bezoar_data.pull_review(run, dataset=dataset, workspace=workspace)
    typer.echo(json.dumps(report.as_json()) if as_json else str(report))
