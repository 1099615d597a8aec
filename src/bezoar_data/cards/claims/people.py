"""Claims on what people said in review, and on what was searched for evaluation sets."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bezoar_data.cards.claims.evidence import Evidence, some
from bezoar_data.cards.claims.rows import PeopleSaid
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.words import many, the_judge
from bezoar_data.measures.agreement import agreement as measured
from bezoar_data.measures.agreement import as_number, pairs_of_people
from bezoar_data.runs.judged import PeopleAgreement, ProtocolReview, RaterAgreement, RatingCalibration
from bezoar_data.runs.lock import ContaminationSearch, LockedStep
from bezoar_data.runs.rated import Key, protocol_review, rated_rows
from bezoar_data.runs.record import as_json
from bezoar_data.runs.reviewed import (
    DROPPED,
    RATED_COLUMNS,
    SIDES,
    Reviewed,
    answers_hash,
    by_row,
    level_column,
    licences_of,
    verdicts_of,
)
from bezoar_data.runs.row import SOURCES

_GOOD = 'review_status == "Accept"'
_SEARCH = "decontaminate"
_FOUND, _ALLOWED = "contaminated", "kept_on_appeal"


def review(seen: Evidence) -> Iterator[Problem]:
    """What the lock says of review against the columns that it added, and both against the answers."""
    people, told, place = seen.rows.people, seen.lock.review, seen.lock_place
    there = {
        "rows": len(people),
        "status": dict(Counter(s for one in people if (s := one.row["review_status"]))),
        "preference": dict(Counter(s for one in people if (s := one.row["review_preference"]))),
        "divided": sum(_undecided(one.row) for one in people),
        "corrected": sum(one.row["review_response"] is not None for one in people),
    }
    if told is None:
        if people:
            yield Problem("review-differs", f"people reviewed {len(people)} rows, and the lock denies it", place)
    else:
        for key, found in there.items():
            said = getattr(told, key)
            # Whoever rated by a protocol may have been asked for no verdict at all; which rows, the answers tell.
            fits = said <= found if key == "divided" and told.protocol else _plain(said) == found
            if not fits:
                message = f"the lock says of people's review {key}: {said}; the rows say {found}"
                yield Problem("review-differs", message, place)
        yield from _labels(people, told.protocol, place)
        if sum(told.licences.values()) != there["corrected"]:
            message = f"the lock says of people's review licences: {dict(told.licences)}; they corrected "
            yield Problem("review-differs", f"{message}{there['corrected']} rows", place)
        if told.answers < sum(one.row["review_people"] for one in people) or told.people > told.answers:
            message = f"the lock says {told.answers} answers of {told.people} people, which the rows do not show"
            yield Problem("review-differs", message, place)
    if seen.answers is not None:
        yield from _answers(seen, seen.answers)
    yield from _final(seen)


def _answers(seen: Evidence, answers: list[dict[str, Any]]) -> Iterator[Problem]:
    """`review.parquet` against the lock and the rows' columns."""
    place, told = Place(str(seen.folder.resolve().parent / "review.parquet")), seen.lock.review
    if told is not None and answers_hash(answers) != told.answers_sha256:
        yield Problem("review-changed", "people's answers are not those that the lock names: their hash differs", place)
    rows = by_row(answers)
    by_id = {one.identity: one for one in seen.rows.people}
    given = {identity: said for (identity, content), said in rows.items()
             if (one := by_id.get(identity)) is not None and one.row["content_hash"] == content}  # fmt: skip
    wrong = [one.identity for one in seen.rows.people if not _said(one, given.get(one.identity))]
    if wrong:
        yield Problem("review-differs", f"rows whose columns say what people did not: {some(wrong)}", place)
    if told is None:
        return
    counted = {
        "even": sum(said.even for said in given.values()),
        "people": len({a["annotator"] for said in given.values() for a in said.answers}),
        "answers": sum(len(said.answers) for said in given.values()),
        "discarded": sum(a["status"] == "discarded" for a in answers),
        "drafts": sum(a["status"] == "draft" for a in answers),
        "divided": sum(said.undecided for said in given.values()),
        "licences": licences_of(given.values()),
    }
    for key, found in counted.items():
        if _plain(getattr(told, key)) != found:
            message = f"the lock says of people's review {key}: {getattr(told, key)}; their answers say {found}"
            yield Problem("review-differs", message, seen.lock_place)
    yield from _rated_anew(seen, rows, told.protocol)


def _undecided(row: Mapping[str, Any]) -> bool:
    return row["review_status"] is None and row["review_preference"] is None


def _labels(people: Sequence[PeopleSaid], told: ProtocolReview | None, place: Place) -> Iterator[Problem]:
    """How many labels there are, and whether any prompt was dropped: as much as the rows say without the answers."""
    there = sum(one.row.get(level_column(side, "helpfulness")) is not None for one in people for side in SIDES)
    dropped = any(one.row.get(DROPPED) for one in people)
    if there != (told.labelled if told else 0) or dropped != bool(told and told.dropped):
        said = f"{told.labelled} labels, {told.dropped} prompts dropped" if told else "nothing"
        message = f"the lock says of people's ratings: {said}; the rows have {there} labels"
        message += ", and some are dropped" if dropped else ", and none is dropped"
        yield Problem("review-differs", message, place)


def _rated_anew(seen: Evidence, said: Mapping[Key, Reviewed], told: ProtocolReview | None) -> Iterator[Problem]:
    """Ratings by a protocol: the rows' labels, what was dropped, and how far people agree, worked out anew."""
    rated = rated_rows(said)
    here = {one.identity: (one.row, rated.get((one.identity, one.row["content_hash"]))) for one in seen.rows.people}
    wrong = [
        identity
        for identity, (row, one) in sorted(here.items())
        if any(row.get(name) != (one.columns if one else {}).get(name) for name in RATED_COLUMNS)
    ]
    if wrong:
        message = f"rows whose labels are not what people's ratings come to: {some(wrong)}"
        yield Problem("review-differs", message, Place(str(seen.folder)))
    found = protocol_review([one for _, (_, one) in sorted(here.items()) if one is not None])
    if _counts(told) != _counts(found):
        message = f"the lock says of people's ratings {_counts(told)}; their answers say {_counts(found)}"
        yield Problem("review-differs", message, seen.lock_place)
    for one, other in zip(told.scales if told else (), found.scales if found else (), strict=False):
        for when, a, b in (("all", one.before, other.before), ("kept", one.after, other.after)):
            if a.pairs != b.pairs or not all(_close(*values) for values in _values(a.kappa, b.kappa)):
                message = f"the lock says that people agree on {one.scale} with kappa {a.kappa.value} on {a.pairs} "
                message += f"pairs of {when} ratings; measured again it is {b.kappa.value} on {b.pairs}"
                yield Problem("agreement-differs", message, seen.lock_place)


def _counts(found: ProtocolReview | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {**as_json(found), "scales": [one.scale for one in found.scales]}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _said(one: PeopleSaid, said: Reviewed | None) -> bool:
    names = ("status", "preference", "people", "response", "corrects")
    return said is not None and all(getattr(said, name) == one.row[f"review_{name}"] for name in names)


def _final(seen: Evidence) -> Iterator[Problem]:
    """People's verdict stands where they gave one."""
    wrong = [
        one.identity for one in seen.rows.people
        if one.row["review_status"] and one.row["final_status"] != one.row["review_status"]
    ]  # fmt: skip
    if wrong:
        message = f"rows whose final verdict is not people's: {some(wrong)}"
        yield Problem("review-differs", message, Place(str(seen.folder)))


def agreement(seen: Evidence) -> Iterator[Problem]:
    """How far judges agree with people, measured anew where people's verdicts are in the rows."""
    there = seen.rows.people
    yield from _between(seen)
    for cut in seen.lock.judging.people.calibration:
        if cut.good_if == _GOOD and cut.where is None and cut.labelled_by is None:
            yield from _cut(cut, seen)
    columns = [one.columns for one in seen.lock.judging.people.agreement if one.columns[1].startswith("review_")]
    for told in seen.lock.judging.people.agreement:
        if told.columns[1].startswith("review_") and told.where is None and told.labelled_by is None:
            yield from _measured_anew(told, there, seen)
    for judge in seen.rows.said:
        for ending in ("status", "preference"):
            pair = (judge.column(ending), f"review_{ending}")
            both = [one for one in there if one.row.get(pair[0]) is not None and one.row[pair[1]] is not None]
            if both and pair not in columns and judge.kind != "attributes":
                who, rows = the_judge(judge.name), many(len(both), "row")
                message = f"people and {who} decided on {rows}, and the lock measures nothing"
                yield Problem("agreement-differs", message, seen.lock_place)


def _cut(cut: RatingCalibration, seen: Evidence) -> Iterator[Problem]:
    """The rows of a calibration: those drawn evenly that have a rating and a verdict, or all such where none was."""
    rated = {
        one.identity: one.row["review_status"] == "Accept" for one in seen.rows.people if _rated(one.row, cut.rating)
    }
    told = seen.lock.review
    unknown = seen.answers is None and told is not None and 0 < told.even < told.rows
    if unknown and cut.rows <= len(rated) and cut.good <= sum(rated.values()):
        return  # which of them were drawn evenly stands in the answers alone
    if seen.answers is not None:
        shown = {one.identity: one.row["content_hash"] for one in seen.rows.people}
        drawn = (
            row for (row, content), said in by_row(seen.answers).items() if said.even and shown.get(row) == content
        )
        even = rated.keys() & drawn
        rated = {row: good for row, good in rated.items() if row in even or not even}
    if (cut.good, cut.rows) != (sum(rated.values()), len(rated)):
        message = f"the lock counts {cut.good} good of {cut.rows} rows by people's verdict; "
        message += f"there are {sum(rated.values())} of {len(rated)}"
        yield Problem("agreement-differs", message, seen.lock_place)


def _rated(row: Mapping[str, Any], rating: str) -> bool:
    return row["review_status"] is not None and as_number(row.get(rating)) is not None


def _measured_anew(told: PeopleAgreement, people: list[PeopleSaid], seen: Evidence) -> Iterator[Problem]:
    judge, column = told.columns
    pairs = sorted(
        (one.identity, str(one.row[judge]), one.row[column], one.seeds or one.identity)
        for one in people if one.row.get(judge) is not None and one.row[column]
    )  # fmt: skip
    for part in told.slices:
        of_part = [one for one in people if one.source.replace(SOURCES, " + ") == part.value]
        if part.column == "source":
            yield from _measured_anew(_slice(told, part), of_part, seen)
    if not pairs:
        message = f"the lock measures {judge} against {column}, and no row has both"
        yield Problem("agreement-differs", message, seen.lock_place)
        return
    found = measured([p[1] for p in pairs], [p[2] for p in pairs], groups=[p[3] for p in pairs])
    figures = ((told.rows, found.rows), (told.table, found.table), (told.labels, found.labels))
    estimates = ((told.agreement, found.share), (told.kappa, found.kappa))
    close = all(_close(a, b) for one, other in estimates for a, b in _values(one, other))
    if any(a != b for a, b in figures) or not close:
        message = f"the lock says that {judge} and {column} agree with kappa {told.kappa.value} on {told.rows} rows; "
        message += f"measured again it is {found.kappa.value} on {found.rows}"
        yield Problem("agreement-differs", message, seen.lock_place)


def _slice(whole: PeopleAgreement, part: RaterAgreement) -> PeopleAgreement:
    """A part as if it were measured by itself."""
    figures = {name: getattr(part, name) for name in ("rows", "agreement", "kappa", "labels", "table")}
    return replace(whole, slices=(), **figures)


def _between(seen: Evidence) -> Iterator[Problem]:
    """How far people agree with each other, where their answers are at hand."""
    told = seen.lock.review.between_people if seen.lock.review else None
    if seen.answers is None or seen.lock.review is None:
        return
    there = {one.identity: one for one in seen.rows.people}
    said = [one for (identity, content), one in by_row(seen.answers).items()
            if identity in there and there[identity].row["content_hash"] == content]  # fmt: skip
    first, second, groups = pairs_of_people(verdicts_of(said))
    found = measured(first, second, groups=groups, resamples=1) if first else None
    if (told.table if told else None) != (found.table if found else None):
        message = "the lock says of people's agreement with each other what their answers do not"
        yield Problem("agreement-differs", message, seen.lock_place)
    elif (
        told
        and found
        and not (_close(told.kappa.value, found.kappa.value) and _close(told.agreement.value, found.share.value))
    ):
        message = f"the lock says that people agree with kappa {told.kappa.value}; it is {found.kappa.value}"
        yield Problem("agreement-differs", message, seen.lock_place)


def _values(one: Any, other: Any) -> Iterator[tuple[float | None, float | None]]:
    yield from ((getattr(one, name), getattr(other, name)) for name in ("value", "low", "high"))


def _close(one: float | None, other: float | None) -> bool:
    """Equal but for the last digits, which a version of NumPy may change."""
    nothing = [value is None or math.isnan(value) for value in (one, other)]
    return all(nothing) if any(nothing) else math.isclose(one or 0.0, other or 0.0, rel_tol=1e-3, abs_tol=1e-3)


def contamination(seen: Evidence) -> Iterator[Problem]:
    """Each search of evaluation sets against its step, the report and the rows."""
    lock, place = seen.lock, seen.lock_place
    searching = {step.id for step in lock.steps if step.use == _SEARCH}
    told = lock.contamination
    if told is None:
        if searching:
            message = f"{', '.join(sorted(searching))} searched for evaluation sets, and the lock says nothing of it"
            yield Problem("contamination-differs", message, place)
        return
    if searching != {search.step for search in told.steps}:
        yield Problem("contamination-differs", "the lock names other searches than its steps", place)
    lines = _lines(seen) if told.report else []
    if lines is None or len(lines) != (told.report.rows if told.report else 0):
        yield Problem("contamination-differs", "the report does not hold as many rows as the lock says", place)
    for search in told.steps:
        mine = [line for line in lines or () if line.get("step") == search.step]
        yield from _search(seen, search, mine)
        if search.every_row != _every_row(seen.lock.steps, search.step):
            message = (
                f"{search.step}: the lock says {search.every_row} of whether every row passes it, its steps do not"
            )
            yield Problem("contamination-differs", message, place)


def _every_row(steps: Sequence[LockedStep], search: str) -> bool:
    """Whether no row can come from a source to the end without passing the step."""
    after: set[str] = set()
    while more := {step.id for step in steps if {search, *after} & set(step.after)} - after:
        after |= more
    return all(before in after or before == search for step in steps if step.id in after for before in step.after)


def _search(seen: Evidence, search: ContaminationSearch, lines: list[dict[str, Any]]) -> Iterator[Problem]:
    outcomes = Counter(line.get("outcome") for line in lines)
    told = {"dropped": search.dropped, "marked": search.marked, _ALLOWED: search.kept_on_appeal}
    there: dict[str, Mapping[str, int]] = {"the report": {name: outcomes[name] for name in told}}
    for step in seen.lock.steps:
        if step.id == search.step:
            there["the lock's steps"] = {
                "dropped": step.dropped.get(_FOUND, 0), "marked": step.noted.get(_FOUND, 0),
                _ALLOWED: step.noted.get(_ALLOWED, 0),
            }  # fmt: skip
            if search.rows != step.rows_in:
                message = f"{search.step}: the lock says {search.rows} rows were searched; {step.rows_in} came to it"
                yield Problem("contamination-differs", message, seen.lock_place)
    for what, found in there.items():
        if found != told:
            message = f"{search.step}: the lock says {told}; {what}: {dict(found)}"
            yield Problem("contamination-differs", message, seen.lock_place)
    if search.flagged != sum(told.values()):
        message = f"{search.step}: the lock says {search.flagged} rows were flagged; it lists {sum(told.values())}"
        yield Problem("contamination-differs", message, seen.lock_place)
    per_set = Counter(name for line in lines for name in line.get("sets") or ())
    for one in search.sets:
        if one.rows_found != per_set[one.name]:
            message = f"{search.step}: the lock says {one.rows_found} rows hold items of {one.name}; the report "
            yield Problem("contamination-differs", f"{message}{per_set[one.name]}", seen.lock_place)


def _lines(seen: Evidence) -> list[dict[str, Any]] | None:
    report = seen.lock.contamination.report if seen.lock.contamination else None
    try:
        text = (seen.folder / (report.path if report else "")).read_text("utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
    except (OSError, ValueError):
        return None
    return lines if all(isinstance(line, dict) for line in lines) else None
