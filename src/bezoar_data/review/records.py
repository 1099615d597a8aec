"""Sending records to Argilla: what is missing is added, nothing is taken away, no answer is touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.words import many
from bezoar_data.review.client import BATCH, ArgillaClient, argilla_sdk
from bezoar_data.runs.row import digest

Metadata = Mapping[str, Any]
Record = Mapping[str, Any]


OUTDATED = "outdated"
"""Marks, in a record's metadata, one that people answered and whose row has changed since."""
DIVIDED = "divided"
"""Marks, in a record's metadata, one on which people were evenly divided when ties were last listed."""
_ROW = "row"
"""Names, in a record's metadata, the row that is asked about again: the record's own id is another."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """How many records were added, brought up to date, and left as they were; and how many rows are asked about again,
    beside the old record, as they have changed since people answered."""

    dataset: str
    url: str
    added: int
    updated: int
    same: int
    asked_again: int

    def __str__(self) -> str:
        counts = f"{many(self.added, 'record')} added, {self.updated:,} updated, {self.same:,} same"
        text = f"{self.dataset} at {self.url}: {counts}"
        if self.asked_again:
            one = self.asked_again == 1
            rows = f"{many(self.asked_again, 'row')} {'has' if one else 'have'} changed since people answered"
            text += f"\n{rows}; {'it is' if one else 'they are'} asked again"
        return text

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("dataset", "added", "updated", "same", "asked_again")}


@dataclass(frozen=True, slots=True)
class Form:
    """A dataset as it is to be in Argilla."""

    settings: Any
    """Fields and questions, as `argilla.Settings`."""
    about: Metadata
    """What is kept of it in Argilla, in the dataset's metadata."""
    check: Callable[[Metadata], None]
    """Raises `InputError` where a dataset with this metadata is of something else."""
    overlap: int | None
    """How many people answer each record; None: as many as before."""


def send(argilla: ArgillaClient, workspace: str, name: str, form: Form, wanted: Mapping[str, Any]) -> Pushed:
    """Bring the records, parts of an `argilla.Record` by their ids, to the dataset; it is made where it is not there.
    Raises `InputError`, `ProviderAway`."""
    dataset, known = _dataset(argilla, workspace, name, form)
    if _about(known) != form.about:
        argilla.ask("PATCH", f"datasets/{known['id']}", json={"metadata": {"bezoar": form.about}})
    there: dict[str, list[Record]] = defaultdict(list)
    for old in argilla.records(known["id"]):
        there[row_of(old)].append(old)
    plans = [_plan(record, there[identity]) for identity, record in wanted.items()]
    sent = [record for plan in plans for record in plan.records]
    _log(argilla, dataset, sent)
    if form.overlap is not None and dataset.distribution.min_submitted != form.overlap:
        with argilla.errors():
            dataset.distribution = argilla_sdk().TaskDistribution(min_submitted=form.overlap)
            dataset.update()
    count = [plan.what for plan in plans].count
    return Pushed(name, argilla.url, count("added"), count("updated"), count("same"), count("asked_again"))


def mark_divided(argilla: ArgillaClient, dataset: str, records: Sequence[Record], divided: Collection[str]) -> None:
    """Mark the records with these ids of Argilla's, and no others. Raises `InputError`, `ProviderAway`."""
    sent = []
    for one in records:
        now = {name: value for name, value in _metadata(one).items() if name != DIVIDED}
        now |= {DIVIDED: "yes"} if one["id"] in divided else {}
        if now != _metadata(one):
            sent.append({"id": one["external_id"], "fields": one["fields"], "metadata": now})
    with argilla.errors():
        found = argilla.sdk.datasets(id=dataset)
        found.settings.get()
    _log(argilla, found, sent)


def _metadata(record: Record) -> Metadata:
    found: Metadata = record["metadata"] or {}
    return found


def _log(argilla: ArgillaClient, dataset: Any, records: Sequence[Record]) -> None:
    if records:
        with argilla.errors():
            dataset.records.log([_argilla_record(one) for one in records], batch_size=min(BATCH, len(records)))


def row_of(record: Record) -> str:
    """The id of the row that a record shows."""
    return str(_metadata(record).get(_ROW) or record["external_id"])


class _Plan(NamedTuple):
    what: str
    records: list[Record]


def _plan(record: Record, there: Sequence[Record]) -> _Plan:
    """What is to be sent of a row, of which some records may be there. What people answered stays as they saw it."""
    shown = next((old for old in there if old["fields"] == record["fields"]), None)
    unanswered = next((old for old in there if not old["responses"]), None)
    marks = [_sent(old, {OUTDATED: "yes"}) for old in there if old is not shown and _needs_mark(old)]
    if old := shown or unanswered:
        kept = {name: value for name, value in _metadata(old).items() if name in (_ROW, DIVIDED)}
        now = {**record, "id": old["external_id"], "metadata": {**record["metadata"], **kept}}
        same = shown is not None and _metadata(old) == now["metadata"]
        return _Plan("same", marks) if same else _Plan("updated", [*marks, now])
    if not there:
        return _Plan("added", [record])
    identity = f"{record['id']}~{digest('fields', record['fields'], length=8)}"
    again = {**record, "id": identity, "metadata": {**record["metadata"], _ROW: record["id"]}}
    return _Plan("asked_again", [*marks, again])


def _needs_mark(old: Record) -> bool:
    return bool(old["responses"]) and OUTDATED not in _metadata(old)


def _sent(old: Record, more: Metadata) -> Record:
    return {"id": old["external_id"], "fields": old["fields"], "metadata": {**_metadata(old), **more}}


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
