"""Answers of a review, merged into the rows of a dataset and measured against its judges."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bezoar_data.engine.judge_stats import Judge
from bezoar_data.measures.agreement import agreement, as_number, pairs_of_people
from bezoar_data.measures.calibration import calibrate
from bezoar_data.runs.judged import HumanReview, PeopleAgreement, PeopleMeasures, RaterAgreement, RatingCalibration
from bezoar_data.runs.rated import Rated, protocol_review, rated_columns, rated_rows
from bezoar_data.runs.record import parse
from bezoar_data.runs.reviewed import (
    DROPPED,
    VERDICT_COLUMNS,
    Reviewed,
    answers_hash,
    by_row,
    licences_of,
    read_answers,
    verdicts_of,
)
from bezoar_data.runs.row import SOURCES, Lineage

_WANTED = 0.9
"""The precision that the calibrated cut is to show; `judge calibrate` finds the cut for any other."""


class ReviewMerger:
    """Merges people's answers into rows as they are written, and counts. Rows are merged in whatever order."""

    def __init__(self, answers: Sequence[Mapping[str, Any]], judges: Collection[Judge]) -> None:
        self.answers = answers
        self._rows = by_row(answers)
        self._rated = rated_rows(self._rows)
        self.added = (*VERDICT_COLUMNS, *rated_columns(self._rated.values()))
        self._accepts = [judge for judge in judges if judge.kind in ("accept", "panel")]
        self._compares = [judge for judge in judges if judge.kind == "compare"]
        self.looked_at = [judge.column(ending) for judge in self._accepts for ending in ("status", "rating")]
        self.looked_at += [judge.column("preference") for judge in self._compares]
        self._seen: dict[str, tuple[Reviewed, dict[str, Any]]] = {}
        self._seen_rated: dict[str, Rated] = {}

    @classmethod
    def of(cls, path: Path, judges: Collection[Judge]) -> ReviewMerger:
        return cls(read_answers(path), judges)

    def columns(self, row: Mapping[str, Any], lineage: Lineage) -> dict[str, Any]:
        """What the answers add to a row, known by its `id` and `content_hash`. In `final_status` the judge's verdict
        stands where people gave none."""
        key = (row["id"], row["content_hash"])
        said = self._rows.get(key)
        if said is not None:
            about = {name: row.get(name) for name in self.looked_at}
            self._seen[row["id"]] = (said, {**about, "seeds": lineage.seed_ids, "source": lineage.source})
        rated = self._rated.get(key)
        if rated is not None:
            self._seen_rated[row["id"]] = rated
        judge = self._accepts[-1].column("status") if self._accepts else None
        status = said.status if said else None
        values: dict[str, Any] = {
            "review_status": status,
            "review_preference": said.preference if said else None,
            "review_people": said.people if said else 0,
            "review_response": said.response if said else None,
            "review_corrects": said.corrects if said else None,
            "final_status": status or (row.get(judge) if judge else None),
            **(rated.columns if rated else {}),
        }
        return {name: values.get(name) for name in self.added}

    def is_accepted(self, row: Mapping[str, Any]) -> bool:
        """Whether people accepted the row, or where they decided nothing every judge did, so that a card may show it.
        `row` has the columns of a review, if there was one."""
        if row.get(DROPPED):
            return False
        if people := row.get("review_status"):
            return bool(people == "Accept")
        return all(row.get(judge.column("status")) == "Accept" for judge in self._accepts)

    @property
    def outdated(self) -> int:
        """How many reviewed rows did not come by as people saw them."""
        return len(self._rows) - len(self._seen)

    def summary(self) -> HumanReview | None:
        """For the lock; None where nothing was reviewed."""
        if not self._seen:
            return None
        said = [reviewed for reviewed, _ in self._seen.values()]
        first, second, groups = pairs_of_people(verdicts_of(said))
        return HumanReview(
            answers_sha256=answers_hash(self.answers),
            rows=len(said),
            even=sum(one.even for one in said),
            people=len({a["annotator"] for one in said for a in one.answers}),
            answers=sum(len(one.answers) for one in said),
            discarded=sum(a["status"] == "discarded" for a in self.answers),
            drafts=sum(a["status"] == "draft" for a in self.answers),
            status=dict(sorted(Counter(one.status for one in said if one.status).items())),
            preference=dict(sorted(Counter(one.preference for one in said if one.preference).items())),
            divided=sum(one.undecided for one in said),
            corrected=sum(one.response is not None for one in said),
            licences=licences_of(said),
            between_people=parse(RaterAgreement, _measured(first, second, groups)) if first else None,
            protocol=protocol_review([rated for _, rated in sorted(self._seen_rated.items())]),
        )

    def measured(self, known: PeopleMeasures) -> PeopleMeasures:
        """What was measured of the judges otherwise, and by these answers."""
        return PeopleMeasures(
            agreement=(*known.agreement, *self.agreement()), calibration=(*known.calibration, *self.calibration())
        )

    def agreement(self) -> Iterator[PeopleAgreement]:
        """How far each judge agrees with people: on all reviewed rows, on those drawn evenly, and by source."""
        endings = [(judge, "status", "review_status") for judge in self._accepts]
        endings += [(judge, "preference", "review_preference") for judge in self._compares]
        for judge, ending, column in endings:
            name = judge.column(ending)
            pairs = [
                (str(about[name]), given, tuple(about["seeds"]) or identity, one.even, about["source"])
                for identity, (one, about) in sorted(self._seen.items())
                if (given := one.status if ending == "status" else one.preference) and about[name] is not None
            ]
            if not pairs:
                continue
            by_source: dict[str, list[Any]] = defaultdict(list)
            for pair in pairs:
                by_source[pair[4]].append(pair)
            parts = sorted(by_source.items()) if len(by_source) > 1 else []
            even = [pair for pair in pairs if pair[3]]
            slices = [
                {"column": "source", "value": source.replace(SOURCES, " + "), **_of(part)} for source, part in parts
            ]
            found = {"columns": [name, column], "where": None, **_of(pairs), "slices": slices}
            yield parse(PeopleAgreement, {**found, "even": _of(even) if even else None})

    def calibration(self) -> Iterator[RatingCalibration]:
        """The rating from which enough rows are good, as people see them: on the rows that were drawn evenly, where
        there are any, as exact intervals ask for."""
        for judge in self._accepts:
            name = judge.column("rating")
            every = [
                (rating, one.status == "Accept", one.even)
                for one, about in self._seen.values()
                if one.status and (rating := as_number(about[name])) is not None
            ]
            rated = [(rating, good) for rating, good, even in every if even or not any(one[2] for one in every)]
            if rated:
                made = calibrate([r for r, _ in rated], [good for _, good in rated], _WANTED).as_json()
                given = {"rating": name, "good_if": 'review_status == "Accept"', "where": None}
                yield parse(RatingCalibration, {**made, **given})


def _of(pairs: Sequence[tuple[str, str, Any, bool, str]]) -> dict[str, Any]:
    return _measured([p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs])


def _measured(first: Sequence[str], second: Sequence[str], groups: Sequence[Any]) -> dict[str, Any]:
    found = agreement(first, second, groups=groups).as_json()
    return {name: found[name] for name in ("rows", "agreement", "kappa", "labels", "table")}
