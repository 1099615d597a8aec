"""`review push`: push a sample of a run's rows to Argilla. Pushing again adds what is missing and takes nothing away.

What was pushed and how it was drawn is kept in Argilla: the review task in the dataset's metadata, each row's weight in
its record's. Annotators see neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import ReviewGate
from bezoar_data.config.problems import Problem
from bezoar_data.measures.agreement import as_label, scale_of
from bezoar_data.measures.helpsteer import PEOPLE
from bezoar_data.review import questions as form
from bezoar_data.review.client import ArgillaClient
from bezoar_data.review.protocol import known_protocol, refuse_other_wishes
from bezoar_data.review.records import Form, Pushed, row_of, send
from bezoar_data.review.sample import Drawn, SampleRow, draw
from bezoar_data.review.task import UNSTATED, ReviewTask, read_lock, read_rows, review_task, source_of
from bezoar_data.review.whose import KNOWN_AS, known_as, refuse_another_run, remember
from bezoar_data.runs.row import digest

FORMAT = 1
_FIXED = ("judge", "instruction", "response", "other", "blind", "attributes", "licence", "protocol")
"""What may not change once people have begun: they would have answered different questions."""

_NO_LICENCE = Problem(
    "no-licence",
    "annotators may correct responses, and nobody has said under which licence these may be used",
    hint="--licence CC-BY-4.0 (or `review: {licence: CC-BY-4.0}` in the pipeline); annotators are told. "
    f"`--licence {UNSTATED}`: one corrected response, and the dataset's licence is unknown",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a push asks for. None is what the dataset has been pushed with, or else the default: so pushing again
    changes nothing that nobody names."""

    sample: int | None = None
    even: float | None = None
    seed: int | None = None
    overlap: int | None = None
    blind: bool | None = None
    judge: str | None = None
    attributes: tuple[str, ...] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    licence: str | None = None
    contact: str | None = None
    protocol: str | None = None


def push(argilla: ArgillaClient, run: Path, wanted: Wanted, *, workspace: str, name: str | None) -> Pushed:
    """Push the sample. Raises `InputError`, `ProviderAway`."""
    lock = read_lock(run)
    pipeline, name = lock.pipeline.name, name or lock.pipeline.name
    dataset = argilla.dataset(workspace, name)
    before: Mapping[str, Any] = ((dataset or {}).get("metadata") or {}).get("bezoar") or {}
    ours = refuse_another_run(argilla, dataset, run, pipeline) if dataset and before else known_as(run)
    task = _task(run, wanted, before, lock.pipeline.review)
    if task.corrects and not task.licence:
        raise InputError(_NO_LICENCE)
    size, even, seed = (
        _first_of(getattr(wanted, key), before.get(key), default)
        for key, default in (("sample", 200), ("even", 0.5), ("seed", 42))
    )
    rows = {row["id"]: row for row in read_rows(run)}
    drawn = _drawn(task, rows, size, even, seed)
    if dataset and before:
        drawn += _drawn_before(argilla, dataset, {one.id for one in drawn}, rows)
    sampling = {"sample": size, "even": even, "seed": seed}
    about = {"format": FORMAT, KNOWN_AS: ours, "lock": lock.hash, **sampling, **task.as_json()}
    records = {one.id: _record(task, rows[one.id], one) for one in drawn}
    asked = Form(form.settings(task), about, lambda found: _check(found, name, task), wanted.overlap)
    remember(run, ours)
    return send(argilla, workspace, name, asked, records)


def _task(run: Path, wanted: Wanted, before: Mapping[str, Any], gate: ReviewGate | None) -> ReviewTask:
    parts = ("instruction", "response", "other")
    columns = {name: column for name in parts if (column := wanted.columns.get(name) or before.get(name))}
    protocol = known_protocol(wanted.protocol) if wanted.protocol else before.get("protocol") or ""
    if protocol:
        refuse_other_wishes(wanted.attributes, wanted.overlap, wanted.blind is False)
    return review_task(
        run,
        judge=wanted.judge or before.get("judge") or None,
        columns=columns,
        attributes=tuple(_first_of(wanted.attributes, before.get("attributes"), ())),
        blind=_first_of(wanted.blind, before.get("blind"), True),
        overlap=_first_of(wanted.overlap, before.get("overlap"), PEOPLE if protocol else 1),
        licence=_first_of(wanted.licence, before.get("licence"), (gate.licence if gate else None) or ""),
        contact=_first_of(wanted.contact, before.get("contact"), (gate.contact if gate else None) or ""),
        protocol=protocol,
    )


def _drawn(task: ReviewTask, rows: Mapping[str, Mapping[str, Any]], size: int, even: float, seed: int) -> list[Drawn]:
    """The sample. By a protocol it is one of prompts, each by its first row and with all others: whoever rates one
    response is to see the other, and either drops both."""
    if not task.protocol:
        return draw(_rows_to_sample(task, rows), size, even, seed)
    of_prompt: dict[str, list[str]] = defaultdict(list)
    for identity, row in rows.items():
        of_prompt[form.prompt_of(task, row)].append(identity)
    with_first = {members[0]: members for members in of_prompt.values()}
    drawn = draw(_rows_to_sample(task, {first: rows[first] for first in with_first}), size, even, seed)
    return [replace(one, id=member) for one in drawn for member in with_first[one.id]]


def _drawn_before(
    argilla: ArgillaClient, dataset: Mapping[str, Any], drawn: Collection[str], rows: Collection[str]
) -> list[Drawn]:
    """The rows that an earlier push drew and this one does not, as where verdicts have changed: they stay in the
    review, as they stand now."""
    about = {row_of(one): one["metadata"] or {} for one in argilla.records(dataset["id"])}
    return [
        Drawn(row, said.get("weight", 1.0), said.get("even", False), ())
        for row, said in about.items()
        if row in rows and row not in drawn
    ]


def _first_of(*values: Any) -> Any:
    return next(value for value in values if value is not None)


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
    now = task.as_json()
    about = {"protocol": "", **about}
    for key in _FIXED:
        if key in about and _plain(about[key]) != _plain(now[key]):
            message = f"the dataset '{name}' was pushed with another `{key}`: {about[key]!r}, now {now[key]!r}"
            raise InputError(Problem("other-review", message, hint="push it as before, or name another with --dataset"))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _record(task: ReviewTask, row: Mapping[str, Any], drawn: Drawn) -> dict[str, Any]:
    """The parts of an `argilla.Record`, which cannot be compared themselves."""
    fields = form.values(task, row)
    suggested = None if task.protocol else form.suggestion(task, row)
    question = "preference" if task.compares else "verdict"
    return {
        "id": row["id"],
        "fields": fields,
        "metadata": {
            "content_hash": row["content_hash"],
            "fields_hash": digest("fields", fields),
            "weight": drawn.weight,
            "even": drawn.even,
            **({"prompt": form.prompt_of(task, row)} if task.protocol else {}),
            **form.filters(task, row),
        },
        "suggestions": [(question, suggested, task.judge)] if suggested else [],
    }
