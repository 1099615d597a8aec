"""Ratings that people gave by HelpSteer2's protocol: what they come to for each row, and how far people agree.

Which person rated what stands in `review.parquet`, whose ratings count follows from `measures.helpsteer`: so whoever
has the answers can work out labels, drops and kappas anew.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bezoar_data.measures.helpsteer import (
    NAME,
    PEOPLE,
    PREFERENCES,
    Ratings,
    Settled,
    kappa_between,
    settle,
    settle_preference,
    still_to_ask,
)
from bezoar_data.measures.helpsteer_scales import LEVELS, SCALES
from bezoar_data.runs.judged import ProtocolReview
from bezoar_data.runs.record import parse
from bezoar_data.runs.reviewed import DROPPED, RATED_COLUMNS, SIDES, STRENGTH, Reviewed, level_column

PREFERENCE = "preference"
"""Names, among an answer's ratings, how much better the second response is."""
_FAR = "spread"

Key = tuple[str, str]
"""A row's id and content hash."""


@dataclass(frozen=True)
class Rated:
    """What people rated of one row, first answers first. `given` holds the ratings of each of its responses: of `""`
    where it has one, of `a_` and `b_` where it has two."""

    prompt: str
    given: Mapping[str, tuple[Ratings, ...]]
    preferences: tuple[int, ...]
    last: str
    """When the last answer was given."""
    dropped: bool = False
    """Whether people are too far apart on a response to the row's prompt."""

    @cached_property
    def settled(self) -> Mapping[str, Settled]:
        """What was settled, by response."""
        return {side: found for side, given in self.given.items() if (found := settle(given))}

    @property
    def agreed(self) -> bool:
        return all(one.agreed for one in self.settled.values())

    @property
    def still_to_ask(self) -> int:
        """How many more people are to rate it."""
        return max((still_to_ask(self.levels(side, "helpfulness")) for side in self.given), default=0)

    @property
    def far_apart(self) -> bool:
        """Whether a fourth or fifth person is to rate it."""
        return self.still_to_ask > 0 and all(len(given) >= PEOPLE for given in self.given.values())

    @property
    def columns(self) -> dict[str, Any]:
        """What the ratings add to the row; no label where its prompt is dropped, or fewer than three rated it."""
        found: dict[str, Any] = {DROPPED: _FAR if self.dropped else None}
        for side in self.given:
            settled = None if self.dropped else self.settled.get(side)
            found |= {level_column(side, scale): settled.labels[scale] if settled else None for scale in SCALES}
        if self.preferences:
            found[STRENGTH] = None if self.dropped else settle_preference(self.preferences)[1]
        return found

    def levels(self, side: str, scale: str, kept: Collection[int] | None = None) -> list[int]:
        """A response's levels on one scale: of all, or of those at these places."""
        return [one[scale] for i, one in enumerate(self.given[side]) if kept is None or i in kept]


def rated_rows(rows: Mapping[Key, Reviewed]) -> dict[Key, Rated]:
    """The rows that were rated by the protocol. A prompt is dropped by what was said last of each of its rows: a row
    that has changed since drops none."""
    found = {key: rated for key, said in rows.items() if (rated := _rated(said.answers)) is not None}
    latest = {key[0]: key for key in sorted(found, key=lambda key: (found[key].last, key))}
    far = {found[key].prompt for key in latest.values() if not found[key].agreed}
    return {key: replace(one, dropped=one.prompt in far) for key, one in found.items()}


def helpfulness_of(answers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What each person said of a row's helpfulness: one level, or those of both its responses."""
    found = {}
    for answer in answers:
        ratings = _ratings(answer)
        levels = [str(ratings[side + "helpfulness"]) for side in SIDES if side + "helpfulness" in ratings]
        found[answer["annotator"]] = " and ".join(levels)
    return found


def rated_columns(rated: Iterable[Rated]) -> tuple[str, ...]:
    """The columns that these add, in their order."""
    added = {name for one in rated for name in one.columns}
    return tuple(name for name in RATED_COLUMNS if name in added)


def protocol_review(rated: Sequence[Rated]) -> ProtocolReview | None:
    """For the lock: how many responses were rated and prompts dropped, and how far people agree before and after; None
    where nothing was rated by the protocol."""
    if not rated:
        return None
    responses = [(one, side) for one in rated for side in one.given]
    settled = [one.settled[side] for one, side in responses if side in one.settled]
    counts = {
        "responses": len(responses),
        "settled": len(settled),
        "labelled": sum(len(one.settled) for one in rated if not one.dropped),
        "more_asked": sum(len(one.given[side]) > PEOPLE for one, side in responses),
        "prompts": len({one.prompt for one in rated}),
        "dropped": len({one.prompt for one in rated if one.dropped}),
    }
    return parse(ProtocolReview, {"name": NAME, **counts, "scales": list(_scales(rated, responses))})


def _scales(rated: Sequence[Rated], responses: Sequence[tuple[Rated, str]]) -> Iterator[dict[str, Any]]:
    for scale in SCALES:
        before = [(one.prompt, one.levels(side, scale)) for one, side in responses]
        after = [
            (one.prompt, one.levels(side, scale, one.settled[side].kept))
            for one, side in responses
            if side in one.settled and not one.dropped
        ]
        yield {"scale": scale, "before": _kappa(before, LEVELS), "after": _kappa(after, LEVELS)}
    if any(one.preferences for one in rated):
        before = [(one.prompt, list(one.preferences)) for one in rated]
        after = [
            (one.prompt, [one.preferences[i] for i in kept])
            for one in rated
            for kept, strength in [settle_preference(one.preferences)]
            if strength is not None and not one.dropped
        ]
        yield {"scale": PREFERENCE, "before": _kappa(before, PREFERENCES), "after": _kappa(after, PREFERENCES)}


def _kappa(given: Sequence[tuple[str, Sequence[int]]], scale: Sequence[int]) -> dict[str, Any]:
    pairs, found = kappa_between([levels for _, levels in given], [prompt for prompt, _ in given], scale)
    return {"pairs": pairs, "kappa": found.as_json()}


def _rated(answers: Sequence[Mapping[str, Any]]) -> Rated | None:
    """An answer's place is that of when it was first given: to mend it later moves nobody behind the fifth."""
    ours = [answer for answer in answers if answer.get("protocol") == NAME]
    ours.sort(key=lambda answer: (str(answer.get("inserted_at")), answer["response"]))
    if not ours:
        return None
    said = [_ratings(answer) for answer in ours]
    given = {side: tuple(one for ratings in said if (one := _of_response(ratings, side))) for side in SIDES}
    return Rated(
        prompt=ours[-1].get("prompt") or ours[-1]["id"],
        given={side: ratings for side, ratings in given.items() if ratings},
        preferences=tuple(one[PREFERENCE] for one in said if one.get(PREFERENCE) in PREFERENCES),
        last=max(answer["updated_at"] for answer in ours),
    )


def _ratings(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.get("ratings") or "{}")
    except ValueError:  # a file that somebody has changed
        return {}
    return found if isinstance(found, dict) else {}


def _of_response(ratings: Mapping[str, Any], side: str) -> Ratings | None:
    levels: dict[str, Any] = {scale: ratings.get(side + scale) for scale in SCALES}
    return {scale: int(level) for scale, level in levels.items()} if all(v in LEVELS for v in levels.values()) else None
