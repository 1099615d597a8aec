"""`review push --ties`: what people are evenly divided on, and giving it to another person, who decides.

Argilla gives every record of a dataset to everyone of its workspace. So what is for one person stands in a dataset and
a workspace of that person's own; whoever was of one of the two opinions is not shown it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.review import questions as form
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.pull import TIES_OF, fetch, with_ties
from bezoar_data.review.records import DIVIDED, Form, Pushed, mark_divided, row_of, send
from bezoar_data.review.task import ReviewTask, read_rows
from bezoar_data.runs.reviewed import by_row

_TO = "to"
_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Tie:
    """A row on which people are evenly divided, with what each of them said."""

    id: str
    instruction: str
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ties:
    """All ties of a review, and what was pushed of them; None where nobody was named to decide."""

    ties: tuple[Tie, ...]
    pushed: Pushed | None
    workspace: str = ""

    def __str__(self) -> str:
        if not self.ties:
            return "people are divided on no row"
        lines = [f"people are evenly divided on {len(self.ties):,} rows:"]
        for tie in self.ties:
            said = ", ".join(f"{name}: {what}" for name, what in sorted(tie.said.items()))
            lines.append(f"  {tie.id[:12]}  {' '.join(tie.instruction.split())[:_WIDTH]}  ({said})")
        if self.pushed is None:
            lines.append("name who is to decide: --to PERSON")
        else:
            lines += [str(self.pushed), f"they are in the workspace '{self.workspace}'; `review pull` fetches them too"]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        ties = [{"id": tie.id, "instruction": tie.instruction, "said": dict(tie.said)} for tie in self.ties]
        return {"ties": ties, "pushed": self.pushed.as_json() if self.pushed else None, "workspace": self.workspace}


def push_ties(
    argilla: ArgillaClient, run: Path, dataset: dict[str, Any], *, workspace: str, person: str | None
) -> Ties:
    """List what people are divided on, and push it to `person`, who must have answered none of it. Raises
    `InputError`, `ProviderAway`."""
    users = argilla.usernames()
    fetched = [fetch(argilla, one, users) for one in with_ties(argilla, dataset)]
    answers = [answer for one in fetched for answer in one.answers.values()]
    hashes = {row["id"]: row["content_hash"] for row in read_rows(run)}
    divided = {row: said for (row, seen), said in by_row(answers).items() if said.divided and hashes.get(row) == seen}
    records = {
        row: record
        for record in fetched[0].records
        if (row := row_of(record)) in divided and (record["metadata"] or {}).get("content_hash") == hashes[row]
    }
    ties = tuple(
        Tie(row, unescape(records[row]["fields"]["instruction"]), _said(divided[row].answers))
        for row in sorted(divided)
        if row in records
    )
    mark_divided(argilla, dataset["id"], fetched[0].records, {one["id"] for one in records.values()})
    if person is None or not ties:
        return Ties(ties, None)
    _refuse_no_third(person, users.values(), ties)
    own = f"{workspace}-{person}"
    with argilla.errors():
        argilla.add_annotator(argilla.workspace(own, create=True), person)
    about = {**dataset["metadata"]["bezoar"], TIES_OF: dataset["id"], _TO: person}
    task = ReviewTask.of(about)
    asked = Form(form.settings(task, deciding=True), about, lambda found: _check(found, dataset), 1)
    wanted = {tie.id: _record(records[tie.id], tie.id) for tie in ties}
    return Ties(ties, send(argilla, own, f"{dataset['name']}-ties", asked, wanted), own)


def _said(answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {answer["annotator"]: str(answer["verdict"] or answer["preference"]) for answer in answers}


def _refuse_no_third(person: str, users: Any, ties: Sequence[Tie]) -> None:
    if person not in users:
        hint = did_you_mean(person, list(users)) or f"review serve --annotator {person}"
        raise InputError(Problem("unknown-person", f"Argilla has no user '{person}'", hint=hint))
    if own := [tie for tie in ties if person in tie.said]:
        message = f"{person} is one of those who are divided, on {len(own):,} of {len(ties):,} rows"
        raise InputError(Problem("not-another-person", message, hint="name somebody who has not answered them"))


def _check(found: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
    if found.get(TIES_OF) != dataset["id"]:
        message = f"Argilla has a dataset '{dataset['name']}-ties' that is not of this review"
        raise InputError(Problem("other-dataset", message, hint="remove or rename it in Argilla"))


def _record(shown: Mapping[str, Any], row: str) -> dict[str, Any]:
    """The same record for another person."""
    hidden = {name: value for name, value in shown["metadata"].items() if name not in ("row", DIVIDED)}
    return {"id": row, "fields": shown["fields"], "metadata": hidden}
