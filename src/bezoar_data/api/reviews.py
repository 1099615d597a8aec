"""Human review from Python: push, status, pull."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.review import ties
from bezoar_data.review.client import ArgillaClient, connect
from bezoar_data.review.pull import find_dataset, pull, with_ties
from bezoar_data.review.push import Wanted, push
from bezoar_data.review.records import Pushed
from bezoar_data.review.status import ReviewStatus, status_of
from bezoar_data.review.task import read_lock
from bezoar_data.review.ties import Ties
from bezoar_data.review.whose import refuse_another_run
from bezoar_data.runs.folder import RunFolder

if TYPE_CHECKING:
    from bezoar_data.reports.review_report import ReviewReport


def push_review(
    run: str | Path,
    *,
    sample: int | None = None,
    even: float | None = None,
    overlap: int | None = None,
    blind: bool | None = None,
    judge: str | None = None,
    attributes: Sequence[str] | None = None,
    instruction: str = "",
    response: str = "",
    other: str = "",
    seed: int | None = None,
    licence: str | None = None,
    contact: str | None = None,
    protocol: str | None = None,
    dataset: str | None = None,
    workspace: str = "review",
) -> Pushed:
    """Push a sample of a run's rows to Argilla, for people to review. Pushing again adds what is missing, and asks
    again about rows that have changed since; what is not given stays as it was pushed before.

    Argilla is the running `bezoar-data review serve`, or the one that `ARGILLA_API_URL` and `ARGILLA_API_KEY` name.
    `sample` is the most rows (200), `even` the share of them that is drawn evenly (0.5), with `seed` (42); `overlap` is
    how many people answer each (1). `blind` hides the judge's verdict (True); `judge` names the judge whose rows are
    reviewed, `instruction`, `response` and `other` the columns to show in place of its own. `attributes` are rated from
    0 to 4. `licence` is what corrected responses may be used under and `contact` whom annotators are to ask (default:
    the pipeline's `review`). `protocol` ("helpsteer2") lets three people rate each response on five scales, in place of
    a verdict; `sample` then counts prompts. `dataset` is the name in Argilla (default: the pipeline's). Raises
    `InputError`, `ProviderAway`.
    """
    given = {"instruction": instruction, "response": response, "other": other}
    wanted = Wanted(
        sample=sample,
        even=even,
        seed=seed,
        overlap=overlap,
        blind=blind,
        judge=judge,
        attributes=tuple(attributes) if attributes else None,
        columns={name: column for name, column in given.items() if column},
        licence=licence,
        contact=contact,
        protocol=protocol,
    )
    return push(connect(), Path(run), wanted, workspace=workspace, name=dataset)


def push_ties(
    run: str | Path,
    *,
    to: str | Sequence[str] | None = None,
    dataset: str | None = None,
    workspace: str = "review",
) -> Ties:
    """The rows on which people are evenly divided; given to the person `to`, who must have answered none of them, in a
    dataset and a workspace of that person's own. By a protocol, the rows whose helpfulness is too far apart; given to
    several, each of whom gets those that they have not answered. `pull_review` fetches what they say. Raises
    `InputError`, `ProviderAway`."""
    argilla = connect()
    found = _of_run(argilla, Path(run), dataset, workspace)
    people = (to,) if isinstance(to, str) else tuple(dict.fromkeys(to or ()))
    return ties.push_ties(argilla, Path(run), found, workspace=workspace, people=people)


def review_status(run: str | Path, *, dataset: str | None = None, workspace: str = "review") -> ReviewStatus:
    """How far each annotator is, how far they agree, and how long it will take. Raises `InputError`, `ProviderAway`."""
    argilla = connect()
    return status_of(argilla, with_ties(argilla, _of_run(argilla, Path(run), dataset, workspace)))


def _of_run(argilla: ArgillaClient, run: Path, name: str | None, workspace: str) -> dict[str, Any]:
    """The dataset in Argilla that was pushed from this run, and from no other."""
    pipeline = read_lock(run).pipeline.name
    found = find_dataset(argilla, workspace, name or pipeline)
    refuse_another_run(argilla, found, run, pipeline)
    return found


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
    argilla = connect()
    found = _of_run(argilla, folder.path, dataset, workspace)
    pulled = pull(argilla, folder.review, with_ties(argilla, found))
    render = card_renderer(folder.card if folder.card.exists() else None, previous=folder.dataset / "README.md")
    return ReviewReport(folder, pulled.as_json(), merge_review(folder, render))
