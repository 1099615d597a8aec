"""Sending records to Argilla: what is missing is added, nothing is taken away, no answer is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.review.client import BATCH, ArgillaClient, argilla_sdk

Metadata = Mapping[str, Any]


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


@dataclass(frozen=True, slots=True)
class Form:
    """A dataset as it is to be in Argilla."""

    settings: Any
    """Fields and questions, as `argilla.Settings`."""
    about: Metadata
    """What is kept of it in Argilla, in the dataset's metadata."""
    check: Callable[[Metadata], None]
    """Raises `InputError` where a dataset with this metadata is of something else."""
    overlap: int
    """How many people answer each record."""


def send(argilla: ArgillaClient, workspace: str, name: str, form: Form, wanted: Mapping[str, Any]) -> Pushed:
    """Bring the records, parts of an `argilla.Record` by their ids, to the dataset; it is made where it is not there.
    Raises `InputError`, `ProviderAway`."""
    dataset, known = _dataset(argilla, workspace, name, form)
    if _about(known) != form.about:
        argilla.ask("PATCH", f"datasets/{known['id']}", json={"metadata": {"bezoar": form.about}})
    there = {record["external_id"]: record for record in argilla.records(known["id"])}
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
    if dataset.distribution.min_submitted != form.overlap:
        with argilla.errors():
            dataset.distribution = argilla_sdk().TaskDistribution(min_submitted=form.overlap)
            dataset.update()
    return Pushed(name, argilla.url, len(new), len(changed), same, answered)


def _dataset(argilla: ArgillaClient, workspace: str, name: str, form: Form) -> tuple[Any, dict[str, Any]]:
    """The dataset as the SDK has it, and as the HTTP interface has it; created where it is not there."""
    place = argilla.workspace(workspace, create=True)
    known = argilla.dataset(workspace, name)
    if known is not None:
        with argilla.errors():
            dataset = argilla.sdk.datasets(id=known["id"])
            dataset.settings.get()
        if not _unfinished(argilla, known, dataset, form.settings):
            found = _about(known)
            if not isinstance(found, dict):
                message = f"Argilla has a dataset '{name}' that is not of ours"
                raise InputError(Problem("other-dataset", message, hint="name another with --dataset"))
            form.check(found)
            return dataset, known
        with argilla.errors():
            dataset.delete()
    dataset = argilla_sdk().Dataset(name, place, form.settings, argilla.sdk)
    with argilla.errors():
        dataset.create()
    return dataset, {"id": str(dataset.id)}


def _about(dataset: Mapping[str, Any]) -> Any:
    return (dataset.get("metadata") or {}).get("bezoar")


def _unfinished(argilla: ArgillaClient, known: Mapping[str, Any], dataset: Any, settings: Any) -> bool:
    """Whether it is left of a push that was killed while it created the dataset: no mark of ours, no other fields and
    questions than ours, no records."""
    names = [{one.name for one in [*some.fields, *some.questions]} for some in (dataset.settings, settings)]
    marked = known.get("metadata") or {}
    return not marked and names[0] <= names[1] and next(argilla.records(known["id"]), None) is None


def _argilla_record(record: Mapping[str, Any]) -> Any:
    rg = argilla_sdk()
    made = [
        rg.Suggestion(name, value, agent=agent, type="model") for name, value, agent in record.get("suggestions", ())
    ]
    return rg.Record(**{**record, "suggestions": made})
