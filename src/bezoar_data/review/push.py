"""`review push`: push a sample of a run's rows to Argilla. Pushing again adds what is missing and takes nothing away.

What was pushed and how it was drawn is kept in Argilla: the review task in the dataset's metadata, each row's weight in
its record's. Annotators see neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.agreement import as_label, scale_of
from bezoar_data.review import questions as form
from bezoar_data.review.client import BATCH, ArgillaClient, argilla_sdk
from bezoar_data.review.sample import Drawn, SampleRow, draw
from bezoar_data.review.task import ReviewTask, read_lock, read_rows, source_of
from bezoar_data.runs.row import digest

FORMAT = 1
_FIXED = ("judge", "instruction", "response", "other", "blind", "attributes")
"""What may not change once people have begun: they would have answered different questions."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many records were added, brought up to date, left as they were, and left because people had answered them
    although the row has changed."""

    dataset: str
    url: str
    added: int
    updated: int
    same: int
    answered: int

    def __str__(self) -> str:
        counts = f"{self.added:,} records added, {self.updated:,} updated, {self.same:,} same"
        text = f"{self.dataset} at {self.url}: {counts}"
        if self.answered:
            text += f"\n{self.answered:,} rows have changed since people answered; they were left as they were"
        return text

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("dataset", "added", "updated", "same", "answered")}


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
    dataset, known = _dataset(argilla, workspace, name, task)
    if (known.get("metadata") or {}).get("bezoar") != about:
        argilla.ask("PATCH", f"datasets/{known['id']}", json={"metadata": {"bezoar": about}})
    there = {record["external_id"]: record for record in argilla.records(known["id"])}
    wanted = {one.id: _record(task, rows[one.id], one) for one in drawn}
    new = [record for identity, record in wanted.items() if identity not in there]
    changed, same, answered = [], 0, 0
    for identity, old in there.items():
        record = wanted.get(identity)
        if record is None:
            continue
        if old["fields"] == record["fields"] and (old["metadata"] or {}) == record["metadata"]:
            same += 1
        elif old["responses"] and old["fields"] != record["fields"]:
            answered += 1
        else:
            changed.append(record)
    if records := [_argilla_record(record) for record in new + changed]:
        with argilla.errors():
            dataset.records.log(records, batch_size=min(BATCH, len(records)))
    if dataset.distribution.min_submitted != task.overlap:
        with argilla.errors():
            dataset.distribution = argilla_sdk().TaskDistribution(min_submitted=task.overlap)
            dataset.update()
    return Pushed(name, argilla.url, len(new), len(changed), same, answered)


def _dataset(argilla: ArgillaClient, workspace: str, name: str, task: ReviewTask) -> tuple[Any, dict[str, Any]]:
    """The dataset as the SDK has it, and as the HTTP interface has it; created where it is not there."""
    place = argilla.workspace(workspace, create=True)
    settings = form.settings(task)
    known = argilla.dataset(workspace, name)
    if known is not None:
        with argilla.errors():
            dataset = argilla.sdk.datasets(id=known["id"])
            dataset.settings.get()
        if not _unfinished(argilla, known, dataset, settings):
            _check(known, name, task)
            return dataset, known
        with argilla.errors():
            dataset.delete()
    dataset = argilla_sdk().Dataset(name, place, settings, argilla.sdk)
    with argilla.errors():
        dataset.create()
    return dataset, {"id": str(dataset.id)}


def _unfinished(argilla: ArgillaClient, known: Mapping[str, Any], dataset: Any, settings: Any) -> bool:
    """Whether it is left of a push that was killed while it created the dataset: no mark of ours, no other fields and
    questions than ours, no records."""
    names = [{one.name for one in [*some.fields, *some.questions]} for some in (dataset.settings, settings)]
    marked = known.get("metadata") or {}
    return not marked and names[0] <= names[1] and next(argilla.records(known["id"]), None) is None


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


def _check(dataset: Mapping[str, Any], name: str, task: ReviewTask) -> None:
    about = (dataset.get("metadata") or {}).get("bezoar")
    if not isinstance(about, dict) or about.get("run") != task.run:
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


def _argilla_record(record: Mapping[str, Any]) -> Any:
    rg = argilla_sdk()
    made = [rg.Suggestion(name, value, agent=agent, type="model") for name, value, agent in record["suggestions"]]
    return rg.Record(**{**record, "suggestions": made})
