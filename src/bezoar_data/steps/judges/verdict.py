"""Reading an accept-or-reject verdict out of what a judge said: never guessed, see `reading`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bezoar_data.steps.judges.reading import Unreadable, one_of, read_object, reason_in, whole_number

_STATUSES: dict[str, Literal["Accept", "Reject"]] = {
    "accept": "Accept",
    "accepted": "Accept",
    "reject": "Reject",
    "rejected": "Reject",
}


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    status: Literal["Accept", "Reject"]
    rating: int
    reason: str


def read_verdict(text: str, ratings: Sequence[int], shown: str = "") -> JudgeVerdict:
    """The one verdict in `text`. `ratings` is the scale from worst to best, `shown` what the judge was shown.

    Raises `Unreadable`.
    """

    def read(value: dict[str, Any]) -> tuple[object, JudgeVerdict]:
        rating = whole_number(value.get("rating"), ratings, "rating")
        status = one_of(value.get("status"), _STATUSES, "status", '"Accept" or "Reject"')
        verdict = JudgeVerdict(status, rating, reason_in(value))
        if (status == "Accept" and rating == ratings[0]) or (status == "Reject" and rating == ratings[-1]):
            raise Unreadable(f'"status" {status} contradicts the rating {rating}')
        return (status, rating), verdict

    return read_object(text, ("rating", "status"), read, shown)
