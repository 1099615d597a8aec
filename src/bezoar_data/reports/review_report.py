"""What people said in review and what it says of the judges, once it was pulled and merged: in plain lines, as JSON,
and for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.config.words import many
from bezoar_data.engine.review.merge import Merged
from bezoar_data.reports.judge_text import percent, plain
from bezoar_data.reports.page import element, piece
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.judged import RaterAgreement
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.record import as_json

Value = Mapping[str, Any]
UNSIGNED = "the signature that was there is gone, as it is of other files: `card sign` or `publish --sign` makes one"


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """A review as it stands after a pull. `pulled` counts the answers, `merging` is what merging them came to."""

    folder: RunFolder
    pulled: Value
    merging: Merged

    @property
    def lock(self) -> Lock:
        """The lock of the dataset that they were merged into."""
        return self.merging.lock

    @property
    def merged(self) -> bool:
        """Whether the dataset has changed by it."""
        return self.merging.changed

    @property
    def card(self) -> str:
        """The dataset's card, as Markdown."""
        return (self.folder.dataset / "README.md").read_text("utf-8")

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": True,
            "file": str(self.folder.review),
            **self.pulled,
            "merged": self.merged,
            "outdated": self.merging.outdated,
            "lock": self.lock.hash,
            "unsigned": self.merging.unsigned,
            "review": as_json(self.lock.review) if self.lock.review else None,
            "reliability": as_json(self.lock.judging.people),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:

        return piece(element("pre", str(self)))

    def _lines(self) -> Iterator[str]:
        pulled = self.pulled
        counts = f"{pulled['submitted']:,} submitted, {pulled['drafts']:,} drafts, {pulled['discarded']:,} discarded"
        yield f"{self.folder.review}: {counts}" + ("" if pulled["changed"] else "; nothing new")
        for name, what in (
            ("edited", "answers are to records that were edited in Argilla; they do not count"),
            ("removed", "answers are no longer in Argilla (their giver or record was removed); they are kept"),
            ("strangers", "records in Argilla were not pushed from a run; they are left out"),
        ):
            if count := pulled[name]:
                yield f"{count:,} {what}"
        if outdated := self.merging.outdated:
            yield f"{outdated:,} reviewed rows are not in the dataset as people saw them; those answers do not count"
        yield from review_lines(self.lock)
        done = "merged into" if self.merged else "nothing to change in"
        yield f"{done} {self.folder.dataset}, its lock and its card"
        if self.merging.unsigned:
            yield UNSIGNED


def review_lines(lock: Lock) -> Iterator[str]:
    """The review of a dataset: who saw what, how far they and the judges agree, and the calibrated cut."""
    found = lock.review
    if found is None:
        return
    people = "1 person" if found.people == 1 else f"{found.people:,} people"
    yield (
        f"{people} reviewed {found.rows:,} of {many(lock.counts.kept, 'row')} ({found.even:,} drawn evenly): "
        f"{found.corrected:,} corrected, {found.divided:,} evenly divided"
    )
    if between := found.between_people:
        yield f"  two people agree on {percent(between.agreement)} of {between.rows:,} pairs, {_kappa(between)}"
    if rated := found.protocol:
        yield (
            f"  {rated.responses:,} responses rated by {rated.name}'s protocol "
            f"({rated.more_asked:,} by more than three): {rated.labelled:,} have labels; "
            f"{rated.dropped:,} of {rated.prompts:,} prompts dropped"
        )
        yield from (f"    {one.scale}: quadratic kappa {plain(one.before.kappa)} before, {plain(one.after.kappa)} after"
                    for one in rated.scales)  # fmt: skip
    for one in lock.judging.people.agreement:
        yield f"  {one.columns[0]} against {one.columns[1]}"
        parts = [(rows or "all", part) for rows, part in one.by_draw]
        parts += [(f"{part.column} = {part.value}", part) for part in one.slices]
        yield from (
            f"    {name}: {many(part.rows, 'row')}, equal {percent(part.agreement)}, {_kappa(part)}"
            for name, part in parts
        )
    for cut in lock.judging.people.calibration:
        if chosen := cut.chosen:
            yield f"  {cut.rating} of {chosen.rating:g} or more: {percent(chosen.precision)} good"
        else:
            yield f"  no cut of {cut.rating} is shown to reach {cut.wanted:.0%} good"


def _kappa(part: RaterAgreement) -> str:
    return f"Cohen's kappa {plain(part.kappa)}"
