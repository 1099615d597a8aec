"""`review push`: put a sample of a run's rows before people. Pushing again adds what is missing and takes nothing away.

What was pushed and how it was drawn stands in Argilla itself: the plan in the dataset's metadata, each row's weight in
its record's. Annotators see neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.review import questions as form
from bezoar_data.review.client import Argilla
from bezoar_data.review.sample import Candidate, Drawn, draw
from bezoar_data.review.task import Plan, read_lock, read_rows, source_of
from bezoar_data.runs.row import digest

FORMAT = 1
_FIXED = ("judge", "instruction", "response", "other", "blind", "attributes")
"""What may not change once people have begun: they would have answered different questions."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many records were added, brought up to date, left as they were, and left because people had answered them
    although the row says something else by now."""

    dataset: str
    url: str
    added: int
    updated: int
    same: int
    answered: int

    def __str__(self) -> str:
        counts = f"{self.added:,} records added, {self.updated:,} updated, {self.same:,} same"
        told = f"{self.dataset} at {self.url}: {counts}"
        if self.answered:
            told += f"\n{self.answered:,} rows say something else by now; people had answered, so they were left"
        return told

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("dataset", "added", "updated", "same", "answered")}


def push(
    argilla: Argilla,
    run: Path,
    plan: Plan,
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
    drawn = draw(_candidates(plan, rows), size, even_share, seed)
    place = argilla.workspace(workspace, create=True)
    assert place is not None  # noqa: S101 (created where it was missing)
    about = {"format": FORMAT, "lock": lock.hash, "seed": seed, "even_share": even_share, **plan.as_json()}
    dataset = argilla.dataset(place, name)
    if dataset is None:
        dataset = _create(argilla, place, name, plan, about)
    else:
        _check(dataset, name, plan)
        if dataset["status"] == "draft":
            dataset = _complete(argilla, dataset, plan)
    asked = {q["name"]: q["id"] for q in argilla.ask("GET", f"datasets/{dataset['id']}/questions")["items"]}
    there = {record["external_id"]: record for record in argilla.records(dataset["id"])}
    wanted = [_record(plan, rows[one.id], one, asked) for one in drawn]
    new = [record for record in wanted if record["external_id"] not in there]
    changed, same, answered = [], 0, 0
    for record in wanted:
        old = there.get(record["external_id"])
        if old is None:
            continue
        if old["fields"] == record["fields"] and (old["metadata"] or {}) == record["metadata"]:
            same += 1
        elif old["responses"] and old["fields"] != record["fields"]:
            answered += 1
        else:
            changed.append(record)
    argilla.put_records(dataset["id"], new + changed)
    if (dataset.get("metadata") or {}).get("bezoar") != about:
        argilla.ask("PATCH", f"datasets/{dataset['id']}", json={"metadata": {"bezoar": about}})
    if dataset["distribution"]["min_submitted"] != plan.overlap:
        overlap = {"strategy": "overlap", "min_submitted": plan.overlap}
        argilla.ask("PATCH", f"datasets/{dataset['id']}", json={"distribution": overlap})
    return Pushed(name, argilla.url, len(new), len(changed), same, answered)


def _candidates(plan: Plan, rows: Mapping[str, Mapping[str, Any]]) -> list[Candidate]:
    """A row's stratum is its source, verdict and rating. A judge was not sure where it gave no verdict, found two
    answers equal or changed its mind with their order, or gave a rating between the lowest and the highest."""
    ratings = sorted({str(row.get(f"{plan.judge}_rating")) for row in rows.values() if plan.judge})
    sure = {ratings[0], ratings[-1]} if ratings else set()
    found = []
    for identity, row in rows.items():
        said, rating = (row.get(plan.verdict), row.get(f"{plan.judge}_rating")) if plan.judge else (None, None)
        uncertain = bool(plan.judge) and (
            said not in ("Accept", "Reject", "a", "b") or (rating is not None and str(rating) not in sure)
        )
        found.append(Candidate(identity, (source_of(row), str(said), str(rating)), uncertain))
    return found


def _create(argilla: Argilla, workspace: str, name: str, plan: Plan, about: Mapping[str, Any]) -> dict[str, Any]:
    value = {
        "name": name,
        "guidelines": form.guidelines(plan),
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": plan.overlap},
        "metadata": {"bezoar": about},
        "workspace_id": workspace,
    }
    return _complete(argilla, argilla.ask("POST", "datasets", json=value), plan)


def _complete(argilla: Argilla, dataset: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Add what a dataset still lacks, and publish it: also one whose creation was cut off."""
    for kind, values in (("fields", form.fields(plan)), ("questions", form.questions(plan))):
        known = {one["name"] for one in argilla.ask("GET", f"datasets/{dataset['id']}/{kind}")["items"]}
        for value in values:
            if value["name"] not in known:
                argilla.ask("POST", f"datasets/{dataset['id']}/{kind}", json=value)
    published: dict[str, Any] = argilla.ask("PUT", f"datasets/{dataset['id']}/publish")
    return published


def _check(dataset: Mapping[str, Any], name: str, plan: Plan) -> None:
    about = (dataset.get("metadata") or {}).get("bezoar")
    if not isinstance(about, dict) or about.get("run") != plan.run:
        message = f"Argilla has a dataset '{name}' that is not of this run"
        raise InputError(Problem("other-dataset", message, hint="name another with --dataset"))
    now = plan.as_json()
    for key in _FIXED:
        if _plain(about.get(key)) != _plain(now[key]):
            message = f"the dataset '{name}' was pushed with another `{key}`: {about.get(key)!r}, now {now[key]!r}"
            raise InputError(Problem("other-review", message, hint="push it as before, or name another with --dataset"))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _record(plan: Plan, row: Mapping[str, Any], drawn: Drawn, asked: Mapping[str, str]) -> dict[str, Any]:
    fields = form.values(plan, row)
    suggested = form.suggestion(plan, row)
    question = asked.get("preference" if plan.compares else "verdict")
    return {
        "external_id": row["id"],
        "fields": fields,
        "metadata": {
            "content_hash": row["content_hash"],
            "fields_hash": digest("fields", fields),
            "weight": drawn.weight,
            "even": drawn.even,
            "source": source_of(row),
        },
        **(
            {"suggestions": [{"question_id": question, "value": suggested, "type": "model", "agent": plan.judge}]}
            if suggested and question
            else {}
        ),
    }
