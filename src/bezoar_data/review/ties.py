"""`review push --ties`: what people are divided on, and giving it to others.

Evenly divided verdicts go to another person, who decides. By HelpSteer2's protocol rows whose helpfulness three people
rated too far apart go to a fourth and a fifth.

Argilla gives every record of a dataset to everyone of its workspace. So what is for one person stands in a dataset and
a workspace of that person's own; whoever has answered a row is not shown it again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.config.words import many
from bezoar_data.measures.helpsteer import hand_out
from bezoar_data.review import questions as form
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.pull import TIES_OF, Fetched, fetch, with_ties
from bezoar_data.review.records import DIVIDED, Form, Pushed, mark_divided, row_of, send
from bezoar_data.review.task import ReviewTask, read_rows
from bezoar_data.runs.rated import helpfulness_of, rated_rows
from bezoar_data.runs.reviewed import by_row

_TO = "to"
_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Tie:
    """A row on which people are divided, with what each of them said; `wants` is how many more it is to be given to."""

    id: str
    instruction: str
    said: Mapping[str, str]
    wants: int = 1


@dataclass(frozen=True, slots=True)
class Given:
    """What was pushed for one person."""

    person: str
    pushed: Pushed
    workspace: str


@dataclass(frozen=True, slots=True)
class Ties:
    """All ties of a review, and what was given to whom of those who were `named`."""

    ties: tuple[Tie, ...]
    given: tuple[Given, ...] = ()
    named: tuple[str, ...] = ()
    protocol: str = ""

    def __str__(self) -> str:
        what = "helpfulness is too far apart" if self.protocol else "people are evenly divided"
        if not self.ties:
            return f"{what} on no row"
        lines = [f"{what} on {many(len(self.ties), 'row')}:"]
        for tie in self.ties:
            said = ", ".join(f"{name}: {level}" for name, level in sorted(tie.said.items()))
            lines.append(f"  {tie.id[:12]}  {' '.join(tie.instruction.split())[:_WIDTH]}  ({said})")
        if not self.named:
            lines.append("name a fourth and a fifth: --to PERSON --to PERSON" if self.protocol
                         else "name who is to decide: --to PERSON")  # fmt: skip
        with_rows = {one.person for one in self.given}
        without = [name for name in self.named if name not in with_rows]
        lines += [f"no row is left for {name}: answered, or with others" for name in without]
        for one in self.given:
            lines += [str(one.pushed), f"they are in the workspace '{one.workspace}'; `review pull` fetches them too"]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        ties = [{"id": tie.id, "instruction": tie.instruction, "said": dict(tie.said)} for tie in self.ties]
        given = [{"person": one.person, "workspace": one.workspace, **one.pushed.as_json()} for one in self.given]
        return {"ties": ties, "given": given}


def push_ties(
    argilla: ArgillaClient, run: Path, dataset: dict[str, Any], *, workspace: str, people: Sequence[str]
) -> Ties:
    """List what people are divided on, and push it to `people`, none of whom gets what they have answered. Raises
    `InputError`, `ProviderAway`."""
    users = argilla.usernames()
    datasets = with_ties(argilla, dataset)
    fetched = [fetch(argilla, one, users) for one in datasets]
    hashes = {row["id"]: row["content_hash"] for row in read_rows(run)}
    protocol = str(dataset["metadata"]["bezoar"].get("protocol") or "")
    divided = _divided([answer for one in fetched for answer in one.answers.values()], hashes, protocol)
    records = {
        row: record
        for record in fetched[0].records
        if (row := row_of(record)) in divided and (record["metadata"] or {}).get("content_hash") == hashes[row]
    }
    ties = tuple(
        Tie(row, unescape(records[row]["fields"]["instruction"]), said, wants)
        for row, (said, wants) in sorted(divided.items())
        if row in records
    )
    mark_divided(argilla, dataset["id"], fetched[0].records, {one["id"] for one in records.values()})
    if not people or not ties:
        return Ties(ties, protocol=protocol)
    _refuse_strangers(people, users.values())
    if protocol:
        shares = _shares(ties, people, *_answered_and_waiting(datasets, fetched, hashes))
    else:
        _refuse_no_third(people, ties)
        shares = {people[0]: [tie.id for tie in ties]}
    given = []
    for person, rows in shares.items():
        if not rows:
            continue
        wanted = {row: _record(records[row], row) for row in rows}
        own = f"{workspace}-{person}"
        given.append(Given(person, _give(argilla, dataset, own, person, wanted), own))
    return Ties(ties, tuple(given), tuple(people), protocol)


def _divided(
    answers: Sequence[Mapping[str, Any]], hashes: Mapping[str, str], protocol: str
) -> dict[str, tuple[dict[str, str], int]]:
    """What was said of each row that is to be given to more people, and to how many."""
    rows = by_row(answers)
    if protocol:
        return {
            key[0]: (helpfulness_of(rows[key].answers), one.still_to_ask)
            for key, one in rated_rows(rows).items()
            if one.far_apart and hashes.get(key[0]) == key[1]
        }
    return {
        row: (_said(one.answers), 1) for (row, seen), one in rows.items() if one.divided and hashes.get(row) == seen
    }


def _said(answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {answer["annotator"]: str(answer["verdict"] or answer["preference"]) for answer in answers}


_RowAndPerson = tuple[str, str]


def _answered_and_waiting(
    datasets: Sequence[Mapping[str, Any]], fetched: Sequence[Fetched], hashes: Mapping[str, str]
) -> tuple[set[_RowAndPerson], set[_RowAndPerson]]:
    """Who has answered or discarded which row as it stands, and who was given one and has done neither."""
    answered = {
        (answer["id"], answer["annotator"])
        for one in fetched
        for answer in one.answers.values()
        if answer["status"] != "draft" and answer["content_hash"] == hashes.get(answer["id"])
    }
    given = {
        (row, str(dataset["metadata"]["bezoar"][_TO]))
        for dataset, one in zip(datasets[1:], fetched[1:], strict=True)
        for record in one.records
        if hashes.get(row := row_of(record)) == (record["metadata"] or {}).get("content_hash")
    }
    return answered, given - answered


def _shares(
    ties: Sequence[Tie], people: Sequence[str], answered: set[_RowAndPerson], waiting: set[_RowAndPerson]
) -> dict[str, list[str]]:
    """The rows for each person: none that they have seen, and none that others are already to answer in their place."""
    pending = Counter(row for row, _ in waiting)
    seen = defaultdict(list)
    for row, person in answered | waiting:
        seen[row].append(person)
    wanting = {tie.id: tie.wants - pending[tie.id] for tie in ties}
    shares = hand_out(wanting, seen, people)
    if not any(shares.values()) and any(wants > 0 for wants in wanting.values()):
        message = f"{', '.join(people)} answered or discarded these rows already"
        raise InputError(Problem("not-another-person", message, hint="name somebody who has not answered them"))
    return shares


def _refuse_strangers(people: Sequence[str], users: Any) -> None:
    problems = [
        Problem("unknown-person", f"Argilla has no user '{one}'",
                hint=did_you_mean(one, list(users)) or f"review serve --annotator {one}")
        for one in people if one not in users
    ]  # fmt: skip
    if problems:
        raise InputError(problems)


def _refuse_no_third(people: Sequence[str], ties: Sequence[Tie]) -> None:
    if len(people) > 1:
        message = f"one person decides what others are divided on, not {len(people)}"
        raise InputError(Problem("not-one-person", message, hint="name one with --to"))
    if own := [tie for tie in ties if people[0] in tie.said]:
        message = f"{people[0]} is one of those who are divided, on {len(own):,} of {len(ties):,} rows"
        raise InputError(Problem("not-another-person", message, hint="name somebody who has not answered them"))


def _give(
    argilla: ArgillaClient, dataset: Mapping[str, Any], own: str, person: str, wanted: Mapping[str, Any]
) -> Pushed:
    with argilla.errors():
        argilla.add_annotator(argilla.workspace(own, create=True), person)
    about = {**dataset["metadata"]["bezoar"], TIES_OF: dataset["id"], _TO: person}
    task = ReviewTask.of(about)
    asked = Form(form.settings(task, deciding=True), about, lambda found: _check(found, dataset), 1)
    return send(argilla, own, f"{dataset['name']}-ties", asked, wanted)


def _check(found: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
    if found.get(TIES_OF) != dataset["id"]:
        message = f"Argilla has a dataset '{dataset['name']}-ties' that is not of this review"
        raise InputError(Problem("other-dataset", message, hint="remove or rename it in Argilla"))


def _record(shown: Mapping[str, Any], row: str) -> dict[str, Any]:
    """The same record for another person."""
    hidden = {name: value for name, value in shown["metadata"].items() if name not in ("row", DIVIDED)}
    return {"id": row, "fields": shown["fields"], "metadata": hidden}
