"""`review pull`: fetch every answer, with who gave it and when, into `review.parquet` beside the run.

All records are read: an answer does not move its record's time in Argilla, so there is no asking for what is new.
Answers whose giver or record was removed since the last pull stay, as Argilla deletes them with both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.protocol import answered
from bezoar_data.review.questions import swapped, typed
from bezoar_data.review.records import row_of
from bezoar_data.review.task import FIRST, SECOND, UNSTATED
from bezoar_data.runs.reviewed import read_answers, write_answers
from bezoar_data.runs.row import digest

TIES_OF = "ties_of"
"""Names, in a dataset's metadata, the dataset whose ties it gives to another person."""
_OWN = ("verdict", "preference", "corrected_response", "comment")


@dataclass(frozen=True, slots=True)
class Pulled:
    """Answers by status, and what was noticed: `edited` records were changed in Argilla, `removed` answers are kept
    though Argilla has them no more, `strangers` are records that were not pushed."""

    submitted: int
    drafts: int
    discarded: int
    edited: int
    removed: int
    strangers: int
    changed: bool

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def find_dataset(argilla: ArgillaClient, workspace: str, name: str) -> dict[str, Any]:
    """The dataset that was pushed. Raises `InputError`."""
    dataset = argilla.dataset(workspace, name)
    if dataset is None:
        message = f"Argilla at {argilla.url} has no dataset '{name}' in the workspace '{workspace}'"
        hint = "push it first; answers pulled earlier are still in review.parquet"
        raise InputError(Problem("no-review", message, hint=hint))
    if not _about(dataset):
        raise InputError(Problem("other-dataset", f"'{name}' was not pushed by bezoar-data"))
    return dataset


def with_ties(argilla: ArgillaClient, dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """The dataset, and those in which others decide what people are divided on."""
    found = argilla.ask("GET", "me/datasets")["items"]
    return [dataset, *(one for one in found if _about(one).get(TIES_OF) == dataset["id"])]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A dataset's answers by their ids in Argilla; the ids of its records, and how many of them were not pushed."""

    answers: dict[str, dict[str, Any]]
    records: list[dict[str, Any]]
    strangers: int


def fetch(argilla: ArgillaClient, dataset: Mapping[str, Any], users: Mapping[str, str]) -> Fetched:
    """All answers of a dataset as they stand. Raises `InputError`, `ProviderAway`."""
    records = list(argilla.records(dataset["id"]))
    with argilla.errors():
        questions = argilla.sdk.datasets(id=dataset["id"]).settings.get().questions
    rated = {question.name for question in questions if question.type == "rating"}
    pushed = [one for one in records if one["external_id"] and "content_hash" in (one["metadata"] or {})]
    answers = [
        _answer(dataset, record, response, users, rated) for record in pushed for response in record["responses"] or ()
    ]
    return Fetched({one["response"]: one for one in answers}, records, len(records) - len(pushed))


def pull(argilla: ArgillaClient, file: Path, datasets: Sequence[Mapping[str, Any]]) -> Pulled:
    """Fetch all answers of these datasets. Raises `InputError`, `ProviderAway`; then the file is as it was."""
    users = argilla.usernames()
    fetched = {dataset["id"]: fetch(argilla, dataset, users) for dataset in datasets}
    now = {name: answer for one in fetched.values() for name, answer in one.answers.items()}
    here = {str(record["id"]) for one in fetched.values() for record in one.records}
    kept = []
    for old in read_answers(file):
        if old["response"] in now:
            continue
        if old["dataset"] not in fetched:
            kept.append(old)
        elif old["annotator"] not in users.values() or old["record"] not in here:
            kept.append({**old, "removed": True})
    answers = [*now.values(), *kept]
    changed = write_answers(file, answers)
    count = [answer["status"] for answer in answers].count
    return Pulled(
        submitted=count("submitted"),
        drafts=count("draft"),
        discarded=count("discarded"),
        edited=sum(bool(answer["edited"]) for answer in answers),
        removed=sum(bool(answer["removed"]) for answer in answers),
        strangers=sum(one.strangers for one in fetched.values()),
        changed=changed,
    )


def _about(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    about = (dataset.get("metadata") or {}).get("bezoar")
    return about if isinstance(about, dict) else {}


def _answer(
    dataset: Mapping[str, Any],
    record: Mapping[str, Any],
    response: Mapping[str, Any],
    users: Mapping[str, str],
    rated: Collection[str],
) -> dict[str, Any]:
    values = {name: value.get("value") for name, value in (response["values"] or {}).items()}
    ratings = {name: value for name, value in values.items() if name in rated and name not in _OWN}
    other = {name: value for name, value in values.items() if name not in _OWN and name not in ratings}
    about, task, row = record["metadata"], _about(dataset), row_of(record)
    preferred = _unswapped(row, values.get("preference"))
    if protocol := task.get("protocol") or None:
        ratings, preferred = answered(values, swapped=swapped({"id": row}))
    return {
        "id": row,
        "content_hash": about["content_hash"],
        "dataset": dataset["id"],
        "record": str(record["id"]),
        "response": str(response["id"]),
        "annotator": users.get(str(response["user_id"]), str(response["user_id"])),
        "status": response["status"],
        "verdict": values.get("verdict"),
        "preference": preferred,
        "column": task.get("response"),
        "ratings": json.dumps(ratings, sort_keys=True) if ratings else None,
        "corrected_response": typed(values.get("corrected_response"), record["fields"].get("response")),
        "licence": task.get("licence") if task.get("licence") != UNSTATED else None,
        "protocol": protocol,
        "prompt": about.get("prompt"),
        "comment": values.get("comment"),
        "other": json.dumps(other, sort_keys=True, ensure_ascii=False) if other else None,
        "inserted_at": response["inserted_at"],
        "updated_at": response["updated_at"],
        "weight": about.get("weight"),
        "even": about.get("even"),
        "edited": digest("fields", record["fields"]) != about.get("fields_hash"),
        "removed": False,
    }


def _unswapped(row_id: str, preferred: str | None) -> str | None:
    """Which of the two columns was preferred: `a` or `b`, in whichever order they were shown."""
    if preferred not in (FIRST, SECOND):
        return preferred
    return "b" if (preferred == FIRST) == swapped({"id": row_id}) else "a"
