"""Which rows people review: some drawn evenly, for estimates without bias; the others where looking teaches most.

Both parts are drawn independently of each other, so the probability of each row to be in the sample is known:
1 - (1 - p)(1 - q), with p that of the even draw and q that of the draw within its stratum. Its inverse is the weight
of the row in estimates over all rows (Horvitz and Thompson 1952).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bezoar_data.runs.row import digest

UNCERTAIN = 2
"""How many times more rows an uncertain stratum gets; our choice."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row that may be drawn. `uncertain`: its judge was not sure."""

    id: str
    stratum: tuple[str, ...]
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row that was drawn. `even`: drawn with the same chance as all others. `weight`: how many rows it stands for."""

    id: str
    weight: float
    even: bool
    stratum: tuple[str, ...]


def draw(rows: Sequence[SampleRow], size: int, even_share: float, seed: int) -> list[Drawn]:
    """About `size` rows: so many as make it `size` in expectation, as the two parts may meet in a row."""
    if size >= len(rows):
        return [Drawn(row.id, 1.0, True, row.stratum) for row in rows]
    even_size = round(size * even_share)
    even = {row.id for row in _first(rows, even_size, seed, "even")}
    strata: dict[tuple[str, ...], list[SampleRow]] = defaultdict(list)
    for row in rows:
        strata[row.stratum].append(row)
    p = even_size / len(rows)
    # A row is in the even draw, or else, with what is left of its chance, in its stratum's. The number hangs on sizes
    # alone, never on what was drawn: else the probabilities would not be those above.
    more = int((size - even_size) / (1 - p))
    taken = allocate({name: len(s) for name, s in strata.items()}, _shares(strata), more)
    within = {row.id for name, s in strata.items() for row in _first(s, taken[name], seed, "stratum")}
    drawn = []
    for row in rows:
        if row.id in even or row.id in within:
            q = taken[row.stratum] / len(strata[row.stratum])
            drawn.append(Drawn(row.id, round(1 / (1 - (1 - p) * (1 - q)), 6), row.id in even, row.stratum))
    return drawn


def allocate(
    sizes: Mapping[tuple[str, ...], int], shares: Mapping[tuple[str, ...], int], size: int
) -> dict[tuple[str, ...], int]:
    """How many rows each stratum gives: row by row to the one that is furthest behind its share and has rows left."""
    taken = dict.fromkeys(sizes, 0)
    for _ in range(min(size, sum(sizes.values()))):
        open_ones = [name for name in taken if taken[name] < sizes[name]]
        taken[min(open_ones, key=lambda name: (taken[name] / shares[name], name))] += 1
    return taken


def _shares(strata: Mapping[tuple[str, ...], Sequence[SampleRow]]) -> dict[tuple[str, ...], int]:
    return {name: UNCERTAIN if any(row.uncertain for row in rows) else 1 for name, rows in strata.items()}


def _first(rows: Sequence[SampleRow], n: int, seed: int, part: str) -> list[SampleRow]:
    return sorted(rows, key=lambda row: digest("review", seed, part, row.id))[:n]
