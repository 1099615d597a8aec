"""HelpSteer2's protocol of annotation: whom to ask, whose ratings count, which prompts stay (arXiv 2406.08673).

Three people rate each response on five scales from 0 to 4. Where their helpfulness spreads by more than 2, two more are
asked. Of up to five the three that agree most are kept, and a prompt stays only where the helpfulness of these spreads
by no more than 2 for each of its responses. What the paper leaves open is our reading: agreement is that on
helpfulness, among equals that on all scales, then the earliest; a label is the mean of the three, rounded. Preferences
between two responses go from -3 (the first is much better) to 3 (arXiv 2410.01257); of these, too, the three closest
are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from bezoar_data.measures.agreement import kappa
from bezoar_data.measures.helpsteer_scales import SCALES
from bezoar_data.measures.intervals import Estimate, bootstrap

NAME = "helpsteer2"
PREFERENCES = range(-3, 4)
PEOPLE = 3
"""How many people rate each response, and how many of their ratings are kept."""
MOST_PEOPLE = 5
WIDEST = 2
"""The most by which the helpfulness of ratings may spread that agree."""

Ratings = Mapping[str, int]
"""One person's levels by scale."""


def spread(levels: Sequence[int]) -> int:
    """How far the highest level is from the lowest; 0 where there is none."""
    return max(levels) - min(levels) if levels else 0


def still_to_ask(helpfulness: Sequence[int]) -> int:
    """How many more people are to rate a response that was rated like this."""
    if len(helpfulness) < PEOPLE:
        return PEOPLE - len(helpfulness)
    return max(0, MOST_PEOPLE - len(helpfulness)) if spread(helpfulness) > WIDEST else 0


def closest(given: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Which three of the first five agree most: on what stands first in each, then on all of it, then the earliest.
    Of fewer than three all."""
    places = range(min(len(given), MOST_PEOPLE))
    if len(places) <= PEOPLE:
        return tuple(places)

    def apart(three: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
        # Of three numbers the distances between each two sum to twice the spread.
        spreads = [spread(levels) for levels in zip(*(given[i] for i in three), strict=True)]
        return spreads[0], sum(spreads), three

    return min(combinations(places, PEOPLE), key=apart)


def label(levels: Sequence[int]) -> int:
    """The mean as a whole number; a third of a sum is never halfway between two."""
    return round(sum(levels) / len(levels))


@dataclass(frozen=True, slots=True)
class Settled:
    """What ratings of one response come to: whose count, by their places, their levels as one, and how far they are
    apart in helpfulness."""

    kept: tuple[int, ...]
    labels: Ratings
    spread: int

    @property
    def agreed(self) -> bool:
        return self.spread <= WIDEST


def settle(given: Sequence[Ratings]) -> Settled | None:
    """A response's ratings in the order in which they were given; None of fewer than three."""
    if len(given) < PEOPLE:
        return None
    kept = closest([[one[scale] for scale in SCALES] for one in given])
    labels = {scale: label([given[i][scale] for i in kept]) for scale in SCALES}
    return Settled(kept, labels, spread([given[i]["helpfulness"] for i in kept]))


def settle_preference(given: Sequence[int]) -> tuple[tuple[int, ...], int | None]:
    """Whose preferences between two responses count, by their places, and what they come to; None of fewer than three,
    and where even the three closest are too far apart."""
    kept = closest([[one] for one in given])
    levels = [given[i] for i in kept]
    agreed = len(kept) == PEOPLE and spread(levels) <= WIDEST
    return kept, label(levels) if agreed else None


def kappa_between(
    given: Sequence[Sequence[int]], groups: Sequence[Hashable], scale: Sequence[int]
) -> tuple[int, Estimate]:
    """How many pairs of ratings of one response there are, and their quadratic-weighted kappa.

    `given[i]` are the ratings of one response, `groups[i]` what it belongs to, such as its prompt. People seldom rate
    the same responses, so a pair has no first and second: it counts both ways round, as HelpSteer2 does it.
    """
    k = len(scale)
    place = {level: i for i, level in enumerate(scale)}
    codes, of = list[int](), list[Hashable]()
    for levels, group in zip(given, groups, strict=True):
        for one, other in permutations(levels, 2):
            codes.append(place[one] * k + place[other])
            of.append(group)
    return len(codes) // 2, bootstrap(codes, k * k, lambda c: kappa(c, k, [float(v) for v in scale]), groups=of)


def hand_out(
    wanting: Mapping[str, int], seen: Mapping[str, Sequence[str]], people: Sequence[str]
) -> dict[str, list[str]]:
    """The rows for each of these people: `wanting` says how many more a row wants, `seen` who has it already."""
    left = dict(wanting)
    found: dict[str, list[str]] = {person: [] for person in people}
    for person, rows in found.items():
        for row in sorted(left):
            if left[row] > 0 and person not in seen.get(row, ()):
                rows.append(row)
                left[row] -= 1
    return found
