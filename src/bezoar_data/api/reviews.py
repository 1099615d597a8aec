"""Human review from Python: push, status, pull."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.review.client import connect
from bezoar_data.review.pull import find_dataset, pull
from bezoar_data.review.push import push
from bezoar_data.review.records import Pushed
from bezoar_data.review.status import ReviewStatus, status_of
from bezoar_data.review.task import read_lock, review_task
from bezoar_data.runs.folder import RunFolder

if TYPE_CHECKING:
    from bezoar_data.reports.review_report import ReviewReport


def push_review(
    run: str | Path,
    *,
    sample: int = 200,
    even: float = 0.5,
    overlap: int = 1,
    blind: bool = True,
    judge: str | None = None,
    attributes: Sequence[str] = (),
    instruction: str = "",
    response: str = "",
    other: str = "",
    seed: int = 42,
    dataset: str | None = None,
    workspace: str = "review",
) -> Pushed:
    """Push a sample of a run's rows to Argilla, for people to review. Pushing again adds what is missing.

    Argilla is the running `bezoar-data review serve`, or the one that `ARGILLA_API_URL` and `ARGILLA_API_KEY` name.
    `sample` is the most rows, `even` the share of them that is drawn evenly, `overlap` how many people answer each.
    `blind` hides the judge's verdict; `judge` names the judge whose rows are reviewed, `instruction`, `response` and
    `other` the columns to show in place of its own. `attributes` are rated from 0 to 4. `dataset` is the name in
    Argilla (default: the pipeline's). Raises `InputError`, `ProviderAway`.
    """
    given = {"instruction": instruction, "response": response, "other": other}
    columns = {name: column for name, column in given.items() if column}
    task = review_task(
        Path(run), judge=judge, columns=columns, attributes=tuple(attributes), blind=blind, overlap=overlap
    )
    name = dataset or task.run
    return push(connect(), Path(run), task, workspace=workspace, name=name, size=sample, even_share=even, seed=seed)


def review_status(run: str | Path, *, dataset: str | None = None, workspace: str = "review") -> ReviewStatus:
    """How far each annotator is, how far they agree, and how long it will take. Raises `InputError`, `ProviderAway`."""

    argilla = connect()
    return status_of(argilla, find_dataset(argilla, workspace, dataset or read_lock(Path(run)).pipeline.name))


def pull_review(run: str | Path, *, dataset: str | None = None, workspace: str = "review") -> ReviewReport:
    """Fetch every answer into `review.parquet` beside the run, and merge them into its dataset, lock and card; no step
    runs and no model is asked. Pulling twice changes nothing. Raises `InputError`, `ProviderAway`.
    """
    from bezoar_data.engine.review.merge import merge_review
    from bezoar_data.reports.review_report import ReviewReport

    folder = RunFolder(Path(run))
    if not folder.dataset.is_dir():
        hint = "name the run folder, not its dataset"
        raise InputError(Problem("no-run", "answers are kept beside a run", Place(str(run)), hint))
    name = dataset or read_lock(folder.path).pipeline.name
    argilla = connect()
    pulled = pull(argilla, folder.review, find_dataset(argilla, workspace, name))
    render = card_renderer(folder.card if folder.card.exists() else None, previous=folder.dataset / "README.md")
    return ReviewReport(folder, pulled.as_json(), merge_review(folder, render))
