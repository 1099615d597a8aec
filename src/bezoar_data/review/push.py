"""`review push`: push a sample of a run's rows to Argilla. Pushing again adds what is missing and takes nothing away.

What was pushed and how it was drawn is kept in Argilla: the review task in the dataset's metadata, each row's weight in
its record's. Annotators see neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.agreement import as_label, scale_of
from bezoar_data.review import questions as form
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.records import Form, Pushed, send
from bezoar_data.review.sample import Drawn, SampleRow, draw
from bezoar_data.review.task import ReviewTask, read_lock, read_rows, source_of
from bezoar_data.runs.row import digest

FORMAT = 1
_FIXED = ("judge", "instruction", "response", "other", "blind", "attributes")
"""What may not change once people have begun: they would have answered different questions."""


def push(
    argilla: ArgillaClient,
    run: Path,
    task: ReviewTask,
    *,
    workspace: str,
    name: str,
    size: int,
    even_share: float,
    seed: int,
) -> Pushed:
    """Push the sample. Raises `InputError`, `ProviderAway`."""
    lock = read_lock(run)
    rows = {row["id"]: row for row in read_rows(run)}
    drawn = draw(_rows_to_sample(task, rows), size, even_share, seed)
    about = {"format": FORMAT, "lock": lock.hash, "seed": seed, "even_share": even_share, **task.as_json()}
    wanted = {one.id: _record(task, rows[one.id], one) for one in drawn}
    asked = Form(form.settings(task), about, lambda found: _check(found, name, task), task.overlap)
    return send(argilla, workspace, name, asked, wanted)


def _rows_to_sample(task: ReviewTask, rows: Mapping[str, Mapping[str, Any]]) -> list[SampleRow]:
    """A row's stratum is its source, verdict and rating. A judge was not sure where it gave no verdict, found two
    answers equal or changed its mind with their order, or gave a rating between the lowest and the highest."""
    given = (row.get(f"{task.judge}_rating") for row in rows.values() if task.judge)
    ratings = scale_of([as_label(rating) for rating in given if rating is not None])
    sure = {*ratings[:1], *ratings[-1:]}
    found = []
    for identity, row in rows.items():
        verdict, rating = (row.get(task.verdict), row.get(f"{task.judge}_rating")) if task.judge else (None, None)
        uncertain = bool(task.judge) and (
            verdict not in ("Accept", "Reject", "a", "b") or (rating is not None and as_label(rating) not in sure)
        )
        found.append(SampleRow(identity, (source_of(row), str(verdict), as_label(rating)), uncertain))
    return found


def _check(about: Mapping[str, Any], name: str, task: ReviewTask) -> None:
    if about.get("run") != task.run:
        message = f"Argilla has a dataset '{name}' that is not of this run"
        raise InputError(Problem("other-dataset", message, hint="name another with --dataset"))
    now = task.as_json()
    for key in _FIXED:
        if _plain(about.get(key)) != _plain(now[key]):
            message = f"the dataset '{name}' was pushed with another `{key}`: {about.get(key)!r}, now {now[key]!r}"
            raise InputError(Problem("other-review", message, hint="push it as before, or name another with --dataset"))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _record(task: ReviewTask, row: Mapping[str, Any], drawn: Drawn) -> dict[str, Any]:
    """The parts of an `argilla.Record`, which cannot be compared themselves."""
    fields = form.values(task, row)
    suggested = form.suggestion(task, row)
    question = "preference" if task.compares else "verdict"
    return {
        "id": row["id"],
        "fields": fields,
        "metadata": {
            "content_hash": row["content_hash"],
            "fields_hash": digest("fields", fields),
            "weight": drawn.weight,
            "even": drawn.even,
            "source": source_of(row),
        },
        "suggestions": [(question, suggested, task.judge)] if suggested else [],
    }
